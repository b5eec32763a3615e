"""What a shell may complete: the uuids of recent runs, profiles, regions; found with nothing heavy imported.

A completion waits for every keystroke: the records' models are left out, and a file that cannot be read is skipped.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sekoia_export.cli.settings.places import Places

if TYPE_CHECKING:
    from pathlib import Path

RUNS = ".sekoia-export/runs"
"""Below the state folder; where `runs.py` keeps them."""
_MOST = 20


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Return the uuids of recent runs, the newest first, each with what it was."""
    return _recent("run_uuid", incomplete)


def complete_job(incomplete: str) -> list[tuple[str, str]]:
    """Return the uuids of recent runs' search jobs."""
    return _recent("job_uuid", incomplete)


def complete_task(incomplete: str) -> list[tuple[str, str]]:
    """Return the uuids of recent runs' export tasks."""
    return _recent("task_uuid", incomplete)


def complete_profile(incomplete: str) -> list[str]:
    """Return the names of the profiles that the configuration file has."""
    import tomllib

    try:
        document = tomllib.loads(Places.of(os.environ).config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    profiles = document.get("profiles")
    return [name for name in profiles if name.startswith(incomplete)] if isinstance(profiles, dict) else []


def complete_region(incomplete: str) -> list[str]:
    """Return the names of the regions."""
    from sekoia_export.api.regions import REGIONS

    return [name for name in REGIONS if name.startswith(incomplete.upper())]


def _recent(name: str, incomplete: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for path in _newest(Places.of(os.environ).state / RUNS):
        try:
            run = json.loads(path.read_bytes())
            uuid, choices = run[name], run.get("choices") or {}
            what = choices.get("query") or f"search job {choices.get('job_uuid')}"
            if isinstance(uuid, str) and uuid.startswith(incomplete):
                found.setdefault(uuid, f"{str(run.get('began_at'))[:16].replace('T', ' ')} {what}"[:60])
        except (OSError, ValueError, LookupError, AttributeError, TypeError):
            continue
    return list(found.items())


def _newest(folder: Path) -> list[Path]:
    try:
        dated = [(entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(folder) if entry.name.endswith(".json")]
    except OSError:
        return []
    return [folder / path for _, path in sorted(dated, reverse=True)[:_MOST]]

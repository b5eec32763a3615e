"""The base installation: only what `pyproject.toml` names without an extra, so no SDK, no Flask, no DuckDB."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; sys.path[:0] = {paths!r}; from sekoia_export.cli import run; sys.exit(run(sys.argv[1:]))"


def base_distributions() -> dict[str, Distribution]:
    """Return the distributions that an installation without extras has, by name, our own excluded."""
    found: dict[str, Distribution] = {}
    waiting = list(distribution("sekoia-event-export").requires or [])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if name in found or (requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # another system's
        waiting += found[name].requires or []
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the base installation's packages, as links to those that are installed here."""
    folder = tmp_path_factory.mktemp("site")
    for package in base_distributions().values():
        for name in {Path(file).parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(str(package.locate_file(name)))
    return folder


def run_in(site: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-B", "-c", RUN.format(paths=[str(ROOT), str(site)]), *arguments],
        cwd=folder,
        env={"SEKOIA_EXPORT_HOME": str(folder), "SEKOIA_BASE_URL": "http://127.0.0.1:1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_base_has_no_sdk_no_flask_and_no_duckdb() -> None:
    names = set(base_distributions())
    assert {"requests", "typer", "boto3", "isal"} <= names
    assert not names & {"sekoia-automation-sdk", "flask", "duckdb", "keyring", "matplotlib"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["config"], 0),
        (["completion", "zsh"], 0),
        (["doctor", "--quiet"], 1),
        (["demo", "--help"], 0),
        (["playbook", "check", str(ROOT / "playbooks" / "export-case-events.json")], 0),
    ],
)
def test_the_base_runs_what_needs_no_extra(site: Path, tmp_path: Path, arguments: list[str], status: int) -> None:
    done = run_in(site, tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "extra"),
    [
        (["simulate"], {}, "playbook"),
        (["demo"], {}, "playbook"),
        (["config"], {"SEKOIA_KEYRING": "1"}, "keyring"),
    ],
)
def test_what_needs_an_extra_says_which(
    site: Path, tmp_path: Path, arguments: list[str], environment: dict[str, str], extra: str
) -> None:
    done = run_in(site, tmp_path, *arguments, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"pip install 'sekoia-event-export[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr

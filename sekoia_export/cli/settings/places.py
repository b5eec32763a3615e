"""Where configuration and state are kept: in `SEKOIA_EXPORT_HOME`, or in the user's folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME_VARIABLE = "SEKOIA_EXPORT_HOME"
_NAME = "sekoia-export"


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of the user; neither needs to exist.

    Attributes:
        config_file: `config.toml`, written by the user.
        state: what is remembered of runs; uuids and choices, nothing secret.
    """

    config_file: Path
    state: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Places:
        """Return the places that `SEKOIA_EXPORT_HOME` names, or where this system keeps such things."""
        if home := environment.get(HOME_VARIABLE, "").strip():
            folder = Path(home).expanduser().absolute()
            return cls(config_file=folder / "config.toml", state=folder / "state")
        from platformdirs import PlatformDirs

        folders = PlatformDirs(_NAME, appauthor=False)
        return cls(config_file=folders.user_config_path / "config.toml", state=folders.user_state_path)

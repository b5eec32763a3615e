"""The configuration file, `config.toml`: settings for all, and profiles that win over them.

::

    profile = "europe"                # used when neither --profile nor SEKOIA_PROFILE names one
    field_set = "identity"
    keyring = true                    # secrets that are found nowhere else are looked for in the keyring

    [profiles.europe]
    region = "FRA1"
    api_key_file = "~/.secrets/sekoia-europe"

    [profiles.usa]
    region = "USA1"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.cli.settings.known import BY_NAME, FILE, SECRETS
from sekoia_export.cli.wording import CommandLineError, unreadable

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = {*BY_NAME, *(f"{name}{FILE}" for name in SECRETS), "keyring"}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file says.

    Attributes:
        path: where it is, or would be.
        values: the settings outside of profiles, by name.
        profiles: the settings of each profile, by its name.
        profile: the profile that is used when none is named.
    """

    path: Path
    values: dict[str, Any]
    profiles: dict[str, dict[str, Any]]
    profile: str | None

    @property
    def holds_secrets(self) -> bool:
        return any(name in values for values in (self.values, *self.profiles.values()) for name in SECRETS)

    def of_profile(self, name: str | None) -> dict[str, Any]:
        """Return the settings of a profile; of none when there is no name.

        Raises:
            CommandLineError: there is no such profile; the text lists those that there are.
        """
        if name is None:
            return {}
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise CommandLineError(f"There is no profile {name[:40]!r}.", f"The profiles of {self.path} are: {known}.")
        return self.profiles[name]


def read_config_file(path: Path) -> ConfigFile:
    """Return what the file says; a file that is not there says nothing.

    Raises:
        CommandLineError: it is no TOML, or has a setting that is not known. The text shows no value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile(path, {}, {}, None)
    except (OSError, UnicodeDecodeError) as failure:
        raise CommandLineError(f"The configuration file {path} cannot be read: {unreadable(failure)}.") from None
    except tomllib.TOMLDecodeError as failure:
        # Its text names the line and what was expected; in quotes it may show one character of the file.
        raise CommandLineError(f"The configuration file {path} is not TOML: {failure}.", "Correct it.") from None
    profiles = document.pop("profiles", {})
    profile = document.pop("profile", None)
    if not isinstance(profiles, dict) or not all(isinstance(values, dict) for values in profiles.values()):
        raise CommandLineError(
            f"The configuration file {path} has profiles that are no tables.", "Write each as [profiles.NAME]."
        )
    if profile is not None and not isinstance(profile, str):
        raise CommandLineError(f"In {path}, profile is not text.", 'Write it as profile = "NAME".')
    for place, values in {"": document, **{f" [profiles.{name}]": values for name, values in profiles.items()}}.items():
        _check(values, where=f"{path}{place}")
    return ConfigFile(path, document, profiles, profile)


def _check(values: dict[str, Any], *, where: str) -> None:
    for name, value in values.items():
        if name not in _SETTINGS:
            raise CommandLineError(
                f"The configuration file {where} has the setting {name[:40]!r}, which is not known.",
                f"Known are: {', '.join(sorted(_SETTINGS))}.",
            )
        texts = value if isinstance(value, list) and name == "fields" else [value]
        if name == "keyring":
            if not isinstance(value, bool):
                raise CommandLineError(f"In {where}, keyring is neither true nor false.", "Write keyring = true.")
        elif not all(isinstance(text, str) for text in texts):
            raise CommandLineError(f"In {where}, {name} is not text.", f'Write it as {name} = "...".')

"""Secrets from a file, from stdin, from the system's keyring or from a person; never from argv."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.cli.wording import CommandLineError, unreadable

if TYPE_CHECKING:
    from sekoia_export.cli.terminal import Terminal

KEYRING_SERVICE = "sekoia-export"
DEFAULT_PROFILE = "default"
_MOST_BYTES = 64 * 1024


def read_secret_file(name: str, *, named_by: str, folder: Path, terminal: Terminal) -> str:
    """Return the secret in a file, without white space around it; `-` is stdin.

    Args:
        name: the file's name, relative to `folder` or absolute.
        named_by: the option or variable that names it, for texts.
        folder: the current folder.
        terminal: has stdin, and takes the warning that others can read the file.

    Raises:
        CommandLineError: it cannot be read or is empty. The text does not show the name: it may be the secret itself.
    """
    if name == "-":
        return terminal.read_secret(f"What {named_by} is to be")
    path = folder / Path(name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
        text = content.decode().strip()
    except (OSError, ValueError) as failure:
        raise CommandLineError(
            f"The file that {named_by} names cannot be read: {unreadable(failure)}.",
            f"Give {named_by} the name of a file that holds the secret, not the secret.",
        ) from None
    if not text:
        raise CommandLineError(f"The file that {named_by} names is empty.", "Write the secret into it.")
    warn_of_readers(path, terminal=terminal)
    return text


def warn_of_readers(path: Path, *, terminal: Terminal) -> None:
    """Warn when others on this machine can read a file that holds a secret."""
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) and stat.S_ISREG(path.stat().st_mode):
        terminal.warn(f"Others on this machine can read the secret in {path}: chmod 600 {path}")


def keyring_user(setting: str, profile: str | None) -> str:
    """Return the user name under which a setting is in the keyring, with the service `sekoia-export`."""
    return f"{profile or DEFAULT_PROFILE}:{setting}"


def read_keyring(setting: str, *, profile: str | None) -> str | None:
    """Return the secret that the system's keyring has for a setting, None when it has none.

    Raises:
        CommandLineError: the keyring cannot be asked.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, keyring_user(setting, profile)) or None
    except KeyringError as failure:
        raise CommandLineError(
            f"The system's keyring cannot be read ({type(failure).__name__}).",
            "Unlock it, or take keyring = true out of the configuration file.",
        ) from failure

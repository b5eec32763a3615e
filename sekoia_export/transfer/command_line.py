"""A command line that downloads an export's file, for someone who has the link and, by another way, the key."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable

# The key is read without an echo from a terminal, or from what `<` names. It is in no argument of a process: printf is
# the shell's own, the others read it from a pipe. In parentheses, so that the variables end with the command.
_WITH_KEY = """\
( if [ -t 0 ]; then printf 'Encryption key (base64): ' >&2; trap 'stty echo; exit 130' INT; stty -echo; \
IFS= read -r key; stty echo; echo >&2; else IFS= read -r key || [ -n "$key" ]; fi; \
key=$(printf %s "$key" | tr -d '[:space:]'); \
md5=$(printf %s "$key" | openssl base64 -d -A | openssl dgst -md5 -binary | openssl base64); \
printf '%s\\n' {headers} | {curl} )"""


def curl_command(url: SecretStr, *, file_name: str, headers: Iterable[tuple[str, str | None]]) -> SecretStr:
    """Return a command line for a POSIX shell with curl, and openssl where a key is needed. It never holds the key.

    Args:
        url: the download link.
        file_name: what the file is called where it lands.
        headers: SSE-C's: the algorithm with its value, the key and its MD5 with None; none where no key is needed.
    """
    values = [
        shlex.quote(f"{name}: {value}")
        if value is not None
        else f'{shlex.quote(f"{name}: ")}"${"md5" if name.lower().endswith("md5") else "key"}"'
        for name, value in headers
    ]
    # --globoff: brackets in the link are not curl's patterns. --fail: a refusal is no file.
    curl = ["curl", "--fail", "--globoff", *(["--header", "@-"] if values else ()), "--output", file_name]
    command = f"{shlex.join(curl)} {shlex.quote(url.get_secret_value())}"
    return SecretStr(_WITH_KEY.format(headers=" ".join(values), curl=command) if values else command)

"""What commands write to stdout: one JSON document, or the events themselves."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sekoia_export.cli.terminal import lead_nowhere
from sekoia_export.cli.words import size_in_words
from sekoia_export.errors import DataStorageError
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sekoia_export.cli.terminal import Terminal

_CHUNK_SIZE_BYTES = 1024 * 1024


def print_json(terminal: Terminal, document: Mapping[str, Any]) -> None:
    """Write one JSON document, on one line where stdout is no terminal."""
    stdout = terminal.streams.stdout
    # Escaped where stdout cannot write every character: what cannot be written would be no JSON, or an error.
    plain = not stdout.encoding.lower().startswith("utf")
    terminal.data(json.dumps(document, indent=2 if stdout.isatty() else None, ensure_ascii=plain))


def say_fetched(terminal: Terminal, results: Mapping[str, Any]) -> None:
    """Say what was fetched; `results` are those of the fetch."""
    count, expected = results["events_count"], results["expected_events"]
    if results["complete"] is None:
        whole = "verified; the platform gives no count to compare with"
    elif results["complete"]:
        whole = "verified and complete"
    else:
        whole = f"verified, but not complete: the platform exported {expected:,}"
    rows = {
        "events": f"{count:,}, {whole}",
        "size": f"{size_in_words(results['file_size'])} ({size_in_words(results['compressed_size'])} fetched)",
        "SHA-256": results["sha256"],
        "key": _KEYS[results["encryption"]],
    }
    for name, value in rows.items():
        terminal.say(f"{name:<8} {value}")


_KEYS = {
    "derived": "derived from the encryption secret",
    "provided": "the one that was given",
    "platform": "the platform's own",
    "none": "none was needed: the export was not encrypted with a customer key",
}


def stream_events(terminal: Terminal, file: Path) -> None:
    """Write the events of a verified jsonl.gz file to stdout as JSON Lines. A reader that left is no failure.

    Raises:
        DataStorageError: stdout, or the file, failed.
    """
    from isal import igzip

    stdout = terminal.streams.stdout
    try:
        with local_failures(f"reading {file}"):
            source = cast("BinaryIO", igzip.open(file, "rb"))
        with source:
            shutil.copyfileobj(source, stdout.buffer, _CHUNK_SIZE_BYTES)
        stdout.flush()
    except BrokenPipeError:
        lead_nowhere(stdout)  # what the reader wanted it has
    except OSError as failure:
        reason = os.strerror(failure.errno) if failure.errno else type(failure).__name__
        raise DataStorageError(
            f"The events could not be written to stdout: {reason}.", "See to where stdout leads, then go on."
        ) from failure

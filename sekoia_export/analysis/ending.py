"""What a process of its own may take, and what came of it: see `apart`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import orjson

from sekoia_export import errors
from sekoia_export.analysis.database import MEBIBYTE
from sekoia_export.errors import DataStorageError, ExportError, UsageError

if TYPE_CHECKING:
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.purpose import Purpose

OVERHEAD_BYTES = 720 * MEBIBYTE
THREAD_OVERHEAD_BYTES = 160 * MEBIBYTE
"""What a process has beside DuckDB's data, and each of its threads: stacks, heaps, buffers of readers and writers. It
is address space that may be written to; what is used of it is about a third. DuckDB's readers of as many pipes as there
may be (`analysis.lines`, 4,096 from 32 GiB of JSON on) take 290 MB of it, which they keep to the end."""


def data_bytes(limits: Limits) -> int:
    """Return the bytes of memory that a process may write to whose database has these limits."""
    return limits.memory_bytes + OVERHEAD_BYTES + limits.threads * THREAD_OVERHEAD_BYTES


def result_of(said: IO[bytes], status: int, limits: Limits, purpose: Purpose) -> Any:
    """Return what a task returned.

    Args:
        said: what its process said.
        status: it ended with.
        limits: it had.
        purpose: of it, for texts.

    Raises:
        ExportError: the one that the task raised.
        UsageError: the process died: of a lack of memory, as far as is known.
        DataStorageError: the task failed in a way that nobody foresaw.
    """
    said.seek(0)
    try:
        outcome = orjson.loads(said.read())
    except orjson.JSONDecodeError:
        outcome = None
    if status or not isinstance(outcome, dict):
        raise UsageError(
            f"The {purpose} ended its process (status {status}), most likely for more memory than the "
            f"{limits.memory_bytes // MEBIBYTE} MiB of data it may have.",
            purpose.less,
        )
    if "result" in outcome:
        return outcome["result"]
    kind = getattr(errors, str(outcome.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, ExportError)):
        raise DataStorageError(f"An unexpected {outcome.get('error')} happened: {outcome.get('cause')}")
    raise kind(str(outcome.get("cause")), str(outcome.get("remedy")))

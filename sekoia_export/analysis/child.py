"""The process that `apart` starts: limits itself, runs one job, says in JSON what came of it.

While it waits for the job it imports the module named in its arguments, and opens DuckDB.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.database import open_ahead
from sekoia_export.analysis.purpose import purpose_of
from sekoia_export.errors import ExportError

if TYPE_CHECKING:
    from sekoia_export.analysis.apart import Job


def main() -> None:
    """Run the job on stdin."""
    said = os.dup(1)
    os.dup2(2, 1)  # nothing else gets between the one JSON text
    gc.disable()  # imports make no garbage to look for
    with contextlib.suppress(ImportError):  # the job fails of it, and is told so
        for module in sys.argv[1:]:
            importlib.import_module(module)
        open_ahead()
    gc.freeze()  # what was imported stays: no later collection looks at it
    gc.enable()
    try:
        job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the process that started this one
    except EOFError:
        return  # nobody asks
    resource.setrlimit(resource.RLIMIT_DATA, (job.data_bytes, job.data_bytes))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(said, "wb") as out:
        out.write(orjson.dumps(_run(job)))


def _run(job: Job) -> dict[str, Any]:
    module, _, name = job.task.partition(":")
    try:
        task = getattr(importlib.import_module(module), name)
        return {"result": task(job.argument, job.timeout_s)}
    except ExportError as failure:
        known = next(kind for kind in type(failure).__mro__ if kind.__module__ == "sekoia_export.errors")
        return {"error": known.__name__, "cause": failure.cause, "remedy": failure.remedy}
    except MemoryError:
        purpose = purpose_of(job.task)
        return {
            "error": "UsageError",
            "cause": f"The {purpose} needs more memory than it may have.",
            "remedy": purpose.less,
        }
    except Exception as failure:  # noqa: BLE001 - told by its kind; its text may hold anything
        return {"error": type(failure).__name__, "cause": "the analysis failed", "remedy": ""}


def _end_with_parent() -> None:
    # Not through sys.stdin: the lock of a buffer that is being read makes the interpreter abort at its end.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()

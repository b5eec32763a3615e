"""The exit statuses of `sekoia-export`, and the one table from errors and branches to them.

Nothing else in the CLI decides a status: a command returns `status_of_branch(outcome.branch)` or raises.
"""

from __future__ import annotations

from enum import IntEnum
from typing import assert_never

from sekoia_export.errors import (
    DamagedExport,
    DeadlineExceeded,
    ExportBusy,
    ExportError,
    Interrupted,
    KeyRefused,
    KeyRejected,
    PermissionMissing,
    QuotaExceeded,
    UsageError,
)
from sekoia_export.operations.outcome import Branch


class ExitStatus(IntEnum):
    """What a script can tell from the status of `sekoia-export`."""

    DONE = 0
    """What was asked for is done; a search that found nothing is done too."""
    FAILED = 1
    """It failed at the platform, in the storage, on the network or on this machine's disk."""
    USAGE = 2
    """An option, an argument or the configuration is wrong: a refused key and a missing permission too."""
    TIMED_OUT = 3
    """The time was up; what is said on stderr names the command that goes on."""
    INCOMPLETE = 4
    """A file was fetched that is incomplete, damaged or could not be verified."""
    BUSY = 5
    """Another export is running, or a quota is used up."""
    INTERRUPTED = 130
    """Interrupted by Ctrl-C or SIGTERM; what was done is kept."""


_OF_ERRORS: dict[type[ExportError], ExitStatus] = {
    UsageError: ExitStatus.USAGE,
    KeyRejected: ExitStatus.USAGE,
    PermissionMissing: ExitStatus.USAGE,
    KeyRefused: ExitStatus.USAGE,
    DeadlineExceeded: ExitStatus.TIMED_OUT,
    DamagedExport: ExitStatus.INCOMPLETE,
    ExportBusy: ExitStatus.BUSY,
    QuotaExceeded: ExitStatus.BUSY,
    Interrupted: ExitStatus.INTERRUPTED,
}


def status_of_error(error: ExportError) -> ExitStatus:
    """Return the status of the nearest class in the tree of errors that has one; FAILED when none has."""
    for kind in type(error).__mro__:
        if kind in _OF_ERRORS:
            return _OF_ERRORS[kind]
    return ExitStatus.FAILED


def status_of_branch(branch: Branch) -> ExitStatus:
    """Return the status of a step that ended in `branch`."""
    match branch:
        case Branch.DONE | Branch.EMPTY | Branch.TRIGGERED | Branch.RUNNING | Branch.FINISHED | Branch.FETCHED:
            return ExitStatus.DONE
        case (
            Branch.PLANNED
            | Branch.READY
            | Branch.DELETED
            | Branch.ROWS
            | Branch.NO_ROWS
            | Branch.MATCHED
            | Branch.CLEAN
            | Branch.FOUND
            | Branch.NONE
        ):
            return ExitStatus.DONE
        case Branch.FAILED | Branch.EXPIRED | Branch.TOO_DENSE:
            return ExitStatus.FAILED
        case Branch.TIMED_OUT:
            return ExitStatus.TIMED_OUT
        case Branch.INCOMPLETE:
            return ExitStatus.INCOMPLETE
        case Branch.BUSY:
            return ExitStatus.BUSY
        case _:
            assert_never(branch)

"""The one tree of errors: every failure of this project is one sentence of what happened and one of what to do.

::

    ExportError
    ├── UsageError                 the author's to mend: an argument, a file name, a choice
    │   └── ConfigurationError     ... or the module's configuration
    ├── PlatformError              the platform answered, and the answer was no
    │   ├── KeyRejected            401: the API key is wrong, expired or revoked
    │   ├── PermissionMissing      403: the API key lacks a permission
    │   ├── NotFound               404: no such search job, task or export
    │   ├── JobExpired             410: the search job's results are gone
    │   ├── JobNotReady            the search job is not in a state that can be exported
    │   ├── QuotaExceeded          a quota or the ten exports of a search job are used up
    │   ├── SseCUnsupported        ES110: the region's own bucket takes no customer key
    │   └── ExportBusy             another export is running in the community
    ├── NetworkError               no usable answer: no connection, a broken body, a proxy's page, too many 5xx
    │   └── AnswerLost             a request that may have been carried out was not answered
    ├── DeadlineExceeded           the step's own deadline passed
    ├── StorageError               the storage that holds the export's file
    │   ├── LinkExpired            the presigned URL is no longer valid
    │   ├── SignatureRefused       the presigned URL was signed for another request, or was altered
    │   ├── KeyRefused             no key at hand opens the object
    │   ├── ObjectMissing          404: the object is gone
    │   ├── ObjectChanged          412: another object lies under the same name
    │   └── TransferFailed         the connection broke more often than it was worth retrying
    ├── DamagedExport              the bytes are not a sound gzip of JSON Lines
    │   └── InflatesTooFar         ... or inflate past the limits: fetching them again does not help
    ├── DataStorageError           the playbook's data storage, where files and state are written
    │   ├── DiskFull
    │   └── StateCorrupt           a state file cannot be read: never taken for an empty one
    └── Interrupted                SIGTERM: the state is written, the step can go on later

`str(error)` is the cause and the remedy. Nothing secret enters either: whoever raises one passes text through
`redaction`.
"""

from __future__ import annotations

from typing import ClassVar


class ExportError(Exception):
    """A failure with its cause and its remedy.

    Args:
        cause: one sentence of what happened, without anything secret and without a URL's query.
        remedy: one sentence of what to do about it; the class's own `remedy` when not given.

    Attributes:
        retry_can_help: whether the same call, unchanged, can succeed later.
    """

    remedy: str = "Run it again; when it fails the same way, report it with the log."
    retry_can_help: ClassVar[bool] = False

    def __init__(self, cause: str, remedy: str | None = None) -> None:
        self.cause = cause.rstrip()
        if remedy is not None:
            self.remedy = remedy
        super().__init__(f"{self.cause} {self.remedy}")


class UsageError(ExportError):
    """An argument or a choice that cannot be carried out as it stands."""

    remedy = "Correct it and run the step again."


class ConfigurationError(UsageError):
    """A part of the module's configuration is missing or not usable."""

    remedy = "Correct the module's configuration and run the step again."


class PlatformError(ExportError):
    """The platform answered with a refusal.

    Args:
        status: the HTTP status of the answer.
        code: the `code` of the answer's body, "" when it has none.
        detail: the `message` of the answer's body, "" when it has none.
    """

    remedy = "Read the platform's message; when it does not tell, ask Sekoia.io's support with it."

    def __init__(
        self, cause: str, remedy: str | None = None, *, status: int = 0, code: str = "", detail: str = ""
    ) -> None:
        super().__init__(cause, remedy)
        self.status = status
        self.code = code
        self.detail = detail


class KeyRejected(PlatformError):
    """401: the API key is wrong, expired or revoked."""

    remedy = "Put a valid API key of this region into the module's configuration."


class PermissionMissing(PlatformError):
    """403: the API key lacks a permission."""

    remedy = "Give the API key's role the permissions View intakes, View events and Massive export of events."


class NotFound(PlatformError):
    """404: the thing that was asked for does not exist, or no longer."""

    remedy = "Check the uuid; search jobs and exports disappear when they expire, so search again when it is right."


class JobExpired(PlatformError):
    """410: the search job has expired."""

    remedy = "Run the search again and export the new search job."


class JobNotReady(PlatformError):
    """The search job is not done, or ended without results that could be exported."""

    remedy = "Wait until the search job is done (search_events does), then export it."


class QuotaExceeded(PlatformError):
    """A quota of the community or the ten exports of a search job are used up."""

    remedy = (
        "Export less (fewer fields, a shorter period), wait for the quota's reset on the 1st of the month, "
        "or search again where the search job has had its ten exports."
    )


class SseCUnsupported(PlatformError):
    """ES110: this region's own bucket does not support customer-provided keys (SSE-C)."""

    remedy = "Export to an own bucket, or set encryption to platform to export without a customer key."


class ExportBusy(PlatformError):
    """Another export of the community is running: one at a time is allowed."""

    remedy = "Wait until it has ended, or set wait_for_slot to the seconds this step may wait for it."
    retry_can_help = True


class NetworkError(ExportError):
    """No usable answer could be had."""

    remedy = "Check the base URL, the network, the proxy and the firewall between here and there, then run it again."
    retry_can_help = True


class AnswerLost(NetworkError):
    """A request that changes something was sent and its answer did not arrive: it may have been carried out."""

    remedy = "Run the step again: it looks for what the lost request made before it sends another."


class DeadlineExceeded(ExportError):
    """The deadline of the step passed."""

    remedy = "Run it again with a longer timeout."
    retry_can_help = True


class StorageError(ExportError):
    """The storage that holds the export's file refused or broke off."""

    remedy = "Run the step again; when it fails the same way, trigger a new export."


class LinkExpired(StorageError):
    """The presigned URL is no longer valid."""

    remedy = "Trigger a new export: the download window is 24 hours after its end."


class SignatureRefused(StorageError):
    """403 SignatureDoesNotMatch: the presigned URL was signed for other headers than were sent, or was altered."""

    remedy = "Read the download link again; when it is refused again, trigger a new export."


class KeyRefused(StorageError):
    """No key at hand opens the object."""

    remedy = "Give the encryption_key or configure the encryption_secret that the export was triggered with."


class ObjectMissing(StorageError):
    """The object is not in the storage."""

    remedy = "Trigger a new export."


class ObjectChanged(StorageError):
    """Another object lies under the same name than the one that was begun."""


class TransferFailed(StorageError):
    """The transfer broke more often than it was worth retrying.

    Args:
        retry_after_s: the seconds the storage asked to wait before the next try, None when it did not say.
        busy: whether the storage answered that it is asked too much (429, 503): fewer requests at once help.
    """

    remedy = "Check the network and run the step again."
    retry_can_help = True

    def __init__(
        self, cause: str, remedy: str | None = None, *, retry_after_s: float | None = None, busy: bool = False
    ) -> None:
        super().__init__(cause, remedy)
        self.retry_after_s = retry_after_s
        self.busy = busy


class DamagedExport(ExportError):
    """The export's bytes are not a sound gzip of JSON Lines."""

    remedy = "Fetch it again; when it stays damaged, trigger a new export."


class InflatesTooFar(DamagedExport):
    """The gzip inflates past the limits that guard against gzip bombs."""

    remedy = "Look at where the object comes from; when it is genuine, raise the limits."


class DataStorageError(ExportError):
    """The data storage could not be read or written."""

    remedy = "Check that the data storage exists, is writable and has room, then run the step again."


class DiskFull(DataStorageError):
    """The data storage has no room for the file."""

    remedy = "Free space in the data storage and run the step again."


class StateCorrupt(DataStorageError):
    """A state file is there and cannot be understood. It is never taken for an empty one."""

    remedy = "Look at the file; when what it describes is no longer needed, delete it and run the step again."


class Interrupted(ExportError):
    """The process was told to stop (SIGTERM). What was done is kept."""

    remedy = "Run the step again: it goes on from where it was."
    retry_can_help = True

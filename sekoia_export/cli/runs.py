"""Runs: what `sekoia-export run` was asked for, and how far it came, so that another process can go on with it.

::

    <state folder>/.sekoia-export/
    ├── runs/<run's uuid>.json    a run, see RunRecord
    ├── locks/<run's uuid>        locked by the process that carries the run out
    └── ...                       what the steps remember, see state.py

Uuids and choices; no secret: an encryption key that a run was given has to be given again when it goes on. The record
is written before anything is asked of the platform, and the steps remember under the run's uuid what is to be done
once; so a run can be gone on with whenever, and however, its process ended.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import AwareDatetime

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import ExportArguments
from sekoia_export.cli.wording import CommandLineError
from sekoia_export.errors import DataStorageError
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.watching import Phase, Watcher
from sekoia_export.redaction import strip_url
from sekoia_export.state import Record, State, TaskRecord, UuidText
from sekoia_export.transfer.data_storage import STATE_FOLDER
from sekoia_export.transfer.local_files import PRIVATE_FILE, PRIVATE_FOLDER, local_failures
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEY = "encryption_key"
_GOES_ON = {None, Branch.TIMED_OUT, Branch.BUSY}


class RunRecord(Record):
    """A run.

    Attributes:
        base_url: of the platform, without credentials and query.
        profile: of the configuration file, where one was chosen.
        choices: the arguments of `export_events`, without a key.
        needs_key: whether a key was given, and has to be given again.
        place: the folder the file goes to, absolute.
        to_stdout: whether the events go to stdout instead.
        replace: whether a file that is there may be replaced.
        phase: the last that began; None before anything was asked of the platform.
        branch: how it ended last; None while it has not.
        file_path: the file, absolute, once it was fetched.
    """

    folder = "runs"

    run_uuid: UuidText
    began_at: AwareDatetime
    base_url: str
    profile: str | None
    choices: dict[str, Any]
    needs_key: bool
    place: str
    to_stdout: bool
    replace: bool
    phase: Phase | None = None
    job_uuid: UuidText | None = None
    task_uuid: UuidText | None = None
    branch: Branch | None = None
    file_path: str | None = None

    @property
    def unfinished(self) -> bool:
        """Return whether the run can still come to its file by going on."""
        return self.branch in _GOES_ON

    @property
    def uuids(self) -> set[str]:
        """Return what the run can be named by: its own uuid, its search job's, its task's."""
        return {uuid for uuid in (self.run_uuid, self.job_uuid, self.task_uuid) if uuid is not None}

    def arguments(self, **changed: Any) -> ExportArguments:
        """Return the arguments of `export_events`, with some of them changed.

        Raises:
            UsageError: one of them is not valid.
        """
        return read_arguments(ExportArguments, {**self.choices, **changed})


def choices_of(arguments: ExportArguments) -> dict[str, Any]:
    """Return what of the arguments is kept: all but a key."""
    return arguments.model_dump(mode="json", exclude={_KEY}, exclude_none=True)


class Runs:
    """The runs of one user.

    Its methods raise StateCorrupt, naming the file, for a record that cannot be understood, and DataStorageError.

    Args:
        home: the state folder; made on the first write when it is missing.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.storage = LocalDataStorage(home)
        self._state = State(self.storage)

    def keep(self, record: RunRecord) -> None:
        """Write the record, in one move."""
        self._state.write(record, record.run_uuid)

    def forget(self, record: RunRecord) -> None:
        self._state.delete(RunRecord, record.run_uuid)

    def all(self) -> list[RunRecord]:
        """Return every run, the newest first."""
        names = self.storage.names(f"{STATE_FOLDER}/{RunRecord.folder}")
        found = [self._state.read(RunRecord, name.removesuffix(".json")) for name in names]
        return sorted((record for record in found if record), key=lambda record: record.began_at, reverse=True)

    def find(self, text: str) -> RunRecord:
        """Return the newest run of this uuid: the run's own, its search job's or its task's.

        Raises:
            UsageError: there is none.
        """
        try:
            uuid = str(UUID(text.strip()))
        except ValueError:
            raise CommandLineError(
                "What was given for a run is not a uuid.", "List the runs: sekoia-export runs"
            ) from None
        if record := self._state.read(RunRecord, uuid):
            return record
        for record in self.all():
            if uuid in record.uuids:
                return record
        raise CommandLineError(f"No run is remembered under {uuid}.", "List the runs: sekoia-export runs")

    def newest_unfinished(self) -> RunRecord:
        """Return the newest run that has not ended and that no process carries out at the moment.

        Raises:
            UsageError: there is none.
        """
        for record in self.all():
            if record.unfinished and not self.is_running(record):
                return record
        raise CommandLineError("No run is unfinished.", "List the runs: sekoia-export runs")

    def is_running(self, record: RunRecord) -> bool:
        """Return whether a process is carrying the run out."""
        try:
            with self.claimed(record):
                return False
        except CommandLineError:
            return True

    @contextmanager
    def claimed(self, record: RunRecord) -> Iterator[None]:
        """Keep other processes from carrying the same run out.

        Raises:
            UsageError: another process is doing so.
        """
        path = self._home / STATE_FOLDER / "locks" / record.run_uuid
        with local_failures(f"locking the run {record.run_uuid}"):
            path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandLineError(
                    f"The run {record.run_uuid} is being carried out by another process.", "Wait until that has ended."
                ) from None
            yield
        finally:
            os.close(file)


class RunKeeper(Watcher):
    """Keeps a run's record up to date.

    Args:
        runs: where the record is kept.
        record: as it is at the start.

    Attributes:
        record: as it is now.
    """

    def __init__(self, runs: Runs, record: RunRecord) -> None:
        self._runs = runs
        self.record = record

    def entered(self, phase: Phase) -> None:
        self._note(phase=phase, branch=None)

    def search_job(self, job_uuid: UUID) -> None:
        self._note(job_uuid=str(job_uuid))

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        self._note(job_uuid=str(job_uuid), task_uuid=str(task_uuid))

    def ended(self, branch: Branch, *, file_path: str | None) -> None:
        """Take note of how the run ended."""
        self._note(branch=branch, file_path=file_path)

    def _note(self, **changed: Any) -> None:
        self.record = self.record.model_copy(update=changed)
        self._runs.keep(self.record)


def exports_at(base_url: str, *, home: Path) -> list[TaskRecord]:
    """Return what is remembered of the exports that runs started at an address, the newest first.

    A state that cannot be read tells nothing here: those who need it say what is wrong with it.
    """
    runs = Runs(home)
    state, address = State(runs.storage), strip_url(base_url)
    try:
        tasks = [run.task_uuid for run in runs.all() if run.task_uuid is not None and run.base_url == address]
        return [record for task in tasks if (record := state.read(TaskRecord, task)) is not None]
    except DataStorageError:
        return []

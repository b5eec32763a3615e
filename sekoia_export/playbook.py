"""The adapter to sekoia-automation-sdk: the module, the base of its actions, and the account validator.

What the SDK does not do, and playbooks need: an error is a sentence of cause and one of remedy and never a traceback,
an outcome is a branch, arguments are checked by our own models (pydantic's `validate_call`, which the SDK wraps around
`run`, would show a secret's value in its text), logs of libraries do not reach the platform, and SIGTERM ends a step in
order.
"""

from __future__ import annotations

import logging
import signal
from abc import abstractmethod
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError
from sekoia_automation.account_validator import AccountValidator
from sekoia_automation.action import Action
from sekoia_automation.exceptions import SendEventError
from sekoia_automation.module import Module

from sekoia_export.arguments.base import Arguments, read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.configuration import Configuration
from sekoia_export.errors import ConfigurationError, DataStorageError, ExportError, Interrupted, UsageError
from sekoia_export.redaction import redact
from sekoia_export.results.base import Results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from sekoia_export.operations.outcome import Branch, Outcome
    from sekoia_export.operations.step import Surroundings
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)

A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Results)

_UNEXPECTED_REMEDY = "Run the step again; when it fails the same way, report it with the log of this node."


class EventExportModule(Module):
    """The module; its configuration is read by our own model, late secrets included."""

    def __init__(self) -> None:
        super().__init__()

    @property
    def configuration(self) -> Configuration:
        """Return the configuration with the secrets that came by now.

        Raises:
            ConfigurationError: it cannot be read; the text names what, never a value.
        """
        if isinstance(self._configuration, Configuration):
            return self._configuration
        raw: Any = self._configuration
        if raw is None:
            raw = self.load_config(self.MODULE_CONFIGURATION_FILE_NAME, "json", non_exist_ok=True)
        self._configuration = read = _read({} if raw is None else raw)
        return read

    @configuration.setter
    def configuration(self, configuration: Any) -> None:
        self._configuration = _read(configuration)

    def set_secrets(self, secrets: dict[str, Any]) -> None:
        """Take the secrets that the engine hands over."""
        for name, value in secrets.items():
            with _configuration_failures():
                setattr(self.configuration, name, value)


def _read(raw: Any) -> Configuration:
    with _configuration_failures():
        return Configuration.model_validate(raw)


@contextmanager
def _configuration_failures() -> Iterator[None]:
    try:
        yield
    except ValidationError as failure:
        places = (error["loc"] for error in failure.errors(include_input=False, include_url=False))
        names = ", ".join(sorted({str(place[0]) for place in places if place})) or "it is no JSON object"
        raise ConfigurationError(f"The module's configuration cannot be read: {names}.") from None


class ExportAction(Action, Generic[A, R]):
    """A step of an export as an action of a playbook.

    A component names its arguments, results and branches, and calls one operation in `act`. It imports the operation
    there: a process runs one action, and should not load what the others need.

    Attributes:
        uuid: of the action, stored: playbooks refer to it.
        branches: the outcomes, each with what it means.
        going_on: what a rerun does after the step was stopped.
    """

    uuid: ClassVar[str]
    arguments_type: ClassVar[type[Arguments]]
    results_type: ClassVar[type[Results]]
    branches: ClassVar[dict[Branch, str]]
    going_on: ClassVar[str] = Interrupted.remedy

    module: EventExportModule

    def __init__(self, module: Module | None = None, data_path: Path | None = None) -> None:
        super().__init__(module or EventExportModule(), data_path)
        quiet_libraries()

    @abstractmethod
    def act(self, surroundings: Surroundings, arguments: A) -> Outcome[R]:
        """Carry out the step."""

    def run(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Return the results and set the branch; None, with the error set, when the step failed."""
        with reported(self):
            checked: Any = read_arguments(self.arguments_type, arguments)
            outcome = self.act(_surroundings(self), checked)
            self.set_output(outcome.branch.value, True)
            return outcome.results.model_dump(mode="json")
        return None

    def execute(self) -> None:
        """Do what the SDK's own does, without its tracebacks in the node's error."""
        try:
            with reported(self), _ended_in_order(self.going_on):
                try:
                    self._ensure_data_path_set()
                except Exception as failure:
                    raise DataStorageError(f"The data storage cannot be used ({type(failure).__name__}).") from failure
                self.set_task_as_running()
                self._results = self.run(_given_arguments(self))
            self.send_results()
        finally:
            logging.getLogger().removeHandler(self._log_handler)


class ExportAccountValidator(AccountValidator):
    """The base of the account validator: tells what is wrong with the configuration, without a traceback."""

    module: EventExportModule

    def __init__(self, module: Module | None = None, data_path: Path | None = None) -> None:
        super().__init__(module or EventExportModule(), data_path)
        quiet_libraries()

    @abstractmethod
    def check(self, surroundings: Surroundings) -> None:
        """Return when the configuration is usable; raise ExportError when not."""

    def validate(self) -> bool:
        """Return whether the configuration is usable; the error says what is not."""
        with reported(self):
            self.check(_surroundings(self))
            return True
        return False

    def execute(self) -> None:
        """Do what the SDK's own does, and report a configuration that cannot be read."""
        success = False
        with reported(self):
            self.set_task_as_running()
            success = self.validate()
        self.send_results(success)


@contextmanager
def reported(item: Action | AccountValidator) -> Iterator[None]:
    """Give an expected failure to the item's error as it is, and an unexpected one without its text.

    The text of an unexpected exception may hold anything, a URL with its signature or a key among it; its type and the
    place in our own code are enough to find it.
    """
    try:
        yield
    except ExportError as failure:
        log.debug("The step failed.", exc_info=False)
        item.error(redact(str(failure)))
    except SendEventError as failure:
        item.error(f"The playbook engine did not take the node's status (status {failure.status_code}). Run it again.")
    except Exception as failure:  # noqa: BLE001 - the last line of defence: a node ends with an error, not a traceback
        item.error(f"An unexpected {type(failure).__name__} happened in {place_of(failure)}. {_UNEXPECTED_REMEDY}")


def quiet_libraries() -> None:
    """Keep libraries' logs from the platform: the SDK ships every record, and urllib3's hold URLs with signatures."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(known, _OwnRecords) for known in handler.filters):
            handler.addFilter(_OwnRecords())


class _OwnRecords(logging.Filter):
    """Lets the records of this module and of the SDK's own items pass, and strips their exceptions."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.exc_text = None
        return record.name.split(".", 1)[0] not in _LIBRARIES


_LIBRARIES = {
    "urllib3",
    "requests",
    "boto3",
    "botocore",
    "s3transfer",
    "smart_open",
    "s3path",
    "tenacity",
    "sentry_sdk",
}


@contextmanager
def _ended_in_order(going_on: str) -> Iterator[None]:
    """Turn SIGTERM into an `Interrupted` in the main thread, so that state is flushed and the log says how to go on."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs it there handles signals
        yield
        return
    try:
        yield
    except _Stopped:
        interrupted = Interrupted("The step was told to stop before it was done (SIGTERM).", going_on)
        log.warning("%s", interrupted)
        raise interrupted from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Stopped(BaseException):
    """SIGTERM came. No Exception: a library that catches those, as logging does around its output, would swallow it."""


def _given_arguments(action: Action) -> dict[str, Any]:
    try:
        arguments: Any = action.arguments
    except ValueError:
        raise UsageError("The node's arguments are not JSON.", "Give the arguments as a JSON object.") from None
    if not isinstance(arguments, dict):
        raise UsageError("The node's arguments are not a JSON object.", "Give the arguments as a JSON object.")
    return arguments


def _surroundings(item: ExportAction[Any, Any] | ExportAccountValidator) -> Surroundings:
    from sekoia_export.operations.step import Surroundings

    return Surroundings(
        configuration=_read(item.module.configuration),
        storage=data_storage_of(item.data_path),
        clock=SystemClock(),
        run_uuid=item.module.playbook_run_uuid,
    )


def data_storage_of(data_path: Any) -> DataStorage:
    """Return the data storage that the SDK's path stands for: a local folder, or a bucket with a prefix."""
    if not hasattr(data_path, "bucket"):
        from sekoia_export.transfer.local_storage import LocalDataStorage

        return LocalDataStorage(data_path)
    from s3path import configuration_map

    from sekoia_export.transfer.s3_storage import S3DataStorage

    resource, _ = configuration_map.get_configuration(data_path)
    return S3DataStorage(resource.meta.client, data_path.bucket, data_path.key)


def place_of(failure: BaseException) -> str:
    """Return the innermost place in our own code that a failure passed through."""
    place, trace = "the step", failure.__traceback__
    while trace is not None:
        path = PurePath(trace.tb_frame.f_code.co_filename)
        if "sekoia_export" in path.parts:
            place = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place

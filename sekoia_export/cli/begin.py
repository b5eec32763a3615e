"""A run is begun, or one that was begun before is taken up."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import ExportArguments
from sekoia_export.cli.destination import Destination, destination, two_for_stdout
from sekoia_export.cli.running import Running
from sekoia_export.cli.runs import RunRecord, Runs, choices_of
from sekoia_export.cli.spool import Spool
from sekoia_export.cli.wording import CommandLineError
from sekoia_export.redaction import strip_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sekoia_export.archive import ArchiveFormat
    from sekoia_export.cli.session import Session
    from sekoia_export.cli.view import ProgressStyle


def new_run(
    session: Session,
    given: Mapping[str, Any],
    *,
    output: str | None,
    format: ArchiveFormat | None,  # noqa: A002 - the option's name
    replace: bool,
    json: bool,
    progress: ProgressStyle,
) -> Running:
    """Return a new run, recorded; nothing was asked of the platform yet.

    Args:
        session: of the command.
        given: the arguments of `export_events`, but for those that say where the file goes.
        output: of `-o`.
        format: of `--format`.
        replace: of `--force`.
        json: see Running.
        progress: see Running.

    Raises:
        UsageError, ConfigurationError, DataStorageError: it cannot be carried out as it stands.
    """
    settings = session.settings
    defaults = {"fields": settings.fields, "field_set": settings.field_set}
    chosen = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    run_uuid = str(uuid.uuid4())
    runs = Runs(session.places.state)
    place = _place(session, output=output, format=format, replace=replace, json=json)
    arguments = read_arguments(ExportArguments, {**chosen, **_where(place)})
    arguments.check_source()
    session.configuration.required_api_key()
    record = RunRecord(
        run_uuid=run_uuid,
        began_at=session.clock.now(),
        base_url=strip_url(session.configuration.base_url),
        profile=str(settings.profile.value) if settings.profile else None,
        choices=choices_of(arguments),
        needs_key=settings.key_to_export_with(chosen.get("encryption")) is not None,
        place=_folder(session, run_uuid, place),
        to_stdout=place.to_stdout,
        replace=replace,
    )
    runs.keep(record)
    return Running(session, runs, record, json=json, progress=progress)


def resumed_run(
    session: Session,
    uuid_text: str | None,
    changed: Mapping[str, Any],
    *,
    output: str | None,
    replace: bool,
    json: bool,
    progress: ProgressStyle,
) -> Running:
    """Return a run that was begun before.

    Args:
        session: of the command.
        uuid_text: the run's uuid, its search job's or its task's; None for the newest that is unfinished.
        changed: arguments of `export_events` that are others now.
        output: of `-o`, when the events go elsewhere now.
        replace: of `--force`.
        json: see Running.
        progress: see Running.

    Raises:
        UsageError: there is no such run, or it needs the key that it was begun with.
    """
    runs = Runs(session.places.state)
    record = runs.find(uuid_text) if uuid_text is not None else runs.newest_unfinished()
    if uuid_text is None:
        session.terminal.say(f"Run {record.run_uuid}, begun {record.began_at:%Y-%m-%d %H:%M} UTC.")
    if record.profile is not None and session.options.profile is None:
        session = session.with_profile(record.profile)
    if record.needs_key and session.settings.encryption_key is None:
        raise CommandLineError(
            "The run was begun with an encryption key, which is not remembered.",
            "Give the same key again with --sse-c-key-file or in SEKOIA_SSE_C_KEY.",
        )
    kept = dict(record.choices)
    # A time that was too short for the run is no reason to end this one as early; a longer one was meant for all of it.
    kept["timeout"] = max(kept.get("timeout", 0), ExportArguments.model_fields["timeout"].default)
    choices = {**kept, **{name: value for name, value in changed.items() if value is not None}}
    moved: dict[str, Any] = {}
    if output is not None:
        place = _place(session, output=output, format=None, replace=replace, json=json)
        choices |= _where(place)
        moved = {"place": _folder(session, record.run_uuid, place), "to_stdout": place.to_stdout}
    elif record.to_stdout and json:
        raise two_for_stdout()
    arguments = read_arguments(ExportArguments, choices)
    record = record.model_copy(update={"choices": choices_of(arguments), "replace": record.replace or replace, **moved})
    runs.keep(record)
    return Running(session, runs, record, json=json, progress=progress)


def _place(
    session: Session,
    *,
    output: str | None,
    format: ArchiveFormat | None,  # noqa: A002 - the option's name
    replace: bool,
    json: bool,
) -> Destination:
    place = destination(output, chosen=format, folder=session.folder)
    place.check_stdout(json=json)
    place.check(replace=replace)
    if place.surprise:
        session.terminal.warn(place.surprise)
    return place


def _where(place: Destination) -> dict[str, Any]:
    """Return the arguments that say how and under which name the file is written."""
    return {"format": place.stored_format, "file_name": place.name}


def _folder(session: Session, run_uuid: str, place: Destination) -> str:
    """Return the folder that the file is written to: a private one, until the events have gone to stdout."""
    return str(Spool(session.places.state, run_uuid).folder if place.to_stdout else place.folder)

"""The endpoints of search jobs: create, read, cancel, keep, and what they found."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, jsonify, request

from sekoia_export.simulator.errors import Refused
from sekoia_export.simulator.events import Events, Period, field_names
from sekoia_export.simulator.histograms import histogram
from sekoia_export.simulator.jobs import JobStatus, SearchJob, parse_time
from sekoia_export.simulator.launch import DEFAULT_FIELDS
from sekoia_export.simulator.state import VIEW_EVENTS, VIEW_INTAKES, State

if TYPE_CHECKING:
    from sekoia_export.simulator.access import Access

JOBS = "/sic/conf/events/search/jobs"
PAGE_DEFAULT, PAGE_MAX = 100, 1_000
_KEYS = {
    "term": str, "earliest_time": str, "latest_time": str, "max_last_events": int, "visible": bool, "filters": list,
    "term_lang": str, "community_uuids": list, "only_eternal": bool, "date_field": str, "sigma_pattern": str,
}  # fmt: skip
_FILTER_KEYS = {"field", "operator", "value", "disabled", "excluded"}


def find_job(state: State, uuid: str, *, alive: bool = True) -> SearchJob:
    """Return a search job.

    Raises:
        Refused: there is none (404), or it has expired (410; not when `alive` is false).
    """
    job = state.jobs.get(uuid)
    if job is None:
        raise Refused(404, "not_found", "The search job does not exist")
    if alive and job.expired(state.clock.now()):
        raise Refused(410, "job_expired", "The search job has expired")
    return job


def new_job(state: State, body: Any) -> SearchJob:
    """Return the search job that `body` asks for, started now.

    Raises:
        Refused: 400, it cannot be understood.
    """
    settings, now = state.settings, state.clock.now()
    if not isinstance(body, dict):
        raise Refused(400, "validation_error", "The body must be a JSON object")
    for name, value in body.items():
        if not isinstance(value, _KEYS.get(name, type(None))):
            raise Refused(400, "validation_error", f"{name} is unknown or not of its type")
    for item in body.get("filters", []):
        if not isinstance(item, dict) or set(item) - _FILTER_KEYS or not {"field", "operator"} <= set(item):
            raise Refused(400, "validation_error", "A filter has field, operator, value, disabled and excluded")
    try:
        start, end = parse_time(body["earliest_time"], now), parse_time(body["latest_time"], now)
    except KeyError as missing:
        raise Refused(400, "validation_error", f"{missing} is required") from None
    except (ValueError, OverflowError):
        raise Refused(400, "validation_error", "A time is neither ISO 8601 (to the millisecond) nor relative") from None
    if "term" not in body:
        raise Refused(400, "validation_error", "'term' is required")
    if start >= end:
        raise Refused(400, "validation_error", "earliest_time must be before latest_time")
    period = Period(start, end)
    matching = settings.events_between(start, end) if settings.events_between else settings.total_events
    return SearchJob(
        body=body,
        period=period,
        created_at=now,
        pending_s=settings.search_pending_s,
        duration_s=settings.search_duration_s,
        total=min(matching, body.get("max_last_events") or matching),
        events_between=settings.events_between,
        results_ttl_s=settings.results_ttl_s,
        community_uuids=body.get("community_uuids") or [state.community_uuid],
        seed=settings.seed,
        outcome=JobStatus[settings.search_outcome.upper()],
    )


def search_blueprint(access: Access, state: State) -> Blueprint:
    """Return the endpoints."""
    blueprint = Blueprint("search", __name__)
    reading = access.requires(VIEW_INTAKES, VIEW_EVENTS)

    def shown(job: SearchJob) -> Response:
        return jsonify(job.as_json(state.clock.now(), state.settings))

    @blueprint.post(JOBS)
    @reading
    def create() -> Response:
        job = new_job(state, request.get_json(silent=True))
        with state.lock:
            state.jobs[job.uuid] = job
        return shown(job)

    @blueprint.get(f"{JOBS}/<uuid>")
    @reading
    def get(uuid: str) -> Response:
        return shown(find_job(state, uuid))

    @blueprint.post(f"{JOBS}/<uuid>/cancel")
    @reading
    def cancel(uuid: str) -> Response:
        job, now = find_job(state, uuid), state.clock.now()
        if job.status(now) > JobStatus.IN_PROGRESS:
            raise Refused(400, "job_ended", "The search job has ended already")
        job.canceled_at = now
        return shown(job)

    @blueprint.put(f"{JOBS}/<uuid>")
    @reading
    def keep(uuid: str) -> Response:
        job = find_job(state, uuid)
        body: Any = request.get_json(silent=True)
        ttl_s = body.get("results_ttl") if isinstance(body, dict) else None
        if not isinstance(ttl_s, int) or ttl_s <= 0:
            raise Refused(400, "validation_error", "results_ttl must be a number of seconds")
        job.keep(ttl_s, state.clock.now() if state.settings.results_ttl_counts_from == "now" else None)
        return shown(job)

    @blueprint.get(f"{JOBS}/<uuid>/histograms")
    @reading
    def histograms(uuid: str) -> Response:
        settings = state.settings
        answer = histogram(find_job(state, uuid), settings.histogram_buckets, settings.histogram_shape)
        if answer is None:
            raise Refused(404, "not_found", "The search job has no histogram")
        return jsonify(answer)

    @blueprint.get(f"{JOBS}/<uuid>/fields")
    @reading
    def fields(uuid: str) -> Response:
        job = find_job(state, uuid)
        limit, offset = _page()
        names = field_names() if job.total else []
        items = [{"name": name, "count": job.total} for name in names[offset : offset + limit]]
        return jsonify({"items": items, "total": len(names)})

    @blueprint.get(f"{JOBS}/<uuid>/events")
    @reading
    def events(uuid: str) -> Response:
        job = find_job(state, uuid)
        limit, offset = _page()
        found = job.found(state.clock.now())
        items = [job.events.event(index) for index in range(offset, min(offset + limit, found))]
        return jsonify({"items": items, "total": found})

    @blueprint.get(f"{JOBS}/<uuid>/export")
    @reading
    def small_export(uuid: str) -> Response:
        job = find_job(state, uuid)
        return _small_export(job.events, min(job.found(state.clock.now()), PAGE_MAX))

    return blueprint


def _page() -> tuple[int, int]:
    """Return limit and offset of the request."""
    limit, offset = request.args.get("limit", str(PAGE_DEFAULT)), request.args.get("offset", "0")
    if not (limit.isdigit() and offset.isdigit() and int(limit) <= PAGE_MAX):
        raise Refused(400, "validation_error", f"limit is at most {PAGE_MAX}, offset 0 or more")
    return int(limit), int(offset)


def _small_export(events: Events, count: int) -> Response:
    """Return the first `count` events in the format and with the fields that the request asks for."""
    names = [name for name in request.args.get("fields", "").split(",") if name] or DEFAULT_FIELDS
    rows = [{name: event.get(name) for name in names} for event in map(events.event, range(count))]
    match request.args.get("format", "jsonl"):
        case "jsonl":
            return Response(events.lines(0, count, names), mimetype="application/x-ndjson")
        case "json":
            return Response(orjson.dumps(rows), mimetype="application/json")
        case "csv":
            text = io.StringIO()
            writer = csv.DictWriter(text, names)
            writer.writeheader()
            writer.writerows(rows)
            return Response(text.getvalue(), mimetype="text/csv")
        case _:
            raise Refused(400, "validation_error", "format is csv, json or jsonl")

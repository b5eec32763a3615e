from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.simulator import content
from sekoia_export.simulator.events import Events, Period, field_names
from sekoia_export.simulator.jobs import iso, parse_time

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(START, START + timedelta(days=14))
EVENTS = Events(1, 30_000, PERIOD)
DOCUMENTED = {
    "@timestamp", "message", "source.ip", "source.port", "destination.ip", "destination.port", "network.protocol",
    "network.transport", "event.action", "event.outcome", "event.category", "user.name", "user.domain", "host.name",
    "process.name", "process.executable", "process.args", "file.path", "file.hash.sha256", "url.full",
}  # fmt: skip


def test_the_documented_fields_occur() -> None:
    seen = set[str]().union(*(EVENTS.event(index) for index in range(500)))
    assert seen >= DOCUMENTED
    assert set(field_names()) >= seen


def test_an_event_is_a_function_of_seed_and_place() -> None:
    assert EVENTS.event(7) == Events(1, 30_000, PERIOD).event(7)
    assert EVENTS.event(7) != EVENTS.event(8)
    assert EVENTS.event(7) != Events(2, 30_000, PERIOD).event(7)
    ids = {EVENTS.event(index)["event.id"] for index in range(5_000)}
    assert len(ids) == 5_000


def test_times_ascend_inside_the_period() -> None:
    times = [json.loads(line)["@timestamp"] for line in EVENTS.lines(0, 30_000, ["@timestamp"]).splitlines()]
    assert times == sorted(times)
    assert all(len(time) == len("2026-01-01T00:00:00.000Z") for time in times)
    assert times[0] >= iso(PERIOD.start)
    assert times[-1] < iso(PERIOD.end)
    gaps = [datetime.fromisoformat(after) - datetime.fromisoformat(before) for before, after in pairwise(times)]
    assert len(set(gaps)) > 1_000
    assert datetime.fromisoformat(times[15_000]) - START == pytest.approx(timedelta(days=7), abs=timedelta(hours=1))


@given(
    st.integers(0, 29_990),
    st.lists(st.sampled_from([*field_names(), "no.such.field", 'odd"%s']), min_size=1, max_size=6),
    st.sampled_from([(), ("ALabcdefgh12",)]),
)
@settings(max_examples=100, deadline=None)
def test_lines_are_the_events_with_just_these_fields(start: int, fields: list[str], alerts: tuple[str, ...]) -> None:
    events = Events(1, 30_000, PERIOD, alerts)
    wanted = [*fields, "alert_short_ids"]
    lines = events.lines(start, start + 10, wanted).splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    whole = [events.event(index) for index in range(start, start + 10)]
    assert [json.loads(line) for line in lines] == [
        {name: event[name] for name in wanted if name in event} for event in whole
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", START),
        ("-90s", START - timedelta(seconds=90)),
        ("-5m", START - timedelta(minutes=5)),
        ("+2h", START + timedelta(hours=2)),
        ("-1d", START - timedelta(days=1)),
        ("-2w", START - timedelta(weeks=2)),
        ("2026-01-01", START),
        ("2026-01-01T00:00:00.000Z", START),
        ("2026-01-01T01:00:00+01:00", START),
    ],
)
def test_times_are_read(text: str, moment: datetime) -> None:
    assert parse_time(text, START) == moment


def test_members_hold_all_events() -> None:
    packed = list(content.members(EVENTS, ["message"], per_member=7_000))
    assert len(packed) == 5
    assert gzip.decompress(b"".join(packed)) == EVENTS.lines(0, 30_000, ["message"])
    single = b"".join(content.one_member(EVENTS, ["message"], per_block=7_000))
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(single) == EVENTS.lines(0, 30_000, ["message"])
    assert unpacker.eof


@pytest.mark.parametrize("total", [100, 250, 700, 701, 799, 1_000, 1_234, 30])
def test_a_pattern_has_as_many_events_as_it_says(total: int) -> None:
    events = Events(1, total, PERIOD)
    made = content.pattern(events, ["@timestamp"], per_member=100, distinct=4)
    whole = b"".join(made.read(0, made.size_bytes))
    assert len(whole) == made.size_bytes
    assert len(gzip.decompress(whole).splitlines()) == total


PATTERN = content.pattern(Events(1, 5_555, PERIOD), ["@timestamp", "message"], per_member=100, distinct=8)
PATTERN_BYTES = b"".join(PATTERN.read(0, PATTERN.size_bytes))


@given(st.integers(0, len(PATTERN_BYTES)), st.integers(0, len(PATTERN_BYTES) + 10))
@settings(max_examples=200, deadline=None)
def test_a_pattern_can_be_read_anywhere(start: int, stop: int) -> None:
    assert b"".join(PATTERN.read(start, stop)) == PATTERN_BYTES[start:stop]


def test_a_pattern_ends_where_the_period_ends() -> None:
    lines = gzip.decompress(PATTERN_BYTES).splitlines()
    assert json.loads(lines[0])["@timestamp"] < iso(START + timedelta(hours=2))
    assert json.loads(lines[-1])["@timestamp"] > iso(PERIOD.end - timedelta(hours=2))

"""build_report: what a report says of events, files and what was asked, and that it is true."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sekoia_export.analysis.apart import run_apart
from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.report import ReportArguments
from sekoia_export.errors import DamagedExport, UsageError
from sekoia_export.operations.outcome import Branch
from sekoia_export.simulator.events import Events, Period
from sekoia_export.state import State
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.analysis.conftest import Event, Folder
from tests.analysis.report.conftest import JOB, TASK, Desk

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS: list[Event] = [
    {"@timestamp": "2026-01-01T00:00:00.000Z", "source.ip": "10.0.0.1", "user.name": "ann", "message": "one"},
    {"@timestamp": "2026-01-01T02:00:00.000Z", "source.ip": "10.0.0.2", "user.name": "ann", "message": "two"},
    {"@timestamp": "2026-01-01T03:00:00.500Z", "source.ip": "10.0.0.1", "port": 443, "message": "three"},
]
HUNT: dict[str, Any] = {
    "rules": [
        {"title": "Quiet rule", "level": "high", "tags": [], "matches": 0, "examples": [], "missing_fields": ["x.y"]},
        {
            "title": "Loud rule",
            "level": "medium",
            "tags": ["attack.t1033"],
            "matches": 7,
            "first": "2026-01-01T00:00:00Z",
            "last": None,
            "examples": [{"user.name": "ann", "n": 1, "nested": {"a": [1]}}],
            "missing_fields": [],
        },
    ],
    "unusable_rules": [{"title": "Odd rule", "reason": "correlations are not supported"}],
}
OBSERVABLES = [
    {"type": "ipv4-addr", "value": "10.0.0.1", "count": 2, "first_seen": "2026-01-01T00:00:00Z", "private": True},
    {"type": "domain-name", "value": "evil.example.org", "count": 5, "private": False},
]


def test_a_report_is_a_page_a_picture_and_a_comment(desk: Desk) -> None:
    name = desk.folder.jsonl_gz("in/a.jsonl.gz", EVENTS)
    made = desk.report(file_path=name, title="A title", case="CA-1", author="A. Analyst")
    results = made.results
    assert (made.branch, results.file_path, results.timeline_path) == (
        Branch.DONE,
        "in/a.report.html",
        "in/a.report.png",
    )
    assert made.page.stat().st_size == results.file_size
    assert (desk.folder.root / "in/a.report.png").read_bytes().startswith(b"\x89PNG")
    assert (results.events_count, results.first_event, results.last_event) == (
        3,
        "2026-01-01T00:00:00Z",
        "2026-01-01T03:00:00.500Z",
    )
    for text in ("A title", "CA-1", "A. Analyst"):
        assert text in made.text
        assert f"`{text}`" in results.markdown
    assert sorted(path.name for path in (desk.folder.root / "in").iterdir()) == [
        "a.jsonl.gz",
        "a.report.html",
        "a.report.png",
    ]


def test_the_same_events_at_the_same_time_are_the_same_bytes(desk: Desk) -> None:
    name = desk.folder.jsonl("a.jsonl", [*EVENTS, *EVENTS])
    made = []
    for _ in range(2):
        desk.report(file_path=name, hunt_results=HUNT)
        made.append([(desk.folder.root / f"a.report.{suffix}").read_bytes() for suffix in ("html", "png")])
    assert made[0] == made[1]


class TestProof:
    def test_a_file_as_it_was_fetched_is_whole_and_unchanged_and_says_what_was_asked(self, desk: Desk) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS))
        made = desk.report(file_path="a.jsonl")
        assert (made.results.complete, made.results.unchanged) == (True, True)
        for said in (
            "OK The file is unchanged",
            "OK Complete: 3 events, as many as the platform exported",
            "source.ip:10.0.0.0/8",
            "2026-01-01 00:00:00 UTC to -1h",
            "@timestamp, source.ip",
            JOB,
            TASK,
            "the same SHA-256",
        ):
            assert said in made.text

    def test_a_file_that_was_changed_is_told_first(self, desk: Desk) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS), sha256="0" * 64)
        made = desk.report(file_path="a.jsonl")
        assert made.results.unchanged is False
        assert "**Problem:** The file is not what was fetched" in made.results.markdown
        text = made.text
        assert text.index("Problem The file is not what was fetched") < text.index("What was asked")
        assert f"another SHA-256: {'0' * 64}" in text

    def test_fewer_events_than_the_platform_exported_are_told(self, desk: Desk) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS), expected_events=4)
        results = desk.report(file_path="a.jsonl").results
        assert results.complete is False
        assert "Not complete: 3 events, and the platform exported 4" in results.markdown

    def test_a_file_without_a_record_proves_nothing_and_says_so(self, desk: Desk) -> None:
        results = desk.report(file_path=desk.folder.jsonl("a.jsonl", EVENTS)).results
        assert (results.complete, results.unchanged) == (None, None)
        assert "No record says how the file was fetched" in results.markdown

    def test_a_moved_file_is_known_by_its_bytes_or_its_own_name(self, desk: Desk) -> None:
        name = f"{JOB}-{TASK}.jsonl"
        desk.remember(desk.folder.jsonl(name, EVENTS))
        (desk.folder.root / "renamed.jsonl").write_bytes((desk.folder.root / name).read_bytes())
        assert desk.report(file_path="renamed.jsonl").results.unchanged is True
        assert desk.report(file_path=desk.folder.jsonl(f"moved/{name}", EVENTS[:2])).results.unchanged is False
        assert desk.report(file_path=desk.folder.jsonl("other.jsonl", EVENTS[:2])).results.unchanged is None

    def test_a_damaged_record_is_left_out(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS))
        [record] = (desk.folder.root / ".sekoia-export" / "fetches").iterdir()
        record.write_text("{")
        assert desk.report(file_path="a.jsonl").results.unchanged is None
        assert "left out" in caplog.text

    def test_the_state_may_lie_elsewhere(self, desk: Desk, tmp_path: Path) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS))
        state = State(LocalDataStorage(desk.folder.root))
        elsewhere = Folder(tmp_path / "elsewhere")
        elsewhere.jsonl("b.jsonl", EVENTS)
        reports = Desk(elsewhere)
        given = read_arguments(ReportArguments, {"file_path": "b.jsonl"})
        assert reports.reporter(state=state).write(given).results.unchanged is True

    def test_several_files_are_added_up(self, desk: Desk) -> None:
        desk.remember(desk.folder.jsonl("a.jsonl", EVENTS))
        desk.remember(desk.folder.jsonl_gz("b.jsonl.gz", EVENTS[:2]), expected_events=2, job_uuid=TASK)
        results = desk.report(file_paths=["a.jsonl", "b.jsonl.gz"]).results
        assert (results.complete, results.unchanged, results.events_count) == (True, True, 5)
        assert "All 2 files are unchanged" in results.markdown

    def test_a_query_of_the_author_loses_what_urls_can_hide(self, desk: Desk) -> None:
        text = desk.report(
            file_path=desk.folder.jsonl("a.jsonl", EVENTS), query="url:https://x.example/a?sig=hidden"
        ).text
        assert "url:https://x.example/a" in text
        assert "hidden" not in text


class TestEvents:
    def test_top_values_are_counted_right(self, desk: Desk) -> None:
        events = Events(7, 3_000, Period(START, START + timedelta(days=2)))
        fields = ["@timestamp", "source.ip", "event.action", "user.name", "process.name"]
        lines = events.lines(0, 3_000, fields)
        desk.folder.raw("a.jsonl", lines)
        rows = [json.loads(line) for line in lines.splitlines()]
        text = desk.report(file_path="a.jsonl").text
        for field in fields[1:]:
            counts = Counter(row[field] for row in rows if field in row)
            value, times = min(counts.items(), key=lambda item: (-item[1], item[0]))
            there = sum(counts.values())
            different = f"{len(counts):,} different value{'' if len(counts) == 1 else 's'}"
            assert f"{field} {different}, in {there:,} of 3,000 events" in text
            assert f"{value} {times:,} {100 * times / there:.1f} %" in text

    def test_chosen_fields_come_alone_and_those_that_no_event_has_are_named(self, desk: Desk) -> None:
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        text = desk.report(file_path=name, fields="port, no.such").text
        assert "Chosen fields port 1 different value, in 1 of 3 events Value Events Share 443 1 100.0 %" in text
        assert "No event has no.such." in text
        assert "source.ip 2 different" not in text
        assert "Identity user.name" in desk.report(file_path=name, field_set="identity").text

    def test_an_export_of_other_fields_shows_its_own(self, desk: Desk) -> None:
        name = desk.folder.jsonl("a.jsonl", [{"my.field": "x"}, {"my.field": "x"}])
        assert (
            "The export's own fields my.field 1 different value, in 2 of 2 events" in desk.report(file_path=name).text
        )

    def test_long_values_that_begin_alike_are_two(self, desk: Desk) -> None:
        name = desk.folder.jsonl("a.jsonl", [{"user.name": "u" * 5_000 + end} for end in "aab"])
        text = desk.report(file_path=name).text
        assert "user.name 2 different values, in 3 of 3 events" in text
        assert "… cut, 5,001 characters 2 66.7 %" in text

    def test_first_and_last_events_come_in_the_order_of_time(self, desk: Desk) -> None:
        times = [(START + timedelta(minutes=at)).isoformat() for at in range(30)]
        shuffled = [{"@timestamp": time, "message": f"number {at}."} for at, time in enumerate(times)]
        shuffled = shuffled[15:] + shuffled[:15]
        text = desk.report(file_path=desk.folder.jsonl("a.jsonl", shuffled)).text
        first, _, last = text.partition("First events")[2].partition("Last events")
        numbers = [f"number {at}." for at in range(30)]
        assert [at for at, number in enumerate(numbers) if number in first] == [0, 1, 2, 3, 4]
        assert [at for at, number in enumerate(numbers) if number in last] == [25, 26, 27, 28, 29]
        places = [last.index(number) for number in numbers[25:]]
        assert places == sorted(places)

    def test_parquet_is_reported_as_well(self, desk: Desk) -> None:
        table = pa.table({"@timestamp": [START, START], "user.name": ["ann", None]})
        pq.write_table(table, desk.folder.root / "a.parquet")
        made = desk.report(file_path="a.parquet")
        assert (made.results.events_count, made.results.file_path) == (2, "a.report.html")
        assert "user.name 1 different value, in 1 of 2 events" in made.text

    def test_an_array_shows_the_fields_of_its_own_as_well(self, desk: Desk) -> None:
        name = desk.folder.raw("a.json", json.dumps([{**event, "my.own": "value of it"} for event in EVENTS]).encode())
        made = desk.report(file_path=name)
        assert made.results.events_count == 3
        assert "my.own value of it" in made.text

    def test_no_event_is_a_branch_with_a_report_that_says_so(self, desk: Desk) -> None:
        name = desk.folder.jsonl("a.jsonl", [])
        made = desk.report(file_path=name, earliest_time="2026-01-01T00:00:00Z", latest_time="2026-01-02T00:00:00Z")
        assert (made.branch, made.results.timeline_path, made.results.gaps_count) == (Branch.EMPTY, None, 1)
        assert "There is no event from 2026-01-01 00:00:00 UTC to 2026-01-02 00:00:00 UTC." in made.text

    def test_events_without_a_usable_time_are_counted_and_told(self, desk: Desk) -> None:
        odd = [{"@timestamp": time} for time in ("nonsense", "infinity", "0001-01-01T00:00:00Z", None, 7)]
        name = desk.folder.jsonl("a.jsonl", [*EVENTS, *odd])
        results = desk.report(file_path=name).results
        assert results.events_count == 8
        assert "5 events without a usable @timestamp" in results.markdown
        name = desk.folder.jsonl("b.jsonl", [{"a": 1}])
        made = desk.report(file_path=name)
        assert (made.results.first_event, made.results.timeline_path) == (None, None)
        assert "No event has a time, so there is no timeline." in made.text

    def test_events_outside_of_the_period_are_told(self, desk: Desk) -> None:
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        results = desk.report(
            file_path=name, earliest_time="2026-01-01T01:00:00Z", latest_time="2026-01-01T09:00:00Z"
        ).results
        assert "1 event outside of the period" in results.markdown

    def test_lines_that_are_no_events_are_told_or_an_error(self, desk: Desk) -> None:
        name = desk.folder.raw("a.jsonl", b'{"a": 1}\nno\n')
        results = desk.report(file_path=name).results
        assert results.bad_lines == 1
        assert "1 line is no JSON object and was left out" in results.markdown
        with pytest.raises(DamagedExport):
            desk.report(file_path=name, on_bad_line="error")


class TestGiven:
    @pytest.mark.parametrize("form", [dict, json.dumps, str], ids=["object", "json", "python"])
    def test_a_hunt_is_taken_in_whatever_form_a_template_makes_of_it(self, desk: Desk, form: Any) -> None:
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        text = desk.report(file_path=name, hunt_results=form(HUNT)).text
        for said in (
            "1 rule of 2 matched",
            "Loud rule medium 7 2026-01-01 00:00:00 UTC",
            "attack.t1033",
            'nested {"a":[1]}',
            "Quiet rule x.y",
            "Odd rule correlations are not supported",
        ):
            assert said in text

    @pytest.mark.parametrize(
        "value", [OBSERVABLES, json.dumps(OBSERVABLES), {"observables": OBSERVABLES}], ids=["list", "json", "results"]
    )
    def test_observables_are_taken_with_private_ones_apart(self, desk: Desk, value: Any) -> None:
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        text = desk.report(file_path=name, observables=value).text
        public, _, private = text.partition("Private and reserved")
        assert "domain-name evil.example.org 5" in public
        assert "ipv4-addr 10.0.0.1 2 2026-01-01 00:00:00 UTC" in private

    def test_those_of_the_files_are_extracted_where_none_are_given(self, desk: Desk) -> None:
        many = [{"source.ip": f"8.8.8.{at}"} for at in range(30)]
        made = desk.report(file_path=desk.folder.jsonl("a.jsonl", [*EVENTS, *many]), observables=None)
        public, _, private = made.text.partition("Private and reserved")
        assert "Of each type, the most frequent are shown." in public
        assert "8.8.8.0 1" in public
        assert "10.0.0.1 2 2026-01-01 00:00:00 UTC 2026-01-01 03:00:00.500 UTC" in private
        assert "- `ip`, 32 in all: `8.8.8.0` (1), " in made.results.markdown
        assert "`10.0.0.1`" not in made.results.markdown.partition("**Observables")[2].partition("**Top")[0]

    def test_whatever_else_they_hold_does_no_harm(self, desk: Desk) -> None:
        odd: list[Any] = [None, 1, "x", [], {}, {"title": 5, "matches": "7", "tags": "a", "examples": [1, {"": None}]}]
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        text = desk.report(
            file_path=name, hunt_results={"rules": odd, "unusable_rules": odd}, observables=[{}, {"type": 1}]
        ).text
        assert "None of 2 rules matched." in text
        assert "None were found." in text

    @pytest.mark.parametrize("value", ["no object", "5", "[1]["])
    def test_what_is_no_object_is_the_authors_to_mend(self, desk: Desk, value: str) -> None:
        name = desk.folder.jsonl("a.jsonl", EVENTS)
        with pytest.raises(UsageError, match="hunt_results"):
            desk.report(file_path=name, hunt_results=value)


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"file_path": "a.jsonl", "file_name": "a.txt"}, "end in .html"),
            ({"file_path": "a.jsonl", "file_name": "../a.html"}, "file_name"),
            ({"file_path": "../a.jsonl"}, "file_path"),
            ({"file_path": "b.html", "file_name": "b.html"}, "names a file that is read"),
            ({"file_path": "a.jsonl", "fields": [f"f{at}" for at in range(31)]}, "fields"),
            ({}, "file_path"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, desk: Desk, arguments: dict[str, Any], says: str) -> None:
        desk.folder.jsonl("a.jsonl", EVENTS)
        desk.folder.jsonl("b.html", EVENTS)
        with pytest.raises(UsageError, match=says):
            desk.report(**arguments)
        assert (desk.folder.root / "b.html").read_bytes().startswith(b"{")


def test_a_report_is_made_in_a_process_of_its_own_within_its_memory(desk: Desk) -> None:
    name = desk.folder.jsonl("a.jsonl", [{**event, "message": "m" * 1_000_000} for event in EVENTS])
    made = desk.report(file_path=name, run=run_apart)
    assert (made.branch, made.results.events_count) == (Branch.DONE, 3)
    assert made.results.file_size < 100_000


def test_the_text_has_the_same_with_bars(desk: Desk) -> None:
    desk.remember(desk.folder.jsonl("a.jsonl", EVENTS))
    text = desk.lines(file_path="a.jsonl", hunt_results=HUNT, observables=OBSERVABLES, case="CA-1")
    for said in (
        "Events     3",
        "Case       CA-1",
        "Complete: 3 events",
        "Timeline, a bar for each",
        "Hunt: 1 of 2 rules matched",
        "5  domain-name   evil.example.org",
        "10.0.0.1  (private)",
        "       2  10.0.0.1  ████",
    ):
        assert said in text


def test_a_gap_is_marked_below_the_bars_of_the_text(desk: Desk) -> None:
    minutes = [at for at in range(2_000) if not 500 <= at < 1_500]
    times = [(START + timedelta(minutes=at)).isoformat() for at in minutes]
    name = desk.folder.jsonl("a.jsonl", [{"@timestamp": time} for time in times])
    lines = desk.lines(file_path=name, hunt_results=HUNT["rules"]).splitlines()
    bars = next(line for line in lines if line.lstrip().startswith("0  "))
    marks = next(line for line in lines if line.lstrip().startswith("gaps  "))
    gap = range(marks.index("x"), marks.rindex("x") + 1)
    assert {marks[at] for at in gap} == {"x"}
    assert {bars[at] for at in gap[1:-1]} == {" "}
    assert bars[gap.start - 2] == bars[gap.stop + 1] == "█"
    assert "     gap  2026-01-01 08:19:00 UTC to 2026-01-02 01:00:00 UTC, 16 hours 41 minutes" in lines


@pytest.mark.parametrize("times", [["2026-01-01T00:00:00Z"], ["1000-01-01T00:00:00Z", "2999-12-31T23:59:59.999Z"]])
def test_one_event_and_two_of_two_thousand_years_are_drawn(desk: Desk, times: list[str]) -> None:
    made = desk.report(file_path=desk.folder.jsonl("a.jsonl", [{"@timestamp": time} for time in times]))
    assert made.results.events_count == len(times)
    assert (desk.folder.root / str(made.results.timeline_path)).is_file()
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in made.page.read_text()

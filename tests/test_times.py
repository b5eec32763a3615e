from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.times import absolute_moment, format_moment, in_words, read_moment

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00.000Z"),
        ("2026-01-31T08:00:00+02:00", "2026-01-31T06:00:00.000Z"),
        ("2026-01-31T08:00:00.123999Z", "2026-01-31T08:00:00.123Z"),
        ("2026-01-31 08:00", "2026-01-31T08:00:00.000Z"),
        (" 2026-01-31 ", "2026-01-31T00:00:00.000Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.000Z"),  # the hour that Paris has twice
    ],
)
def test_an_absolute_time_is_sent_in_utc_with_milliseconds(text: str, sent: str) -> None:
    moment = read_moment(text)
    assert moment.text == sent
    assert moment.at(NOW) == moment.absolute


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("-7d", timedelta(days=-7)),
        ("+30s", timedelta(seconds=30)),
        ("-15m", timedelta(minutes=-15)),
        ("-2h", timedelta(hours=-2)),
        ("-1w", timedelta(weeks=-1)),
    ],
)
def test_a_relative_time_is_sent_as_it_is(text: str, offset: timedelta) -> None:
    moment = read_moment(f" {text} ")
    assert (moment.text, moment.absolute) == (text, None)
    assert moment.at(NOW) == NOW + offset


@pytest.mark.parametrize(
    ("text", "by", "moved"),
    [
        ("2026-01-31T08:00:00Z", timedelta(hours=-1), "2026-01-31T07:00:00.000Z"),
        ("2026-01-31T08:00:00+02:00", timedelta(minutes=5), "2026-01-31T06:05:00.000Z"),
        ("0001-01-01T01:00:00Z", timedelta(days=-1), "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:00:00Z", timedelta(days=1), "9999-12-31T23:59:59.999Z"),
        ("-1h", timedelta(minutes=-30), "-5400s"),
        ("-1h", timedelta(hours=2), "+3600s"),
        ("-1h", timedelta(hours=1), "now"),
        ("now", timedelta(hours=-1), "-3600s"),
        ("-7d", timedelta(), "-7d"),
    ],
)
def test_a_moment_is_moved(text: str, by: timedelta, moved: str) -> None:
    assert read_moment(text).moved(by).text == moved


def test_now_is_now() -> None:
    assert read_moment(" NOW ").text == "now"
    assert read_moment("now").at(NOW) == NOW


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "7d", "-7y", "-d", "- 7d", "-7D", "2026-02-30", "26-1-1", "-999999999w", "-\u0667d", "now-1"],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_moment(text)


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_what_is_sent_is_read_back_as_the_same_moment(moment: datetime) -> None:
    try:
        text = read_moment(moment.isoformat()).text
    except ValueError:
        return  # past the calendar's ends in UTC
    again = read_moment(text)
    assert again.text == text
    assert again.absolute is not None
    assert format_moment(again.absolute) == text


@given(st.text(max_size=30))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    with suppress(ValueError):
        assert read_moment(text).text


def test_only_an_absolute_time_is_an_absolute_moment() -> None:
    assert absolute_moment("2026-01-31T08:00:00Z") == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert [absolute_moment(text) for text in (None, "-7d", "now", "garbage")] == [None] * 4


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (4.2, "4 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (720, "12 min"),
        (3599, "1 h"),
        (3900, "1 h 5 min"),
        (7200, "2 h"),
        (100_000, "27 h 47 min"),
    ],
)
def test_in_words(duration_s: float, words: str) -> None:
    assert in_words(duration_s) == words

"""Texts are read without the lines around them where every line is an event, and else as they always are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekoia_export.analysis.events import EventTable
from sekoia_export.analysis.files import finding
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DamagedExport
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.analysis.conftest import Folder, Open, lines_of

# More than the beginning that a file is judged by.
BEGINNING = [{"w": "there", "t": "a"}] * 2_100
# A line, whether it is an event, and its text `t`.
LINES: dict[bytes, tuple[bool, str | None]] = {
    b'{"w":"x","t":"b"}': (True, "b"),
    b'{"t":"\\u00e9\\"\\\\\\n\\u0000","w":"x"}': (True, 'é"\\\n\0'),
    b'{"w":"x","t":5}': (True, "5"),
    b'{"w":"x","t":{"k": [1, "2"]}}': (True, '{"k":[1,"2"]}'),
    b'{"w":"x","t":null}': (True, None),
    b'{"w":"x","T":"other"}': (True, None),
    b'{"t":"without w"}': (True, "without w"),
    b"{}": (True, None),
    b'{"w":null}': (True, None),
    b'{"w":"x","t":"first","t":"second"}': (True, "first"),
    b'{"w":"x","w":"y","t":"c"}': (True, "c"),
    b"null": (False, None),
    b" null ": (False, None),
    b"[1]": (False, None),
    b'"t"': (False, None),
    b'{"w":"x","t":': (False, None),
    b'{"w":"x","t":"\xff"}': (False, None),
    b"not json": (False, None),
}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(LINES)), max_size=6))
@example([])
@example(sorted(line for line, (good, _) in LINES.items() if good))
@example([b'{"w":"x","t":"b"}', b"null", b'{"w":"x","t":"b"}'])
def test_whatever_lines_come_later_each_event_has_its_text(lines: list[bytes]) -> None:
    expected = ["a"] * len(BEGINNING) + [LINES[line][1] for line in lines if LINES[line][0]]
    with tempfile.TemporaryDirectory() as name:
        storage = LocalDataStorage(Path(name))
        (storage.root / "a.jsonl").write_bytes(lines_of(BEGINNING) + b"".join(line + b"\n" for line in lines))
        with (
            finding(storage, ["a.jsonl"]) as found,
            EventTable(found, deadline=Deadline(SystemClock(), 60)) as table,
        ):
            assert [text for (text,) in table.rows("SELECT t FROM events")] == expected
            assert table.bad_lines == sum(not LINES[line][0] for line in lines)


@pytest.mark.parametrize("line", [b"", b"null\n", b'{"t":"b"}\n'])
def test_each_file_is_read_as_it_needs(folder: Folder, opened: Open, line: bytes) -> None:
    folder.jsonl_gz("a.jsonl.gz", BEGINNING)
    folder.raw("b.jsonl", lines_of(BEGINNING) + line)
    table = opened("a.jsonl.gz", "b.jsonl")
    assert table.rows("SELECT count(*), count(t) FROM events") == [(4_200 + line.count(b"{"),) * 2]


def test_a_damaged_file_is_told_as_such_where_only_texts_are_read(folder: Folder, opened: Open) -> None:
    name = folder.jsonl_gz("a.jsonl.gz", BEGINNING, BEGINNING)
    data = (folder.root / name).read_bytes()
    folder.raw(name, data[:-9])
    with pytest.raises(DamagedExport, match="truncated"):
        opened(name).rows("SELECT count(t) FROM events")

"""Reading an export: any chunking of any members gives the same facts, and no damage is taken for sound."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import struct
import zlib
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.archive import ArchiveFacts, ArchiveFormat, ArchiveOptions, ArchiveReader
from sekoia_export.errors import DamagedExport, InflatesTooFar
from sekoia_export.gzip_reader import InflateLimits

if TYPE_CHECKING:
    from collections.abc import Iterable


def read(raw: bytes, *, cuts: Iterable[int] = (), options: ArchiveOptions | None = None) -> tuple[bytes, ArchiveFacts]:
    """Return what reading `raw`, cut at `cuts`, writes, and the facts."""
    reader = ArchiveReader(options or ArchiveOptions())
    edges = [0, *sorted(cuts), len(raw)]
    written = bytearray()
    for start, end in itertools.pairwise(edges):
        for output in reader.feed(raw[start:end]):
            written += output
    for output in reader.finish():
        written += output
    return bytes(written), reader.facts()


def member(content: bytes, *, flags: int = 0, level: int = 6) -> bytes:
    """Return a gzip member with the optional header fields that `flags` asks for."""
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff"
    if flags & 4:
        header += struct.pack("<H", 5) + b"extra"
    if flags & 8:
        header += b"name\0"
    if flags & 16:
        header += b"comment\0"
    if flags & 2:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    deflate = zlib.compressobj(level, wbits=-15)
    body = deflate.compress(content) + deflate.flush()
    return header + body + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def line(number: int) -> bytes:
    return orjson.dumps({"@timestamp": f"2026-01-01T00:00:{number:02}Z", "message": "m" * (number % 7)})


numbers = st.lists(st.integers(0, 59), max_size=30)
cuts_of = st.lists(st.integers(0, 3000), max_size=12)


@given(
    events=numbers,
    member_cuts=st.lists(st.integers(0, 2000), max_size=4),
    cuts=cuts_of,
    flags=st.sampled_from([0, 1, 2, 4, 8, 16, 30, 31]),
    level=st.sampled_from([0, 1, 6, 9]),
    blanks=st.booleans(),
    last_newline=st.booleans(),
    output=st.sampled_from(ArchiveFormat),
    compressed=st.booleans(),
)
def test_any_chunking_of_any_members_gives_the_same_facts(
    events: list[int],
    member_cuts: list[int],
    cuts: list[int],
    flags: int,
    level: int,
    blanks: bool,
    last_newline: bool,
    output: ArchiveFormat,
    compressed: bool,
) -> None:
    lines = [line(number) for number in events]
    content = (b"\n\r\n\n" if blanks else b"\n").join(lines)
    content = (b"\n" if blanks else b"") + content + (b"\n" if last_newline else b"")
    edges = [0, *sorted(cut for cut in member_cuts if cut < len(content)), len(content)]
    parts = [content[start:end] for start, end in itertools.pairwise(edges)]
    raw = b"".join(member(part, flags=flags, level=level) for part in parts) if compressed else content

    written, facts = read(
        raw,
        cuts=[cut for cut in cuts if cut < len(raw)],
        options=ArchiveOptions(format=output, preview_count=3),
    )

    assert facts.events_count == len(events)
    assert facts.first_timestamp == (orjson.loads(lines[0])["@timestamp"] if lines else None)
    assert facts.last_timestamp == (orjson.loads(lines[-1])["@timestamp"] if lines else None)
    assert facts.preview == [orjson.loads(event) for event in lines[:3]]
    assert facts.sha256 == hashlib.sha256(written).hexdigest()
    assert facts.written_size_bytes == len(written)
    assert facts.compressed_size_bytes == len(raw)
    assert facts.inflated_size_bytes == len(content)
    if output is ArchiveFormat.JSON:
        assert orjson.loads(written) == [orjson.loads(event) for event in lines]
    elif output is ArchiveFormat.JSONL:
        assert written == content
    elif compressed:
        assert written == raw
    else:
        assert gzip.decompress(written) == content


SOUND_CONTENTS = [b"".join(line(number) + b"\n" for number in range(start, start + 10)) for start in (0, 10)]
SOUND = member(SOUND_CONTENTS[0], flags=2 | 8) + gzip.compress(SOUND_CONTENTS[1], mtime=0)


@given(position=st.integers(0, len(SOUND) - 1), mask=st.integers(1, 255), cuts=st.lists(st.integers(0, 600)))
def test_a_flipped_byte_is_never_taken_for_sound(position: int, mask: int, cuts: list[int]) -> None:
    raw = bytearray(SOUND)
    raw[position] ^= mask
    try:
        written, facts = read(bytes(raw), cuts=[cut for cut in cuts if cut < len(raw)])
    except DamagedExport:
        return
    # A byte that no checksum covers (a member's time, the padding after its last block) changes nothing that is read.
    assert gzip.decompress(written) == b"".join(SOUND_CONTENTS)
    assert facts.events_count == 20


def test_a_truncation_is_never_taken_for_sound() -> None:
    whole_member = len(member(SOUND_CONTENTS[0], flags=2 | 8))
    for size in range(1, len(SOUND)):
        if size != whole_member:
            with pytest.raises(DamagedExport, match="truncated"):
                read(SOUND[:size])


@pytest.mark.parametrize("trailing", [b"\0", b"{}", b"\x1f", b"\x1f\x8b", b"\n"])
def test_what_follows_the_last_member_must_be_a_member(trailing: bytes) -> None:
    with pytest.raises(DamagedExport):
        read(SOUND + trailing)


@pytest.mark.parametrize(
    "raw",
    [
        b"<html><body>Blocked by the proxy</body></html>",
        b"<?xml version='1.0'?>\n<Error/>",
        b"\n\n <html>",
        b"PK\x03\x04 a zip file",
        b'[{"a": 1}]',
        b"timestamp,message\n1,2\n",
        gzip.compress(b"timestamp,message\n1,2\n"),
        b'{"a": 1}\n{"a": ',
        b'{"a": 1}\n"text"',
        member(b"{}")[:2] + b"\x07" + member(b"{}")[3:],
        member(b"{}")[:3] + b"\x80" + member(b"{}")[4:],
        member(b"{}")[:3] + b"\x08" + b"n" * 200_000,
        member(b"{}")[:-1] + b"\x01",
    ],
    ids=itertools.count(),
)
def test_what_is_not_an_export_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedExport):
        read(raw)


def test_an_empty_object_is_an_export_of_no_events() -> None:
    written, facts = read(b"")
    assert gzip.decompress(written) == b""
    assert (facts.events_count, facts.first_timestamp, facts.preview) == (0, None, [])
    assert read(b"", options=ArchiveOptions(format=ArchiveFormat.JSON))[0] == b"[]\n"
    assert read(b"", options=ArchiveOptions(format=ArchiveFormat.JSONL))[0] == b""


def test_an_event_without_a_timestamp_and_a_line_that_is_none_are_survived() -> None:
    _, facts = read(gzip.compress(b'{"a": 1}\nnot json\n{"@timestamp": 5}\n'))
    assert (facts.events_count, facts.first_timestamp, facts.last_timestamp) == (3, None, "5")
    assert facts.preview == [{"a": 1}, {"@timestamp": 5}]


def test_a_preview_of_huge_lines_is_cut_short() -> None:
    huge = orjson.dumps({"message": "m" * 600_000})
    _, facts = read(gzip.compress(huge + b"\n" + huge + b"\n{}\n", 1))
    assert len(facts.preview) == 1
    assert facts.events_count == 3


def test_a_line_without_end_is_refused_and_not_gathered() -> None:
    raw = gzip.compress(b'{"message": "' + b"m" * (17 * 1024 * 1024), 1)
    with pytest.raises(DamagedExport, match="line of more than"):
        read(raw, options=ArchiveOptions(limits=InflateLimits(max_ratio=2000)))


BOMB = gzip.compress(b"{}\n" * 1_000_000, 9)


def test_a_gzip_bomb_is_stopped_by_its_ratio() -> None:
    with pytest.raises(InflatesTooFar, match="100 times"):
        read(BOMB, options=ArchiveOptions(limits=InflateLimits(max_ratio=100, ratio_from_bytes=1000)))


def test_a_gzip_bomb_is_stopped_by_its_size() -> None:
    with pytest.raises(InflatesTooFar, match="1000000 bytes"):
        read(BOMB, options=ArchiveOptions(limits=InflateLimits(max_inflated_bytes=1_000_000)))


def test_a_small_export_may_have_any_ratio() -> None:
    assert read(BOMB)[1].events_count == 1_000_000

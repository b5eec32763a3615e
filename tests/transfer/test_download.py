"""The engine: whatever happens on the way, the right file, or none and a reason."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sekoia_export.archive import ArchiveFacts, ArchiveFormat
from sekoia_export.errors import (
    DamagedExport,
    DiskFull,
    ExportError,
    InflatesTooFar,
    KeyRefused,
    LinkExpired,
    ObjectChanged,
    ObjectMissing,
    TransferFailed,
)
from sekoia_export.simulator import Kind
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.patience import Patience
from tests.transfer.shelf import COUNT, EVENTS, EXPORT, FIRST_MEMBER_BYTES, NAME, Shelf, fault, sse_key

EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def nothing_is_left(shelf: Shelf) -> bool:
    return shelf.fetched() is None and shelf.storage.names(".sekoia-export/parts") == []


def what_came_is_kept(shelf: Shelf) -> bool:
    suffixes = [name.rpartition(".")[2] for name in shelf.storage.names(".sekoia-export/parts")]
    return shelf.fetched() is None and suffixes == ["journal", "part"]


@pytest.mark.parametrize("key", [None, sse_key()])
@pytest.mark.parametrize("output", ArchiveFormat)
def test_a_file_comes_as_asked(shelf: Shelf, key: object, output: ArchiveFormat) -> None:
    chosen = sse_key() if key else None
    shelf.put(key=chosen)
    facts = shelf.fetch(shelf.source(chosen), known=shelf.probe([sse_key()]), output=output)
    written = shelf.fetched() or b""
    assert facts.events_count == COUNT
    assert facts.sha256 == hashlib.sha256(written).hexdigest()
    assert facts.written_size_bytes == len(written)
    if output is ArchiveFormat.JSONL_GZ:
        assert written == EXPORT
    elif output is ArchiveFormat.JSONL:
        assert written == EVENTS
    else:
        assert len(orjson.loads(written)) == COUNT
    assert shelf.storage.names(".sekoia-export/parts") == []
    assert shelf.told[-1].done_bytes == shelf.told[-1].total_bytes == len(EXPORT)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), b'{"a": 1}\n'], ids=["empty", "none", "plain"])
def test_small_and_odd_objects(shelf: Shelf, content: bytes) -> None:
    shelf.put(content)
    assert shelf.fetch().events_count == (1 if content.startswith(b"{") else 0)
    assert gzip.decompress(shelf.fetched() or b"") in {b"", b'{"a": 1}\n'}


FAULTS = st.sampled_from(
    [
        (Kind.RESET_BEFORE, {}),
        (Kind.RESET_BODY, {"after_bytes": 0}),
        (Kind.RESET_BODY, {"after_bytes": 100_000}),
        (Kind.TRUNCATE_BODY, {"after_bytes": 70_001}),
        (Kind.SHORT_BODY, {"after_bytes": 50_000}),
        (Kind.NO_RANGE, {}),
        (Kind.WRONG_RANGE, {}),
        (Kind.STATUS, {"status": 500}),
        (Kind.STATUS, {"status": 429, "headers": {"Retry-After": "1"}}),
        (Kind.STATUS, {"status": 403, "body": EXPIRED}),
        (Kind.STATUS, {"status": 200, "body": b"<html>log in", "content_type": "text/html"}),
        (Kind.FLIP, {"offset": 150_000}),
    ]
)


@given(orders=st.lists(st.lists(FAULTS, max_size=5), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
def test_any_order_of_faults_ends_with_the_right_file_or_none(
    shelf: Shelf, orders: list[list[tuple[Kind, dict[str, object]]]]
) -> None:
    shelf.put()
    for order in orders:
        shelf.storage.delete(NAME)
        known, source = shelf.probe(), shelf.source()
        for kind, details in order:
            shelf.break_once(kind, **details)
        try:
            facts = shelf.fetch(source, known=known)
        except ExportError:
            assert shelf.fetched() is None
        else:
            assert shelf.fetched() == EXPORT
            assert facts.events_count == COUNT
        shelf.simulator.faults.clear()


def test_a_broken_stream_goes_on_where_it_broke(shelf: Shelf) -> None:
    stored = shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.break_once(Kind.RESET_BODY, after_bytes=200_000)
    assert shelf.fetch(source, known=known).events_count == COUNT
    assert shelf.fetched() == EXPORT
    first, second = shelf.gets()[1:]
    assert first == f"bytes=0-{len(EXPORT) - 1}"
    assert 0 < int(second.removeprefix("bytes=").split("-")[0]) <= 200_000
    assert shelf.simulator.requests[-1].headers["if-match"] == stored.etag
    assert shelf.told[-1].retries == 1


def test_a_server_without_ranges_is_read_over(shelf: Shelf) -> None:
    shelf.put()
    shelf.break_once(Kind.NO_RANGE)
    known, source = shelf.probe(), shelf.source()
    shelf.break_once(Kind.RESET_BODY, after_bytes=300_000)
    shelf.fetch(source, known=known)
    assert shelf.fetched() == EXPORT
    assert shelf.gets()[1:] == ["", ""]


def test_progress_renews_patience(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    for _ in range(3):
        shelf.simulator.faults.add(*(fault(Kind.RESET_BEFORE) for _ in range(6)))
        shelf.break_once(Kind.TRUNCATE_BODY, after_bytes=100_000)
    shelf.fetch(source, known=known, refresh=False)
    assert shelf.fetched() == EXPORT
    assert shelf.told[-1].retries == 21


def test_patience_ends(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(fault(Kind.RESET_BEFORE, times=None))
    with pytest.raises(TransferFailed, match="broke"):
        shelf.fetch(source, known=known, refresh=False)
    assert len(shelf.gets()) == 9
    assert what_came_is_kept(shelf)


def test_a_dead_link_is_read_anew_once(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source(url=shelf.url(expires_s=1))
    shelf.clock.advance(5)
    assert shelf.fetch(source, known=known).events_count == COUNT
    assert shelf.renewed == 1


def test_a_link_that_is_dead_again_ends_it(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(fault(Kind.STATUS, status=403, body=EXPIRED, times=None))
    with pytest.raises(LinkExpired):
        shelf.fetch(source, known=known)
    assert shelf.renewed == 1
    with pytest.raises(LinkExpired):
        shelf.fetch(source, known=known, refresh=False)
    assert what_came_is_kept(shelf)


def test_a_link_that_dies_twice_with_bytes_in_between_is_read_anew_twice(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    for _ in range(2):
        shelf.break_once(Kind.STATUS, status=403, body=EXPIRED)
        shelf.break_once(Kind.RESET_BODY, after_bytes=300_000)
    shelf.fetch(source, known=known)
    assert shelf.renewed == 2
    assert shelf.fetched() == EXPORT


def test_a_host_that_is_gone_has_the_link_read_anew(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(fault(Kind.RESET_BEFORE, times=8))
    shelf.fetch(source, known=known)
    assert shelf.renewed == 1


def test_another_object_is_never_mixed_in(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.put(EXPORT + gzip.compress(b"{}\n"))
    with pytest.raises(ObjectChanged):
        shelf.fetch(source, known=known)
    assert nothing_is_left(shelf)


def test_an_object_of_another_size_is_another(shelf: Shelf) -> None:
    shelf.put()
    known = replace(shelf.probe(), etag=None, size_bytes=len(EXPORT) - 1)
    with pytest.raises(ObjectChanged, match="another size"):
        shelf.fetch(known=known)


def test_a_gzip_bomb_is_not_fetched_twice(shelf: Shelf) -> None:
    shelf.put(gzip.compress((b'{"m":"' + b"m" * 1000 + b'"}\n') * 70_000, 9))
    with pytest.raises(InflatesTooFar):
        shelf.fetch()
    assert len(shelf.gets()) == 2


def test_an_object_that_is_gone(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.bucket.objects.clear()
    with pytest.raises(ObjectMissing):
        shelf.fetch(source, known=known)


def test_bytes_that_prove_wrong_are_fetched_again(shelf: Shelf) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.break_once(Kind.FLIP, offset=50_000)
    shelf.fetch(source, known=known)
    assert shelf.fetched() == EXPORT
    # The probe, the first pass, the bytes in doubt, and what of the first pass had not come when the doubt arose.
    assert len(shelf.gets()) in {3, 4}


@pytest.mark.parametrize(
    "content",
    [EXPORT[:-9], EXPORT + b"\0", b"<html></html>", EXPORT[:500] + b"!" + EXPORT[501:]],
    ids=["cut", "longer", "page", "altered"],
)
def test_an_object_that_stays_wrong_publishes_nothing(shelf: Shelf, content: bytes) -> None:
    shelf.put(content)
    with pytest.raises(DamagedExport):
        shelf.fetch()
    # The probe, the first pass, the bytes in doubt, and what of the first pass had not come when the doubt arose.
    assert len(shelf.gets()) in {3, 4}
    assert nothing_is_left(shelf)


def test_a_check_before_publishing_can_refuse(shelf: Shelf) -> None:
    shelf.put()
    seen: list[ArchiveFacts] = []

    def refuse(facts: ArchiveFacts) -> None:
        seen.append(facts)
        raise DiskFull("No.")

    with pytest.raises(DiskFull):
        shelf.fetch(before_publish=refuse)
    assert seen[0].events_count == COUNT
    assert what_came_is_kept(shelf)


def test_a_full_disk_is_known_before_the_first_byte(shelf: Shelf) -> None:
    shelf.put()
    with pytest.raises(DiskFull):
        shelf.fetch(storage=LocalDataStorage(shelf.folder, free=lambda _: 10))
    assert shelf.gets() == ["bytes=0-0"]


def test_progress_goes_back_when_bytes_are_lost(shelf: Shelf) -> None:
    cut = len(EXPORT) - 9
    shelf.put(EXPORT[:cut])
    with pytest.raises(DamagedExport):
        shelf.fetch()
    # The first of the two members is sound: only the second is fetched again.
    assert [progress.done_bytes for progress in shelf.told] == [cut, FIRST_MEMBER_BYTES, cut]


def test_the_floor_of_the_disk_is_watched_while_a_file_is_inflated(shelf: Shelf) -> None:
    shelf.put()
    room = iter([10**12, 10**12])
    storage = LocalDataStorage(shelf.folder, free=lambda _: next(room, 10))
    with pytest.raises(DiskFull, match="to stay free"):
        shelf.fetch(storage=storage, output=ArchiveFormat.JSONL)
    assert what_came_is_kept(shelf)


@pytest.mark.parametrize("status", [412, 416])
def test_an_answer_that_means_another_object_drops_what_came(shelf: Shelf, status: int) -> None:
    shelf.put()
    known, source = shelf.probe(), shelf.source()
    shelf.break_once(Kind.STATUS, status=status)
    with pytest.raises(ObjectChanged):
        shelf.fetch(source, known=known)
    assert nothing_is_left(shelf)


def test_a_wrong_key_is_not_tried_again(shelf: Shelf) -> None:
    shelf.put(key=sse_key())
    known = shelf.probe([sse_key()])
    before = len(shelf.gets())
    with pytest.raises(KeyRefused):
        shelf.fetch(shelf.source(sse_key(b"w")), known=known)
    assert len(shelf.gets()) == before + 1


def test_a_name_that_does_not_resolve_any_more(shelf: Shelf) -> None:
    shelf.put()
    known, gone = shelf.probe(), shelf.source(url=SecretStr("https://storage.invalid/o?X-Amz-Signature=canary"))
    shelf.patience = Patience(attempts=2)
    with pytest.raises(TransferFailed, match=r"storage\.invalid.* could not be resolved") as caught:
        shelf.fetch(gone, known=known, refresh=False)
    assert "canary" not in str(caught.value)
    assert what_came_is_kept(shelf)
    shelf.fetch(gone, known=known)
    assert shelf.renewed == 1
    assert shelf.fetched() == EXPORT

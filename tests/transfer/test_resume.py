"""What came is kept: the next run goes on, proves it again, and asks for the rest only."""

from __future__ import annotations

import functools
import gzip
import random
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekoia_export.archive import ArchiveFormat
from sekoia_export.errors import DataStorageError, ExportError, Interrupted, LinkExpired, StateCorrupt
from sekoia_export.simulator import Fault, Kind
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.transfer.metered import Metered
from tests.transfer.shelf import NAME, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.transfer.data_storage import DataStorage
    from tests.transfer.clients import ClientFor

MEBIBYTE = 1024 * 1024
PARTS = ".sekoia-export/parts"


@functools.cache
def export_of(size_bytes: int) -> tuple[bytes, bytes]:
    """Return lines that do not compress much, and an export of them of about `size_bytes`, in one member."""
    noise = random.Random(size_bytes).randbytes(size_bytes * 3 // 4).hex().encode()
    lines = b"".join(b'{"a":"%s"}\n' % noise[start : start + 500] for start in range(0, len(noise), 500))
    return lines, gzip.compress(lines, 1, mtime=0)


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, shelf: Shelf, client_for: ClientFor) -> Iterator[DataStorage]:
    if request.param == "local":
        yield shelf.storage
    else:
        yield S3DataStorage(client_for(shelf), "shelf", "playbook/1")


def end_after(shelf: Shelf, storage: DataStorage, budget_bytes: int, error: ExportError, **more: Any) -> Metered:
    source = Metered(shelf.source(), budget_bytes=budget_bytes, end=error)
    with pytest.raises(type(error)):
        shelf.fetch(source, known=shelf.probe(), storage=storage, refresh=False, **more)
    return source


@pytest.mark.parametrize("error", [Interrupted("Told to stop."), LinkExpired("It expired.")], ids=["told", "expired"])
@pytest.mark.parametrize("output", [ArchiveFormat.JSONL_GZ, ArchiveFormat.JSONL])
@pytest.mark.parametrize("mebibytes", [4, 11])
def test_an_end_at_half_costs_under_a_quarter_again(
    shelf: Shelf, storage: DataStorage, mebibytes: int, output: ArchiveFormat, error: ExportError
) -> None:
    lines, export = export_of(mebibytes * MEBIBYTE)
    shelf.put(export)
    first = end_after(shelf, storage, len(export) // 2, error, output=output)
    assert storage.read(NAME) is None
    again = Metered(shelf.source())
    facts = shelf.fetch(again, known=shelf.probe(), storage=storage, output=output)
    assert storage.read(NAME) == (export if output is ArchiveFormat.JSONL_GZ else lines)
    assert facts.events_count == lines.count(b"\n")
    assert first.read_bytes + again.read_bytes < len(export) * 1.25
    assert storage.names(PARTS) == []
    assert not [name for name in shelf.bucket.objects if PARTS in name]
    assert not shelf.bucket.uploads


def test_another_object_is_begun_anew(shelf: Shelf, storage: DataStorage) -> None:
    _, old = export_of(4 * MEBIBYTE)
    shelf.put(old)
    end_after(shelf, storage, len(old) // 2, Interrupted("Told to stop."))
    _, new = export_of(4 * MEBIBYTE + 1)
    shelf.put(new)
    again = Metered(shelf.source())
    shelf.fetch(again, known=shelf.probe(), storage=storage)
    assert storage.read(NAME) == new
    assert again.read_bytes == len(new)


@pytest.mark.parametrize(
    "state", [b"", b"{}", b'{"version": 2, "etag": "", "size_bytes": 1, "chunk_bytes": 1}', b"\0\0"]
)
def test_a_damaged_state_is_an_error_until_told_to_start_clean(
    shelf: Shelf, storage: DataStorage, state: bytes
) -> None:
    _, export = export_of(4 * MEBIBYTE)
    shelf.put(export)
    end_after(shelf, storage, len(export) // 2, Interrupted("Told to stop."))
    local = isinstance(storage, LocalDataStorage)
    folder = next((n.split(PARTS + "/")[1].split("/")[0] for n in shelf.bucket.objects if PARTS in n), "")
    name = next(n for n in storage.names(PARTS) if n.endswith(".journal")) if local else f"{folder}/state.json"
    storage.write(f"{PARTS}/{name}", state)
    with pytest.raises(StateCorrupt, match="unfinished fetch") as caught:
        shelf.fetch(storage=storage)
    assert "Delete it" in str(caught.value)
    shelf.fetch(storage=storage, start_clean=True)
    assert storage.read(NAME) == export


def test_the_state_is_private_and_tells_nothing(shelf: Shelf) -> None:
    _, export = export_of(4 * MEBIBYTE)
    shelf.put(export)
    end_after(shelf, shelf.storage, len(export) // 2, Interrupted("Told to stop."))
    (journal,) = (shelf.folder / PARTS).glob("*.journal")
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    text = journal.read_text()
    assert "http" not in text
    assert "Amz" not in text


def test_a_link_that_expired_is_gone_on_from_with_a_new_one(shelf: Shelf) -> None:
    _, export = export_of(8 * MEBIBYTE)
    shelf.put(export)
    dying = Metered(shelf.source(), budget_bytes=len(export) // 2, end=LinkExpired("It expired."))
    shelf.fetch(dying, known=shelf.probe())
    assert shelf.fetched() == export
    assert shelf.renewed == 1


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_whatever_was_lost_of_what_was_kept_the_file_is_right(shelf: Shelf, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([1, 70_000, 1_200_000, 3_000_000]), label="size")
    _, export = export_of(size)
    shelf.put(export)
    shelf.storage.delete(NAME)
    end_after(shelf, shelf.storage, data.draw(st.integers(0, size // 2)), Interrupted("Told to stop."))
    folder = shelf.folder / PARTS
    (part,), (journal,) = folder.glob("*.part"), folder.glob("*.journal")
    kept = part.read_bytes()
    for start, end in data.draw(st.lists(st.tuples(st.integers(0, size), st.integers(0, size)), max_size=3)):
        kept = kept[:start] + bytes(max(0, min(end, len(kept)) - start)) + kept[max(start, min(end, len(kept))) :]
    part.write_bytes(kept[: len(export)])
    lines = journal.read_bytes()
    header = lines.index(b"\n") + 1
    # A share of it: how long it is depends on how the threads ran.
    cut = header + int(data.draw(st.floats(0, 1), label="journal") * (len(lines) - header))
    journal.write_bytes(lines[:cut] + data.draw(st.binary(max_size=40)))
    for kind in data.draw(st.lists(st.sampled_from([Kind.RESET_BODY, Kind.SHORT_BODY, Kind.RESET_BEFORE]), max_size=3)):
        shelf.simulator.faults.add(Fault(kind, server="storage", method="GET", after_bytes=1000, nth=2))
    shelf.fetch()
    assert shelf.fetched() == export
    shelf.simulator.faults.clear()


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
def test_whatever_chunks_were_lost_the_file_in_the_bucket_is_right(
    shelf: Shelf, client_for: ClientFor, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    storage = S3DataStorage(client_for(shelf), "shelf", "playbook/1")
    _, export = export_of(3_000_000)
    shelf.put(export)
    storage.delete(NAME)
    end_after(shelf, storage, data.draw(st.integers(1_000_000, 2_500_000)), Interrupted("Told to stop."))
    kept = sorted(name for name in shelf.bucket.objects if PARTS in name and not name.endswith("state.json"))
    # Numbers of chunks: how many there are depends on how the threads ran.
    for number in data.draw(st.sets(st.integers(0, 47), max_size=20)):
        for name in kept[number : number + 1]:
            del shelf.bucket.objects[name]
    known = shelf.probe()
    if data.draw(st.booleans(), label="a server that forgot ranges"):
        nth = data.draw(st.integers(1, 4))
        shelf.simulator.faults.add(
            Fault(Kind.NO_RANGE, server="storage", method="GET", path="/object$", nth=nth, times=None)
        )
    shelf.fetch(known=known, storage=storage)
    assert storage.read(NAME) == export
    assert "in doubt" not in caplog.text
    assert shelf.bucket.uploads == {}
    shelf.simulator.faults.clear()


def test_no_byte_is_fetched_twice(shelf: Shelf) -> None:
    _, export = export_of(16 * MEBIBYTE)
    shelf.put(export)
    source = Metered(shelf.source())
    shelf.fetch(source, known=shelf.probe())
    assert source.read_bytes == len(export)
    assert len(source.ranges) > 8
    asked = sorted((first or 0, last or 0) for first, last in source.ranges)
    assert [first for first, _ in asked] == [0, *(last + 1 for _, last in asked[:-1])]


def test_a_chunk_that_was_removed_is_told(shelf: Shelf, client_for: ClientFor) -> None:
    storage = S3DataStorage(client_for(shelf), "shelf", "playbook/1")
    _, export = export_of(4 * MEBIBYTE)
    shelf.put(export)
    end_after(shelf, storage, len(export) // 2, Interrupted("Told to stop."))
    hold = storage.hold(NAME, etag=shelf.probe().etag, size_bytes=len(export))
    for name in [name for name in shelf.bucket.objects if PARTS in name]:
        del shelf.bucket.objects[name]
    with pytest.raises(DataStorageError, match="removed"):
        hold.read(0, 10)
    hold.keep()

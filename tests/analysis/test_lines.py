"""The pipes through which DuckDB reads gzip while it is inflated: all lines, whole, in order, and no reader left."""

from __future__ import annotations

import gzip
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.analysis.database import Database, Limits
from sekoia_export.analysis.lines import InflatedPipes
from sekoia_export.analysis.loading import events_in
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DamagedExport, DeadlineExceeded

LINES = b"".join(b'{"n":%d,"text":"%d"}\n' % (number, number * 7919) for number in range(30_000))


def read_all(pipes: InflatedPipes) -> list[bytes]:
    return [path.read_bytes() for path in pipes.paths]


@settings(max_examples=12, deadline=None)
@given(
    members=st.lists(st.integers(0, len(LINES)), max_size=4),
    pipe_bytes=st.sampled_from([20_000, 100_000, 10**9]),
    ends=st.booleans(),
)
def test_every_line_comes_once_and_whole(
    tmp_path_factory: pytest.TempPathFactory, members: list[int], pipe_bytes: int, ends: bool
) -> None:
    folder = tmp_path_factory.mktemp("pipes")
    cuts = [0, *sorted(members), len(LINES)]
    parts = [LINES[start:end] for start, end in pairwise(cuts)]
    if not ends:
        parts[-1] = parts[-1].removesuffix(b"\n")
    (folder / "a.gz").write_bytes(b"".join(gzip.compress(part, 1) for part in parts))
    (folder / "b.jsonl").write_bytes(b'{"last":1}')
    with InflatedPipes([folder / "a.gz", folder / "b.jsonl"], folder, pipe_bytes=pipe_bytes) as pipes:
        pieces = read_all(pipes)
    assert b"".join(pieces) == LINES + b'{"last":1}\n'
    assert all(not piece or piece.endswith(b"\n") for piece in pieces)
    assert not list(folder.glob("pipe*"))


def test_a_reader_of_damaged_gzip_comes_to_an_end_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES)[:-100])
    with pytest.raises(DamagedExport), InflatedPipes([tmp_path / "a.gz"], tmp_path, pipe_bytes=50_000) as pipes:
        assert len(read_all(pipes)) > 10


def test_nobody_waits_for_pipes_that_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES))
    with InflatedPipes([tmp_path / "a.gz"], tmp_path, pipe_bytes=50_000) as pipes:
        pipes.paths[0].open("rb").close()
    assert not [thread for thread in threading.enumerate() if thread.name == "inflate"]


@pytest.mark.parametrize("threads", [1, 4])
def test_a_query_of_many_pipes_can_be_interrupted_and_ends(tmp_path: Path, threads: int) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES))
    database = Database(
        private=tmp_path,
        work=tmp_path,
        readable=[],
        limits=Limits(threads=threads),
        deadline=Deadline(SystemClock(), 0.3),
        purpose=Purpose.QUERY,
    )
    with InflatedPipes([tmp_path / "a.gz"], tmp_path, pipe_bytes=50_000) as pipes:
        source = events_in(pipes.paths, array=False)
        with pytest.raises(DeadlineExceeded):
            database.rows(f"SELECT count(*) FROM {source} a, range(100000000) b WHERE b.range % 7 = length(a.json)")
    database.close()


def first_pipe_is_left_while_the_second_is_waited_for(pipes: InflatedPipes, failure: Exception | None = None) -> None:
    """Do as DuckDB does when one thread has failed and another opens the next pipe; it raises the failure last."""
    with pipes.paths[0].open("rb") as left:
        assert left.read(1)
        second = threading.Thread(target=pipes.paths[1].read_bytes)
        second.start()
        second.join()
    if failure is not None:
        raise failure


def test_a_reader_that_takes_nothing_any_more_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES * 16))
    pipes = InflatedPipes([tmp_path / "a.gz"], tmp_path, pipe_bytes=len(LINES) * 6, stall_s=0.1)
    with pytest.raises(DeadlineExceeded, match=r"stood still for 0\.1 s"), pipes:
        first_pipe_is_left_while_the_second_is_waited_for(pipes)


def test_a_reader_that_took_nothing_tells_its_own_failure(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES * 16))
    pipes = InflatedPipes([tmp_path / "a.gz"], tmp_path, pipe_bytes=len(LINES) * 6, stall_s=0.1)
    with pytest.raises(MemoryError), pipes:
        first_pipe_is_left_while_the_second_is_waited_for(pipes, MemoryError())

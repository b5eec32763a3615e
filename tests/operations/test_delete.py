"""Deleting: fetched files and what is remembered of them, nothing else, on a local folder and on S3."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.arguments.management import DeleteArguments
from sekoia_export.configuration import Configuration
from sekoia_export.errors import DataStorageError, StateCorrupt, TransferFailed, UsageError
from sekoia_export.operations.delete import delete_export
from sekoia_export.operations.step import Surroundings
from sekoia_export.simulator import Kind
from sekoia_export.state import BegunRecord, ExportRecord, FetchRecord, QueryRecord, SearchRecord, State, TaskRecord
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.clock import ManualClock
from tests.operations.bench import Bench, Killed
from tests.operations.test_results import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.transfer.data_storage import DataStorage

CONFIGURATION = Configuration.model_validate({"api_key": "unused"})
HOUR, DAY = 3600, 24 * 3600
KINDS = (ExportRecord, TaskRecord, QueryRecord, SearchRecord, BegunRecord, FetchRecord)


@dataclass
class Place:
    """A bench whose steps use one data storage."""

    bench: Bench
    storage: DataStorage

    @property
    def options(self) -> dict[str, Any]:
        return {"storage": self.storage}

    def exported(self, **arguments: Any) -> tuple[UUID, UUID]:
        job = self.bench.search(options=self.options).results.job_uuid
        task = self.bench.trigger(job, options=self.options, **arguments).results.task_uuid
        assert self.bench.wait(task, options=self.options).branch == "finished"
        return UUID(job), UUID(str(task))

    def fetch(self, job: UUID, task: UUID | None, **arguments: Any) -> str:
        """Fetch and return the file's path."""
        return str(self.bench.fetch(job, task, options=self.options, **arguments).results.file_path)

    def fetch_half(self, job: UUID, task: UUID, **arguments: Any) -> None:
        """Fetch until the storage is gone for good after some bytes."""

        def is_transfer(request: Any) -> bool:
            return request.headers.get("range") != "bytes=0-0" and not request.path.startswith("/playbook-data")

        self.bench.fault(
            Kind.TRUNCATE_BODY, server="storage", method="GET", when=is_transfer, after_bytes=2000, times=1
        )
        self.bench.fault(Kind.STATUS, server="storage", method="GET", when=is_transfer, status=503, times=None)
        with pytest.raises(TransferFailed):
            self.bench.fetch(job, task, options=self.options, **arguments)
        self.bench.simulator.faults.clear()
        if isinstance(self.storage, LocalDataStorage):
            now = self.bench.clock.now().timestamp()
            for path in (self.storage.root / ".sekoia-export/parts").iterdir():
                os.utime(path, (now, now))

    def delete(self, **arguments: Any) -> dict[str, Any]:
        """Delete, and return the results, checked against the manifest."""
        outcome = self.bench.delete(options=self.options, **arguments)
        results = check("delete_export", outcome)
        assert outcome.branch == ("deleted" if results["deleted"] or results["forgotten"] else "empty")
        return results

    def remembered(self) -> dict[str, int]:
        """Return how many records of each kind there are."""
        state = State(self.storage)
        return {kind.folder: len(state.names(kind)) for kind in KINDS if state.names(kind)}

    def parts(self) -> int:
        return len(self.storage.leftovers())


@pytest.fixture
def place(bench: Bench) -> Place:
    """Give a bench with a local folder."""
    return Place(bench, LocalDataStorage(bench.folder))


@pytest.fixture(params=["local", "s3"])
def either(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Place]:
    """Give a bench with either kind of data storage."""
    if request.param == "local":
        yield Place(bench, LocalDataStorage(bench.folder))
        return
    bucket = bench.simulator.buckets.create("playbook-data")
    client = boto3.client(
        "s3",
        endpoint_url=bench.simulator.storage_url,
        region_name="eu-west-3",
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=bucket.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5),
    )
    yield Place(bench, S3DataStorage(client, "playbook-data", "playbook/1"))
    client.close()


def test_a_fetched_file_is_deleted_by_its_path_and_can_be_fetched_again(either: Place) -> None:
    job, task = either.exported()
    path = either.fetch(job, task)
    size = either.storage.size(path)
    assert either.delete(file_path=path) == {"deleted": [path], "kept": [], "freed_bytes": size, "forgotten": 1}
    assert either.storage.size(path) is None
    assert either.remembered() == {"exports": 1, "tasks": 1, "queries": 1}
    assert either.delete(file_path=path) == {"deleted": [], "kept": [], "freed_bytes": 0, "forgotten": 0}
    assert either.fetch(job, task) == path


@pytest.mark.parametrize("by", ["job_uuid", "task_uuid", "both"])
def test_all_files_of_an_export_are_deleted_by_its_uuids_and_no_other_s(place: Place, by: str) -> None:
    job, task = place.exported()
    paths = [place.fetch(job, task), place.fetch(job, task, format="json", file_name="cases/7/events.json")]
    other = place.fetch(*place.exported(fields=["user.name"]))
    given = {"job_uuid": job, "task_uuid": task}
    results = place.delete(**(given if by == "both" else {by: given[by]}))
    assert sorted(results["deleted"]) == sorted(paths)
    assert [place.storage.size(path) for path in paths] == [None, None]
    assert place.storage.size(other) is not None
    assert place.remembered()["fetches"] == 1


def test_what_is_past_an_age_is_deleted_and_the_rest_stays(either: Place) -> None:
    old = either.fetch(*either.exported())
    either.fetch_half(*either.exported(fields=["host.name"]), file_name="half.gz")
    either.bench.clock.advance(2 * DAY)
    new = either.fetch(*either.exported(fields=["user.name"]))
    assert either.delete(older_than=3 * DAY)["deleted"] == []
    results = either.delete(older_than=DAY)
    assert results["deleted"][0] == old
    assert results["deleted"][1].startswith(".sekoia-export/parts/")
    assert (either.storage.size(new) is not None, either.parts()) == (True, 0)
    assert either.remembered()["fetches"] == 1
    assert "begun" not in either.remembered()


def test_what_the_platform_may_still_have_is_not_forgotten_and_what_it_cannot_have_is(place: Place) -> None:
    job, task = place.exported()
    place.fetch(job, task)
    place.exported(fields=["user.name"])
    place.delete(older_than=0)
    assert place.remembered() == {"exports": 2, "tasks": 2, "queries": 2}
    again = place.bench.trigger(job, options=place.options)
    assert (again.results.reused, len(place.bench.exports)) == (True, 2)
    place.bench.clock.advance(9 * DAY)
    assert place.delete(job_uuid=job)["forgotten"] == 3
    assert place.remembered() == {"exports": 1, "tasks": 1, "queries": 1}
    assert place.delete(older_than=10 * DAY)["forgotten"] == 0
    place.delete(older_than=HOUR)
    assert place.remembered() == {}


def test_an_export_that_was_fetched_and_has_expired_is_forgotten_at_once(place: Place) -> None:
    job, task = place.exported()
    place.fetch(job, task)
    place.bench.clock.advance(25 * HOUR)
    assert place.delete(task_uuid=task)["forgotten"] == 4
    assert place.remembered() == {}


def test_the_search_of_the_one_node_chain_is_forgotten_with_its_export(place: Place) -> None:
    job = place.bench.export().results.model_dump()["job_uuid"]
    place.bench.clock.advance(9 * DAY)
    assert place.remembered()["searches"] == 1
    place.delete(older_than=10 * DAY)
    assert place.remembered()["searches"] == 1
    place.delete(job_uuid=job)
    assert place.remembered() == {}


@pytest.mark.parametrize("by", ["file_path", "job_uuid", "task_uuid", "older_than"])
@pytest.mark.parametrize("name", [None, "cases/7/half.jsonl.gz"])
def test_the_parts_of_an_unfinished_fetch_are_deleted(place: Place, by: str, name: str | None) -> None:
    job, task = place.exported()
    place.fetch_half(job, task, **({"file_name": name} if name else {}))
    place.fetch_half(*place.exported(fields=["user.name"]), file_name="other.gz")
    assert (place.parts(), place.remembered()["begun"]) == (2, 2)
    given = {"file_path": name or f"{job}-{task}.jsonl.gz", "job_uuid": job, "task_uuid": task, "older_than": 0}
    results = place.delete(**{by: given[by]})
    left = 0 if by == "older_than" else 1
    assert (len(results["deleted"]), place.parts(), place.remembered().get("begun", 0)) == (2 - left, left, left)
    assert results["freed_bytes"] > 0
    assert place.fetch(job, task, **({"file_name": name} if name else {}))
    assert place.parts() == left


def test_parts_that_are_too_young_stay(place: Place) -> None:
    job, task = place.exported()
    place.fetch_half(job, task)
    place.bench.clock.advance(HOUR)
    assert place.delete(job_uuid=job, older_than=DAY)["deleted"] == []
    assert (place.parts(), place.remembered()["begun"]) == (1, 1)
    assert len(place.delete(job_uuid=job, older_than=HOUR)["deleted"]) == 1


@pytest.mark.parametrize("data", [b"something else", None])
def test_a_file_that_is_not_the_fetched_one_any_more_stays(either: Place, data: bytes | None) -> None:
    job, task = either.exported()
    path = either.fetch(job, task)
    size = either.storage.size(path) or 0
    either.storage.write(path, data or bytes(size))
    results = either.delete(job_uuid=job)
    assert (results["deleted"], results["kept"], results["freed_bytes"]) == ([], [path], 0)
    assert either.storage.size(path) is not None
    with pytest.raises(UsageError, match="file that this module did not fetch"):
        either.delete(file_path=path)


def test_a_file_that_another_fetch_has_replaced_belongs_to_that_one(place: Place) -> None:
    first, second = place.exported(), place.exported(fields=["user.name"])
    place.fetch(*first, file_name="events.gz")
    place.fetch(*second, file_name="events.gz")
    assert place.delete(task_uuid=first[1])["kept"] == ["events.gz"]
    assert place.delete(task_uuid=second[1])["deleted"] == ["events.gz"]


@pytest.mark.parametrize("path", ["report.csv", "cases/8/notes.txt"])
def test_a_file_that_this_module_did_not_fetch_is_never_deleted(place: Place, path: str) -> None:
    place.fetch(*place.exported())
    place.storage.write(path, b"mine")
    with pytest.raises(UsageError, match="file that this module did not fetch"):
        place.delete(file_path=path)
    place.delete(older_than=0)
    assert place.storage.read(path) == b"mine"
    assert place.delete(file_path="not there at all")["deleted"] == []


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", ".sekoia-export/tasks/x.json", "a/../../b", "a\\b"])
def test_no_path_leaves_the_data_storage(place: Place, path: str) -> None:
    with pytest.raises(UsageError, match="argument file_path"):
        place.delete(file_path=path)


@pytest.mark.parametrize(
    "arguments", [{}, {"file_path": ""}, {"older_than": -1}, {"job_uuid": "x"}, {"older_than": "soon"}], ids=str
)
def test_nothing_is_deleted_without_saying_what(place: Place, arguments: dict[str, Any]) -> None:
    path = place.fetch(*place.exported())
    with pytest.raises(UsageError):
        place.delete(**arguments)
    assert place.storage.size(path) is not None


def test_the_platform_is_not_asked(place: Place) -> None:
    job, task = place.exported()
    place.fetch(job, task)
    before = len(place.bench.asked("GET", ""))
    place.delete(job_uuid=job)
    assert len(place.bench.asked("GET", "")) == before


# What only a local folder can be


def tamper(place: Place, **values: Any) -> None:
    """Change the record of the one fetched file by hand."""
    (path,) = (path for name, path in place.bench.state_files().items() if name.startswith("fetches/"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("path", ["../victim", "/etc/passwd", ".sekoia-export/tasks/x.json", "a/../../victim"])
def test_a_record_that_was_changed_to_lead_outside_is_an_error(place: Place, path: str) -> None:
    place.fetch(*place.exported())
    victim = place.bench.folder.parent / "victim"
    victim.write_bytes(b"x")
    tamper(place, file_path=path)
    with pytest.raises(StateCorrupt, match="fetches/"):
        place.delete(older_than=0)
    assert victim.read_bytes() == b"x"


def test_a_record_that_was_changed_to_name_another_file_deletes_nothing(place: Place) -> None:
    path = place.fetch(*place.exported())
    place.storage.write("report.csv", b"mine")
    tamper(place, file_path="report.csv")
    assert place.delete(older_than=0)["kept"] == ["report.csv"]
    assert place.storage.read("report.csv") == b"mine"
    assert place.storage.size(path) is not None


@pytest.mark.parametrize("leads_to", ["outside", "state", "folder"])
def test_a_link_or_a_folder_in_the_file_s_place_is_left_alone(place: Place, tmp_path: Path, leads_to: str) -> None:
    job, task = place.exported()
    path = place.bench.folder / place.fetch(job, task)
    data = path.read_bytes()
    path.unlink()
    outside = tmp_path / "outside"
    outside.write_bytes(data)
    state = place.bench.state_files()[f"tasks/{task}.json"]
    if leads_to == "folder":
        path.mkdir()
    else:
        path.symlink_to(outside if leads_to == "outside" else state)
    results = place.delete(job_uuid=job)
    assert (results["deleted"], results["kept"]) == ([], [path.name])
    assert outside.read_bytes() == data
    assert state.exists()
    assert path.is_symlink() or path.is_dir()


def test_a_linked_folder_in_the_way_is_left_alone(place: Place, tmp_path: Path) -> None:
    job, task = place.exported()
    place.fetch(job, task, file_name="cases/events.gz")
    cases, moved = place.bench.folder / "cases", tmp_path / "moved"
    cases.rename(moved)
    cases.symlink_to(moved)
    assert [export.file_path for export in place.bench.listed().results.exports] == [None]
    assert place.delete(older_than=0)["kept"] == ["cases/events.gz"]
    assert (moved / "events.gz").exists()


def test_what_is_being_fetched_right_now_stays(place: Place) -> None:
    job, task = place.exported()
    place.fetch_half(job, task, file_name="half.gz")
    with_lock = place.storage.hold("half.gz", etag='"x"', size_bytes=10)
    results = place.delete(job_uuid=job)
    assert (results["deleted"], len(results["kept"]), place.parts()) == ([], 1, 1)
    assert place.remembered()["begun"] == 1
    with_lock.keep()
    assert len(place.delete(job_uuid=job)["deleted"]) == 1


class Forgetful(LocalDataStorage):
    """A data storage whose process is killed at its `last`-th deletion, before it or right after."""

    def __init__(self, root: Path, *, last: int, before: bool) -> None:
        super().__init__(root)
        self.deletions = 0
        self._last = last
        self._before = before

    def delete(self, name: str) -> None:
        self.deletions += 1
        if self.deletions == self._last and self._before:
            raise Killed
        super().delete(name)
        if self.deletions == self._last:
            raise Killed


@pytest.mark.parametrize("expired", [True, False])
def test_a_deletion_that_was_killed_anywhere_is_finished_by_the_next(
    place: Place, tmp_path: Path, *, expired: bool
) -> None:
    job, task = place.exported()
    paths = [place.fetch(job, task), place.fetch(job, task, file_name="2", format="json")]
    place.bench.clock.advance(25 * HOUR if expired else 0)
    killed = 0
    for last, before in itertools.product(range(1, 9), (True, False)):
        folder = tmp_path / f"{last}-{before}"
        shutil.copytree(place.bench.folder, folder)
        here = Place(place.bench, LocalDataStorage(folder))
        try:
            place.bench.delete(job_uuid=job, options={"storage": Forgetful(folder, last=last, before=before)})
        except Killed:
            killed += 1
        here.delete(job_uuid=job)
        assert [here.storage.size(path) for path in paths] == [None, None]
        assert here.remembered() == ({} if expired else {"exports": 1, "tasks": 1, "queries": 1})
    assert killed == 2 * (7 if expired else 4)


def test_a_data_storage_that_fails_is_told(place: Place) -> None:
    class Failing(LocalDataStorage):
        def delete(self, name: str) -> None:
            raise DataStorageError("The disk is gone.")

    place.fetch(*place.exported())
    with pytest.raises(DataStorageError, match="The disk is gone"):
        place.bench.delete(older_than=0, options={"storage": Failing(place.bench.folder)})


@settings(max_examples=60, deadline=None)
@given(path=st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "a", "", ".sekoia-export"])).map("/".join))
def test_whatever_a_path_is_only_a_fetched_file_is_deleted(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    root = tmp_path_factory.getbasetemp() / "deletion"
    (root / "data/a").mkdir(parents=True, exist_ok=True)
    kept = [root / "victim", root / "data/a/a", root / "data/x"]
    for file in kept:
        file.write_bytes(b"mine")
    surroundings = Surroundings(CONFIGURATION, LocalDataStorage(root / "data"), ManualClock())
    with surroundings.step(None) as step, suppress(UsageError):
        assert delete_export(step, DeleteArguments(file_path=path)).branch == "empty"
    assert [file.read_bytes() for file in kept] == [b"mine"] * 3

"""Deleting: fetched files and what is remembered of them, on a local folder and on S3."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.errors import DataStorageError, UsageError
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.operations.bench import Killed
from tests.operations.place import Place

HOUR, DAY = 3600, 24 * 3600


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

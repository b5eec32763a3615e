"""Files that are not the module's: no deletion touches them, whatever a path, a record or a link says."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.arguments.management import DeleteArguments
from sekoia_export.configuration import Configuration
from sekoia_export.errors import StateCorrupt, UsageError
from sekoia_export.operations.delete import delete_export
from sekoia_export.operations.step import Surroundings
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.clock import ManualClock
from tests.operations.place import Place

CONFIGURATION = Configuration.model_validate({"api_key": "unused"})


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

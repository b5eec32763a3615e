"""Where bytes land: names that stay inside, files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.errors import DataStorageError, DiskFull, UsageError
from sekoia_export.transfer.data_storage import inner_name, safe_name
from sekoia_export.transfer.local_files import give_name, local_failures
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def storage(tmp_path: Path) -> LocalDataStorage:
    return LocalDataStorage(tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a.jsonl.gz", "a.jsonl.gz"), ("./a//b/./c", "a/b/c"), ("é ü/…", "é ü/…"), ("..a/b..", "..a/b..")],
)
def test_a_name_inside_is_taken(name: str, plain: str) -> None:
    assert safe_name(name) == plain


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/etc/passwd",
        "../a",
        "a/../../b",
        "a/..",
        "a/",
        "a/.",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "\ud800",
        ".sekoia-export/exports/a",
        ".Sekoia-Export/a",
        "./.sekoia-export",
        "n" * 256,
        "/".join(["n" * 200] * 5),
    ],
)
def test_a_name_that_is_none_is_refused_and_names_the_argument(name: str) -> None:
    with pytest.raises(UsageError, match="argument input_path"):
        safe_name(name, argument="input_path")


@given(st.text())
def test_a_name_is_refused_or_stays_inside(name: str) -> None:
    try:
        plain = safe_name(name)
    except UsageError:
        return
    assert os.path.normpath(f"/data/{plain}").startswith("/data/")
    assert safe_name(plain) == plain


def test_the_modules_own_names_may_lie_in_its_folder_but_not_leave_it() -> None:
    assert inner_name(".sekoia-export/exports/a.json") == ".sekoia-export/exports/a.json"
    for name in (".sekoia-export/../a", "../a", ".sekoia-export"):
        with pytest.raises(UsageError):
            inner_name(name)


def test_a_link_that_leads_out_is_refused(storage: LocalDataStorage, tmp_path: Path) -> None:
    storage.write("real/file", b"x")
    (storage.root / "out").symlink_to(tmp_path)
    (storage.root / "within").symlink_to(storage.root / "real")
    (storage.root / "state").symlink_to(storage.root / ".sekoia-export")
    (storage.root / "loop").symlink_to(storage.root / "loop")
    assert storage.check_name("within/other") == "within/other"
    for name in ("out/file", "out", "state/x", "loop/x", "real"):
        with pytest.raises(UsageError, match="file_name"):
            storage.check_name(name)
    for name in ("out/file", "loop/x"):
        with pytest.raises(DataStorageError):
            storage.read(name)
        with pytest.raises(DataStorageError):
            storage.write(name, b"")
        with pytest.raises(DataStorageError):
            storage.create(name, size_bytes=None)
    assert not (tmp_path / "file").exists()


def test_small_files(storage: LocalDataStorage) -> None:
    name = ".sekoia-export/exports/a.json"
    assert storage.read(name) is None
    assert storage.size(name) is None
    assert storage.names(".sekoia-export/exports") == []
    storage.write(name, b"one")
    storage.write(name, b"other")
    assert storage.read(name) == b"other"
    assert storage.size(name) == 5
    assert storage.names(".sekoia-export/exports") == ["a.json"]
    path = storage.root / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    storage.delete(name)
    storage.delete(name)
    assert storage.read(name) is None


def test_a_failed_write_leaves_the_old_file_and_no_other(storage: LocalDataStorage) -> None:
    storage.write("folder/a", b"old")
    (storage.root / "folder/b").mkdir()
    with pytest.raises(DataStorageError, match="writing folder/b"):
        storage.write("folder/b", b"new")
    assert storage.names("folder") == ["a"]


def test_a_landing_has_its_name_only_once_published(storage: LocalDataStorage) -> None:
    storage.write("folder/a", b"old")
    with storage.create("folder/a", size_bytes=6) as landing:
        landing.write(b"new")
        assert storage.read("folder/a") == b"old"
        landing.write(b"est")
        landing.publish()
    assert storage.read("folder/a") == b"newest"
    with storage.open("folder/a") as file:
        assert file.read() == b"newest"
    assert storage.names(".sekoia-export/parts") == []


def test_what_is_not_published_is_gone(storage: LocalDataStorage) -> None:
    with storage.create("a", size_bytes=None) as landing:
        landing.write(b"x" * 3_000_000)
    landing.abandon()
    assert storage.read("a") is None
    assert storage.names(".sekoia-export/parts") == []


def test_one_file_is_written_by_one_process_at_a_time(storage: LocalDataStorage) -> None:
    with storage.create("a", size_bytes=None):
        with pytest.raises(DataStorageError, match="another process"):
            storage.create("a", size_bytes=None)
        storage.create("b", size_bytes=None).abandon()
    storage.create("a", size_bytes=None).abandon()


def test_a_lack_of_room_is_told_before_the_first_byte(tmp_path: Path) -> None:
    storage = LocalDataStorage(tmp_path, disk_floor_bytes=10, free=lambda _: 100)
    storage.create("a", size_bytes=90).abandon()
    with pytest.raises(DiskFull, match="has 100 bytes free; a needs 91"):
        storage.create("a", size_bytes=91)
    storage.create("a", size_bytes=None).abandon()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EACCES, DataStorageError)]
)
def test_the_systems_errors_are_told_apart(number: int, kind: type[DataStorageError]) -> None:
    with pytest.raises(DataStorageError, match="while writing a") as caught, local_failures("writing a"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    storage = LocalDataStorage(tmp_path / "data")
    for act in (
        lambda: storage.write("a", b""),
        lambda: storage.create("a", size_bytes=None),
        lambda: storage.open("a"),
        lambda: storage.read("a"),
        lambda: storage.size("a"),
        lambda: storage.names("a"),
        lambda: storage.delete("a"),
    ):
        with pytest.raises(DataStorageError, match="data storage failed while"):
            act()


def test_a_file_that_may_not_be_replaced_is_not(tmp_path: Path) -> None:
    storage = LocalDataStorage(tmp_path, replace=False)
    with storage.create("a", size_bytes=None) as landing:
        landing.write(b"first")
        landing.publish()
    with pytest.raises(UsageError, match=r"/a is there already"):
        storage.create("a", size_bytes=None)
    with storage.create("b", size_bytes=None) as landing:
        landing.write(b"mine")
        (tmp_path / "b").write_bytes(b"another's, made meanwhile")
        with pytest.raises(UsageError, match=r"/b is there already"):
            landing.publish()
    assert (storage.read("a"), storage.read("b")) == (b"first", b"another's, made meanwhile")
    assert storage.names(".sekoia-export/parts") == []


def test_a_file_system_without_hard_links_replaces_nothing_either(tmp_path: Path) -> None:
    def refuse(part: Path, final: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    part, final = tmp_path / "part", tmp_path / "final"
    part.write_bytes(b"mine")
    give_name(part, final, replace=False, link=refuse)
    assert (part.exists(), final.read_bytes()) == (False, b"mine")
    part.write_bytes(b"other")
    with pytest.raises(UsageError, match="there already"):
        give_name(part, final, replace=False, link=refuse)
    assert final.read_bytes() == b"mine"


def test_a_kill_between_the_two_names_of_a_file_leaves_it_alone(tmp_path: Path) -> None:
    storage = LocalDataStorage(tmp_path, replace=False)
    with storage.create("a", size_bytes=None) as landing:
        landing.write(b"whole")
        (part,) = (tmp_path / ".sekoia-export/parts").iterdir()
        landing.publish()
    os.link(tmp_path / "a", part)
    with LocalDataStorage(tmp_path).create("a", size_bytes=None) as landing:
        landing.write(b"other")
        assert storage.read("a") == b"whole"


def test_the_modules_own_folder_goes_when_nothing_of_use_is_in_it(storage: LocalDataStorage) -> None:
    storage.tidy()
    with storage.create("a", size_bytes=None) as landing:  # as another process does
        (part,) = (storage.root / ".sekoia-export/parts").iterdir()
        storage.tidy(published="a")
        assert part.exists()
        landing.publish()
    storage.tidy()
    assert [path.name for path in storage.root.iterdir()] == ["a"]
    for left in (part.with_suffix(".part"), part.with_suffix(".journal")):  # by a process killed after publishing
        storage.write(f".sekoia-export/parts/{left.name}", b"{}")
    (part.parent / ".left-by-a-kill.tmp").touch()
    storage.tidy()
    assert len(list(part.parent.iterdir())) == 3
    storage.tidy(published="a")
    assert [path.name for path in storage.root.iterdir()] == ["a"]
    storage.write(".sekoia-export/exports/a.json", b"{}")
    storage.tidy(published="a")
    assert storage.place(".sekoia-export/exports/a.json") == str(storage.root / ".sekoia-export/exports/a.json")
    assert storage.read(".sekoia-export/exports/a.json") == b"{}"

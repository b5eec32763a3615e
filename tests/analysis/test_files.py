"""Which files a question is asked of: names within the data storage."""

from __future__ import annotations

import pytest

from sekoia_export.errors import DamagedExport, UsageError
from tests.analysis.conftest import Folder, Open


@pytest.mark.parametrize("name", ["../a.jsonl", "/etc/passwd", "a/../../b", ".sekoia-export/x", "", "out/secret.jsonl"])
def test_a_name_that_leaves_the_data_storage_is_refused(folder: Folder, opened: Open, name: str) -> None:
    outside = folder.root.parent / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_text('{"a":1}')
    (folder.root / "out").symlink_to(outside)
    with pytest.raises(UsageError, match="argument file_path"):
        opened(name)


def test_a_link_out_of_the_data_storage_within_a_dataset_is_refused(folder: Folder, opened: Open) -> None:
    (folder.root.parent / "x.parquet").write_bytes(b"PAR1")
    (folder.root / "set").mkdir()
    (folder.root / "set" / "x.parquet").symlink_to(folder.root.parent / "x.parquet")
    with pytest.raises(UsageError, match="symbolic link"):
        opened("set")


@pytest.mark.parametrize("name", ["missing.jsonl", "empty-folder", "empty-folder/"])
def test_what_is_not_there_is_an_error(folder: Folder, opened: Open, name: str) -> None:
    (folder.root / "empty-folder").mkdir()
    with pytest.raises(UsageError, match="no such file"):
        opened(name)


def test_a_file_of_another_kind_is_an_error(folder: Folder, opened: Open) -> None:
    folder.raw("a.db", b"SQLite format 3\0" + bytes(100))
    with pytest.raises(DamagedExport, match=r"a\.db is neither"):
        opened("a.db")


@pytest.mark.parametrize("name", ["a*.jsonl", "a?.jsonl", "a[12].jsonl", "a{1,2}.jsonl", "it's.jsonl"])
def test_a_name_is_no_pattern(folder: Folder, opened: Open, name: str) -> None:
    folder.jsonl("a1.jsonl", [{"n": 1}])
    folder.jsonl("a2.jsonl", [{"n": 2}])
    folder.jsonl(name, [{"n": 3}])
    assert opened(name).rows("SELECT n FROM events") == [(3,)]

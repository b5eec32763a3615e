"""The playbook's data storage: where fetched files land and where state is kept, a local folder or S3.

Every name is a relative posix path inside the storage. Names that an author chose go through `check_name` first; the
folder `.sekoia-export/` is the module's own and refused there.
"""

from __future__ import annotations

import hashlib
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from sekoia_export.transfer.hold import Hold

STATE_FOLDER = ".sekoia-export"
PARTS_FOLDER = f"{STATE_FOLDER}/parts"
COMPONENT_LIMIT_BYTES = 255  # of Linux's file systems
NAME_LIMIT_BYTES = 768  # S3 ends a key at 1,024, its prefix included


class Landing(ABC):
    """Where the bytes of one file land, in order; the file has its name only once it is published.

    As a context manager it abandons what was not published. Its methods raise DataStorageError, or DiskFull.
    """

    def __init__(self) -> None:
        self._settled = False

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Append `data`."""

    def publish(self) -> None:
        """Give the file its name, replacing what had it; nothing is written afterwards."""
        self._publish()
        self._settled = True

    def abandon(self) -> None:
        """Drop what was written; does nothing once published or abandoned."""
        if not self._settled:
            self._settled = True
            self._abandon()

    @abstractmethod
    def _publish(self) -> None: ...

    @abstractmethod
    def _abandon(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()


@dataclass(frozen=True, slots=True)
class Leftover:
    """What an unfinished fetch keeps for the next one.

    Attributes:
        stem: of the names it is kept under, see `parts_stem`.
        size_bytes: the room it takes.
        changed_at: when it last grew.
    """

    stem: str
    size_bytes: int
    changed_at: datetime


class DataStorage(Protocol):
    """What the module asks of the data storage.

    Every method raises DataStorageError when the storage fails, DiskFull when it has no room.
    """

    def check_name(self, name: str, *, argument: str = "file_name", folder_too: bool = False) -> str:
        """Return `name` in its plain form when a file of that name may be read and written, see `safe_name`.

        Args:
            name: what an author gave.
            argument: the argument it was given as.
            folder_too: whether it may be a folder's.

        Raises:
            UsageError: it may not; the text names `argument`.
        """

    def place(self, name: str) -> str:
        """Return where a file of this name lies, as a person finds it: a path, or an object's address."""

    def read(self, name: str) -> bytes | None:
        """Return the whole of a small file, None when there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file in one move: it is there whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens when there is none."""

    def names(self, folder: str) -> list[str]:
        """Return the names, without the folder's, of the files right in `folder`, sorted; none when there is none."""

    def names_below(self, folder: str) -> list[str]:
        """Return the whole names of the files in `folder` and in its folders, sorted; none when there is none."""

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes, None when there is none."""

    def local_path(self, name: str) -> Path | None:
        """Return where a file lies on this machine, symbolic links resolved; None where it lies elsewhere."""

    def create(self, name: str, *, size_bytes: int | None) -> Landing:
        """Begin a file of any size.

        Args:
            name: its name once published.
            size_bytes: its size where known: a lack of room is then told before the first byte.
        """

    def hold(self, name: str, *, etag: str | None, size_bytes: int | None, start_clean: bool = False) -> Hold:
        """Begin, or take up, the file of an object that is fetched in parts.

        Args:
            name: its name once published.
            etag: the object's strong ETag: what an earlier run kept counts only for the same one. None: for none.
            size_bytes: the object's size where known: a lack of room is then told before the first byte.
            start_clean: do not use what an earlier run kept, nor read its state.

        Raises:
            StateCorrupt: the state of an earlier run is there and cannot be understood.
        """

    def open(self, name: str) -> BinaryIO:
        """Return a published file to read, to be closed by the caller."""

    def leftovers(self) -> list[Leftover]:
        """Return what unfinished fetches keep."""

    def drop_leftover(self, stem: str) -> bool:
        """Remove what an unfinished fetch keeps; False when another process is fetching right now and it stays."""


def safe_name(name: str, *, argument: str = "file_name") -> str:
    """Return `name` as a plain relative path (`./a//b` becomes `a/b`).

    Args:
        name: what an author gave.
        argument: the argument it was given as, for the error's text.

    Raises:
        UsageError: it is empty, absolute, leaves the storage, ends in `/`, lies in the module's own folder, is too
            long, or holds backslashes, control characters or what UTF-8 cannot write.
    """
    problem = _problem(name)
    if problem:
        raise UsageError(
            f"The argument {argument} {problem}.", f"Give {argument} as a path inside the data storage: folder/name."
        )
    return "/".join(_components(name))


def inner_name(name: str) -> str:
    """Return a name of the module's own making in its plain form; the module's own folder is allowed.

    Raises:
        UsageError: it leaves the storage.
    """
    components = _components(name)
    if components and components[0] == STATE_FOLDER:
        return f"{STATE_FOLDER}/{safe_name('/'.join(components[1:]), argument='name')}"
    return safe_name(name, argument="name")


def parts_stem(name: str) -> str:
    """Return under which name in the folder of parts a file is kept while it is fetched."""
    return hashlib.sha256(inner_name(name).encode()).hexdigest()[:32]


def is_stem(text: str) -> bool:
    """Return whether a name in the folder of parts is one of `parts_stem`."""
    return len(text) == 32 and not set(text) - set("0123456789abcdef")


def is_state(name: str) -> bool:
    """Return whether a plain name lies in the module's own folder."""
    return name.split("/", 1)[0] == STATE_FOLDER


def _components(name: str) -> list[str]:
    return [component for component in name.split("/") if component not in {"", "."}]


def _problem(name: str) -> str:
    components = _components(name)
    try:
        sizes = [len(component.encode()) for component in components]
    except UnicodeEncodeError:
        return "holds characters that cannot be written in UTF-8"
    if name.startswith("/"):
        return "is an absolute path"
    if not components:
        return "is empty"
    if ".." in components:
        return "leaves the data storage"
    if name.endswith(("/", "/.")):
        return "names a folder and not a file"
    if "\\" in name or any(unicodedata.category(character) == "Cc" for character in name):
        return "holds a backslash or a control character"
    if components[0].casefold() == STATE_FOLDER:
        return f"lies in {STATE_FOLDER}, the module's own folder"
    if max(sizes) > COMPONENT_LIMIT_BYTES or sum(sizes) + len(sizes) > NAME_LIMIT_BYTES:
        return "is too long"
    return ""

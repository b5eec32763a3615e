"""A process that downloads the same object again and again and is killed at seeded moments: `python -m ... '<json>'`.

It imports the transfer once and forks a child for every download. The child counts the calls and returns within the
transfer's code, on all its threads, and kills itself (SIGKILL) at the one that was drawn. Between two children, now and
then, a power cut is played: pages of the unfinished file that were never synced are zeroes, the journal lost its end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import SecretStr

from sekoia_export.archive import ArchiveFormat, ArchiveOptions
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.transfer.download import download
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.presigned import PresignedObject, storage_session
from sekoia_export.transfer.probing import Probe

NAME = "fetched"
PAGE_BYTES = 4096
FINISHED_EVERY = 5


class Life:
    """Counts the steps of a child; at the last one it dies."""

    def __init__(self, last_step: int | None) -> None:
        self.steps = 0
        self._last_step = last_step

    def watch(self) -> None:
        threading.setprofile(self._step)
        sys.setprofile(self._step)

    def _step(self, frame: FrameType, event: str, argument: Any) -> None:
        if "/transfer/" in frame.f_code.co_filename:
            self.steps += 1
            if self.steps == self._last_step:
                os.kill(os.getpid(), signal.SIGKILL)


def fetch(order: dict[str, Any], last_step: int | None) -> int:
    """Download in a child; return its steps, 0 when it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        life = Life(last_step)
        life.watch()
        with storage_session() as session:
            download(
                PresignedObject(SecretStr(order["url"]), session=session),
                probe=Probe(key=None, size_bytes=order["size_bytes"], etag=order["etag"], ranges=True),
                storage=LocalDataStorage(Path(order["folder"])),
                name=NAME,
                options=ArchiveOptions(format=ArchiveFormat(order["format"])),
                deadline=Deadline(SystemClock(), 60),
            )
        os.write(writing, str(life.steps).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    told = os.read(reading, 32)
    os.close(reading)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return 0
    if status:
        raise SystemExit(f"a download failed: {status}")
    return int(told)


def cut_power(folder: Path, chance: random.Random) -> None:
    for part in (folder / ".sekoia-export/parts").glob("*.part"):
        with part.open("r+b") as file:
            for _ in range(3):
                file.seek(chance.randrange(max(1, part.stat().st_size // PAGE_BYTES)) * PAGE_BYTES)
                file.write(bytes(min(PAGE_BYTES, part.stat().st_size - file.tell())))
    for journal in (folder / ".sekoia-export/parts").glob("*.journal"):
        header_bytes = journal.read_bytes().index(b"\n") + 1
        os.truncate(journal, chance.randrange(header_bytes, journal.stat().st_size + 1))


def main() -> None:
    order = json.loads(sys.argv[1])
    chance = random.Random(order["seed"])
    folder = Path(order["folder"])
    expected = Path(order["expected"]).read_bytes()
    steps = fetch(order, None)
    kills = wrong = finished = 0
    while kills < order["kills"]:
        killed = not fetch(order, chance.randrange(1, steps))
        kills += killed
        if killed and kills % FINISHED_EVERY == 0:
            killed = not fetch(order, None)
        there = (folder / NAME).read_bytes() if (folder / NAME).exists() else None
        wrong += there not in ({None, expected} if killed else {expected})
        if there is not None:
            finished += 1
            (folder / NAME).unlink()
        elif chance.random() < 0.5:
            cut_power(folder, chance)
    sys.stdout.write(json.dumps({"kills": kills, "wrong": wrong, "finished": finished}))


if __name__ == "__main__":
    main()

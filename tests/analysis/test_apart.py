"""The process that answers: it may begin ahead of its job, and is never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sekoia_export.analysis.apart import Ahead
from sekoia_export.analysis.database import Limits
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded, UsageError

HERE = "tests.analysis.test_apart"


def process_of(_argument: None, _timeout_s: float | None) -> int:
    return os.getpid()


def refuse(argument: str, _timeout_s: float | None) -> None:
    raise UsageError(f"No {argument}.", "Ask otherwise.")


def children() -> list[int]:
    pid = os.getpid()
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_first_job_is_the_waiting_processs_and_each_other_has_its_own() -> None:
    before = children()
    deadline = Deadline(SystemClock(), 60)
    with Ahead(HERE) as run:
        [waiting] = set(children()) - set(before)
        ran = [run(f"{HERE}:process_of", None, deadline=deadline, limits=Limits()) for _ in range(2)]
        assert ran[0] == waiting
        assert ran[1] not in {waiting, os.getpid()}
        with pytest.raises(UsageError, match="No luck"):
            run(f"{HERE}:refuse", "luck", deadline=deadline, limits=Limits())
    assert children() == before


@pytest.mark.parametrize("module", [HERE, "sekoia_export.analysis.no_such_module"])
def test_a_process_that_gets_no_job_is_ended(module: str) -> None:
    before = children()
    with Ahead(module):
        assert len(children()) == len(before) + 1
    assert children() == before


def test_a_process_begins_before_much_is_imported() -> None:
    code = (
        "import sys; from sekoia_export.analysis.apart import Ahead\n"
        f"with Ahead({HERE!r}): print(sys.modules.keys() & {{'orjson', 'pydantic', 'sekoia_export.analysis.database'}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_job_that_comes_too_late_does_not_begin() -> None:
    with Ahead(HERE) as run, pytest.raises(DeadlineExceeded):
        run(f"{HERE}:process_of", None, deadline=Deadline(SystemClock(), 0), limits=Limits())


def test_a_waiting_process_ends_with_whoever_began_it() -> None:
    """It sees the end of its input, and says nothing."""
    child = subprocess.run(
        [sys.executable, "-m", "sekoia_export.analysis.child", HERE],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, b"", b"")

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.canaries import check_files, find_canary
from tests.warm.starter import WarmStarter

# CI tries the same examples each time, so that it fails for what was changed; a developer's runs go on exploring.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_configure() -> None:
    """Have what tests start take Ctrl-C, also where a shell that ran the tests in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` makes: tests wait for the platform's pace as long as they compute."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that printed or logged a secret."""
    report = yield
    if report.passed:
        for name, text in report.sections:
            if (found := find_canary(text.encode(errors="replace"))) is not None:
                report.outcome = "failed"
                report.longrepr = f"a secret ({found}...) stands in the {name} of {item.nodeid}"
    return report


@pytest.fixture(autouse=True)
def _no_secret_in_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that left a secret in a file of its folder."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        check_files(folder)


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmStarter]:
    """Give what starts nodes from a process that has imported the SDK already, as an Engine's `start`."""
    with WarmStarter() as starter:
        yield starter

"""The search for secrets finds them, wherever `get_download_link` does not give what it was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sekoia_export.results.management import LinkResults
from tests.canaries import EXPLICIT_KEY, check_run, without_link

URL = "http://127.0.0.1:1/bucket/object?X-Amz-" + "Signature=0"  # in two, so that a failing test does not print it


def run(command: str = "get_download_link", *, reveal_key: bool = False, **results: Any) -> Any:
    """Return what became of a node with these results."""
    given = {**dict.fromkeys(LinkResults.model_fields), **results}
    told = {"stdout": "", "stderr": "", "error": None, "logs": ""}
    return SimpleNamespace(command=command, arguments={"reveal_key": reveal_key}, results=given, **told)


def test_the_link_and_the_key_that_was_asked_for_are_let_through() -> None:
    check_run(run(download_url=URL, curl_command=f"curl '{URL}'"))
    check_run(run(download_url=URL, encryption_key=EXPLICIT_KEY, reveal_key=True))


@pytest.mark.parametrize(
    "told",
    [
        run("fetch_and_decrypt", download_url=URL),
        run(download_url=URL, encryption_key=EXPLICIT_KEY),
        run(download_url=URL, curl_command=f"curl {URL} {EXPLICIT_KEY}", reveal_key=True),
        run(download_url=URL, message=f"It is {URL}"),
        run(download_url=URL, curl_command="curl http://127.0.0.1/other?X-Amz-" + "Signature=1"),
        run(message=EXPLICIT_KEY, reveal_key=True),
        run(download_url=URL, summary=URL),
    ],
)
def test_everything_else_is_found(told: Any) -> None:
    with pytest.raises(AssertionError, match="a secret"):
        check_run(told)


@pytest.mark.parametrize("results", [None, {}, {"download_url": URL}, [URL]])
def test_results_of_another_shape_are_searched_as_they_are(results: Any) -> None:
    assert without_link(results, with_key=True) is results

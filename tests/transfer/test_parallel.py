"""Several connections at once: what happens to one of them costs the others nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sekoia_export.errors import LinkExpired, TransferFailed
from sekoia_export.simulator import Fault, Kind
from sekoia_export.transfer.patience import Patience
from sekoia_export.transfer.presigned import Timeouts
from tests.transfer.metered import Metered
from tests.transfer.test_resume import export_of

if TYPE_CHECKING:
    from tests.transfer.shelf import Shelf

MEBIBYTE = 1024 * 1024
LINES, OBJECT = export_of(12 * MEBIBYTE)
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        (Kind.STATUS, {"status": 503, "body": b"<Error><Code>SlowDown</Code></Error>"}),
        (Kind.STATUS, {"status": 429, "headers": {"Retry-After": "2"}}),
        (Kind.STATUS, {"status": 200, "body": b"<html>log in", "content_type": "text/html"}),
        (Kind.RESET_BODY, {"after_bytes": 300_000}),
        (Kind.TRUNCATE_BODY, {"after_bytes": 300_000}),
        (Kind.SHORT_BODY, {"after_bytes": 300_000}),
        (Kind.WRONG_RANGE, {}),
        (Kind.FLIP, {"offset": 300_000}),
    ],
)
def test_what_one_part_meets_is_mended(shelf: Shelf, kind: Kind, details: dict[str, object]) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), Metered(shelf.source())
    fault = Fault(kind, server="storage", method="GET", nth=3)
    for name, value in details.items():
        setattr(fault, name, value)
    shelf.simulator.faults.add(fault)
    facts = shelf.fetch(source, known=known)
    assert shelf.fetched() == OBJECT
    assert facts.events_count == LINES.count(b"\n")
    assert shelf.told[-1].retries == 1
    lost = len(OBJECT) if kind is Kind.FLIP else 3 * MEBIBYTE
    assert source.read_bytes <= len(OBJECT) + lost


def test_a_part_that_is_stuck_is_cut(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(Fault(Kind.STALL, server="storage", method="GET", nth=2, after_bytes=10_000))
    shelf.patience = Patience(stuck_s=0)
    shelf.timeouts = Timeouts(connect_s=5, read_s=60)
    shelf.fetch(source, known=known)
    assert shelf.fetched() == OBJECT
    assert shelf.told[-1].retries >= 1


def test_a_server_that_forgets_ranges_is_read_in_one_stream(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(Fault(Kind.NO_RANGE, server="storage", method="GET", times=None))
    shelf.fetch(source, known=known)
    assert shelf.fetched() == OBJECT


def test_a_server_that_tells_no_size_is_read_in_one_stream(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known = replace(shelf.probe(), size_bytes=None, ranges=False)
    shelf.break_once(Kind.RESET_BODY, after_bytes=5 * MEBIBYTE)
    shelf.fetch(known=known)
    assert shelf.fetched() == OBJECT


def test_a_link_that_dies_for_all_parts_is_read_anew_once(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), shelf.source(url=shelf.url(expires_s=1))
    shelf.clock.advance(5)
    shelf.fetch(source, known=known)
    assert shelf.renewed == 1
    assert shelf.fetched() == OBJECT


def test_a_link_that_is_dead_again_keeps_what_came(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), shelf.source()
    shelf.simulator.faults.add(Fault(Kind.STATUS, server="storage", nth=3, times=None, status=403, body=EXPIRED))
    with pytest.raises(LinkExpired):
        shelf.fetch(source, known=known)
    assert shelf.renewed >= 1
    shelf.simulator.faults.clear()
    again = Metered(shelf.source())
    shelf.fetch(again, known=known)
    assert again.read_bytes < len(OBJECT)
    assert shelf.fetched() == OBJECT


def test_one_part_that_never_comes_ends_it(shelf: Shelf) -> None:
    shelf.put(OBJECT)
    known, source = shelf.probe(), shelf.source()
    poisoned = Fault(Kind.RESET_BEFORE, server="storage", method="GET", times=None)
    poisoned.when = lambda request: request.headers.get("range", "").startswith("bytes=0-")
    shelf.simulator.faults.add(poisoned)
    with pytest.raises(TransferFailed):
        shelf.fetch(source, known=known, refresh=False)
    assert shelf.fetched() is None

"""The first byte: which key, which size, whether ranges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sekoia_export.clock import Deadline
from sekoia_export.encryption import Encryption, SseKey
from sekoia_export.errors import (
    DeadlineExceeded,
    KeyRefused,
    LinkExpired,
    ObjectMissing,
    SignatureRefused,
    StorageError,
    TransferFailed,
)
from sekoia_export.simulator import Kind
from sekoia_export.transfer.probing import Probe, probe
from tests.transfer.shelf import EXPORT, fault, sse_key

if TYPE_CHECKING:
    from tests.transfer.shelf import Shelf

PROVIDED = sse_key(b"p", Encryption.PROVIDED)
DERIVED = sse_key(b"d", Encryption.DERIVED)
PLATFORM = sse_key(b"f", Encryption.PLATFORM)


def test_without_encryption_no_key_is_sent(shelf: Shelf) -> None:
    stored = shelf.put()
    assert shelf.probe([PROVIDED]) == Probe(key=None, size_bytes=len(EXPORT), etag=stored.etag, ranges=True)
    assert shelf.gets() == ["bytes=0-0"]
    assert not any("customer" in name for name in shelf.simulator.requests[0].headers)


@pytest.mark.parametrize("style", ["aws", "ceph", "seaweedfs"])
@pytest.mark.parametrize("right", [PROVIDED, DERIVED, PLATFORM])
@pytest.mark.parametrize("signed", [False, True])
def test_the_first_key_that_opens_wins(shelf: Shelf, style: str, right: SseKey, signed: bool) -> None:
    shelf.simulator.settings = replace(
        shelf.simulator.settings,
        storage_style=style,  # type: ignore[arg-type]  # a Literal
        refuses_unsigned_sse_c=signed,
    )
    shelf.put(key=right)
    url = shelf.url(signed=right) if signed else shelf.url()
    found = shelf.probe([PROVIDED, PROVIDED, DERIVED, PLATFORM], url=url)
    assert found.key == right
    assert found.size_bytes == len(EXPORT)


def test_no_key_that_opens(shelf: Shelf) -> None:
    shelf.put(key=sse_key(b"o"))
    with pytest.raises(KeyRefused, match="tried: provided, derived"):
        shelf.probe([PROVIDED, DERIVED])
    with pytest.raises(KeyRefused, match="none to try"):
        shelf.probe()


def test_a_url_whose_signature_is_never_accepted(shelf: Shelf) -> None:
    shelf.put()
    url = shelf.url(signed=sse_key(b"o"))
    with pytest.raises(SignatureRefused):
        shelf.probe(url=url)
    with pytest.raises(SignatureRefused):
        shelf.probe([PROVIDED], url=url)


def test_an_access_denied_without_a_key_may_want_one(shelf: Shelf) -> None:
    shelf.put(key=PROVIDED)
    denied = {"status": 403, "body": b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"}
    shelf.break_once(Kind.STATUS, **denied)
    assert shelf.probe([PROVIDED]).key == PROVIDED
    shelf.break_once(Kind.STATUS, **denied)
    with pytest.raises(StorageError, match="refuses access"):
        shelf.probe()


def test_an_expired_link_and_a_missing_object_are_said_at_once(shelf: Shelf) -> None:
    shelf.put()
    url = shelf.url(expires_s=1)
    shelf.clock.advance(2)
    with pytest.raises(LinkExpired):
        shelf.probe([PROVIDED], url=url)
    with pytest.raises(ObjectMissing):
        shelf.probe([PROVIDED], url=shelf.url("another"))
    assert len(shelf.gets()) == 2


def test_an_empty_object(shelf: Shelf) -> None:
    shelf.put(b"")
    assert shelf.probe().size_bytes == 0
    shelf.break_once(Kind.STATUS, status=416, body=b"<Error><Code>InvalidRange</Code></Error>")
    assert shelf.probe().size_bytes == 0
    assert shelf.gets() == ["bytes=0-0", "bytes=0-0", ""]


def test_a_server_without_ranges(shelf: Shelf) -> None:
    shelf.put()
    shelf.break_once(Kind.NO_RANGE)
    found = shelf.probe()
    assert (found.ranges, found.size_bytes) == (False, len(EXPORT))


def test_what_goes_away_by_itself_is_waited_for(shelf: Shelf) -> None:
    shelf.put()
    shelf.break_once(Kind.RESET_BEFORE)
    shelf.break_once(Kind.STATUS, status=503, headers={"Retry-After": "9"})
    shelf.break_once(Kind.STATUS, status=403, body=b"<html>")
    assert shelf.probe().ranges
    assert len(shelf.clock.slept) == 3
    assert shelf.clock.slept[1] == 9


def test_patience_and_deadline_end(shelf: Shelf) -> None:
    shelf.put()
    shelf.simulator.faults.add(fault(Kind.STATUS, status=500, times=None))
    with pytest.raises(TransferFailed, match="500"):
        shelf.probe()
    assert len(shelf.gets()) == 8
    with pytest.raises(DeadlineExceeded):
        probe(shelf.source, [], deadline=Deadline(shelf.clock, 2))
    assert shelf.clock.slept[-1] < 2

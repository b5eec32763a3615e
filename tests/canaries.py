"""Secrets of the tests, recognisable wherever they turn up, and the search for them.

Every test's output, its log and the files in its `tmp_path` are searched (tests/conftest.py); what was sent is searched
where a simulator or an engine recorded it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import SecretStr

from sekoia_export.encryption import derive_key
from sekoia_export.results.management import LinkResults

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sekoia_export.simulator import Engine, NodeRun, Simulator

ENCRYPTION_SECRET = "canary-encryption-secret-of-40-characters"
PREVIOUS_SECRET = "canary-previous-secret-of-forty-characters"
S3_SECRET = "canary-s3-secret-access-key"
EXPLICIT_KEY = base64.b64encode(b"canary-explicit-key-of-32-bytes!").decode()
OTHER_KEY = base64.b64encode(b"canary-another-key-of-32-bytes-!").decode()

# The simulator's API keys start with "simulated-"; its links are signed as S3's are.
_CANARY = re.compile(
    rb"canary-[a-z0-9-]{8,}|simulated-[A-Za-z0-9_-]{40,}|X-Amz-Signature=|"
    + b"|".join(re.escape(key.encode()) for key in (EXPLICIT_KEY, OTHER_KEY))
)


def find_canary(data: bytes, more: Iterable[bytes] = ()) -> str | None:
    """Return the beginning of the first secret in `data`, None when there is none."""
    if found := _CANARY.search(data):
        return found.group()[:24].decode()
    return next((secret[:8].decode() for secret in more if secret in data), None)


def check_text(text: str, where: str, more: Iterable[bytes] = ()) -> None:
    """Fail when a secret stands in `text`."""
    found = find_canary(text.encode(errors="replace"), more)
    assert found is None, f"a secret ({found}...) stands in {where}"


def check_files(folder: Path) -> None:
    """Fail when a secret stands in a file below `folder`, in its name, or in what a gzip file holds."""
    for path in folder.rglob("*"):
        check_text(str(path.relative_to(folder)), "a file's name")
        if not path.is_file() or path.stat().st_size > 50_000_000:
            continue
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error):
                continue  # damaged on purpose
        found = find_canary(data)
        assert found is None, f"a secret ({found}...) stands in {path.name}"


def derived_keys(simulator: Simulator) -> list[bytes]:
    """Return the keys, as base64, that a module with the canary secrets derives for the simulator's search jobs."""
    return [
        derive_key(SecretStr(secret), job_uuid=UUID(uuid)).base64_key.get_secret_value().encode()
        for uuid in simulator.jobs
        for secret in (ENCRYPTION_SECRET, PREVIOUS_SECRET)
    ]


def check_sent(simulator: Simulator) -> None:
    """Fail when a secret was sent where it does not belong: the API key to the storage, a secret to anyone."""
    for request in simulator.requests:
        where = f"{request.method} {request.path} to the {request.server}"
        sent = str(request.headers).encode() + request.body
        assert ENCRYPTION_SECRET.encode() not in sent, where
        assert PREVIOUS_SECRET.encode() not in sent, where
        if request.server == "storage":
            assert b"simulated-" not in sent, f"the API key was sent: {where}"


def without_link(results: Any, *, with_key: bool) -> Any:
    """Return results without what `get_download_link` alone may give: its URL, and the key only `with_key`.

    The command line stays, without the URL: no key may stand in it.
    """
    if not isinstance(results, dict) or set(results) != set(LinkResults.model_fields):
        return results
    rest = {**results, "download_url": None, "encryption_key": None if with_key else results["encryption_key"]}
    if results["download_url"]:
        rest["curl_command"] = (results["curl_command"] or "").replace(results["download_url"], "")
    return rest


def check_run(run: NodeRun, simulator: Simulator | None = None) -> None:
    """Fail when a secret stands in anything that a node printed or reported."""
    keys = derived_keys(simulator) if simulator else []
    for where in ("stdout", "stderr", "error", "logs"):
        check_text(str(getattr(run, where)), f"the {where} of {run.command}", keys)
    results = run.results
    if run.command == "get_download_link":
        results = without_link(results, with_key=run.arguments.get("reveal_key") is True)
    check_text(str(results), f"the results of {run.command}", keys)


def check_engine(engine: Engine) -> None:
    """Fail when a secret stands in anything that nodes sent to the engine."""
    for request in engine.requests:
        text = request.body.decode(errors="replace")
        with suppress(ValueError):
            body = json.loads(text)
            if isinstance(body, dict) and "results" in body:
                text = json.dumps({**body, "results": without_link(body["results"], with_key=True)})
        check_text(text, f"a node's {request.method} to the engine")

"""What the steps leave in the data storage: nothing secret, for nobody else, and of a known version."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from sekoia_export.encryption import accept_key, derive_key
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY
from tests.operations.bench import Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start

NAME = re.compile(r"(exports|queries|searches|fetches)/[0-9a-f]{64}\.json|tasks/[0-9a-f-]{36}\.json")


def digests(data: bytes) -> list[str]:
    hashes = [hashlib.new(name, data, usedforsecurity=False) for name in ("md5", "sha1", "sha256", "sha512")]
    return [form for each in hashes for form in (each.hexdigest(), base64.b64encode(each.digest()).decode())]


@pytest.mark.parametrize("arguments", [{}, {"encryption_key": EXPLICIT_KEY}, {"encryption": "platform"}])
@pytest.mark.parametrize("own", [False, True])
def test_no_secret_no_digest_of_one_and_no_url_is_kept(start: Start, arguments: dict[str, Any], own: bool) -> None:
    bench = start(platform_key="sse_customer_key")
    bucket = bench.own_bucket() if own else None
    outcome = bench.export(**arguments)
    assert outcome.branch == "fetched"
    files = bench.state_files()
    assert {name.split("/")[0] for name in files} == {"exports", "queries", "tasks", "searches", "fetches"}
    assert all(NAME.fullmatch(name) for name in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE((bench.folder / ".sekoia-export").stat().st_mode) == 0o700
    kept = "".join(name + path.read_text() for name, path in files.items())
    job = UUID(bench.only_export().job.uuid)
    keys = [derive_key(SecretStr(ENCRYPTION_SECRET), job_uuid=job), accept_key(SecretStr(EXPLICIT_KEY))]
    secrets = [ENCRYPTION_SECRET, bench.simulator.api_key, bench.only_export().platform_key or "-none-"]
    secrets += [] if bucket is None else [bucket.access_key_id, bucket.secret_access_key]
    for key in keys:
        text = key.base64_key.get_secret_value()
        secrets += [text, key.raw.hex(), key.base64_md5, *digests(key.raw), *digests(text.encode())]
    secrets += [
        digest for secret in (ENCRYPTION_SECRET, bench.simulator.api_key) for digest in digests(secret.encode())
    ]
    assert [secret for secret in secrets if secret in kept] == []
    assert "http" not in kept
    assert "X-Amz" not in kept
    assert {json.loads(path.read_text())["version"] for path in files.values()} == {1}


def test_names_do_not_depend_on_the_key(bench: Bench) -> None:
    bench.trigger(bench.job(), encryption_key=EXPLICIT_KEY)
    names = set(bench.state_files())
    bench.finish_exports()
    for path in bench.state_files().values():
        path.unlink()
    other = SecretStr("b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktMTI=")
    bench.trigger(next(iter(bench.simulator.jobs)), encryption_key=other.get_secret_value())
    assert {name for name in bench.state_files() if name.startswith("exports/")} == {
        name for name in names if name.startswith("exports/")
    }

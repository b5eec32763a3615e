"""A plain client of the simulator: what a test says to the platform and to the storage, without the library."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from sekoia_export.simulator import Simulator
    from tests.clock import ManualClock

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
JOBS = "/v1/sic/conf/events/search/jobs"
SEARCH = {"term": "*", "earliest_time": "-1h", "latest_time": "now", "visible": False, "term_lang": "dork"}


def encoded(key: bytes) -> tuple[str, str]:
    """Return base64 of the key and of its MD5."""
    digest = hashlib.md5(key, usedforsecurity=False).digest()
    return base64.b64encode(key).decode(), base64.b64encode(digest).decode()


def sse_c(key: bytes = KEY) -> dict[str, str]:
    """Return the storage's headers."""
    text, md5 = encoded(key)
    prefix = "x-amz-server-side-encryption-customer-"
    return {f"{prefix}algorithm": "AES256", f"{prefix}key": text, f"{prefix}key-MD5": md5}


def sse_c_fields(key: bytes = KEY) -> dict[str, str]:
    """Return the export's fields."""
    text, md5 = encoded(key)
    return {"sse_customer_algorithm": "AES256", "sse_customer_key": text, "sse_customer_key_md5": md5}


@dataclass
class Client:
    """Talks to a simulator with its API key."""

    simulator: Simulator
    clock: ManualClock
    http: requests.Session

    def ask(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.simulator.api_key}", **given.pop("headers", {})}
        return self.http.request(method, self.simulator.base_url + path, headers=headers, timeout=10, **given)

    def get(self, path: str, **given: Any) -> Any:
        answer = self.ask("GET", path, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fetch(self, url: str, headers: dict[str, str] | None = None, method: str = "GET") -> requests.Response:
        return self.http.request(method, url, headers=headers, timeout=10)

    def search(self, **body: Any) -> str:
        """Search, wait until it is done and return the job's uuid."""
        answer = self.ask("POST", JOBS, json={**SEARCH, **body})
        assert answer.status_code == 200, answer.text
        self.clock.advance(self.simulator.settings.search_pending_s + self.simulator.settings.search_duration_s)
        return str(answer.json()["uuid"])

    def trigger(self, job_uuid: str, **body: Any) -> requests.Response:
        return self.ask("POST", f"{JOBS}/{job_uuid}/export", json=body)

    def export(self, *, job_uuid: str | None = None, key: bytes | None = None, **body: Any) -> str:
        """Search (when no job is given), export, wait until it is finished and return the task's uuid."""
        if key is not None:
            body["s3"] = sse_c_fields(key)
        answer = self.trigger(job_uuid or self.search(), **body)
        assert answer.status_code == 202, answer.text
        task_uuid = str(answer.json()["task_uuid"])
        export = self.simulator.exports[task_uuid]
        self.clock.advance(export.pending_s + export.duration_s)
        return task_uuid

    def task(self, task_uuid: str) -> Any:
        return self.get(f"/v1/tasks/{task_uuid}")

    def listing(self, job_uuid: str) -> Any:
        return self.get(f"{JOBS}/{job_uuid}/export-jobs")

    def url(self, task_uuid: str) -> str:
        """Return the download_url that the task carries."""
        return str(self.task(task_uuid)["attributes"]["download_url"])


SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": encoded(KEY)[0], "SSECustomerKeyMD5": encoded(KEY)[1]}


def refused(call: Callable[..., object], **arguments: Any) -> tuple[int, str]:
    """Call boto3 and return status and code of its error."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]

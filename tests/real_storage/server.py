"""The real S3 server that the tests share, and what it answers where servers differ."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.canaries import S3_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

BUCKET = "real-storage"
REGION = "us-east-1"
_ROOT = Path(__file__).resolve().parents[2]
_STARTS = 3  # a free port can be taken before the server binds it
_START_S = 120.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests to S3 are signed with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


OWNER = Credentials("real-storage-owner", S3_SECRET)
STRANGER = Credentials("real-storage-stranger", f"{S3_SECRET}-of-a-stranger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Status and `Code` of what S3 servers answer differently; `test_answers.py` holds them to it.

    Attributes:
        no_key: a GET without the key of an object under SSE-C.
        wrong_key: a GET with another key.
        needless_key: a GET with a key of an object that has none.
        unsigned_key: a GET with the right key at a presigned URL that did not sign its headers.
        wrong_if_range: a GET of a range with If-Range of another ETag.
        unsigned_key_opens: whether our code gets at the object so.
        copies_keep_etags: whether a part of 5 MiB that the server copied has its source's ETag.
    """

    no_key: tuple[int, str]
    wrong_key: tuple[int, str]
    needless_key: tuple[int, str] = (200, "")
    unsigned_key: tuple[int, str]
    wrong_if_range: tuple[int, str] = (206, "")
    copies_keep_etags: bool

    @property
    def unsigned_key_opens(self) -> bool:
        return self.unsigned_key[0] == 200


ANSWERS = {
    "seaweedfs": Answers(
        no_key=(400, "InvalidArgument"),
        wrong_key=(403, "AccessDenied"),
        unsigned_key=(403, "SignatureDoesNotMatch"),
        copies_keep_etags=False,
    ),
    "ceph": Answers(
        no_key=(400, "InvalidArgument"),
        wrong_key=(400, "InvalidArgument"),
        unsigned_key=(200, ""),
        copies_keep_etags=True,
    ),
}


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server with one bucket, BUCKET. Tests keep apart by prefixes: a new bucket is dear in SeaweedFS."""

    url: str
    answers: Answers

    @contextlib.contextmanager
    def client(self, credentials: Credentials = OWNER) -> Iterator[S3Client]:
        """Give a client of boto3."""
        import boto3
        from botocore.config import Config

        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}),
        )
        with contextlib.closing(client):
            yield client


@contextlib.contextmanager
def shared_server(name: str, folder: Path) -> Iterator[S3Server]:
    """Give the server `name` (a key of ANSWERS), started by the first of the processes that name the same folder.

    It runs until the last of them has left (see keeper.py); the one that started it waits for that.
    """
    with contextlib.ExitStack() as stack:
        users = stack.enter_context((folder / "users").open("ab"))
        fcntl.flock(users, fcntl.LOCK_SH)
        keeper = None
        with (folder / "start").open("ab") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            if not (folder / "url").exists():
                keeper = _start(name, folder)
            server = S3Server((folder / "url").read_text(), ANSWERS[name])
            if keeper is not None:
                stack.callback(keeper.wait)
                stack.callback(users.close)
                _wait_until_it_encrypts(server, keeper)
        yield server


def _start(name: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.real_storage.keeper", name, str(folder)]
    with (folder / "keeper.log").open("ab") as log:
        for _ in range(_STARTS):
            # In a session of its own: Ctrl-C is for the tests, whose end then ends the server.
            keeper = subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log, start_new_session=True)
            for _ in range(int(_START_S / _POLL_S)):
                if (folder / "url").exists():
                    return keeper
                with contextlib.suppress(subprocess.TimeoutExpired):
                    keeper.wait(_POLL_S)
                    break
            keeper.terminate()
            keeper.wait()
    said = (folder / "keeper.log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{name} did not start; its logs lie in {folder}. {said}")


def _wait_until_it_encrypts(server: S3Server, keeper: subprocess.Popen[bytes]) -> None:
    """Return once the bucket is there, takes an object under SSE-C, and refuses it to whoever brings no key."""
    from botocore.exceptions import BotoCoreError, ClientError

    place: Any = {"Bucket": BUCKET, "Key": "is-it-ready"}
    customer_key: Any = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(32)}
    failure: Exception | None = None
    with server.client() as client:
        for _ in range(int(_START_S / _POLL_S)):
            try:
                if BUCKET not in (each["Name"] for each in client.list_buckets()["Buckets"]):
                    client.create_bucket(Bucket=BUCKET)
                client.put_object(**place, **customer_key, Body=b"yes")
                assert client.get_object(**place, **customer_key)["Body"].read() == b"yes"
                break
            except (BotoCoreError, ClientError) as error:
                failure = error
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"the server ended with status {keeper.wait(_POLL_S)}") from failure
        else:
            raise RuntimeError(f"the server was not ready within {_START_S:g} s") from failure
        with contextlib.suppress(ClientError):
            client.get_object(**place)
            raise RuntimeError("the server does not enforce SSE-C")
        client.delete_object(**place)

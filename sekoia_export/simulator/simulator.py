"""The simulator: a platform and a storage on loopback, alive between `with` and its end."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sekoia_export.clock import Clock, SystemClock
from sekoia_export.simulator.faults import Faults, Recorded
from sekoia_export.simulator.objects import StoredObject, store
from sekoia_export.simulator.platform_api import platform_application
from sekoia_export.simulator.server import Server
from sekoia_export.simulator.settings import Settings
from sekoia_export.simulator.state import PERMISSIONS, PLATFORM_BUCKET, State
from sekoia_export.simulator.storage import Storage

if TYPE_CHECKING:
    from types import TracebackType

    from sekoia_export.simulator.buckets import Buckets
    from sekoia_export.simulator.cases import Case
    from sekoia_export.simulator.exports import Export
    from sekoia_export.simulator.jobs import SearchJob
    from sekoia_export.simulator.services import Indicator, Message

COMMUNITY_UUID = "6ffbe55b-d30a-4dc4-bc52-a213dce0af29"


class Simulator:
    """A platform and the storage it writes to, each on a port of its own (a leaked API key is seen at the storage).

    Args:
        settings: how they behave; can be exchanged while they run.
        clock: durations, expiry and quotas go by it; a test shares its own with the code under test.
        port: of the platform; 0 for a free one. storage_port: of the storage.
        api_key: the valid API key; a random one when not given.

    Attributes:
        base_url: of the platform. storage_url: of the storage. Both without a slash at the end.
        api_key: has every permission.
        api_keys: the permission uuids of each key; add keys, or take permissions away. A key in `expired_keys` or
            `revoked_keys` is refused although it is here.
        requests: what arrived, at either server, in order.
        faults: what is to go wrong.
        jobs, exports, cases: the state, to read and to change; exports by the uuid of their task.
        messages, indicators: what playbooks posted to Mattermost and added to IOC collections (by the collection's id).
        buckets: the storage's buckets; `buckets.create(name)` makes one with credentials.
        community_uuid: the community of the API key.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        *,
        port: int = 0,
        storage_port: int = 0,
        api_key: str | None = None,
    ) -> None:
        settings = settings or Settings()
        self.clock: Clock = clock or SystemClock()
        self.api_key = api_key or f"simulated-{secrets.token_urlsafe(32)}"
        self.faults = Faults()
        self.requests: list[Recorded] = []
        self.community_uuid = COMMUNITY_UUID
        self._folder = tempfile.TemporaryDirectory(prefix="sekoia-simulator-")
        self._state = State(
            settings=settings,
            clock=self.clock,
            folder=Path(self._folder.name),
            community_uuid=COMMUNITY_UUID,
            api_keys={self.api_key: set(PERMISSIONS)},
        )
        tls = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            tls = (settings.tls_certificate, settings.tls_key)
        self._platform = Server(
            "platform", platform_application(self._state), port=port, tls=tls, faults=self.faults,
            requests=self.requests, clock=self.clock,
        )  # fmt: skip
        self._storage = Server(
            "storage", Storage(self._state), port=storage_port, tls=tls, faults=self.faults,
            requests=self.requests, clock=self.clock,
        )  # fmt: skip
        self.base_url = self._platform.url
        self.storage_url = self._state.storage_url = self._storage.url

    @property
    def settings(self) -> Settings:
        return self._state.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._state.settings = settings

    @property
    def api_keys(self) -> dict[str, set[str]]:
        return self._state.api_keys

    @property
    def expired_keys(self) -> set[str]:
        return self._state.expired_keys

    @property
    def revoked_keys(self) -> set[str]:
        return self._state.revoked_keys

    @property
    def jobs(self) -> dict[str, SearchJob]:
        return self._state.jobs

    @property
    def exports(self) -> dict[str, Export]:
        return self._state.exports

    @property
    def cases(self) -> dict[str, Case]:
        return self._state.cases

    @property
    def messages(self) -> list[Message]:
        return self._state.messages

    @property
    def indicators(self) -> dict[str, list[Indicator]]:
        return self._state.indicators

    @property
    def buckets(self) -> Buckets:
        return self._state.buckets

    @property
    def folder(self) -> Path:
        """Return where the objects lie."""
        return self._state.folder

    def publish(self, content: bytes, *, name: str, key: bytes | None = None) -> StoredObject:
        """Put an object of any bytes into the platform's bucket, in the place of one with its name.

        Args:
            content: its bytes.
            name: its key in the bucket.
            key: the 32 bytes to encrypt it with; not encrypted when not given.
        """
        stored = store([content], self._state.new_path(), key=key, now=self.clock.now())
        self._state.buckets[PLATFORM_BUCKET].objects[name] = stored
        return stored

    def presign(self, name: str, *, ttl_s: int = 3_600) -> str:
        """Return a presigned URL, good for `ttl_s` seconds, of the object `name` in the platform's bucket."""
        return self._state.presign(PLATFORM_BUCKET, name, now=self.clock.now(), ttl_s=ttl_s)

    def start(self) -> Self:
        """Serve; `with` does it too."""
        self._platform.start()
        self._storage.start()
        return self

    def stop(self) -> None:
        """Close every socket and delete every object; returns when no thread is left."""
        self._platform.stop()
        self._storage.stop()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

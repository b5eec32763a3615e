"""What every step is given: its surroundings, the platform under a deadline, its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from sekoia_export.api.client import Client
from sekoia_export.api.platform import Platform
from sekoia_export.api.regions import api_root
from sekoia_export.clock import Clock, Deadline
from sekoia_export.state import State

if TYPE_CHECKING:
    from sekoia_export.configuration import Configuration
    from sekoia_export.transfer.data_storage import DataStorage


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step works with.

    Attributes:
        configuration: where the platform is, the key to it, the encryption secret, an own bucket.
        storage: the data storage, where files go, and state unless it has a place of its own.
        clock: where time comes from.
        run_uuid: the playbook run, the same for a rerun of its nodes, or the command line's run, the same when it is
            resumed; None where nothing is run again.
        state_storage: where state goes, for who fetches to many places and resumes from anywhere; None: to `storage`.
        folder: what a summary calls the data storage, for who knows it as a folder; None for the playbook's.
    """

    configuration: Configuration
    storage: DataStorage
    clock: Clock
    run_uuid: str | None = None
    state_storage: DataStorage | None = None
    folder: str | None = None

    def step(self, timeout_s: float | None) -> Step:
        """Return a step with a deadline of its own, `timeout_s` from now."""
        deadline = Deadline(self.clock, timeout_s)
        root = api_root(self.configuration.base_url)
        client = Client(root=root, api_key=self.configuration.required_api_key(), deadline=deadline)
        return Step(self, Platform(client), State(self.state_storage or self.storage))


@dataclass(frozen=True, slots=True)
class Step:
    """A step under way: its surroundings, the platform under its deadline, its state."""

    surroundings: Surroundings
    platform: Platform
    state: State

    @property
    def configuration(self) -> Configuration:
        return self.surroundings.configuration

    @property
    def clock(self) -> Clock:
        return self.surroundings.clock

    @property
    def storage(self) -> DataStorage:
        return self.surroundings.storage

    @property
    def deadline(self) -> Deadline:
        return self.platform.deadline

    def within(self, deadline: Deadline, *, patience_s: float | None = None) -> Step:
        """Return this step under another deadline."""
        return replace(self, platform=self.platform.within(deadline, patience_s=patience_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.platform.client.close()

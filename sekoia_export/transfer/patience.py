"""How often, and after how long, something that broke is tried again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sekoia_export.clock import Deadline
    from sekoia_export.errors import TransferFailed

log = logging.getLogger(__name__)
_random = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """A policy of retrying.

    Args:
        attempts: tries in a row without progress before it is given up; the first one counts.
        first_wait_s: the most that is waited before the second try; it doubles from try to try.
        longest_wait_s: the most that is ever waited.
        stuck_s: how long a part may be without a new byte before its connection is cut.
        slow_after_s: how long a part is watched before it is compared with the others.
        slow_ratio: the fraction of the others' rate under which a part's connection is cut.
    """

    attempts: int = 8
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    stuck_s: float = 10.0
    slow_after_s: float = 4.0
    slow_ratio: float = 0.2

    def wait_s(self, failures: int, failure: TransferFailed) -> float:
        """Return how long to wait after so many failures in a row: with jitter, or as long as the server asked."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        ceiling = min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1))
        return _random.uniform(ceiling / 2, ceiling)


class Tries:
    """The tries of one request under one deadline.

    Args:
        patience: see Patience.
        deadline: what waiting must not pass; also the clock.
    """

    def __init__(self, patience: Patience, deadline: Deadline) -> None:
        self._patience = patience
        self._deadline = deadline
        self._in_a_row = 0

    def wait_after(self, failure: TransferFailed) -> None:
        """Wait before the next try.

        Raises:
            TransferFailed: `failure` itself, when it was the last try.
            DeadlineExceeded: the deadline has passed, or would while waiting.
        """
        self._in_a_row += 1
        if self._in_a_row >= self._patience.attempts:
            raise failure
        pause_s = self._patience.wait_s(self._in_a_row, failure)
        log.info("%s Trying again in %.1f s.", failure.cause, pause_s)
        self._deadline.clock.sleep(min(pause_s, self._deadline.remaining_s()))
        self._deadline.check("The transfer")

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
    """

    attempts: int = 8
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0


class Tries:
    """The tries of one transfer under one deadline.

    Args:
        patience: see Patience.
        deadline: what waiting must not pass; also the clock.

    Attributes:
        retries: failures that were waited out so far.
    """

    def __init__(self, patience: Patience, deadline: Deadline) -> None:
        self.retries = 0
        self._patience = patience
        self._deadline = deadline
        self._in_a_row = 0

    def progressed(self) -> None:
        """Forget the failures so far: bytes came."""
        self._in_a_row = 0

    def wait_after(self, failure: TransferFailed) -> None:
        """Wait before the next try, with full jitter, or as long as the server asked.

        Raises:
            TransferFailed: `failure` itself, when it was the last try.
            DeadlineExceeded: the deadline has passed, or would while waiting.
        """
        self._in_a_row += 1
        if self._in_a_row >= self._patience.attempts:
            raise failure
        self.retries += 1
        ceiling = min(self._patience.longest_wait_s, self._patience.first_wait_s * 2 ** (self._in_a_row - 1))
        pause_s = _random.uniform(ceiling / 2, ceiling) if failure.retry_after_s is None else failure.retry_after_s
        log.info("%s Trying again in %.1f s.", failure.cause, pause_s)
        self._deadline.clock.sleep(min(pause_s, self._deadline.remaining_s()))
        self._deadline.check("The transfer")

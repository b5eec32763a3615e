"""How many requests the adaptive wait takes beside a poll every two seconds, and how late it sees the end.

    python benchmarks/polling.py

Simulated, so it takes seconds. Each line is the worst of twenty tasks whose durations lie evenly within 5 % above the
one it names: of a single duration, the last look may fall luckily.
"""

from __future__ import annotations

import sys

from sekoia_export.times import in_words
from tests.simulated_wait import SHAPES, Shape, simulate

DURATIONS_S = (5, 10, 30, 60, 300, 600, 1800, 3600, 10800)
TASKS = 20


def row(shape: Shape, duration_s: float) -> tuple[str, bool]:
    """Return a line of the table, and whether the end was seen when it had to be."""
    outcomes = [simulate(shape, duration_s * (1 + 0.05 * task / TASKS)) for task in range(TASKS)]
    dearest = max(outcomes, key=lambda outcome: outcome.share)
    latest = max(outcomes, key=lambda outcome: outcome.late_s)
    in_time = all(outcome.in_time for outcome in outcomes)
    verdict = "yes" if in_time else "no, allowed" if shape.may_be_late and latest.late_s <= 30 else "NO"
    line = (
        f"{shape.name:22}{in_words(duration_s):>8}{dearest.requests:>7}{dearest.poll_requests:>9}{dearest.share:>8.1%}"
        f"{latest.late_s:>9.1f} s{latest.late_s / latest.duration_s:>8.1%}  {verdict}"
    )
    return line, verdict != "NO"


def main() -> int:
    """Print the table; return 1 when an end was seen too late."""
    print(
        f"{'progress':22}{'takes':>8}{'looks':>7}{'2 s poll':>9}{'share':>8}{'late by':>11}{'':8}  within max(2 s, 2 %)"
    )
    good = True
    for shape in SHAPES:
        print()
        for duration_s in DURATIONS_S:
            line, in_time = row(shape, duration_s)
            good = good and in_time
            print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""When to try again and when to give up (RFC 5321 4.5.4.1)."""

import random
from collections.abc import Sequence

RETRY_SECONDS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0)  # the last one again and again
JITTER = 0.2  # so that what failed together does not come back together


class Schedule:
    """The waits between attempts. A message's own `expires_at` says when to give up."""

    def __init__(
        self,
        waits_seconds: Sequence[float] = RETRY_SECONDS,
        jitter: float = JITTER,
        chance: random.Random | None = None,
    ) -> None:
        if not waits_seconds:
            raise ValueError("A schedule has at least one wait.")
        self._waits_seconds = tuple(waits_seconds)
        self._jitter = jitter
        self._chance = chance or random.SystemRandom()

    def next_at(self, attempts: int, now: int, expires_at: int) -> int | None:
        """When to try after so many attempts, all failed; None where the time is over.

        The last attempt falls on the end of the time, so that nothing waits beyond it.
        """
        if now >= expires_at:
            return None
        wait = self._waits_seconds[min(max(attempts, 1), len(self._waits_seconds)) - 1]
        spread = self._chance.uniform(1 - self._jitter, 1 + self._jitter)
        return min(now + int(wait * 1000 * spread), expires_at)

    def shortest_seconds(self, attempts: int) -> float:
        """The least time that passes after so many failures: nothing becomes due before it."""
        wait = self._waits_seconds[min(max(attempts, 1), len(self._waits_seconds)) - 1]
        return wait * (1 - self._jitter)

"""How often something has happened lately, for many keys at once, in bounded memory."""

from collections import Counter, deque
from collections.abc import Callable, Hashable

BUCKETS = 6
MOST_KEYS = 65_536


class Tally:
    """Counts by time buckets: a period is over when its bucket falls off, and nothing is swept.

    Where more keys come than there is room for, the oldest bucket falls off early: who has so many addresses is not
    held by a limit on each anyway.
    """

    def __init__(self, period_seconds: float, clock: Callable[[], float], most_keys: int = MOST_KEYS) -> None:
        self._width_seconds = period_seconds / BUCKETS
        self._clock = clock
        self._most_in_bucket = max(1, most_keys // (BUCKETS + 1))
        # The newest stands first. One more than the period has, as the newest is never full.
        self._buckets: deque[Counter[Hashable]] = deque([Counter()], maxlen=BUCKETS + 1)
        self._ends_at = clock() + self._width_seconds

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._buckets)

    def add(self, key: Hashable, number: int = 1) -> int:
        """Count; how often it was within the period, this time included."""
        self._turn()
        newest = self._buckets[0]
        if key not in newest and len(newest) >= self._most_in_bucket:
            newest = Counter()
            self._buckets.appendleft(newest)
        newest[key] += number
        return self.count(key)

    def count(self, key: Hashable) -> int:
        """How often it was within the period."""
        self._turn()
        total = 0
        for bucket in self._buckets:
            total += bucket.get(key, 0)
        return total

    def _turn(self) -> None:
        now = self._clock()
        if now < self._ends_at:
            return
        passed = int((now - self._ends_at) / self._width_seconds) + 1
        for _ in range(min(passed, BUCKETS + 1)):
            self._buckets.appendleft(Counter())
        self._ends_at += passed * self._width_seconds

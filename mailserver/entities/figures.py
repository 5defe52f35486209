"""What is counted as it happens, in plain numbers: a step costs an addition, and whoever asks for metrics reads them.

Each of these is changed by one thread only. Others may read it at any time, and see a number that was true.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

QUICK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
SIZES_BYTES = tuple(float(1 << power) for power in range(10, 28, 2))  # 1 KiB to 64 MiB
GROUPS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Spread:
    """How values are spread over ranges; `bounds` are the largest values of each but the last."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    @property
    def total(self) -> float:
        """The sum of all values."""
        return self._total

    @property
    def cumulative(self) -> list[tuple[str, int]]:
        """For each bound, and for infinity, how many values were no larger; bounds as Prometheus writes them."""
        found, number = [], 0
        for bound, count in zip((*map(repr, self._bounds), "+Inf"), tuple(self._counts), strict=True):
            number += count
            found.append((bound, number))
        return found


@dataclass(frozen=True, slots=True)
class Figures:
    """What services count."""

    authentication: Counter[tuple[str, str]] = field(default_factory=Counter)  # method, result
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)  # result, TLS
    attempt_seconds: Spread = field(default_factory=lambda: Spread(SLOW_SECONDS))
    bounces: Counter[tuple[str]] = field(default_factory=Counter)  # class
    webhooks: Counter[tuple[str]] = field(default_factory=Counter)  # result

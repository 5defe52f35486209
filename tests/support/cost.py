"""What a piece of work costs: its own time of the processor, on a machine as fast as the one where bounds were set."""

import time
from collections.abc import Callable

RUNS = 3
_YARDSTICK_SECONDS = 0.005  # what the yardstick takes on that machine while it is quiet


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """What the cheapest of three runs costs: whatever else a machine does slows one of them down, or this down, too."""
    return min(_once(work, *arguments) for _ in range(RUNS)) / slowness()


def slowness() -> float:
    """How many times slower than there work is done here and now; at least 1."""
    return max(1.0, min(_once(_yardstick) for _ in range(RUNS)) / _YARDSTICK_SECONDS)


def _once(work: Callable[..., object], *arguments: object) -> float:
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def _yardstick() -> None:
    words: dict[str, int] = {}
    for number in range(20_000):
        word = f"{number % 977:x}"
        words[word] = words.get(word, 0) + len(word)
    ",".join(sorted(words)).encode().split(b",")

"""How long a webhook waits after a try that failed, and when it is given up."""

import random
from collections.abc import Callable

from mailserver.entities.webhook import Backoff

MINUTE, HOUR = 60.0, 3600.0
SCHEDULE = (
    5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 1 * HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR,
)  # fmt: skip  # about 28 hours in all
IMMEDIATE_SECONDS = 1.0
FIXED_SECONDS = 60.0
JITTER = 0.2
LONGEST_SECONDS = 24 * HOUR  # that a receiver may put us off for


def wait_seconds(
    tries: int,
    retries: int | None,
    backoff: Backoff | None,
    asked: float | None,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """How long to wait after so many tries; None where that was the last. `asked` is what the receiver asks for."""
    most = len(SCHEDULE) if retries is None else retries
    if tries > most:
        return None
    match backoff:
        case Backoff.IMMEDIATE:
            seconds = IMMEDIATE_SECONDS
        case Backoff.FIXED:
            seconds = FIXED_SECONDS
        case _:
            seconds = SCHEDULE[min(tries, len(SCHEDULE)) - 1]
    jittered = seconds * (1 + JITTER * (chance() - 0.5))
    return max(jittered, min(asked or 0.0, LONGEST_SECONDS))

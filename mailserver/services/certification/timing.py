"""When a certificate is renewed, and how long to wait where that fails."""

from collections.abc import Callable

from mailserver.certificates.attempts import Attempt
from mailserver.certificates.leaf import Leaf

HOURS = 3600
# An authority lets a name fail five times an hour, and gives out five certificates for the same names a week.
WAITS_SECONDS = (900, 1800, 1 * HOURS, 2 * HOURS, 4 * HOURS, 8 * HOURS, 12 * HOURS)
RATE_LIMITED_SECONDS = 3 * HOURS  # where the authority says not how long
JITTER = 0.2
SEEN_SECONDS = 2 * HOURS  # RFC 7671 8.1: a key is used when the records that know nothing of it are gone from caches


def due_at(leaf: Leaf, attempt: Attempt) -> int:
    """When a certificate is to be renewed: as the authority suggests, else at two thirds of its lifetime."""
    if attempt.renew_at and attempt.renewal_id == leaf.renewal_id:
        return attempt.renew_at
    return leaf.not_before_at + (leaf.not_after_at - leaf.not_before_at) * 2 // 3


def wait_ms(failures: int, asked_seconds: float | None, *, is_limited: bool, random: Callable[[], float]) -> int:
    """How long to wait after so many failures in a row, and never less than the authority asked for."""
    step = WAITS_SECONDS[min(max(failures, 1), len(WAITS_SECONDS)) - 1] * (1 + JITTER * random())
    least = asked_seconds if asked_seconds is not None else RATE_LIMITED_SECONDS if is_limited else 0.0
    return int(max(step, least) * 1000)

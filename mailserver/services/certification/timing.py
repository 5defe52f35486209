"""When a certificate is renewed, and how long to wait where that fails."""

from collections.abc import Callable
from dataclasses import replace

from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.attempts import Attempt
from mailserver.certificates.leaf import Leaf
from mailserver.certificates.revocations import Revocation

HOURS = 3600
# An authority lets a name fail five times an hour, and gives out five certificates for the same names a week.
WAITS_SECONDS = (900, 1800, 1 * HOURS, 2 * HOURS, 4 * HOURS, 8 * HOURS, 12 * HOURS)
RATE_LIMITED_SECONDS = 3 * HOURS  # where the authority says not how long
JITTER = 0.2
# RFC 7671 8.1: a key is used when the records that know nothing of it are gone from caches, two times to live after its
# own record is there; never before the first, for what was not asked for may be older than it looks.
SEEN_SECONDS = 2 * HOURS


def due_at(leaf: Leaf, attempt: Attempt) -> int:
    """When a certificate is to be renewed: as the authority suggests, else at two thirds of its lifetime."""
    if attempt.renew_at and attempt.renewal_id == leaf.renewal_id:
        return attempt.renew_at
    return leaf.not_before_at + (leaf.not_after_at - leaf.not_before_at) * 2 // 3


def ripe_at(attempt: Attempt) -> int | None:
    """When the next key may be used; None while its record is not in DNS."""
    if not attempt.next_key_seen_at:
        return None
    return attempt.next_key_seen_at + int(max(SEEN_SECONDS, 2 * attempt.longest_ttl_seconds) * 1000)


def revocation_failed(revocation: Revocation, no: Problem, now: int) -> Revocation:
    """A revocation that the authority has not done: for good, or until another try."""
    wait = max(no.retry_after_seconds or 0, WAITS_SECONDS[0])
    return replace(revocation, last_error=str(no), is_refused=no.is_final, not_before_at=now + int(wait * 1000))


def wait_ms(failures: int, asked_seconds: float | None, *, is_limited: bool, random: Callable[[], float]) -> int:
    """How long to wait after so many failures in a row, and never less than the authority asked for."""
    step = WAITS_SECONDS[min(max(failures, 1), len(WAITS_SECONDS)) - 1] * (1 + JITTER * random())
    least = asked_seconds if asked_seconds is not None else RATE_LIMITED_SECONDS if is_limited else 0.0
    return int(max(step, least) * 1000)

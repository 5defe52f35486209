"""Which network, sender and recipient were seen together, and since when."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction

REFRESH_MS = 86_400_000  # the last sight of a triplet is written down once a day
SWEPT_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Periods:
    """How long a stranger waits, until when the second try counts, and how long a triplet is known. Milliseconds."""

    wait: int
    retry: int
    lifetime: int


def triplet(network: str, sender: str, recipient: str) -> int:
    """The key of a triplet."""
    digest = hashlib.blake2b(f"{network}\0{sender}\0{recipient}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big", signed=True)


def waits(snapshot: Snapshot, triplets: Sequence[int], now: int, periods: Periods) -> int | None:
    """The milliseconds that are still to wait; None where `meet` has something to write."""
    longest = 0
    for key in triplets:
        row = snapshot.one("SELECT first_at, last_at, passed FROM greylist WHERE triplet = ?", (key,))
        if row is None:
            return None
        first_at, last_at, passed = row
        if passed:
            if now - last_at >= REFRESH_MS:
                return None
        elif 0 <= now - first_at < periods.wait:
            longest = max(longest, first_at + periods.wait - now)
        else:
            return None
    return longest


def meet(tx: Transaction, triplets: Sequence[int], now: int, periods: Periods) -> int:
    """Note that triplets came by; the milliseconds that are still to wait, 0 where none is."""
    return max((_meet(tx, key, now, periods) for key in triplets), default=0)


def expire(tx: Transaction, now: int, periods: Periods) -> int:
    """Forget triplets that did not come back in time and those not seen for long; how many."""
    count = 0
    for passed, kept in ((0, periods.retry), (1, periods.lifetime)):
        count += tx.execute(
            "DELETE FROM greylist WHERE triplet IN "
            "(SELECT triplet FROM greylist WHERE passed = ? AND last_at < ? LIMIT ?)",
            (passed, now - kept, SWEPT_AT_ONCE),
        ).rowcount
    return count


def _meet(tx: Transaction, key: int, now: int, periods: Periods) -> int:
    row = tx.one("SELECT first_at, last_at, passed FROM greylist WHERE triplet = ?", (key,))
    if row is not None:
        first_at, last_at, passed = row
        if passed and now - last_at < periods.lifetime:
            if now - last_at >= REFRESH_MS:
                tx.execute("UPDATE greylist SET last_at = ? WHERE triplet = ?", (now, key))
            return 0
        waited = now - first_at
        if not passed and 0 <= waited < periods.wait:
            left: int = periods.wait - waited
            return left
        if not passed and 0 <= waited < periods.retry:
            tx.execute("UPDATE greylist SET passed = 1, last_at = ? WHERE triplet = ?", (now, key))
            return 0
    tx.execute(
        "INSERT INTO greylist(triplet, first_at, last_at, passed) VALUES (?, ?, ?, 0) ON CONFLICT(triplet) "
        "DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at, passed = 0",
        (key, now, now),
    )
    return periods.wait

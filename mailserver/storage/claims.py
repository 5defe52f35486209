"""Who works on which delivery, until when: due rows under a lease.

A claimed row is due again when its lease ends, so `next_attempt_at` alone says what can be claimed, and a worker that
dies needs no clearing up. Claiming counts the attempt: it is on the disk before anybody connects.
"""

from collections.abc import Sequence

from mailserver.entities.delivery import Job, Lane
from mailserver.storage import deliveries
from mailserver.storage.database import Snapshot, Transaction

_LANES = (
    "SELECT domain, tenant_id, MIN(next_attempt_at) FROM delivery "
    "WHERE state = 'queued' AND next_attempt_at <= ? GROUP BY domain, tenant_id"
)
# The inner select picks, the outer conditions hold again at the moment of writing: no row has two owners.
_CLAIM = (
    "UPDATE delivery SET lease_owner = ?, lease_until = ?, next_attempt_at = ?, attempts = attempts + 1 "
    "WHERE id IN (SELECT id FROM delivery WHERE state = 'queued' AND domain = ? AND tenant_id = ? "
    "AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?) "
    "AND state = 'queued' AND next_attempt_at <= ? RETURNING id"
)
_EXPIRED = (
    "SELECT d.id FROM delivery d JOIN queued q ON q.id = d.queued_id "
    "WHERE d.state = 'queued' AND d.lease_until <= ? AND q.expires_at <= ? LIMIT ?"
)
_TAKE = (
    "UPDATE delivery SET lease_owner = ?, lease_until = ?, next_attempt_at = ? "
    "WHERE id = ? AND state = 'queued' AND lease_until <= ? RETURNING id"
)


def lanes(snapshot: Snapshot, now: int) -> list[Lane]:
    """Which tenants have due mail to which destinations."""
    return [Lane(*row) for row in snapshot.all(_LANES, [now])]


def claim(tx: Transaction, owner: str, until: int, now: int, quotas: Sequence[tuple[Lane, int]]) -> list[Job]:
    """Take at most so many due deliveries of each lane, oldest first."""
    claimed: list[int] = []
    for lane, limit in quotas:
        values = [owner, until, until, lane.domain, lane.tenant_id, now, limit, now]
        claimed.extend(row[0] for row in tx.all(_CLAIM, values))
    return deliveries.jobs(tx, claimed)


def expired(snapshot: Snapshot, now: int, limit: int) -> list[int]:
    """Deliveries whose time is over, due or not, and that nobody holds."""
    return [row[0] for row in snapshot.all(_EXPIRED, [now, now, limit])]


def take(tx: Transaction, owner: str, until: int, now: int, delivery_ids: Sequence[int]) -> list[Job]:
    """Hold these deliveries where nobody else does, without counting an attempt."""
    taken: list[int] = []
    for delivery_id in delivery_ids:
        taken.extend(row[0] for row in tx.all(_TAKE, [owner, until, until, delivery_id, now]))
    return deliveries.jobs(tx, taken)


def give_back(tx: Transaction, owner: str, delivery_ids: Sequence[int], due_at: int) -> None:
    """Let go of deliveries that were never tried."""
    tx.executemany(
        "UPDATE delivery SET lease_owner = NULL, lease_until = 0, next_attempt_at = ?, "
        "attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END WHERE id = ? AND lease_owner = ?",
        [(due_at, delivery_id, owner) for delivery_id in delivery_ids],
    )


def recover(tx: Transaction, owner: str, now: int) -> int:
    """Make due what this owner held when it died; how many there were."""
    cursor = tx.execute(
        "UPDATE delivery SET lease_owner = NULL, lease_until = 0, next_attempt_at = ? "
        "WHERE lease_owner = ? AND state IN ('queued', 'held')",
        [now, owner],
    )
    return cursor.rowcount


def extend(tx: Transaction, owner: str, until: int, delivery_ids: Sequence[int]) -> None:
    """Hold these deliveries for longer."""
    tx.executemany(
        "UPDATE delivery SET lease_until = ?, next_attempt_at = ? WHERE id = ? AND lease_owner = ?",
        [(until, until, delivery_id, owner) for delivery_id in delivery_ids],
    )


def postpone(tx: Transaction, domain: str, *, until: int, now: int, reply: str, host: str) -> int:
    """Let everything due for a destination that does not answer wait, with the reason; no attempt is counted."""
    cursor = tx.execute(
        "UPDATE delivery SET next_attempt_at = ?, last_reply = ?, last_host = ? "
        "WHERE state = 'queued' AND domain = ? AND next_attempt_at <= ? AND lease_until <= ?",
        [until, reply, host, domain, now, now],
    )
    return cursor.rowcount


def late(snapshot: Snapshot, queued_before: int, limit: int) -> list[Job]:
    """Deliveries that have been tried and wait since before a time, and whose sender does not know it yet."""
    rows = snapshot.all(
        "SELECT id FROM delivery WHERE state = 'queued' AND delay_notified = 0 AND attempts > 0 "
        "AND created_at <= ? ORDER BY id LIMIT ?",
        [queued_before, limit],
    )
    return deliveries.jobs(snapshot, [row[0] for row in rows])


def next_due_at(snapshot: Snapshot, now: int) -> int | None:
    """When the next delivery that waits becomes due."""
    row = snapshot.one(
        "SELECT MIN(next_attempt_at) FROM delivery WHERE state = 'queued' AND next_attempt_at > ?", [now]
    )
    return None if row is None else row[0]

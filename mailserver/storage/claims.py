"""Who works on which delivery, until when: due rows under a lease.

A claimed row is due again when its lease ends, so `next_attempt_at` alone says what can be claimed, and a worker that
dies needs no clearing up. Claiming counts the attempt: it is on the disk before anybody connects.
"""

from collections.abc import Sequence

from mailserver.entities.delivery import Job, Lane
from mailserver.storage import deliveries, email_submissions
from mailserver.storage.database import Snapshot, Transaction

_LANES = (
    "SELECT domain, tenant_id, MIN(next_attempt_at) FROM delivery "
    "WHERE state = 'queued' AND next_attempt_at <= ? GROUP BY domain, tenant_id"
)
# RFC 6710 5.2: a higher priority goes first, and as each step of it is worth this much waiting, nothing waits for ever.
# The index `delivery_urgency` has the number in it.
URGENCY_MS = 60_000
_DUE = "state = 'queued' AND domain = ? AND tenant_id = ? AND next_attempt_at <= ?"
# Nearly all mail has priority 0, where one range of an index is in order; the few others have an index of their own.
_PICK = (
    "SELECT id FROM ("
    "SELECT * FROM (SELECT id, next_attempt_at AS due FROM delivery "
    f"WHERE {_DUE} AND priority = 0 ORDER BY next_attempt_at, id LIMIT ?) UNION ALL "
    f"SELECT * FROM (SELECT id, next_attempt_at - priority * {URGENCY_MS} AS due FROM delivery "
    f"WHERE {_DUE} AND priority != 0 ORDER BY next_attempt_at - priority * {URGENCY_MS} LIMIT ?)"
    ") ORDER BY due, id LIMIT ?"
)
# The inner select picks, the outer conditions hold again at the moment of writing: no row has two owners.
_CLAIM = (
    "UPDATE delivery SET lease_owner = ?, lease_until = ?, next_attempt_at = ?, attempts = attempts + 1 "
    f"WHERE id IN ({_PICK}) AND state = 'queued' AND next_attempt_at <= ? RETURNING id"
)
_EXPIRED = (
    "SELECT d.id FROM delivery d JOIN queued q ON q.id = d.queued_id "
    "WHERE d.state = 'queued' AND d.lease_until <= ? AND q.expires_at <= ? LIMIT ?"
)
# What has a time by which it is wanted has an index of its own, so that one may look every few seconds.
_OVERDUE = (
    "SELECT d.id FROM queued q JOIN delivery d ON d.queued_id = q.id WHERE q.by_at IS NOT NULL AND q.by_at <= ? "
    "AND q.by_mode {} AND q.open_deliveries > 0 AND d.state = 'queued' AND d.lease_until <= ? {} LIMIT ?"
)
_RETURNED = _OVERDUE.format("IN ('R', 'RT')", "")
_TOLD = _OVERDUE.format("IN ('N', 'NT')", "AND d.by_notified = 0")
_TAKE = (
    "UPDATE delivery SET lease_owner = ?, lease_until = ?, next_attempt_at = ? "
    "WHERE id = ? AND state = 'queued' AND lease_until <= ? RETURNING id"
)


def lanes(snapshot: Snapshot, now: int) -> list[Lane]:
    """Which tenants have due mail to which destinations."""
    return [Lane(*row) for row in snapshot.all(_LANES, [now])]


def claim(tx: Transaction, owner: str, until: int, now: int, quotas: Sequence[tuple[Lane, int]]) -> list[Job]:
    """Take at most so many due deliveries of each lane, the urgent and the oldest first."""
    claimed: list[int] = []
    for lane, limit in quotas:
        due = (lane.domain, lane.tenant_id, now, limit)
        claimed.extend(row[0] for row in tx.all(_CLAIM, [owner, until, until, *due, *due, limit, now]))
    jobs = deliveries.jobs(tx, claimed)
    email_submissions.told(tx, sorted({job.message.id for job in jobs if _is_released(job)}))
    return jobs


def _is_released(job: Job) -> bool:
    """Whether it had waited for its time: from now on nobody can take it back."""
    return job.message.release_at is not None and any(each.attempts == 1 for each in job.deliveries)


def expired(snapshot: Snapshot, now: int, limit: int) -> list[int]:
    """Deliveries whose time is over, due or not, and that nobody holds."""
    return [row[0] for row in snapshot.all(_EXPIRED, [now, now, limit])]


def overdue(snapshot: Snapshot, now: int, limit: int, *, is_returned: bool) -> list[int]:
    """Deliveries that were wanted by now: those that go back (RFC 2852), or those whose sender wants to be told."""
    return [row[0] for row in snapshot.all(_RETURNED if is_returned else _TOLD, [now, now, limit])]


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


def late(snapshot: Snapshot, queued_before: int, now: int, limit: int) -> list[Job]:
    """Deliveries that have been tried and wait since before a time, and whose sender does not know it yet.

    What is due is not among them: its next try, perhaps the first after a long stop, may be the one that delivers it.
    """
    rows = snapshot.all(
        "SELECT d.id FROM delivery d JOIN queued q ON q.id = d.queued_id WHERE d.state = 'queued' "
        "AND d.delay_notified = 0 AND d.attempts > 0 AND COALESCE(q.release_at, d.created_at) <= ? "
        "AND d.next_attempt_at > ? ORDER BY d.id LIMIT ?",
        [queued_before, now, limit],
    )
    return deliveries.jobs(snapshot, [row[0] for row in rows])


def next_due_at(snapshot: Snapshot, now: int) -> int | None:
    """When the next delivery that waits becomes due."""
    row = snapshot.one(
        "SELECT MIN(next_attempt_at) FROM delivery WHERE state = 'queued' AND next_attempt_at > ?", [now]
    )
    return None if row is None else row[0]

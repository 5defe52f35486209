"""Contact cards on their way between inboxes."""

from typing import Any

import orjson

from mailserver.entities.share import Share, ShareStatus, ShareType
from mailserver.storage.database import Snapshot, Transaction

MOST_PENDING = 1000  # that wait for one inbox
_COLUMNS = (
    "id, tenant_id, type, status, from_inbox_id, to_inbox_id, contact_id, contact_address, note, labels, created_at, "
    "resolved_at"
)


def add(tx: Transaction, one: Share) -> None:
    """Insert a share."""
    tx.execute(
        f"INSERT INTO share({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.tenant_id, one.type.value, one.status.value, one.from_inbox_id, one.to_inbox_id,
            one.contact_id, one.contact_address, one.note, orjson.dumps(one.labels).decode(), one.created_at,
            one.resolved_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, share_id: int) -> Share | None:
    """A share by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM share WHERE id = ?", (share_id,))
    return _entity(row) if row else None


def pending(snapshot: Snapshot, inbox_id: int, since: int) -> list[Share]:
    """What waits for an inbox since a time, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM share WHERE to_inbox_id = ? AND status = 'pending' AND created_at >= ? "
        "ORDER BY id LIMIT ?",
        (inbox_id, since, MOST_PENDING),
    )
    return [_entity(row) for row in rows]


def resolve(tx: Transaction, share_id: int, status: ShareStatus, now: int) -> None:
    """Write what became of a share."""
    tx.execute("UPDATE share SET status = ?, resolved_at = ? WHERE id = ?", (status.value, now, share_id))


def expire_pending(tx: Transaction, before: int, limit: int) -> int:
    """Delete some shares that nobody has answered since a time; how many."""
    return _expire(tx, "status = 'pending' AND created_at < ?", before, limit)


def expire_resolved(tx: Transaction, before: int, limit: int) -> int:
    """Delete some shares that were answered before a time; how many."""
    return _expire(tx, "status IN ('accepted', 'declined') AND resolved_at < ?", before, limit)


def forget_inbox(tx: Transaction, inbox_id: int) -> None:
    """Delete what is on its way to or from an inbox that is closed."""
    tx.execute("DELETE FROM share WHERE from_inbox_id = ?", (inbox_id,))
    tx.execute("DELETE FROM share WHERE to_inbox_id = ?", (inbox_id,))


def _expire(tx: Transaction, condition: str, before: int, limit: int) -> int:
    return tx.execute(
        f"DELETE FROM share WHERE id IN (SELECT id FROM share WHERE {condition} LIMIT ?)", (before, limit)
    ).rowcount


def _entity(row: tuple[Any, ...]) -> Share:
    return Share(
        row[0], row[1], ShareType(row[2]), ShareStatus(row[3]), row[4], row[5], row[6], row[7], row[8],
        tuple(orjson.loads(row[9])), row[10], row[11],
    )  # fmt: skip

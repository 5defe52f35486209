"""Events for those who listen just now, in the order of commits: kept for minutes, read by every node.

The feed is emptied by one node, and ids are not in the order of commits, so that neither could be followed here.
"""

from mailserver.entities.event import Event
from mailserver.storage import events
from mailserver.storage.database import Snapshot, Transaction


def add(tx: Transaction, event: Event, now: int) -> None:
    """Append an event."""
    tx.execute("INSERT INTO event_told(event_id, tenant_id, at) VALUES (?, ?, ?)", (event.id, event.tenant_id, now))


def last(snapshot: Snapshot) -> int:
    """Where the newest one stands; 0 where there is none."""
    position: int = snapshot.one("SELECT COALESCE(MAX(position), 0) FROM event_told")[0]
    return position


def first(snapshot: Snapshot) -> int | None:
    """Where the oldest one stands; None where there is none."""
    position: int | None = snapshot.one("SELECT MIN(position) FROM event_told")[0]
    return position


def position_of(snapshot: Snapshot, tenant_id: int, event_id: int) -> int | None:
    """Where an event of a tenant stands; None where it does not."""
    row = snapshot.one("SELECT position FROM event_told WHERE event_id = ? AND tenant_id = ?", (event_id, tenant_id))
    return row[0] if row else None


def behind(snapshot: Snapshot, position: int, limit: int) -> list[tuple[int, Event | None]]:
    """What stands behind a position; None for an event that has gone with its inbox."""
    rows = snapshot.all(
        "SELECT t.position, e.id, e.tenant_id, e.inbox_id, e.type, e.occurred_at, e.body FROM event_told t "
        "LEFT JOIN event e ON e.id = t.event_id WHERE t.position > ? ORDER BY t.position LIMIT ?",
        (position, limit),
    )
    return [(row[0], events.entity(row[1:]) if row[1] is not None else None) for row in rows]


def trim(tx: Transaction, before: int, limit: int) -> int:
    """Delete some of what is older than a time; how many."""
    return tx.execute(
        "DELETE FROM event_told WHERE position IN (SELECT position FROM event_told WHERE at < ? ORDER BY at LIMIT ?)",
        (before, limit),
    ).rowcount

"""The events that are still to be handed out, in the order of their commits, which is not that of their ids.

Ids are given before anything is committed. A row here is written with its event, and goes in the transaction in which
that event was handed to everybody: what is left is what is still to be done.
"""

from mailserver.entities.event import Event
from mailserver.storage import events
from mailserver.storage.database import Snapshot, Transaction


def waiting(snapshot: Snapshot, limit: int) -> tuple[int, int, list[Event]]:
    """The first rows: (first position, last position, their events); both are 0 where nothing waits.

    An event that has gone with its inbox is passed over.
    """
    rows = snapshot.all(
        "SELECT f.position, e.id, e.tenant_id, e.inbox_id, e.type, e.occurred_at, e.body FROM event_feed f "
        "LEFT JOIN event e ON e.id = f.event_id ORDER BY f.position LIMIT ?",
        (limit,),
    )
    if not rows:
        return 0, 0, []
    return rows[0][0], rows[-1][0], [events.entity(row[1:]) for row in rows if row[1] is not None]


def done(tx: Transaction, first: int, last: int) -> bool:
    """Take these rows away; False where somebody else has done so, and handed their events out."""
    if tx.one("SELECT MIN(position) FROM event_feed") != (first,):
        return False
    tx.execute("DELETE FROM event_feed WHERE position BETWEEN ? AND ?", (first, last))
    return True

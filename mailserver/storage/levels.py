"""How much there is of what is watched; each question reads an index or a small table, or gives up after a while."""

from mailserver.entities.levels import Kept, Waiting
from mailserver.storage.database import Snapshot


def waiting(snapshot: Snapshot, seconds: float) -> list[Waiting]:
    """What is in the queue, from its index alone; TookTooLong after so many seconds."""
    with snapshot.within(seconds):
        rows = snapshot.all(
            "SELECT state, COUNT(*), MIN(id) FROM delivery INDEXED BY delivery_open "
            "WHERE state IN ('queued', 'held') GROUP BY state"
        )
    return [Waiting(*row) for row in rows]


def kept(snapshot: Snapshot, seconds: float) -> Kept:
    """What is stored, as inboxes, webhooks and the feed count it themselves; TookTooLong after so many seconds."""
    with snapshot.within(seconds):
        inboxes = snapshot.one(
            "SELECT COUNT(*), COALESCE(SUM(message_count), 0), COALESCE(SUM(used_bytes), 0) FROM inbox"
        )
        webhooks = snapshot.one("SELECT COALESCE(SUM(waiting), 0) FROM webhook_endpoint WHERE removed_at IS NULL")[0]
        first = snapshot.one("SELECT MIN(position) FROM event_feed")[0]
        last = snapshot.one("SELECT MAX(position) FROM event_feed")[0]  # by itself, so that it is one step in the tree
        events = 0 if first is None else last - first + 1
        pages = snapshot.one("PRAGMA page_count")[0] * snapshot.one("PRAGMA page_size")[0]
    return Kept(inboxes[0], inboxes[1], inboxes[2], pages, webhooks, events)

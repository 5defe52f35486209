"""Mail that nobody has answered yet."""

from dataclasses import dataclass

from mailserver.entities.message import Visibility
from mailserver.storage.database import Snapshot

MOST_THREADS = 500  # that are looked at for one that waits


@dataclass(frozen=True, slots=True)
class Missed:
    """A thread whose last message came in and was not answered."""

    thread_id: int
    message_id: int
    subject: str
    received_at: int


def missed_replies(snapshot: Snapshot, inbox_id: int, since: int, until: int, limit: int) -> list[Missed]:
    """Threads that wait for an answer since a time, the one that waits longest first.

    Mail in Junk and Trash waits for none, nor what the inbox sent to itself.
    """
    rows = snapshot.all(
        "SELECT t.id, m.id, d.subject, m.received_at FROM (SELECT id, last_message_id FROM thread "
        "WHERE inbox_id = ? AND visibility = ? AND last_received_at >= ? AND last_received_at < ? "
        "ORDER BY last_received_at DESC LIMIT ?) t JOIN message m ON m.id = t.last_message_id "
        "JOIN message_data d ON d.message_id = m.id WHERE m.is_ours = 0 ORDER BY m.received_at, m.id LIMIT ?",
        (inbox_id, int(Visibility.NORMAL), since, until, MOST_THREADS, limit),
    )
    return [Missed(*row) for row in rows]

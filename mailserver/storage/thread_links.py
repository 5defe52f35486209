"""Threads that began beside others; each link stands with both."""

from mailserver.entities.ticket import LinkKind, ThreadLink
from mailserver.storage import threads
from mailserver.storage.database import Snapshot, Transaction

MOST = 500  # of one thread


def add(tx: Transaction, inbox_id: int, source_id: int, thread_id: int, now: int) -> None:
    """Link a thread with the one that it was forked from."""
    tx.executemany(
        "INSERT INTO thread_link VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (source_id, thread_id, inbox_id, LinkKind.FORKED_TO.value, now),
            (thread_id, source_id, inbox_id, LinkKind.FORKED_FROM.value, now),
        ],
    )


def of_thread(snapshot: Snapshot, thread_id: int) -> list[ThreadLink]:
    """The threads that a thread is linked with, oldest link first."""
    rows = snapshot.all(
        "SELECT other_thread_id, kind, created_at FROM thread_link WHERE thread_id = ? LIMIT ?", (thread_id, MOST)
    )
    found = sorted(rows, key=lambda row: (row[2], row[0]))
    return [ThreadLink(other, LinkKind(kind), threads.subject(snapshot, other), at) for other, kind, at in found]


def count(snapshot: Snapshot, thread_id: int) -> int:
    """How many threads a thread is linked with."""
    number: int = snapshot.one("SELECT COUNT(*) FROM thread_link WHERE thread_id = ?", (thread_id,))[0]
    return number


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Delete every link with a thread that is gone."""
    tx.execute("DELETE FROM thread_link WHERE thread_id = ?", (thread_id,))
    tx.execute("DELETE FROM thread_link WHERE other_thread_id = ?", (thread_id,))

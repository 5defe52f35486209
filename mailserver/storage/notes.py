"""Notes on threads."""

from typing import Any

import orjson

from mailserver.entities.note import Note
from mailserver.storage.database import Snapshot, Transaction

MOST = 1000  # of one thread
_COLUMNS = "id, tenant_id, inbox_id, thread_id, author_inbox_id, author_user_id, body, mentions, created_at"


def add(tx: Transaction, one: Note) -> None:
    """Insert a note."""
    tx.execute(
        f"INSERT INTO note({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.tenant_id, one.inbox_id, one.thread_id, one.author_inbox_id, one.author_user_id, one.body,
            orjson.dumps(one.mentions).decode(), one.created_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, note_id: int) -> Note | None:
    """A note by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM note WHERE id = ?", (note_id,))
    return _entity(row) if row else None


def of_thread(snapshot: Snapshot, thread_id: int, since: int) -> list[Note]:
    """The notes on a thread that are no older than a time, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM note WHERE thread_id = ? AND created_at >= ? ORDER BY id LIMIT ?",
        (thread_id, since, MOST),
    )
    return [_entity(row) for row in rows]


def count(snapshot: Snapshot, thread_id: int) -> int:
    """How many notes are on a thread."""
    number: int = snapshot.one("SELECT COUNT(*) FROM note WHERE thread_id = ?", (thread_id,))[0]
    return number


def remove(tx: Transaction, note_id: int) -> None:
    """Delete a note."""
    tx.execute("DELETE FROM note WHERE id = ?", (note_id,))


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Delete the notes on a thread that is gone."""
    tx.execute("DELETE FROM note WHERE thread_id = ?", (thread_id,))


def expire(tx: Transaction, before: int, limit: int) -> int:
    """Delete some notes that are older than a time; how many."""
    return tx.execute(
        "DELETE FROM note WHERE id IN (SELECT id FROM note WHERE created_at < ? LIMIT ?)", (before, limit)
    ).rowcount


def _entity(row: tuple[Any, ...]) -> Note:
    return Note(row[0], row[1], row[2], row[3], row[4], row[5], row[6], tuple(orjson.loads(row[7])), row[8])

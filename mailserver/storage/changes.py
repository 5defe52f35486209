"""Change numbers: one counter an inbox, a value of its own for every touched object, and what was destroyed."""

from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.ingest import EMAIL, MAILBOX, THREAD

IDENTITY, SUBMISSION = 4, 5
SIEVE_SCRIPT, VACATION_RESPONSE = 31, 32  # clients are told that they changed, never what (RFC 9661 2, RFC 8621 8)
_TABLES = {
    EMAIL: "message", MAILBOX: "folder", THREAD: "thread", IDENTITY: "identity", SUBMISSION: "email_submission",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that was made, changed or destroyed, by its newest change."""

    modseq: int
    object_id: int
    created_modseq: int
    is_destroyed: bool


def advance(tx: Transaction, inbox_id: int) -> int:
    """The next change number of an inbox."""
    row = tx.one("UPDATE inbox SET modseq = modseq + 1 WHERE id = ? RETURNING modseq", (inbox_id,))
    return int(row[0])


def mark(tx: Transaction, inbox_id: int, kind: int, modseq: int) -> None:
    """Note the newest change of a type (EMAIL, MAILBOX, THREAD)."""
    tx.execute(
        "INSERT INTO type_state(inbox_id, type, modseq) VALUES (?, ?, ?) "
        "ON CONFLICT(inbox_id, type) DO UPDATE SET modseq = excluded.modseq",
        (inbox_id, kind, modseq),
    )
    tx.ring(f"inbox:{inbox_id}")


def touch_folder(tx: Transaction, inbox_id: int, folder_id: int) -> None:
    """The counts of a folder have changed."""
    modseq = advance(tx, inbox_id)
    tx.execute("UPDATE folder SET modseq = ?, highestmodseq = ? WHERE id = ?", (modseq, modseq, folder_id))
    mark(tx, inbox_id, MAILBOX, modseq)


def touch_thread(tx: Transaction, inbox_id: int, thread_id: int) -> None:
    """A thread has changed."""
    modseq = advance(tx, inbox_id)
    tx.execute("UPDATE thread SET modseq = ? WHERE id = ?", (modseq, thread_id))
    mark(tx, inbox_id, THREAD, modseq)


def bury(tx: Transaction, inbox_id: int, kind: int, object_id: int, created_modseq: int) -> None:
    """Keep a tombstone of what is destroyed, so that clients learn of it."""
    modseq = advance(tx, inbox_id)
    tx.execute("INSERT INTO tombstone VALUES (?, ?, ?, ?, ?)", (inbox_id, kind, modseq, object_id, created_modseq))
    mark(tx, inbox_id, kind, modseq)


def state(snapshot: Snapshot, inbox_id: int, kind: int) -> int:
    """The newest change of a type; 0 where there was none."""
    row = snapshot.one("SELECT modseq FROM type_state WHERE inbox_id = ? AND type = ?", (inbox_id, kind))
    return int(row[0]) if row else 0


def floor(snapshot: Snapshot, inbox_id: int, kind: int) -> int:
    """The oldest state that changes can be told from."""
    row = snapshot.one("SELECT floor FROM type_state WHERE inbox_id = ? AND type = ?", (inbox_id, kind))
    return int(row[0]) if row else 0


def since(snapshot: Snapshot, inbox_id: int, kind: int, modseq: int, most: int) -> list[Touched]:
    """What was touched behind a state, oldest change first; the time grows with the change alone."""
    living = snapshot.all(
        f"SELECT modseq, id, created_modseq, 0 FROM {_TABLES[kind]} WHERE inbox_id = ? AND modseq > ? "
        "ORDER BY modseq LIMIT ?",
        (inbox_id, modseq, most),
    )
    dead = snapshot.all(
        "SELECT modseq, object_id, created_modseq, 1 FROM tombstone WHERE inbox_id = ? AND type = ? AND modseq > ? "
        "ORDER BY modseq LIMIT ?",
        (inbox_id, kind, modseq, most),
    )
    return [Touched(row[0], row[1], row[2], bool(row[3])) for row in sorted((*living, *dead))[:most]]


__all__ = [
    "EMAIL", "IDENTITY", "MAILBOX", "SIEVE_SCRIPT", "SUBMISSION", "THREAD", "VACATION_RESPONSE", "Touched", "advance",
    "bury", "floor", "mark", "since", "state", "touch_folder", "touch_thread",
]  # fmt: skip

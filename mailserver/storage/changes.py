"""Change numbers: one counter an inbox, a value of its own for every touched object, and what was destroyed."""

from mailserver.storage.database import Transaction
from mailserver.storage.ingest import EMAIL, MAILBOX, THREAD


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


__all__ = ["EMAIL", "MAILBOX", "THREAD", "advance", "bury", "mark", "touch_folder", "touch_thread"]

"""Folder queries."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities.folder import Folder, Role
from mailserver.storage import changes
from mailserver.storage.database import Snapshot, Transaction

CUSTOM_ORDER = 100  # behind those with a role, by name
_COLUMNS = (
    "SELECT id, inbox_id, parent_id, name, role, total_messages, unread_messages, total_threads, unread_threads, "
    "sort_order, subscribed FROM folder"
)


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Folder]:
    """The folders of an inbox in the order in which people see them."""
    rows = snapshot.all(f"{_COLUMNS} WHERE inbox_id = ? ORDER BY sort_order, name, id", (inbox_id,))
    return [_folder(row) for row in rows]


def get(snapshot: Snapshot, inbox_id: int, folder_id: int) -> Folder | None:
    """A folder of an inbox."""
    row = snapshot.one(f"{_COLUMNS} WHERE inbox_id = ? AND id = ?", (inbox_id, folder_id))
    return _folder(row) if row else None


def by_role(snapshot: Snapshot, inbox_id: int, role: Role) -> Folder | None:
    """The folder that has a role."""
    row = snapshot.one(f"{_COLUMNS} WHERE inbox_id = ? AND role = ?", (inbox_id, role.value))
    return _folder(row) if row else None


def by_name(snapshot: Snapshot, inbox_id: int, name: str) -> Folder | None:
    """A folder by the name that people see, letter case aside; the uppermost where several have it."""
    row = snapshot.one(
        f"{_COLUMNS} WHERE inbox_id = ? AND LOWER(name) = LOWER(?) ORDER BY parent_id, id LIMIT 1", (inbox_id, name)
    )
    return _folder(row) if row else None


def add(tx: Transaction, inbox_id: int, folder_id: int, name: str, parent_id: int | None) -> None:
    """Insert an empty folder that has no role."""
    (validity,) = tx.one(
        "UPDATE inbox SET next_uidvalidity = next_uidvalidity + 1 WHERE id = ? RETURNING next_uidvalidity - 1",
        (inbox_id,),
    )
    modseq = changes.advance(tx, inbox_id)
    tx.execute(
        "INSERT INTO folder(id, inbox_id, parent_id, name, sort_order, uidvalidity, created_modseq, modseq, "
        "props_modseq, highestmodseq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (folder_id, inbox_id, parent_id or 0, name, CUSTOM_ORDER, validity, modseq, modseq, modseq, modseq),
    )
    changes.mark(tx, inbox_id, changes.MAILBOX, modseq)


def change(tx: Transaction, inbox_id: int, folder_id: int, name: str, parent_id: int | None) -> None:
    """Write the name and the place of a folder."""
    modseq = changes.advance(tx, inbox_id)
    tx.execute(
        "UPDATE folder SET name = ?, parent_id = ?, modseq = ?, props_modseq = ? WHERE id = ?",
        (name, parent_id or 0, modseq, modseq, folder_id),
    )
    changes.mark(tx, inbox_id, changes.MAILBOX, modseq)


def arrange(tx: Transaction, inbox_id: int, folder_id: int, sort_order: int, *, is_subscribed: bool) -> None:
    """Write where a folder stands among the others, and whether its owner wants to see it."""
    modseq = changes.advance(tx, inbox_id)
    tx.execute(
        "UPDATE folder SET sort_order = ?, subscribed = ?, modseq = ?, props_modseq = ? WHERE id = ?",
        (sort_order, int(is_subscribed), modseq, modseq, folder_id),
    )
    changes.mark(tx, inbox_id, changes.MAILBOX, modseq)


def only_counts_since(snapshot: Snapshot, inbox_id: int, modseq: int, ids: Sequence[int]) -> bool:
    """Whether nothing but the counts of folders has changed behind a state."""
    marks = ",".join("?" * len(ids))
    row = snapshot.one(
        f"SELECT 1 FROM folder WHERE inbox_id = ? AND props_modseq > ? AND id IN ({marks}) LIMIT 1",
        (inbox_id, modseq, *ids),
    )
    return row is None


def some_messages(snapshot: Snapshot, folder_id: int, limit: int) -> list[int]:
    """Some messages that lie in a folder."""
    rows = snapshot.all("SELECT message_id FROM placement WHERE folder_id = ? LIMIT ?", (folder_id, limit))
    return [row[0] for row in rows]


def remove(tx: Transaction, inbox_id: int, folder_id: int) -> None:
    """Delete an empty folder."""
    (created,) = tx.one("SELECT created_modseq FROM folder WHERE id = ?", (folder_id,))
    for table in ("folder_thread", "expunged"):
        tx.execute(f"DELETE FROM {table} WHERE folder_id = ?", (folder_id,))
    tx.execute("DELETE FROM folder WHERE id = ?", (folder_id,))
    changes.bury(tx, inbox_id, changes.MAILBOX, folder_id, created)


def _folder(row: tuple[Any, ...]) -> Folder:
    role = Role(row[4]) if row[4] else None
    return Folder(row[0], row[1], row[2] or None, row[3], role, row[5], row[6], row[7], row[8], row[9], bool(row[10]))

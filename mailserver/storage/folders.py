"""Folder queries."""

from typing import Any

from mailserver.entities.folder import Folder, Role
from mailserver.storage.database import Snapshot

_COLUMNS = (
    "SELECT id, inbox_id, parent_id, name, role, total_messages, unread_messages, total_threads, unread_threads "
    "FROM folder"
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


def _folder(row: tuple[Any, ...]) -> Folder:
    return Folder(row[0], row[1], row[2] or None, row[3], Role(row[4]) if row[4] else None, *row[5:])

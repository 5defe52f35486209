"""Tasks of inboxes."""

from typing import Any

from mailserver.entities.task import Task, TaskSource
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "id, tenant_id, inbox_id, calendar_id, summary, description, due_at, completed_at, thread_id, message_id, "
    "share_id, source, created_by_inbox_id, created_at, updated_at"
)


def add(tx: Transaction, task: Task) -> None:
    """Insert a task."""
    tx.execute(
        f"INSERT INTO task({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.id, task.tenant_id, task.inbox_id, task.calendar_id, task.summary, task.description, task.due_at,
            task.completed_at, task.thread_id, task.message_id, task.share_id, task.source.value,
            task.created_by_inbox_id, task.created_at, task.updated_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, task_id: int) -> Task | None:
    """A task by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM task WHERE id = ?", (task_id,))
    return _entity(row) if row else None


def change(tx: Transaction, task: Task) -> None:
    """Write what may be changed of a task."""
    tx.execute(
        "UPDATE task SET summary = ?, description = ?, due_at = ?, completed_at = ?, updated_at = ? WHERE id = ?",
        (task.summary, task.description, task.due_at, task.completed_at, task.updated_at, task.id),
    )


def remove(tx: Transaction, task_id: int) -> None:
    """Delete a task."""
    tx.execute("DELETE FROM task WHERE id = ?", (task_id,))


def page(
    snapshot: Snapshot, inbox_id: int, *, is_completed: bool | None, position: int, limit: int
) -> tuple[list[Task], int]:
    """Tasks of an inbox, newest first, and how many there are in all."""
    condition = "inbox_id = ?"
    if is_completed is not None:
        condition += " AND completed_at IS NOT NULL" if is_completed else " AND completed_at IS NULL"
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM task WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?", (inbox_id, limit, position)
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM task WHERE {condition}", (inbox_id,))[0]
    return [_entity(row) for row in rows], total


def of_calendar(snapshot: Snapshot, calendar_id: int, limit: int) -> list[Task]:
    """The tasks of a calendar, newest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM task WHERE calendar_id = ? ORDER BY id DESC LIMIT ?", (calendar_id, limit)
    )
    return [_entity(row) for row in rows]


def undated(snapshot: Snapshot, inbox_id: int, limit: int) -> list[Task]:
    """Open tasks without a date, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM task WHERE inbox_id = ? AND completed_at IS NULL AND due_at IS NULL "
        "ORDER BY id LIMIT ?",
        (inbox_id, limit),
    )
    return [_entity(row) for row in rows]


def due(snapshot: Snapshot, inbox_id: int, before: int, limit: int) -> list[Task]:
    """Open tasks that are due before a time, the first due first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM task WHERE inbox_id = ? AND completed_at IS NULL AND due_at < ? "
        "ORDER BY due_at, id LIMIT ?",
        (inbox_id, before, limit),
    )
    return [_entity(row) for row in rows]


def forget_message(tx: Transaction, message_id: int) -> None:
    """Let no task point to a message that is removed."""
    tx.execute("UPDATE task SET message_id = NULL WHERE message_id = ?", (message_id,))


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Let no task point to a thread that is gone."""
    tx.execute("UPDATE task SET thread_id = NULL WHERE thread_id = ?", (thread_id,))


def _entity(row: tuple[Any, ...]) -> Task:
    return Task(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], TaskSource(row[11]),
        row[12], row[13], row[14],
    )  # fmt: skip

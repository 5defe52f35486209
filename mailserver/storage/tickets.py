"""The tickets of threads."""

from typing import Any

import orjson

from mailserver.entities.ticket import Ticket, TicketPriority, TicketStatus
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "t.thread_id, t.tenant_id, t.inbox_id, t.status, t.priority, t.class_label_id, l.atom, t.assignee_inbox_id, "
    "t.due_at, t.reopen_count, t.opened_at, t.updated_at, t.resolved_at, t.closed_at, t.reopened_at"
)
_LABELLED = "LEFT JOIN label l ON l.id = t.class_label_id"


def put(tx: Transaction, one: Ticket) -> None:
    """Insert a ticket, or write it in the place of the one that its thread has."""
    tx.execute(
        "INSERT INTO ticket(thread_id, tenant_id, inbox_id, status, priority, class_label_id, assignee_inbox_id, "
        "due_at, reopen_count, opened_at, updated_at, resolved_at, closed_at, reopened_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(thread_id) DO UPDATE SET "
        "status = excluded.status, priority = excluded.priority, class_label_id = excluded.class_label_id, "
        "assignee_inbox_id = excluded.assignee_inbox_id, due_at = excluded.due_at, "
        "reopen_count = excluded.reopen_count, updated_at = excluded.updated_at, resolved_at = excluded.resolved_at, "
        "closed_at = excluded.closed_at, reopened_at = excluded.reopened_at",
        (
            one.thread_id, one.tenant_id, one.inbox_id, one.status.value, one.priority.value, one.class_label_id,
            one.assignee_inbox_id, one.due_at, one.reopen_count, one.opened_at, one.updated_at, one.resolved_at,
            one.closed_at, one.reopened_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, thread_id: int) -> Ticket | None:
    """The ticket of a thread."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM ticket t {_LABELLED} WHERE t.thread_id = ?", (thread_id,))
    return _entity(row) if row else None


def page(
    snapshot: Snapshot, inbox_id: int, status: TicketStatus | None, position: int, limit: int
) -> tuple[list[Ticket], int]:
    """Tickets of an inbox, those that changed last first; how many in all."""
    where: str = "t.inbox_id = ?"
    values: list[Any] = [inbox_id]
    if status is not None:
        where, values = f"{where} AND t.status = ?", [inbox_id, status.value]
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM ticket t {_LABELLED} WHERE {where} "
        "ORDER BY t.updated_at DESC, t.thread_id DESC LIMIT ? OFFSET ?",
        (*values, limit, position),
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM ticket t WHERE {where}", values)[0]
    return [_entity(row) for row in rows], total


def people(snapshot: Snapshot, thread_id: int, newest: int) -> list[tuple[str, str | None]]:
    """(address, name) of everybody in the heads of a thread's newest messages, blind copies left out."""
    rows = snapshot.all(
        "SELECT d.people FROM (SELECT id FROM message WHERE thread_id = ? ORDER BY received_at DESC, id DESC LIMIT ?) "
        "m JOIN message_data d ON d.message_id = m.id",
        (thread_id, newest),
    )
    found: dict[str, str | None] = {}
    for (text,) in rows:
        heads = orjson.loads(text)
        for address, name in (pair for kind in ("from", "to", "cc") for pair in heads[kind]):
            found[address.lower()] = found.get(address.lower()) or name
    return list(found.items())


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Delete the ticket of a thread that is gone."""
    tx.execute("DELETE FROM ticket WHERE thread_id = ?", (thread_id,))


def forget_label(tx: Transaction, label_id: int) -> None:
    """Let no ticket be of a class that is gone."""
    tx.execute("UPDATE ticket SET class_label_id = NULL WHERE class_label_id = ?", (label_id,))


def forget_class(tx: Transaction, thread_id: int, label_id: int) -> None:
    """Let a ticket be of no class where the label of its class was taken off."""
    tx.execute(
        "UPDATE ticket SET class_label_id = NULL WHERE thread_id = ? AND class_label_id = ?", (thread_id, label_id)
    )


def forget_assignee(tx: Transaction, inbox_id: int) -> None:
    """Let nothing be an inbox's to do that is gone."""
    tx.execute("UPDATE ticket SET assignee_inbox_id = NULL WHERE assignee_inbox_id = ?", (inbox_id,))


def _entity(row: tuple[Any, ...]) -> Ticket:
    return Ticket(row[0], row[1], row[2], TicketStatus(row[3]), TicketPriority(row[4]), *row[5:])

"""Drafts: which message each is at present, and when it is to be sent."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.message import Flag, Visibility
from mailserver.storage import narrowing
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "drafts"
MOST = 10_000  # of one inbox
_COLUMNS = (
    "d.id, d.tenant_id, d.inbox_id, d.message_id, d.client_id, d.in_reply_to, d.forward_of, d.marked_id, d.send_at, "
    "d.state, d.problem, d.created_at, d.updated_at"
)
# What somebody has thrown away is no draft any more, although its message still lies in Trash.
_FROM = (
    f"FROM draft d JOIN message m ON m.id = d.message_id AND (m.flags & {int(Flag.DRAFT)}) != 0 "
    f"AND m.visibility = {int(Visibility.NORMAL)}"
)


def add(tx: Transaction, draft: StoredDraft) -> None:
    """Insert a draft."""
    values = astuple(draft)
    tx.execute(
        f"INSERT INTO draft SELECT {', '.join('?' * len(values))}, pod_id FROM inbox WHERE id = ?",
        (*values[:9], draft.state.value, *values[10:], draft.inbox_id),
    )
    tx.ring(TOPIC)


def change(tx: Transaction, draft: StoredDraft) -> None:
    """Write what changes of a draft."""
    tx.execute(
        "UPDATE draft SET message_id = ?, send_at = ?, state = ?, problem = ?, updated_at = ? WHERE id = ?",
        (draft.message_id, draft.send_at, draft.state.value, draft.problem, draft.updated_at, draft.id),
    )
    tx.ring(TOPIC)


def get(snapshot: Snapshot, draft_id: int) -> StoredDraft | None:
    """A draft that is still one."""
    row = snapshot.one(f"SELECT {_COLUMNS} {_FROM} WHERE d.id = ?", (draft_id,))
    return _draft(row) if row else None


def by_client_id(snapshot: Snapshot, inbox_id: int, client_id: str) -> StoredDraft | None:
    """A draft by the name that a client gave it."""
    row = snapshot.one(f"SELECT {_COLUMNS} {_FROM} WHERE d.inbox_id = ? AND d.client_id = ?", (inbox_id, client_id))
    return _draft(row) if row else None


def release_client_id(tx: Transaction, inbox_id: int, client_id: str) -> None:
    """Free the name of a draft that has been thrown away."""
    tx.execute("UPDATE draft SET client_id = NULL WHERE inbox_id = ? AND client_id = ?", (inbox_id, client_id))


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many drafts an inbox has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM draft WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def page(
    snapshot: Snapshot,
    owner: tuple[str, int],
    cursor: tuple[int, int] | None,
    limit: int,
    *,
    before: int | None = None,
    after: int | None = None,
    labels: Sequence[str] = (),
    states: Sequence[DraftState] = (),
    ascending: bool = False,
) -> list[StoredDraft]:
    """Drafts of `("tenant_id", number)`, "pod_id" or "inbox_id", by their last change, from behind (updated_at, id)."""
    direction, comparison = ("ASC", ">") if ascending else ("DESC", "<")
    column, number = owner
    conditions, values = [f"d.{column} = ?"], [number]
    for bound, sign in ((before, "<"), (after, ">")):
        if bound is not None:
            conditions.append(f"d.updated_at {sign} ?")
            values.append(bound)
    if cursor is not None:
        conditions.append(f"(d.updated_at, d.id) {comparison} (?, ?)")
        values += cursor
    more: list[Any] = []
    for name in labels:
        conditions.append(narrowing.LABELLED)
        more.append(name)
    if states:
        conditions.append(f"d.state IN ({', '.join('?' * len(states))})")
        more += [state.value for state in states]
    rows = snapshot.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE {' AND '.join(conditions)} "
        f"ORDER BY d.updated_at {direction}, d.id {direction} LIMIT ?",
        [*values, *more, limit],
    )
    return [_draft(row) for row in rows]


def due(snapshot: Snapshot, now: int, limit: int) -> list[StoredDraft]:
    """Drafts whose time has come, the earliest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE d.state = 'scheduled' AND d.send_at <= ? ORDER BY d.send_at LIMIT ?",
        (now, limit),
    )
    return [_draft(row) for row in rows]


def next_due_at(snapshot: Snapshot, after: int) -> int | None:
    """When the next scheduled draft is due, of those behind a time."""
    row = snapshot.one(
        f"SELECT d.send_at {_FROM} WHERE d.state = 'scheduled' AND d.send_at > ? ORDER BY d.send_at LIMIT 1", (after,)
    )
    return int(row[0]) if row else None


def forget_message(tx: Transaction, message_id: int) -> None:
    """The message of a draft is gone, and the draft with it."""
    tx.execute("DELETE FROM draft WHERE message_id = ?", (message_id,))


def _draft(row: Sequence[Any]) -> StoredDraft:
    values = [*row]
    values[9] = DraftState(row[9])
    return StoredDraft(*values)

"""Inboxes with what the clients that made them have said of them."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.agent_inbox import AgentInbox, Metadata
from mailserver.entities.inbox import Inbox
from mailserver.storage import narrowing
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.inboxes import DELETED

_COLUMNS = (
    "SELECT i.id, i.tenant_id, i.address, i.display_name, i.status, i.default_timezone, i.used_bytes, "
    "i.message_count, i.modseq, i.created_at, i.owner_user_id, i.pod_id, a.client_id, a.metadata, a.updated_at "
    "FROM inbox i LEFT JOIN agent_inbox a ON a.inbox_id = i.id"
)


def get(snapshot: Snapshot, inbox_id: int) -> AgentInbox | None:
    """An inbox."""
    row = snapshot.one(f"{_COLUMNS} WHERE i.id = ? AND i.status != ?", (inbox_id, DELETED))
    return _inbox(row) if row else None


def by_client_id(snapshot: Snapshot, tenant_id: int, pod_id: int, client_id: str) -> AgentInbox | None:
    """An inbox of a pod by the name that a client gave it."""
    row = snapshot.one(
        "SELECT inbox_id FROM agent_inbox WHERE tenant_id = ? AND client_id = ? AND pod_id = ?",
        (tenant_id, client_id, pod_id),
    )
    return get(snapshot, row[0]) if row else None


def page(
    snapshot: Snapshot,
    tenant_id: int,
    own: int | None,
    pod_id: int | None,
    behind: int | None,
    limit: int,
    *,
    containing: str | None = None,
    ascending: bool = False,
) -> list[AgentInbox]:
    """Inboxes of a tenant, of a pod, or one, newest first, from behind one; address or name have `containing`."""
    direction, comparison = ("ASC", ">") if ascending else ("DESC", "<")
    owner = "i.tenant_id = ?" if pod_id is None else "i.pod_id = ?"
    conditions, values = [owner, "i.status != ?"], [tenant_id if pod_id is None else pod_id, DELETED]
    if own is not None:
        conditions, values = [*conditions, "i.id = ?"], [*values, own]
    if behind is not None:
        conditions, values = [*conditions, f"i.id {comparison} ?"], [*values, behind]
    if containing is not None:
        conditions.append("(i.address LIKE ? ESCAPE '\\' OR i.display_name LIKE ? ESCAPE '\\')")
        values += [narrowing.containing(containing)] * 2
    rows = snapshot.all(
        f"{_COLUMNS} WHERE {' AND '.join(conditions)} ORDER BY i.id {direction} LIMIT ?", [*values, limit]
    )
    return [_inbox(row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int, pod_id: int | None = None) -> int:
    """How many inboxes a tenant has, or one of its pods."""
    owner, number = ("tenant_id", tenant_id) if pod_id is None else ("pod_id", pod_id)
    found: int = snapshot.one(f"SELECT COUNT(*) FROM inbox WHERE {owner} = ? AND status != ?", (number, DELETED))[0]
    return found


def put(tx: Transaction, inbox: Inbox, client_id: str | None, metadata: Metadata, now: int) -> None:
    """Write what a client says of an inbox; the name that it gave stays."""
    tx.execute(
        "INSERT INTO agent_inbox(inbox_id, tenant_id, client_id, metadata, updated_at, pod_id) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(inbox_id) DO UPDATE SET metadata = excluded.metadata, "
        "updated_at = excluded.updated_at",
        (inbox.id, inbox.tenant_id, client_id, orjson.dumps(metadata).decode(), now, inbox.pod_id),
    )


def _inbox(row: Sequence[Any]) -> AgentInbox:
    inbox = Inbox(*row[:12])
    metadata = orjson.loads(row[13]) if row[13] else {}
    return AgentInbox(inbox, row[12], metadata, row[14] or inbox.created_at)

"""The audit log: appended to by the transaction that it tells of, never changed."""

import json

from mailserver.entities.audit import Entry
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "id, tenant_id, occurred_at, actor, actor_kind, action, object_id, inbox_id, detail"


def add(tx: Transaction, entry: Entry) -> None:
    """Append a line."""
    detail = json.dumps(entry.detail, ensure_ascii=False, separators=(",", ":"))
    tx.execute(
        f"INSERT INTO audit({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id, entry.tenant_id, entry.occurred_at, entry.actor, entry.actor_kind, entry.action,
            entry.object_id, entry.inbox_id, detail,
        ),
    )  # fmt: skip


def page(
    snapshot: Snapshot, tenant_id: int, before: int | None, after_at: int | None, actor: str | None,
    action: str | None, inbox_id: int | None, limit: int,
) -> list[Entry]:  # fmt: skip
    """Lines of a tenant, the newest first; `before` is the id of the last one that was seen."""
    conditions, values = ["tenant_id = ?"], [tenant_id]
    more: list[tuple[str, object]] = [
        ("id < ?", before), ("occurred_at >= ?", after_at), ("actor = ?", actor), ("action = ?", action),
        ("inbox_id = ?", inbox_id),
    ]  # fmt: skip
    parameters: list[object] = [*values]
    for condition, value in more:
        if value is not None:
            conditions.append(condition)
            parameters.append(value)
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", [*parameters, limit]
    )
    return [Entry(*row[:-1], json.loads(row[-1])) for row in rows]  # type: ignore[call-arg]

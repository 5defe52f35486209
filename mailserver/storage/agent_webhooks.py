"""Webhook endpoints that applications made, with what they have said of them."""

import json
from collections.abc import Sequence
from typing import Any

from mailserver.entities.webhook import AgentWebhook, Origin
from mailserver.storage import webhooks
from mailserver.storage.database import Snapshot, Transaction

_ENDPOINT = ", ".join(f"e.{name.strip()}" for name in webhooks.ENDPOINT.split(","))
_COLUMNS = (
    f"SELECT a.client_id, a.inbox_ids, a.pod_ids, a.pod_id, {_ENDPOINT} FROM webhook_endpoint e "
    "JOIN agent_webhook a ON a.endpoint_id = e.id"
)
_LIVE = f"e.origin = '{Origin.AGENTRY.value}' AND e.removed_at IS NULL"


def put(tx: Transaction, webhook: AgentWebhook) -> None:
    """Write what is said of an endpoint; one that is gone leaves its name to another."""
    tx.execute(
        "INSERT OR REPLACE INTO agent_webhook(endpoint_id, tenant_id, client_id, inbox_ids, pod_ids, pod_id) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            webhook.endpoint.id, webhook.endpoint.tenant_id, webhook.client_id, json.dumps(webhook.inbox_ids),
            json.dumps(webhook.pod_ids), webhook.pod_id or 0,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, endpoint_id: int) -> AgentWebhook | None:
    """One of them."""
    row = snapshot.one(f"{_COLUMNS} WHERE e.id = ? AND {_LIVE}", (endpoint_id,))
    return _webhook(row) if row else None


def by_client_id(snapshot: Snapshot, tenant_id: int, pod_id: int | None, client_id: str) -> AgentWebhook | None:
    """One of a pod, or of none, by the name that its client gave it."""
    row = snapshot.one(
        f"{_COLUMNS} WHERE a.tenant_id = ? AND a.client_id = ? AND a.pod_id = ? AND {_LIVE}",
        (tenant_id, client_id, pod_id or 0),
    )
    return _webhook(row) if row else None


def page(
    snapshot: Snapshot, owner: tuple[str, int], behind: int | None, limit: int, *, ascending: bool = False
) -> list[AgentWebhook]:
    """Those of `("tenant_id", number)`, "pod_id" or "inbox_id", newest first, from behind one."""
    direction, comparison = ("ASC", ">") if ascending else ("DESC", "<")
    column, number = owner
    column, identity = ("a.pod_id", "a.endpoint_id") if column == "pod_id" else (f"e.{column}", "e.id")
    condition, values = f"{column} = ? AND {_LIVE}", list[object]([number])
    if behind is not None:
        condition, values = f"{condition} AND {identity} {comparison} ?", [*values, behind]
    rows = snapshot.all(f"{_COLUMNS} WHERE {condition} ORDER BY {identity} {direction} LIMIT ?", [*values, limit])
    return [_webhook(row) for row in rows]


def subscribed(snapshot: Snapshot, tenant_id: int) -> list[AgentWebhook]:
    """Those of a tenant that are switched on."""
    rows = snapshot.all(f"{_COLUMNS} WHERE e.tenant_id = ? AND {_LIVE} AND e.enabled = 1 ORDER BY e.id", (tenant_id,))
    return [_webhook(row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many a tenant has."""
    number: int = snapshot.one(
        f"SELECT COUNT(*) FROM webhook_endpoint e WHERE e.tenant_id = ? AND {_LIVE}", (tenant_id,)
    )[0]
    return number


def has_label(snapshot: Snapshot, message_id: int, atom: str) -> bool:
    """Whether a label is on a message."""
    row = snapshot.one(
        "SELECT 1 FROM message_label m JOIN label l ON l.id = m.label_id WHERE m.message_id = ? AND l.atom = ?",
        (message_id, atom),
    )
    return row is not None


def _webhook(row: Sequence[Any]) -> AgentWebhook:
    client_id, inbox_ids, pod_ids, pod_id, *endpoint = row
    return AgentWebhook(
        webhooks.entity(tuple(endpoint)), client_id, tuple(json.loads(inbox_ids)), tuple(json.loads(pod_ids)),
        pod_id or None,
    )  # fmt: skip

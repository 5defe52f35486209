"""Pods, and what is in them."""

from mailserver.entities.pod import Pod
from mailserver.storage import credentials, rules, webhooks
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.inboxes import DELETED

_COLUMNS = "id, tenant_id, name, client_id, created_at, updated_at"


def add(tx: Transaction, pod: Pod) -> None:
    """Insert a pod."""
    tx.execute(
        f"INSERT INTO pod({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (pod.id, pod.tenant_id, pod.name, pod.client_id, pod.created_at, pod.updated_at),
    )


def get(snapshot: Snapshot, pod_id: int) -> Pod | None:
    """A pod."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM pod WHERE id = ?", (pod_id,))
    return Pod(*row) if row else None


def by_client_id(snapshot: Snapshot, tenant_id: int, client_id: str) -> Pod | None:
    """A pod by the name that its client gave it."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM pod WHERE tenant_id = ? AND client_id = ?", (tenant_id, client_id))
    return Pod(*row) if row else None


def page(snapshot: Snapshot, tenant_id: int, behind: int | None, limit: int, *, ascending: bool = False) -> list[Pod]:
    """The pods of a tenant, newest first, from behind one."""
    direction, comparison = ("ASC", ">") if ascending else ("DESC", "<")
    condition, values = "tenant_id = ?", [tenant_id]
    if behind is not None:
        condition, values = f"{condition} AND id {comparison} ?", [*values, behind]
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM pod WHERE {condition} ORDER BY id {direction} LIMIT ?", [*values, limit]
    )
    return [Pod(*row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many pods a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM pod WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def of_inbox(snapshot: Snapshot, inbox_id: int) -> int | None:
    """The pod that an inbox is in: the one that it was made in, for good."""
    row = snapshot.one("SELECT pod_id FROM inbox WHERE id = ?", (inbox_id,))
    return int(row[0]) if row else None


def inbox_ids(snapshot: Snapshot, pod_id: int, limit: int) -> list[int]:
    """Some inboxes of a pod, oldest first."""
    rows = snapshot.all(
        "SELECT id FROM inbox WHERE pod_id = ? AND status != ? ORDER BY id LIMIT ?", (pod_id, DELETED, limit)
    )
    return [row[0] for row in rows]


def has_domain(snapshot: Snapshot, pod_id: int) -> bool:
    """Whether a domain is in a pod."""
    return snapshot.one("SELECT 1 FROM domain WHERE pod_id = ? LIMIT 1", (pod_id,)) is not None


def remove(tx: Transaction, pod: Pod, now: int) -> None:
    """Delete an empty pod with its keys, its webhooks and its lists."""
    tx.execute("DELETE FROM token WHERE pod_id = ?", (pod.id,))
    tx.execute("DELETE FROM sender_rule WHERE tenant_id = ? AND pod_id = ?", (pod.tenant_id, pod.id))
    for (endpoint_id,) in tx.all("SELECT endpoint_id FROM agent_webhook WHERE pod_id = ?", (pod.id,)):
        webhooks.remove(tx, endpoint_id, now)  # its sweeper takes the rest
    tx.execute("DELETE FROM pod WHERE id = ?", (pod.id,))
    tx.ring(credentials.TOPIC)
    tx.ring(rules.TOPIC)
    tx.ring(webhooks.SUBSCRIPTIONS)

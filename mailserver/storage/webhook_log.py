"""What was delivered to webhook endpoints, and what was not: looked at, and forgotten after a while."""

from mailserver.entities.webhook import WebhookDelivery, WebhookState
from mailserver.storage import webhook_lines, webhooks
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.webhook_lines import DELIVERY


def page(
    snapshot: Snapshot, endpoint_id: int, state: WebhookState | None, since: int, position: int, limit: int
) -> tuple[list[WebhookDelivery], int]:
    """Deliveries of an endpoint that were not finished before a time, the newest first, and how many there are."""
    condition, values = "endpoint_id = ? AND COALESCE(finished_at, ?) >= ?", list[object]([endpoint_id, since, since])
    if state is not None:
        condition, values = f"{condition} AND state = ?", [*values, state.value]
    rows = snapshot.all(
        f"SELECT {DELIVERY} FROM webhook_delivery WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
        [*values, limit, position],
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM webhook_delivery WHERE {condition}", values)[0]
    return [webhook_lines.delivery(row) for row in rows], total


def get(snapshot: Snapshot, delivery_id: int) -> WebhookDelivery | None:
    """A delivery by its id."""
    row = snapshot.one(f"SELECT {DELIVERY} FROM webhook_delivery WHERE id = ?", (delivery_id,))
    return webhook_lines.delivery(row) if row else None


def begin(tx: Transaction, made: WebhookDelivery) -> int:
    """Insert a delivery that is made outside of the line, as one that failed until the contrary is known; its id."""
    number = webhooks.next_id(tx, made.created_at)
    tx.execute(
        "INSERT INTO webhook_delivery(id, endpoint_id, event_id, type, body, state, attempts, retries, order_at, "
        "created_at, finished_at, error) VALUES (?, ?, ?, ?, ?, 'failed', 1, 0, ?, ?, ?, 'Nobody saw how it ended.')",
        (
            number, made.endpoint_id, made.event_id, made.type, made.body, made.created_at, made.created_at,
            made.created_at,
        ),
    )  # fmt: skip
    return number


def finish(tx: Transaction, made: WebhookDelivery) -> None:
    """Write what became of it."""
    tx.execute(
        "UPDATE webhook_delivery SET state = ?, finished_at = ?, status = ?, duration_ms = ?, error = ? WHERE id = ?",
        (made.state.value, made.finished_at, made.status, made.duration_ms, made.error, made.id),
    )


def trim(tx: Transaction, before: int, limit: int) -> int:
    """Delete deliveries that were finished before a time; how many."""
    return tx.execute(
        "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE finished_at < ? LIMIT ?)",
        (before, limit),
    ).rowcount


def sweep_removed(tx: Transaction, limit: int) -> int:
    """Delete rows of one endpoint that was taken away, itself last; how many."""
    row = tx.one("SELECT id FROM webhook_endpoint WHERE removed_at IS NOT NULL LIMIT 1")
    if row is None:
        return 0
    deleted = tx.execute(
        "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE endpoint_id = ? LIMIT ?)",
        (row[0], limit),
    ).rowcount
    if deleted < limit:
        tx.execute("DELETE FROM webhook_endpoint WHERE id = ?", (row[0],))
    return deleted + 1

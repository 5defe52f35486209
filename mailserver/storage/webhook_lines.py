"""The lines of webhook endpoints, as the dispatcher works them off: under leases, outcomes written in batches."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities.webhook import Backoff, Due, Endpoint, Outcome, WebhookDelivery, WebhookState
from mailserver.storage import webhooks
from mailserver.storage.database import Snapshot, Transaction

DELIVERY = (
    "id, endpoint_id, event_id, type, body, state, attempts, retries, backoff, created_at, next_attempt_at, "
    "finished_at, status, duration_ms, error"
)


def due(snapshot: Snapshot, now: int, limit: int) -> list[Due]:
    """Lines with something due that nobody works on; who was served longest ago comes first."""
    rows = snapshot.all(
        "SELECT id, tenant_id, host, failing_since IS NOT NULL FROM webhook_endpoint "
        "WHERE due_at IS NOT NULL AND enabled = 1 AND due_at <= ? AND lease_until <= ? ORDER BY lease_until LIMIT ?",
        (now, now, limit),
    )
    return [Due(row[0], row[1], row[2], bool(row[3])) for row in rows]


def next_due_at(snapshot: Snapshot, now: int) -> int | None:
    """When the next line that nobody works on is due."""
    row = snapshot.one(
        "SELECT MIN(MAX(due_at, lease_until)) FROM webhook_endpoint WHERE due_at IS NOT NULL AND enabled = 1 "
        "AND MAX(due_at, lease_until) > ?",
        (now,),
    )
    return None if row is None else row[0]


def claim(tx: Transaction, owner: str, until: int, now: int, endpoint_ids: Sequence[int]) -> list[Endpoint]:
    """Hold lines where nobody else does."""
    claimed = []
    for endpoint_id in endpoint_ids:
        row = tx.one(
            "UPDATE webhook_endpoint SET lease_owner = ?, lease_until = ? WHERE id = ? AND enabled = 1 "
            f"AND due_at <= ? AND lease_until <= ? RETURNING {webhooks.ENDPOINT}",
            (owner, until, endpoint_id, now, now),
        )
        if row is not None:
            claimed.append(webhooks.entity(row))
    return claimed


def recover(tx: Transaction, owner: str) -> int:
    """Let go of what this owner held when it died; how many lines those were."""
    return tx.execute(
        "UPDATE webhook_endpoint SET lease_owner = NULL, lease_until = 0 WHERE lease_owner = ?", (owner,)
    ).rowcount


def first(snapshot: Snapshot, endpoint_id: int, now: int, limit: int) -> list[WebhookDelivery]:
    """The first deliveries of a line, as far as they are due."""
    rows = snapshot.all(
        f"SELECT {DELIVERY} FROM webhook_delivery WHERE endpoint_id = ? AND state = 'waiting' "
        "ORDER BY order_at, id LIMIT ?",
        (endpoint_id, limit),
    )
    found = []
    for row in rows:
        if row[10] > now:
            break
        found.append(delivery(row))
    return found


def record(tx: Transaction, endpoint_id: int, owner: str, until: int, now: int, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes, see when the line is due next, and hold it until then or let it go."""
    closed = 0
    for one in outcomes:
        is_over = one.state is not WebhookState.WAITING
        values = (
            one.state.value, one.next_attempt_at, now if is_over else None, one.status, one.duration_ms, one.error,
            one.delivery_id,
        )  # fmt: skip
        written = tx.execute(
            "UPDATE webhook_delivery SET state = ?, attempts = attempts + 1, next_attempt_at = ?, finished_at = ?, "
            "status = ?, duration_ms = ?, error = ? WHERE id = ? AND state = 'waiting'",
            values,
        ).rowcount
        if not written and one.state is WebhookState.DELIVERED:  # dropped while it was under way
            tx.execute(
                "UPDATE webhook_delivery SET state = 'delivered', status = ?, duration_ms = ?, error = NULL, "
                "attempts = attempts + 1 WHERE id = ? AND state = 'dropped'",
                (one.status, one.duration_ms, one.delivery_id),
            )
        closed += written if is_over else 0
    if any(one.state is WebhookState.DELIVERED for one in outcomes):
        tx.execute(
            "UPDATE webhook_endpoint SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL",
            (endpoint_id,),
        )
    if outcomes and outcomes[-1].state is not WebhookState.DELIVERED:
        tx.execute(
            "UPDATE webhook_endpoint SET failing_since = COALESCE(failing_since, ?) WHERE id = ?", (now, endpoint_id)
        )
    _settle(tx, endpoint_id, closed)
    tx.execute(
        "UPDATE webhook_endpoint SET lease_until = ? WHERE id = ? AND lease_owner = ?", (until, endpoint_id, owner)
    )


def failing_since(snapshot: Snapshot, endpoint_id: int) -> int | None:
    """Since when every try has failed."""
    row = snapshot.one("SELECT failing_since FROM webhook_endpoint WHERE id = ?", (endpoint_id,))
    return row[0] if row else None


def is_enabled(snapshot: Snapshot, endpoint_id: int) -> bool:
    """Whether an endpoint is there and switched on."""
    row = snapshot.one("SELECT enabled FROM webhook_endpoint WHERE id = ?", (endpoint_id,))
    return row is not None and bool(row[0])


def disable(tx: Transaction, endpoint_id: int, reason: str, now: int) -> None:
    """Switch an endpoint off; what waits for it waits until somebody switches it on again."""
    tx.execute(
        "UPDATE webhook_endpoint SET enabled = 0, disabled_reason = ?, updated_at = ? WHERE id = ?",
        (reason, now, endpoint_id),
    )
    tx.ring(webhooks.SUBSCRIPTIONS)


def resume(tx: Transaction, endpoint_id: int, now: int) -> None:
    """Begin at once with what waits in a line that was switched off."""
    tx.execute(
        "UPDATE webhook_delivery SET next_attempt_at = ? WHERE id = (SELECT id FROM webhook_delivery "
        "WHERE endpoint_id = ? AND state = 'waiting' ORDER BY order_at, id LIMIT 1) AND attempts > 0",
        (now, endpoint_id),
    )
    _settle(tx, endpoint_id, 0)
    tx.ring(webhooks.TOPIC)


def again(tx: Transaction, delivery_id: int, endpoint_id: int, now: int) -> None:
    """Put a delivery at the end of its line under the id that it has; one that waits is tried now."""
    was_over = tx.execute(
        "UPDATE webhook_delivery SET state = 'waiting', attempts = 0, order_at = ?, finished_at = NULL, error = NULL "
        "WHERE id = ? AND state != 'waiting'",
        (now, delivery_id),
    ).rowcount
    tx.execute("UPDATE webhook_delivery SET next_attempt_at = ? WHERE id = ?", (now, delivery_id))
    _settle(tx, endpoint_id, -was_over)
    tx.ring(webhooks.TOPIC)


def _settle(tx: Transaction, endpoint_id: int, closed: int) -> None:
    """What the line's first delivery says of when the line is due."""
    head = tx.one(
        "SELECT next_attempt_at, attempts FROM webhook_delivery WHERE endpoint_id = ? AND state = 'waiting' "
        "ORDER BY order_at, id LIMIT 1",
        (endpoint_id,),
    )
    due_at, blocked_until = (head[0], head[0] if head[1] else 0) if head else (None, 0)
    tx.execute(
        "UPDATE webhook_endpoint SET due_at = ?, blocked_until = ?, waiting = waiting - ? WHERE id = ?",
        (due_at, blocked_until, closed, endpoint_id),
    )


def delivery(row: tuple[Any, ...]) -> WebhookDelivery:
    """A row of DELIVERY's columns."""
    return WebhookDelivery(
        row[0], row[1], row[2], row[3], row[4], WebhookState(row[5]), row[6], row[7],
        Backoff(row[8]) if row[8] else None, *row[9:],
    )  # fmt: skip

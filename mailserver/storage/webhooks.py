"""Webhook endpoints, and deliveries that are put into their lines.

An endpoint is a line: its deliveries leave one after another, in the order of their times, those of the same time in
the order in which they were put in. `due_at` of an endpoint is when somebody has to look at it, None where nothing
waits; while the first of the line waits for its next try (`blocked_until`), the others wait behind it.
"""

import json
import time
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.webhook import LISTED, Backoff, Endpoint, Origin, WebhookState
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "webhooks"  # rung where a delivery is put in
SUBSCRIPTIONS = "subscriptions"  # rung where who is told what changes
MOST_WAITING = 10_000  # in one line; above it the oldest is dropped
ENDPOINT = (
    "id, tenant_id, inbox_id, origin, origin_id, url, description, event_types, header_names, headers, secret, "
    "previous_secret, previous_until, enabled, disabled_reason, failing_since, created_at, updated_at"
)
_MARKS = ", ".join("?" * 19)
_LISTED = ", ".join(f"'{origin.value}'" for origin in LISTED)


def add(tx: Transaction, endpoint: Endpoint, host: str) -> None:
    """Insert an endpoint. `host` is that of its URL: few are asked at the same time."""
    tx.execute(
        f"INSERT INTO webhook_endpoint({ENDPOINT}, host) VALUES ({_MARKS})",
        (
            endpoint.id, endpoint.tenant_id, endpoint.inbox_id, endpoint.origin.value, endpoint.origin_id,
            endpoint.url, endpoint.description, json.dumps(endpoint.event_types), json.dumps(endpoint.header_names),
            endpoint.headers, endpoint.secret, endpoint.previous_secret, endpoint.previous_until, endpoint.is_enabled,
            endpoint.disabled_reason, endpoint.failing_since, endpoint.created_at, endpoint.updated_at, host,
        ),
    )  # fmt: skip
    tx.ring(SUBSCRIPTIONS)


def change(tx: Transaction, endpoint: Endpoint, host: str) -> None:
    """Write what may be changed of an endpoint."""
    tx.execute(
        "UPDATE webhook_endpoint SET url = ?, host = ?, description = ?, event_types = ?, header_names = ?, "
        "headers = ?, secret = ?, previous_secret = ?, previous_until = ?, enabled = ?, disabled_reason = ?, "
        "failing_since = ?, updated_at = ? WHERE id = ?",
        (
            endpoint.url, host, endpoint.description, json.dumps(endpoint.event_types),
            json.dumps(endpoint.header_names), endpoint.headers, endpoint.secret, endpoint.previous_secret,
            endpoint.previous_until, endpoint.is_enabled, endpoint.disabled_reason, endpoint.failing_since,
            endpoint.updated_at, endpoint.id,
        ),
    )  # fmt: skip
    tx.ring(SUBSCRIPTIONS)
    tx.ring(TOPIC)


def remove(tx: Transaction, endpoint_id: int, now: int) -> None:
    """Take an endpoint away at once; the sweeper deletes its rows bit by bit."""
    tx.execute("UPDATE webhook_endpoint SET removed_at = ?, enabled = 0 WHERE id = ?", (now, endpoint_id))
    tx.execute("DELETE FROM agent_webhook WHERE endpoint_id = ?", (endpoint_id,))
    tx.ring(SUBSCRIPTIONS)


def get(snapshot: Snapshot, endpoint_id: int) -> Endpoint | None:
    """An endpoint by its id, whatever its origin."""
    row = snapshot.one(f"SELECT {ENDPOINT} FROM webhook_endpoint WHERE id = ? AND removed_at IS NULL", (endpoint_id,))
    return entity(row) if row else None


def of_origin(snapshot: Snapshot, origin: Origin, origin_id: int) -> Endpoint | None:
    """The endpoint that belongs to an inbox, an alert or a workflow rule."""
    row = snapshot.one(
        f"SELECT {ENDPOINT} FROM webhook_endpoint WHERE origin = ? AND origin_id = ? AND removed_at IS NULL",
        (origin.value, origin_id),
    )
    return entity(row) if row else None


def subscribed(snapshot: Snapshot, tenant_id: int) -> list[Endpoint]:
    """The endpoints of a tenant that ask for events themselves, and are switched on."""
    rows = snapshot.all(
        f"SELECT {ENDPOINT} FROM webhook_endpoint WHERE tenant_id = ? AND origin IN ({_LISTED}) AND enabled = 1 "
        "AND removed_at IS NULL ORDER BY id",
        (tenant_id,),
    )
    return [entity(row) for row in rows]


def enqueue(
    tx: Transaction,
    endpoint_id: int,
    event_id: int,
    type: str,  # noqa: A002  as the event's own field is called
    body: str,
    not_before: int = 0,
    retries: int | None = None,
    backoff: Backoff | None = None,
) -> int:
    """Put a delivery into the line of an endpoint; its id.

    `body` is sent as it stands: `{"type","event_id","inbox_id","occurred_at","data"}` as JSON. `not_before` is a time
    in milliseconds; until then it is in nobody's way. Without `retries` (0 to 10) and `backoff` the server's own
    schedule holds. Above MOST_WAITING the first of the line is dropped.
    """
    now = int(time.time() * 1000)
    delivery_id = next_id(tx, now)
    order_at = max(identifiers.created_ms(delivery_id), not_before)
    tx.execute(
        "INSERT INTO webhook_delivery(id, endpoint_id, event_id, type, body, state, retries, backoff, order_at, "
        "next_attempt_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            delivery_id, endpoint_id, event_id, type, body, WebhookState.WAITING.value, retries,
            backoff.value if backoff else None, order_at, max(now, not_before), now,
        ),
    )  # fmt: skip
    due_at = max(now, not_before)
    (waiting,) = tx.one(
        "UPDATE webhook_endpoint SET waiting = waiting + 1, "
        "due_at = MAX(blocked_until, MIN(COALESCE(due_at, ?1), ?1)) WHERE id = ?2 RETURNING waiting",
        (due_at, endpoint_id),
    ) or (0,)
    if waiting > MOST_WAITING:
        _drop_first(tx, endpoint_id, now)
    tx.ring(TOPIC)
    return delivery_id


def next_id(tx: Transaction, now: int) -> int:
    """The id of the next delivery: these grow in the order of commits."""
    largest: int = tx.one("SELECT COALESCE(MAX(id), 0) FROM webhook_delivery")[0]
    return max(largest + 1, identifiers.first_at(now))


def withdraw(tx: Transaction, delivery_id: int) -> bool:
    """Delete a delivery that waits; False where it was made or given up already."""
    row = tx.one(
        "DELETE FROM webhook_delivery WHERE id = ? AND state = 'waiting' RETURNING endpoint_id", (delivery_id,)
    )
    if row is None:
        return False
    tx.execute("UPDATE webhook_endpoint SET waiting = waiting - 1 WHERE id = ?", (row[0],))
    return True


def _drop_first(tx: Transaction, endpoint_id: int, now: int) -> None:
    tx.execute(
        "UPDATE webhook_delivery SET state = 'dropped', finished_at = ?, next_attempt_at = NULL, error = ? "
        "WHERE id = (SELECT id FROM webhook_delivery WHERE endpoint_id = ? AND state = 'waiting' "
        "ORDER BY order_at, id LIMIT 1)",
        (now, f"More than {MOST_WAITING:,} deliveries waited.", endpoint_id),
    )
    tx.execute("UPDATE webhook_endpoint SET waiting = waiting - 1 WHERE id = ?", (endpoint_id,))


def entity(row: tuple[Any, ...]) -> Endpoint:
    """A row of ENDPOINT's columns."""
    return Endpoint(
        row[0], row[1], row[2], Origin(row[3]), row[4], row[5], row[6], tuple(json.loads(row[7])),
        tuple(json.loads(row[8])), row[9], row[10], row[11], row[12], bool(row[13]), row[14], row[15], row[16], row[17],
    )  # fmt: skip


def of_tenant(
    snapshot: Snapshot, tenant_id: int, inbox_id: int | None, position: int, limit: int, *, with_tenants: bool
) -> tuple[list[Endpoint], int]:
    """The endpoints that are listed, oldest first, and how many there are: of an inbox, or of all.

    `with_tenants` says whether those for the whole tenant are among them.
    """
    condition = f"tenant_id = ? AND origin IN ({_LISTED}) AND removed_at IS NULL"
    values: list[object] = [tenant_id]
    if inbox_id is not None:
        condition, values = f"{condition} AND inbox_id = ?", [*values, inbox_id]
    elif not with_tenants:
        condition += " AND inbox_id IS NOT NULL"
    rows = snapshot.all(
        f"SELECT {ENDPOINT} FROM webhook_endpoint WHERE {condition} ORDER BY id LIMIT ? OFFSET ?",
        [*values, limit, position],
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM webhook_endpoint WHERE {condition}", values)[0]
    return [entity(row) for row in rows], total

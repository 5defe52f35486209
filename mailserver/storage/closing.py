"""Take an inbox away: at once for everybody who looks, then its rows bit by bit."""

from mailserver.entities.delivery import State
from mailserver.storage import (
    arrange,
    broadcast_recipients,
    broadcasts,
    deliveries,
    enrichment,
    shares,
    tickets,
    webhooks,
)
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.inboxes import DELETED

MOST_OPEN = 10_000  # deliveries that are dropped with an inbox at once; the others go with its rows
# What outlives an inbox: mail on its way and its history, reports to the tenant, and who did what; and what has a
# sweeper of its own.
_KEPT = frozenset({"audit", "queued", "delivery", "report", "message", "webhook_endpoint"})
# Every table with rows of inboxes, those included that were added since this was written.
_TABLES = (
    "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) p ON p.name = 'inbox_id' WHERE m.type = 'table'"
)
_AT_ONCE = (
    "alias", "list_member", "password", "token", "login_address", "forward", "inbox_settings", "approval", "alert",
    "alert_due", "workflow", "enrichment", "enrichment_key", "enrichment_request", "agent_inbox", "draft",
    "sieve_script", "vacation_response", "inbox_allotment", "auto_letter", "push_subscription",
)  # fmt: skip


def open_deliveries(snapshot: Snapshot, inbox_id: int, limit: int = MOST_OPEN) -> list[tuple[int, int]]:
    """Deliveries of an inbox that are still to be made: (id, queued id)."""
    return snapshot.all(
        "SELECT d.id, d.queued_id FROM queued q JOIN delivery d ON d.queued_id = q.id "
        "WHERE q.inbox_id = ? AND d.state IN (?, ?) LIMIT ?",
        (inbox_id, State.QUEUED.value, State.HELD.value, limit),
    )


def close(tx: Transaction, inbox_id: int, now: int) -> None:
    """Let nobody log in, send or receive any more; the address is free again."""
    _drop(tx, inbox_id, MOST_OPEN, now)
    broadcasts.end(tx, inbox_id, now)
    for table in _AT_ONCE:
        tx.execute(f"DELETE FROM {table} WHERE inbox_id = ?", (inbox_id,))
    shares.forget_inbox(tx, inbox_id)
    tickets.forget_assignee(tx, inbox_id)
    for (endpoint_id,) in tx.all("SELECT id FROM webhook_endpoint WHERE inbox_id = ?", (inbox_id,)):
        webhooks.remove(tx, endpoint_id, now)  # its sweeper takes the rest
    tx.execute("UPDATE domain SET catch_all_inbox_id = NULL WHERE catch_all_inbox_id = ?", (inbox_id,))
    tx.execute(
        "UPDATE inbox SET status = ?, address = ? WHERE id = ?",
        (DELETED, f"deleted.{inbox_id}@deleted.invalid", inbox_id),
    )
    tx.ring("accounts")
    tx.ring("rules")
    tx.ring(enrichment.TOPIC)
    tx.ring(webhooks.SUBSCRIPTIONS)


def closed(snapshot: Snapshot, limit: int) -> list[int]:
    """Inboxes whose rows are still to go."""
    return [row[0] for row in snapshot.all("SELECT id FROM inbox WHERE status = 'deleted' LIMIT ?", (limit,))]


def purge(tx: Transaction, inbox_id: int, limit: int, now: int) -> bool:
    """Delete some messages of a closed inbox, and the rest of its rows after the last one; True when all is gone."""
    rows = tx.all("SELECT id FROM message WHERE inbox_id = ? LIMIT ?", (inbox_id, limit))
    for (message_id,) in rows:
        arrange.remove(tx, message_id, now)
    if len(rows) == limit or _drop(tx, inbox_id, limit, now) == limit:
        return False
    if broadcast_recipients.purge(tx, inbox_id, limit) == limit:
        return False
    for table in ("folder_thread", "expunged"):
        tx.execute(f"DELETE FROM {table} WHERE folder_id IN (SELECT id FROM folder WHERE inbox_id = ?)", (inbox_id,))
    for (name,) in tx.all(_TABLES):
        if name not in _KEPT:
            tx.execute(f"DELETE FROM {name} WHERE inbox_id = ?", (inbox_id,))
    tx.execute("DELETE FROM inbox WHERE id = ? AND status = ?", (inbox_id, DELETED))
    return True


def expire(tx: Transaction, inbox_id: int, before: int, limit: int, now: int) -> int:
    """Delete messages that are older than an inbox keeps them; how many."""
    rows = tx.all(
        "SELECT id FROM message WHERE inbox_id = ? AND visibility IN (0, 1, 2, 3, 4) AND received_at < ? LIMIT ?",
        (inbox_id, before, limit),
    )
    for (message_id,) in rows:
        arrange.remove(tx, message_id, now)
    return len(rows)


def _drop(tx: Transaction, inbox_id: int, limit: int, now: int) -> int:
    """Take some mail that is on its way out of the queue; how many deliveries."""
    found = open_deliveries(tx, inbox_id, limit)
    if found:
        deliveries.finish(tx, [(State.DROPPED, now, "", "", "none", delivery_id) for delivery_id, _ in found])
        deliveries.close_in_queued(tx, [queued_id for _, queued_id in found], now)
    return len(found)

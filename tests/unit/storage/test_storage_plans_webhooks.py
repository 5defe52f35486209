"""The event log, the feed and the lines of webhooks walk indexes, however long they are."""

import pytest

from mailserver.entities.event import EventType
from mailserver.entities.webhook import Origin, Outcome, WebhookState
from mailserver.storage import closing, events, feed, webhook_lines, webhook_log, webhooks
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans

NOW = 1_800_000_000_000


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path) as opened:
        yield opened


def faults(watched, *, may_sort=()):
    return [
        (sql, step)
        for sql, step in watched.steps
        if (step.startswith("SCAN") and "USING" not in step and "CONSTANT" not in step and "SCAN f" not in step)
        or ("TEMP B-TREE" in step and not any(part in sql for part in may_sort))
    ]


@pytest.mark.parametrize("inbox_id", [None, 1])
@pytest.mark.parametrize("kind", [None, EventType.MESSAGE_SENT])
@pytest.mark.parametrize("times", [(None, None), (NOW, NOW + 10)])
@pytest.mark.parametrize("cursor", [None, 1 << 60])
def test_a_page_of_events_is_one_range(watched, inbox_id, kind, times, cursor):
    where = events.Where(1, inbox_id, kind, None, ("a", "b"), *times, cursor)
    events.page(Snapshot(watched, watched.database), where, 50)
    assert faults(watched) == []
    assert any(
        f"event_{'inbox' if inbox_id else 'tenant'}{'_type' if kind else ''} " in step for _, step in watched.steps
    )


def test_lines_feed_and_log_are_ranges(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    feed.waiting(snapshot, 10)
    feed.done(tx, 1, 2)
    number = webhooks.enqueue(tx, 1, 1, "x", "{}")
    webhooks.withdraw(tx, number)
    webhooks.subscribed(snapshot, 1)
    webhooks.of_origin(snapshot, Origin.INBOX, 1)
    for inbox_id in (None, 1):
        webhooks.of_tenant(snapshot, 1, inbox_id, 0, 50, with_tenants=False)
    webhook_lines.due(snapshot, NOW, 10)
    webhook_lines.next_due_at(snapshot, NOW)
    webhook_lines.claim(tx, "me", NOW, NOW, [1])
    webhook_lines.first(snapshot, 1, NOW, 10)
    webhook_lines.record(tx, 1, "me", NOW, NOW, [Outcome(1, WebhookState.DELIVERED, None, 200, 1, None)])
    webhook_lines.again(tx, 1, 1, NOW)
    webhook_lines.resume(tx, 1, NOW)
    for state in (None, *WebhookState):
        webhook_log.page(snapshot, 1, state, NOW, 0, 50)
    webhook_log.trim(tx, NOW, 10)
    webhook_log.sweep_removed(tx, 10)
    assert faults(watched, may_sort=("lease_until LIMIT",)) == []  # only of what is due just now


def test_the_webhooks_of_an_inbox_that_closes_are_found_by_an_index(watched):
    tx = Transaction(watched, watched.database)
    closing.close(tx, 1, NOW)
    assert [step for sql, step in watched.steps if "webhook_endpoint" in sql and step.startswith("SCAN")] == []

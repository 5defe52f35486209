"""Numbers and events of labels are read from indexes in their order, however many there are."""

import pytest

from mailserver.entities.metric import Extent
from mailserver.storage import label_changes, live_events, metrics, usage_levels
from mailserver.storage.database import Snapshot, Transaction
from tests.support.plans import watching


@pytest.fixture
def watched(tmp_path):
    with watching(tmp_path) as found:
        yield found


EXTENTS = (Extent(1), Extent(1, 2), Extent(1, None, 3))


def test_counts_come_from_indexes_alone(watched):
    snapshot = Snapshot(watched, watched.database)
    for extent in EXTENTS:
        for descending in (False, True):
            metrics.each(snapshot, extent, "message.sent", 1, 2, 9, descending=descending)
        metrics.buckets(snapshot, extent, "message.sent", 1, 2, 3)
        metrics.totals(snapshot, extent, ["message.sent"], 1, 2)
    read = [plan for _, plan in watched.steps if "metric" in plan]
    assert read
    assert all("COVERING INDEX metric_" in plan for plan in read), read


def test_nothing_is_scanned(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    for extent in EXTENTS:
        usage_levels.now(snapshot, extent, 1)
        usage_levels.last(snapshot, extent, 1)
        usage_levels.between(snapshot, extent, 1, 2)
    for extents in (usage_levels.inboxes, usage_levels.pods, usage_levels.tenants):
        extents(snapshot, 1, 10)
    metrics.totals(snapshot, Extent(1, 2), ["domain.verified"], 1, 2)
    metrics.recipients_of(snapshot, 1)
    metrics.expire(tx, 1, 10)
    usage_levels.expire(tx, 1, 10)
    live_events.first(snapshot)
    live_events.position_of(snapshot, 1, 2)
    tx.execute("DELETE FROM usage_level WHERE inbox_id = ?", (1,))
    tx.execute("DELETE FROM metric WHERE inbox_id = ?", (1,))
    for behind in (None, 5):
        for ascending in (False, True):
            label_changes.page(snapshot, 1, behind, 10, ascending=ascending)
    scans = [(sql, step) for sql, step in watched.steps if step.startswith("SCAN") and "(sub" not in step]
    assert scans == []

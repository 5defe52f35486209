"""What a scrape and a trace ask is read from indexes; what is not has its bound in seconds."""

import pytest

from mailserver.entities.event import Event, EventType
from mailserver.entities.story import Sought
from mailserver.storage import levels, lookups, traces
from mailserver.storage.database import Snapshot, TookTooLong
from tests.support import plans

EVENT = Event(7, 1, 1, EventType.MESSAGE_RECEIVED, 1, {})


def test_a_scrape_counts_the_queue_from_its_index_alone(tmp_path):
    with plans.watching(tmp_path) as watched:
        levels.waiting(Snapshot(watched, watched.database), 1.0)
        ((_, steps),) = watched.plans
        assert steps == ["SEARCH delivery USING COVERING INDEX delivery_open (state=?)"]


def test_a_scrape_walks_no_table_of_messages_or_events(tmp_path):
    with plans.watching(tmp_path) as watched:
        kept = levels.kept(Snapshot(watched, watched.database), 1.0)
        assert (kept.messages, kept.events_waiting) == (0, 0)
        for sql, steps in watched.plans:
            for step in steps:
                assert step.startswith("SEARCH") or step in ("SCAN inbox", "SCAN webhook_endpoint"), (sql, step)


def test_a_trace_walks_indexes(tmp_path):
    with plans.watching(tmp_path) as watched:
        snapshot = Snapshot(watched, watched.database)
        traces.by_header(snapshot, "<a@b.test>", 7)
        traces.copies(snapshot, [1])
        traces.queued_by_message(snapshot, [1])
        traces.deliveries_of(snapshot, [1])
        traces.inbox_of(snapshot, 1, 1.0)
        traces.events_about(snapshot, 1, 1, [1], [1], 1.0)
        traces.webhooks_told(snapshot, 1, [EVENT], 1.0)
        traces.audited(snapshot, 1, 1, ["msg_1"], 1.0)
        assert len(watched.plans) == 8
        for sql, steps in watched.plans:
            assert not [step for step in steps if step.startswith("SCAN") and step != "SCAN t"], (sql, steps)
            assert not [step for step in steps if "TEMP B-TREE" in step], (sql, steps)


@pytest.mark.parametrize(
    "sought",
    [
        Sought(header_id="<a@b.test>"), Sought(subject="invoice"), Sought(sender="ann", inbox_id=1), Sought(inbox_id=1),
        Sought(inbox_id=1, since=1, until=2), Sought(since=1), Sought(),
    ],
)  # fmt: skip
def test_messages_are_found_in_the_order_of_an_index(tmp_path, sought):
    with plans.watching(tmp_path) as watched:
        lookups.find(Snapshot(watched, watched.database), sought, 1.0)
        ((sql, steps),) = watched.plans
        is_newest_first = sought == Sought()
        scans = [step for step in steps if step.startswith("SCAN")]
        assert all(step in ("SCAN t", "SCAN m") or "VIRTUAL TABLE" in step for step in scans), (sql, steps)
        assert ("SCAN m" in scans) == is_newest_first  # backwards from the end, as far as the limit goes
        if sought.header_id is None:
            assert not [step for step in steps if "TEMP B-TREE" in step], (sql, steps)


def test_a_walk_through_a_long_queue_is_given_up(tmp_path):
    def fill(tx):
        tx.execute(
            "INSERT INTO queued(id, tenant_id, inbox_id, header_id, subject, sender, domain, location, size, "
            "eight_bit, smtputf8, require_tls, source, open_deliveries, created_at, expires_at) WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "SELECT i, 1, 1, '<' || i || '>', '', '', '', i, 1, 0, 0, 0, 'api', 0, 1, 1 FROM n"
        )

    with plans.watching(tmp_path, fill) as watched:
        snapshot = Snapshot(watched, watched.database)
        assert traces.queued_by_header(snapshot, "<49999>", 10.0) == [49999]
        with pytest.raises(TookTooLong):
            traces.queued_by_header(snapshot, "<none>", 0.0)

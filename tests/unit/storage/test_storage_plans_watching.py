"""What a scrape and a trace ask is read from indexes; what is not has its bound in seconds."""

import pytest

from mailserver.entities.event import Event, EventType
from mailserver.entities.story import Sought
from mailserver.mail import threading
from mailserver.storage import deliveries, levels, lookups, traces
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


def queue(tx):
    """50,000 queued messages; the last two have one hash, and other ids."""
    tx.executemany(
        "INSERT INTO queued(id, tenant_id, inbox_id, header_id, subject, sender, domain, location, size, eight_bit, "
        "smtputf8, require_tls, source, open_deliveries, created_at, expires_at, header_hash) "
        "VALUES (?1, 1, 1, ?2, '', '', '', ?1, 1, 0, 0, 0, 'api', 0, 1, 1, ?3)",
        [(each, f"<{each}@b.test>", threading.header_hash(f"<{min(each, 49_999)}@b.test>")) for each in range(50_001)],
    )


def test_a_message_id_is_found_in_a_long_queue_by_its_hash(tmp_path):
    name = "<49999@b.test>"
    with plans.watching(tmp_path, queue) as watched:
        snapshot = Snapshot(watched, watched.database)
        assert traces.queued_by_header(snapshot, name, threading.header_hash(name)) == [49_999]
        assert traces.queued_by_header(snapshot, "<none@b.test>", threading.header_hash("<none@b.test>")) == []
        assert deliveries.by_header_id(snapshot, name, 20) == []  # it has none any more
        assert len(watched.plans) == 3
        for sql, steps in watched.plans:
            assert [step for step in steps if "USING INDEX queued_header (header_hash=?)" in step], (sql, steps)
            assert not [step for step in steps if step.startswith("SCAN")], (sql, steps)


def test_a_walk_that_takes_too_long_is_given_up(tmp_path):
    with plans.watching(tmp_path, queue) as watched:
        snapshot = Snapshot(watched, watched.database)
        with pytest.raises(TookTooLong), snapshot.within(0.0):
            snapshot.all("SELECT id FROM queued WHERE subject = 'no index has it'")

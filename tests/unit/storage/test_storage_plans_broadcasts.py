"""Broadcasts: every list and every step of the engine walks an index, at any size."""

import pytest

from mailserver.entities.broadcast import Broadcast, BroadcastRecipient, BroadcastStatus, BroadcastText, Fate
from mailserver.storage import broadcast_links, broadcast_recipients, broadcasts, opt_outs, suppressions
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans


def broadcast(number):
    status = BroadcastStatus.SENDING if number == 1 else BroadcastStatus.COMPLETED
    counts = (0,) * 8
    return Broadcast(number, 1, 1, 1, "news", "News", 1, "x", status, *counts, 0, 300, False, 1, 1)


def _fill(tx):
    for number in range(1, 100):
        broadcasts.add(tx, broadcast(number), BroadcastText("x", None))
        fate = Fate(number % 6)
        broadcast_recipients.add(tx, [BroadcastRecipient(number, 1, number, f"p{number}@remote.test", fate)])
        opt_outs.add(tx, number, 1, 1, "news", f"p{number}@remote.test", 1, 1)


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def faults(watched):
    return [(step, sql) for sql, steps in watched.plans for step in steps if _is_bad(step, sql)]


def _is_bad(step, sql):
    if "UNION ALL" in sql:  # two lists of a page's length are put in order
        return step.startswith("SCAN ") and not step.startswith("SCAN (subquery")
    is_scan = step.startswith("SCAN ") and not step.startswith(("SCAN s", "SCAN (subquery", "SCAN CONSTANT"))
    return is_scan or "TEMP B-TREE" in step


def test_lists_and_looks_walk_indexes(watched):
    snapshot = Snapshot(watched, watched.database)
    assert broadcasts.page(snapshot, 1, 0, 50)[1] == 99
    assert [each.id for each in broadcasts.at_work(snapshot, 0, 50)] == [1]
    assert broadcasts.get(snapshot, 1) == broadcast(1)
    assert broadcasts.text(snapshot, 1) == BroadcastText("x", None)
    broadcast_recipients.last_contact(snapshot, 1, 1)
    broadcast_recipients.readers(snapshot, broadcast(1), 100)
    assert broadcast_recipients.known(snapshot, 1, ["p1@remote.test", "x@y.test"]) == {"p1@remote.test"}
    broadcast_recipients.in_queue(snapshot, 1, 1, 1000)
    broadcast_recipients.open_ids(snapshot, 1, "queued", 100)
    broadcast_recipients.get(snapshot, 1)
    assert opt_outs.find(snapshot, 1, "news", ["p1@remote.test"]) == {"p1@remote.test"}
    assert broadcast_links.get(snapshot, "x") is None
    found = suppressions.page(snapshot, 1, 10, 5)
    assert [each.id for each in found] == list(range(94, 84, -1))
    assert suppressions.count(snapshot, 1) == 99
    assert faults(watched) == []


def test_what_is_swept_is_found_by_an_index(watched):
    tx = Transaction(watched, watched.database)
    assert broadcast_recipients.expire(tx, 50, 10) == 10
    assert broadcast_recipients.purge(tx, 1, 10) == 10
    assert faults(watched) == []

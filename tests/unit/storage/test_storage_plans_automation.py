"""Timelines, graphs, alerts and workflow rules: every list walks an index, at any size."""

import pytest

from mailserver.entities.activity import ActivityType, NewActivity
from mailserver.entities.workflow import Trigger
from mailserver.storage import activity, alerts, relationships, workflows
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans


def _fill(tx):
    for number in range(300):
        new = NewActivity(ActivityType.MESSAGE_SENT, f"p{number % 30}@remote.test", f"msg_{number}", number, "x")
        activity.add(tx, number + 1, 1, 1, new)
        relationships.count(tx, 1, new.address, number, outbound=True)


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def faults(watched, *, sorts=False):
    found = []
    for sql, steps in watched.plans:
        found += [(step, sql) for step in steps if step.startswith("SCAN ") and "SUBQUERY" not in step]
        found += [(step, sql) for step in steps if "TEMP B-TREE" in step and not sorts]
    return found


@pytest.mark.parametrize("since", [None, 5])
@pytest.mark.parametrize("cursor", [None, (200, 7)])
def test_a_timeline_walks_its_address_s_range(watched, since, cursor):
    snapshot = Snapshot(watched, watched.database)
    assert activity.page(snapshot, 1, ["p1@remote.test"], since, cursor, 50)
    assert faults(watched) == []
    assert "activity_address" in watched.plans[0][1][0]


def test_the_timeline_of_several_addresses_sorts_no_more_than_pages(watched):
    snapshot = Snapshot(watched, watched.database)
    found = activity.page(snapshot, 1, ["p1@remote.test", "p2@remote.test"], None, None, 5)
    assert [each.occurred_at for each in found] == [272, 271, 242, 241, 212]
    # The outer scans are of the pages; each page walks the index.
    inner = [step for _, steps in watched.plans for step in steps if " a " in f"{step} "]
    assert inner
    assert all("activity_address" in step for step in inner)


def test_a_graph_is_the_end_of_an_index(watched):
    snapshot = Snapshot(watched, watched.database)
    assert len(relationships.strongest(snapshot, 1, 10)) == 10
    relationships.of(snapshot, 1, ["p1@remote.test"])
    activity.about(snapshot, 1, "p1@remote.test", 500)
    assert faults(watched) == []
    assert "relationship_rank" in watched.plans[0][1][0]


def test_the_sweeps_walk_what_is_old(watched):
    tx = Transaction(watched, watched.database)
    activity.expire(tx, 10, 5)
    activity.forget_message(tx, 3)
    relationships.expire(tx, 10, 5)
    assert faults(watched) == []


def test_rules_and_what_waits_walk_their_indexes(watched):
    tx = Transaction(watched, watched.database)
    alerts.of_inbox(tx, 1)
    alerts.enabled(tx, 1)
    alerts.count(tx, 1)
    alerts.next_due_at(tx)
    alerts.take_due(tx, 1, 10)
    alerts.forget_waiting(tx, 1)
    alerts.forget_waiting(tx, 1, "cev_1")
    workflows.of_inbox(tx, 1)
    workflows.enabled(tx, 1, Trigger.EMAIL_RECEIVED)
    workflows.count(tx, 1)
    workflows.runs(tx, 1)
    walked = [(step, sql) for sql, steps in watched.plans for step in steps if "SCAN" in step]
    # The next alert is the first of the index of all that wait.
    assert [step for step, _ in walked] == ["SCAN alert_due USING COVERING INDEX alert_due_time"]
    assert (
        "workflow_enabled"
        in next(steps for sql, steps in watched.plans if "enabled = 1" in sql and "workflow" in sql)[0]
    )

"""Lists of inboxes, drafts and threads walk an index in its order, however long they are."""

import pytest

from mailserver.entities.draft import DraftState
from mailserver.entities.listing import Filter
from mailserver.entities.message import Visibility
from mailserver.entities.pod import Pod
from mailserver.storage import (
    agent_inboxes,
    agent_webhooks,
    api_keys,
    drafts,
    messages,
    narrowing,
    pods,
    sqlite,
    tenants,
    threads,
)
from mailserver.storage.database import Snapshot, Transaction


class Watched:
    """A connection that keeps the plan of whatever runs on it."""

    def __init__(self, connection):
        self._connection = connection
        self.plans = []

    def execute(self, sql, parameters=()):
        steps = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.plans += [(sql, step[3]) for step in steps]
        return self._connection.execute(sql, parameters)


@pytest.fixture
def watched(tmp_path):
    made = sqlite.connect(tmp_path / "x.db")
    sqlite.migrate(made)
    made.connect()
    watching = Watched(made.connection())
    watching.database = made
    yield watching
    made.close()


NARROWED = Filter(
    tenant_id=1, drafts=False, without_labels=("unauthenticated",), senders=("a",), recipients=("b",), subjects=("c",),
    labels=("x",),
)  # fmt: skip


def test_nothing_is_scanned_and_nothing_is_sorted(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    for cursor in (None, (5, 6)):
        for ascending in (False, True):
            for owner in (("tenant_id", 1), ("pod_id", 1), ("inbox_id", 1)):
                drafts.page(snapshot, owner, cursor, 50, ascending=ascending)
                drafts.page(
                    snapshot, owner, cursor, 50, before=9, after=1, labels=("x",), states=(DraftState.SCHEDULED,)
                )
            for pod_id in (None, 3):
                agent_inboxes.page(snapshot, 1, None, pod_id, cursor[0] if cursor else None, 50, ascending=ascending)
                agent_inboxes.page(snapshot, 1, 2, pod_id, None, 50, containing="x")
            pods.page(snapshot, 1, cursor[0] if cursor else None, 50, ascending=ascending)
            for inbox_ids in ((), (3,)):
                where = Filter(**{**_fields(NARROWED), "inbox_ids": inbox_ids, "ascending": ascending})
                threads.page(snapshot, where, cursor, 50)
                messages.in_inboxes(snapshot, where, cursor, 50)
    drafts.due(snapshot, 5, 10)
    drafts.next_due_at(snapshot, 5)
    drafts.by_client_id(snapshot, 1, "c")
    drafts.get(snapshot, 1)
    drafts.count(snapshot, 1)
    drafts.forget_message(tx, 1)
    agent_inboxes.get(snapshot, 1)
    agent_inboxes.by_client_id(snapshot, 1, 2, "c")
    pods.get(snapshot, 1)
    pods.by_client_id(snapshot, 1, "c")
    pods.count(snapshot, 1)
    pods.of_inbox(snapshot, 1)
    pods.inbox_ids(snapshot, 1, 100)
    pods.has_domain(snapshot, 1)
    tenants.domains(snapshot, 1, 2)
    agent_inboxes.count(snapshot, 1, 2)
    pods.remove(tx, Pod(7, 1, "x", None, 0, 0), 0)
    threads.members(snapshot, 1, (5, 6), 50, drafts=False)
    # json_each and the few rows of a UNION inside one message's people are no tables
    slow = [
        (sql, step) for sql, step in watched.plans
        if ("SCAN" in step and "json_each" not in step and not step.startswith(("SCAN p", "SCAN (subquery"))
            and "VIRTUAL TABLE" not in step and "CONSTANT ROW" not in step)
        or "TEMP B-TREE" in step
    ]  # fmt: skip
    assert slow == []
    assert len(watched.plans) > 50


def test_whether_a_message_is_the_first_of_its_id_is_one_step_in_an_index(watched):
    messages.summaries(Snapshot(watched, watched.database), [1, 2])
    steps = [step for sql, step in watched.plans if "o.header_hash" in sql and step.startswith("SEARCH o")]
    assert steps == ["SEARCH o USING COVERING INDEX message_header (tenant_id=? AND header_hash=? AND rowid<?)"]


@pytest.mark.parametrize("number", [0, 3, narrowing.FEW])
def test_a_pod_of_few_inboxes_is_put_together_from_theirs(watched, number):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    for inbox_id in range(number):
        tx.execute(
            "INSERT INTO inbox(id, tenant_id, pod_id, address, created_at) VALUES (?, 1, 7, ?, 0)",
            (100 + inbox_id, f"{inbox_id}@x.test"),
        )
    watched.plans.clear()
    where = Filter(**{**_fields(NARROWED), "pod_id": 7, "visibilities": tuple(Visibility)})
    assert threads.page(snapshot, where, (5, 6), 50) == []
    assert messages.in_inboxes(snapshot, where, (5, 6), 50) == []
    for table in ("thread_inbox", "message_inbox"):
        ranges = [step for _, step in watched.plans if table in step]
        assert len(ranges) == 4 * number
        assert all("visibility=?" in step for step in ranges)


def test_a_pod_of_many_inboxes_walks_its_tenant_s_mail_in_order(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    for inbox_id in range(narrowing.FEW + 1):
        tx.execute(
            "INSERT INTO inbox(id, tenant_id, pod_id, address, created_at) VALUES (?, 1, 7, ?, 0)",
            (100 + inbox_id, f"{inbox_id}@x.test"),
        )
    watched.plans.clear()
    where = Filter(**{**_fields(NARROWED), "pod_id": 7})
    threads.page(snapshot, where, (5, 6), 50)
    messages.in_inboxes(snapshot, where, (5, 6), 50)
    steps = [step for _, step in watched.plans]
    assert any("thread_tenant" in step for step in steps), steps
    assert any("message_tenant" in step for step in steps), steps
    assert not any("USE TEMP B-TREE FOR ORDER BY" in step for step in steps), steps


def test_several_kinds_of_mail_are_merged_from_their_own_ranges(watched):
    snapshot = Snapshot(watched, watched.database)
    where = Filter(tenant_id=1, drafts=False, visibilities=(Visibility.NORMAL, Visibility.SPAM))
    threads.page(snapshot, where, (5, 6), 50)
    ranges = [step for _, step in watched.plans if "thread_tenant" in step]
    assert len(ranges) == 2
    assert all("visibility=?" in step for step in ranges)


def _fields(where):
    return {name: getattr(where, name) for name in where.__slots__}


@pytest.mark.parametrize(
    ("owner", "index"), [("tenant_id", "token_page"), ("pod_id", "token_pod_page"), ("inbox_id", "token_inbox_page")]
)
def test_keys_are_listed_by_an_index(watched, owner, index):
    for behind in (None, 5):
        api_keys.page(Snapshot(watched, watched.database), (owner, 1), behind, 50, ascending=False)
    steps = [step for _, step in watched.plans]
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or "SCAN" in step for step in steps), steps


@pytest.mark.parametrize(
    ("owner", "index"),
    [
        ("tenant_id", "webhook_endpoint_tenant"),
        ("pod_id", "agent_webhook_pod"),
        ("inbox_id", "webhook_endpoint_inbox"),
    ],
)
def test_webhooks_are_listed_by_an_index(watched, owner, index):
    for behind in (None, 5):
        agent_webhooks.page(Snapshot(watched, watched.database), (owner, 1), behind, 50)
    agent_webhooks.by_client_id(Snapshot(watched, watched.database), 1, None, "x")
    steps = [step for _, step in watched.plans]
    assert any(index in step for step in steps), steps
    assert any("agent_webhook_client" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps), steps

"""Lists of people, tokens, approvals and the audit log walk an index in its order, however long they are."""

import itertools

import pytest

from mailserver.entities.approval import ApprovalState
from mailserver.storage import approvals, audit_log, closing, credentials, inboxes, members, sessions
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path) as opened:
        yield opened


def test_nothing_is_scanned_and_nothing_is_sorted(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    for state in (None, *ApprovalState):
        approvals.page(snapshot, 1, state, 0, 50)
    approvals.waiting(snapshot, 1)
    approvals.due(snapshot, 1, 50)
    for before, after, actor, action, inbox_id in itertools.product(
        (None, 9), (None, 1), (None, "usr_1"), (None, "x"), (None, 1)
    ):
        audit_log.page(snapshot, 1, before, after, actor, action, inbox_id, 50)
    credentials.tokens(snapshot, 1, "agent")
    credentials.tokens(snapshot, 1, "agent", 5)
    credentials.count_tokens(snapshot, 1, "agent")
    credentials.token_by_hash(snapshot, "x", 1)
    members.page(snapshot, 1, 0, 50)
    inboxes.page(snapshot, 1, 0, 50)
    inboxes.sent_since(snapshot, 1, 5)
    sessions.by_refresh(snapshot, "x")
    sessions.code_of(snapshot, 1, "reset")
    sessions.end_all(tx, 1, 2, 3)
    sessions.end(tx, 1)
    sessions.expire(tx, 1)
    closing.closed(snapshot, 5)
    closing.open_deliveries(snapshot, 1)
    scanned = [
        (sql, step)
        for sql, step in watched.steps
        if (step.startswith("SCAN") and "USING" not in step and "CONSTANT" not in step) or "TEMP B-TREE" in step
    ]
    assert scanned == []

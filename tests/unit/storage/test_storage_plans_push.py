"""Subscriptions and states are found by indexes; only the sweep and the start of the engine look at all."""

import pytest

from mailserver.entities.push_subscription import Holder, Owner, PushSubscription
from mailserver.storage import closing, push_subscriptions, type_states
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans

NOW = 1_800_000_000_000
OWNER = Owner(1, Holder.TOKEN, 7)
ONE = PushSubscription(
    1, OWNER, 3, None, "a device", ("Email",), b"sealed", "push.test:443", is_verified=True, expires_at=NOW + 1000,
    digest="d", attempts=2, due_at=NOW, created_at=NOW - 1000,
)  # fmt: skip


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path) as opened:
        yield opened


def faults(watched):
    return [
        (sql, step)
        for sql, step in watched.steps
        if (step.startswith("SCAN") and "CONSTANT" not in step) or "TEMP B-TREE" in step
    ]


def test_lists_and_tries_are_ranges_of_an_index(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    push_subscriptions.add(tx, ONE)
    push_subscriptions.of_owner(snapshot, OWNER, NOW)
    push_subscriptions.count_of_tenant(snapshot, 1)
    push_subscriptions.get(snapshot, 1, NOW)
    push_subscriptions.change(tx, ONE)
    push_subscriptions.tried(tx, 1, 1, NOW, None, was_verified=True)
    push_subscriptions.due(snapshot, NOW, 10)
    push_subscriptions.next_due_at(snapshot, NOW)
    type_states.of(snapshot, range(1200))
    push_subscriptions.remove(tx, 1)
    assert faults(watched) == []


def test_the_subscriptions_of_an_inbox_that_closes_are_found_by_an_index(watched):
    closing.close(Transaction(watched, watched.database), 3, NOW)
    assert [step for sql, step in watched.steps if "push_subscription" in sql and step.startswith("SCAN")] == []


LOGINS = {
    Holder.TOKEN: (
        "INSERT INTO token(id, tenant_id, kind, label, prefix, hash, scopes, requires_approval, created_at, updated_at)"
        " VALUES (7, 1, 'agent', '', '', 'h', 'calendar:read email:read', '', 1, 1)"
    ),
    Holder.SESSION: (
        "INSERT INTO session(id, tenant_id, member_id, refresh_hash, rotated_at, created_at, expires_at) "
        f"VALUES (7, 1, 1, 'h', 1, 1, {NOW + 10})"
    ),
    Holder.PASSWORD: (
        "INSERT INTO password(id, inbox_id, label, argon2, scram_salt, scram_iterations, scram_stored_key, "
        "scram_server_key, created_at) VALUES (7, 3, 'main', '', '', 1, '', '', 1)"
    ),
}


@pytest.mark.parametrize("holder", Holder)
def test_a_subscription_lives_as_long_as_its_login_and_its_time(watched, holder):
    tx = Transaction(watched, watched.database)
    owner = Owner(1, holder, 7)
    one = PushSubscription(
        1, owner, None, None, "d", None, b"s", "h", is_verified=True, expires_at=NOW + 5, digest=None, attempts=0,
        due_at=None, created_at=1,
    )  # fmt: skip
    push_subscriptions.add(tx, one)
    assert push_subscriptions.get(tx, 1, NOW) is None
    assert push_subscriptions.is_any_gone(tx, NOW)
    tx.execute(LOGINS[holder])
    assert push_subscriptions.get(tx, 1, NOW) == one
    assert push_subscriptions.of_owner(tx, owner, NOW) == push_subscriptions.verified(tx, NOW) == [one]
    assert not push_subscriptions.is_any_gone(tx, NOW)
    assert push_subscriptions.sweep(tx, NOW) == 0
    if holder is Holder.TOKEN:
        tx.execute("UPDATE token SET scopes = 'email:send'")
        assert push_subscriptions.get(tx, 1, NOW) is None
        tx.execute("UPDATE token SET scopes = 'email:read', permissions = 'message_read'")
        assert push_subscriptions.get(tx, 1, NOW) is None
        tx.execute("UPDATE token SET permissions = NULL")
    assert push_subscriptions.get(tx, 1, NOW + 6) is None
    assert push_subscriptions.sweep(tx, NOW + 6) == 1


def test_a_try_that_was_begun_before_the_verification_does_not_undo_it(watched):
    tx = Transaction(watched, watched.database)
    push_subscriptions.add(tx, ONE)
    push_subscriptions.tried(tx, 1, 5, NOW + 9, None, was_verified=False)
    assert tx.one("SELECT attempts, due_at, digest FROM push_subscription") == (2, NOW, "d")
    push_subscriptions.tried(tx, 1, 0, None, "e", was_verified=True)
    assert tx.one("SELECT attempts, due_at, digest FROM push_subscription") == (0, None, "e")

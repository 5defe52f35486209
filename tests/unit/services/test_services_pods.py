"""Pods: who may see into one, and what happens to whoever is in one that goes."""

import importlib
from dataclasses import replace

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.identifiers import Kind
from mailserver.entities.rule import Direction, ListType
from mailserver.services.accounts import pods as pod_service
from mailserver.services.accounts.agent_inboxes import NewInbox
from mailserver.services.accounts.api_keys import NewKey
from mailserver.services.notify.agent_webhooks import NewWebhook
from mailserver.storage import sqlite
from tests.support.inside import inside


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


@pytest.fixture
def caller(house):
    return Caller(house.account.tenant.id, Credential.API_KEY, 1, ALL_SCOPES)


def id_of(pod):
    return identifiers.encode(Kind.POD, pod.id)


async def test_what_was_put_into_no_pod_is_in_the_tenant_s_own_which_stays(house, caller):
    (own,) = await house.services.pods.page(caller, None, 10)
    assert own.is_default
    assert own.id == house.account.tenant.id == house.account.inbox.pod_id
    (domain,) = await house.services.domain_keeping.all(caller)
    assert domain.pod_id == own.id
    with pytest.raises(errors.NotEmpty):
        await house.services.pods.delete(caller, id_of(own))


async def test_a_key_of_an_inbox_knows_no_pods_and_one_of_a_pod_no_other(house, caller):
    pods = house.services.pods
    first, second = await pods.create(caller, "a", None), await pods.create(caller, "b", None)
    bound = replace(caller, inbox_id=house.account.inbox.id, pod_id=house.account.inbox.pod_id)
    for asked in (pods.of(bound, id_of(first)), pods.page(bound, None, 10), pods.create(bound, "c", None)):
        with pytest.raises(errors.Forbidden):
            await asked
    inside_first = await pods.within(caller, id_of(first))
    assert inside_first.pod_id == first.id
    assert await pods.page(inside_first, None, 10) == [first]
    assert await pods.page(inside_first, first.id, 10) == []
    for text in (id_of(second), "pod_0000000000007", "", "x"):
        with pytest.raises(errors.NotFound):
            await pods.within(inside_first, text)
        with pytest.raises(errors.NotFound):
            await pods.delete(inside_first, text)
    with pytest.raises(errors.Forbidden):
        await pods.delete(inside_first, id_of(first))


async def test_a_client_s_name_makes_a_pod_once_and_names_have_bounds(house, caller, monkeypatch):
    pods = house.services.pods
    made = await pods.create(caller, "a", "x-1")
    assert await pods.create(caller, "b", "x-1") == made
    assert (await pods.create(caller, None, None)).name == pod_service.UNNAMED
    for name, client_id in (("x" * 201, None), ("a\nb", None), ("a", "no@sign"), ("a", "x" * 257)):
        with pytest.raises(errors.Invalid):
            await pods.create(caller, name, client_id)
    monkeypatch.setattr(pod_service, "MOST", 3)
    with pytest.raises(errors.Conflict):
        await pods.create(caller, "more", None)
    assert await pods.create(caller, "b", "x-1") == made


async def test_whoever_was_let_into_a_pod_that_goes_puts_nothing_into_it(house, caller):
    services = house.services
    pod = await services.pods.create(caller, "a", None)
    within = await services.pods.within(caller, id_of(pod))
    await services.pods.delete(caller, id_of(pod))
    url = "https://hooks.remote.test/a"
    for asked in (
        services.agent_inboxes.create(within, NewInbox("late")),
        services.api_keys.create(within, None, NewKey("late")),
        services.notify.agent_webhooks.create(within, None, NewWebhook(url)),
        services.notify.agent_webhooks.create(caller, None, NewWebhook(url, pod_ids=(pod.id,))),
        services.rules.add(within, None, Direction.RECEIVE, ListType.BLOCK, "bad.test"),
        services.domain_keeping.create(within, "late.test", "existing_domain", "quarantine"),
    ):  # fmt: skip
        with pytest.raises(errors.NotFound):
            await asked
    for table in ("inbox", "domain", "token", "sender_rule", "agent_webhook"):
        assert await house.rows(f"SELECT * FROM {table} WHERE pod_id = ?", pod.id) == []
    assert await house.rows("SELECT id FROM token WHERE label = 'late'") == []


async def test_a_pod_whose_inbox_is_being_cleared_away_is_empty_and_its_rows_go(house, caller):
    services = house.services
    pod = await services.pods.create(caller, "a", None)
    within = await services.pods.within(caller, id_of(pod))
    made = await services.agent_inboxes.create(within, NewInbox("short"))
    with pytest.raises(errors.NotEmpty):
        await services.pods.delete(caller, id_of(pod))
    await services.agent_inboxes.close(within, made.inbox)
    await services.pods.delete(caller, id_of(pod))
    await services.inbox_keeping.sweep()
    assert await house.rows("SELECT * FROM inbox WHERE pod_id = ?", pod.id) == []


async def test_an_inbox_made_by_hand_is_in_the_pod_of_its_domain(house, caller):
    services = house.services
    pod = await services.pods.create(caller, "a", None)
    within = await services.pods.within(caller, id_of(pod))
    await services.domain_keeping.create(within, "pod.test", "existing_domain", "quarantine")
    await house.store.database.write(lambda tx: tx.execute("UPDATE domain SET status = 'verified'"))
    assert (await services.inboxes.add("a@pod.test")).pod_id == pod.id
    assert (await services.inboxes.add("b@local.test")).pod_id == caller.tenant_id
    assert [each.address for each in await services.inboxes.all_of(within)] == ["a@pod.test"]
    assert (await services.inboxes.of(within, None)).address == "a@pod.test"


def test_what_there_was_before_pods_is_in_its_tenant_s_own(tmp_path):
    made = sqlite.connect(tmp_path / "x.db")
    names = sorted(path.stem for path in sqlite.MIGRATIONS.glob("0*.py"))
    before = [name for name in names if name < "0025"]
    for name in before:
        importlib.import_module(f"mailserver.storage.migrations.{name}").up(None, made)
    for statement in (
        "INSERT INTO tenant(id, name, created_at) VALUES (1, 'a', 5), (2, 'b', 6)",
        "INSERT INTO inbox(id, tenant_id, address, created_at) VALUES (70, 1, 'a@local.test', 5)",
        "INSERT INTO domain(id, tenant_id, name, status, created_at) VALUES (80, 2, 'b.test', 'verified', 5)",
        "INSERT INTO agent_inbox VALUES (70, 1, 'c', '{}', 5)",
        "INSERT INTO token(id, tenant_id, inbox_id, kind, label, prefix, hash, scopes, requires_approval, created_at) "
        "VALUES (1, 1, NULL, 'api_key', '', '', 'x', '', '', 5), (2, 1, 70, 'api_key', '', '', 'y', '', '', 5), "
        "(3, 1, 70, 'agent', '', '', 'z', '', '', 5)",
    ):
        made.execute_sql(statement)
    importlib.import_module("mailserver.storage.migrations.0025_pods").up(None, made)
    for question, answer in (
        ("SELECT id, tenant_id FROM pod ORDER BY id", [(1, 1), (2, 2)]),
        ("SELECT pod_id FROM inbox", [(1,)]),
        ("SELECT pod_id FROM domain", [(2,)]),
        ("SELECT pod_id FROM agent_inbox", [(1,)]),
        ("SELECT pod_id FROM token ORDER BY id", [(None,), (1,), (None,)]),
    ):
        assert list(made.execute_sql(question)) == answer, question
    made.close()

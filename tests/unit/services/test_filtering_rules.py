"""Allow and block lists, kept for tenants that see nothing of each other."""

from dataclasses import replace

import pytest

from mailserver.entities import errors
from mailserver.entities.rule import Direction, ListType, Outcome
from mailserver.mail import address
from mailserver.services.filtering import rules as filtering
from mailserver.services.filtering.rules import Rules
from tests.support.inside import inside

RECEIVE, REPLY, SEND = Direction.RECEIVE, Direction.REPLY, Direction.SEND
ALLOW, BLOCK = ListType.ALLOW, ListType.BLOCK
ANN, BOB = "ann@remote.test", "bob@remote.test"


class Scene:
    def __init__(self, house):
        self.now = 0.0
        self.house = house
        self.database = house.store.database
        self.rules = Rules(self.database, house.store.ids, lambda: self.now)
        self.inbox = house.account.inbox
        self.where = [(self.inbox.id, self.inbox.tenant_id)]

    async def put(self, entry, direction=RECEIVE, kind=BLOCK, inbox=True, reason=None):
        caller = await self.house.caller()
        return await self.rules.add(caller, self.inbox if inbox else None, direction, kind, entry, reason)

    async def incoming(self, author=ANN, sender=None, answered=frozenset()):
        envelope = address.parse(sender or author)
        return (await self.rules.for_mail_in(self.where, envelope, [author], answered))[self.inbox.id]


@pytest.fixture
async def scene(tmp_path):
    async with inside(tmp_path) as house:
        yield Scene(house)


async def test_without_lists_nobody_is_judged(scene):
    assert (await scene.incoming()).outcome is Outcome.NONE
    found = await scene.rules.for_mail_out(scene.inbox.tenant_id, scene.inbox.id, [address.parse(ANN)])
    assert [ruling.outcome for ruling in found.values()] == [Outcome.NONE]


async def test_a_blocked_sender_is_blocked_by_author_and_by_envelope_with_the_entry_that_says_so(scene):
    made = await scene.put("Ann@Remote.test", reason="rude")
    ruling = await scene.incoming()
    assert (ruling.outcome, ruling.rule) == (Outcome.BLOCK, made)
    assert made.reason == "rude"
    assert (await scene.incoming(BOB, sender=ANN)).outcome is Outcome.BLOCK
    assert (await scene.incoming(BOB)).outcome is Outcome.NONE


async def test_the_inbox_decides_before_the_organisation(scene):
    await scene.put("remote.test", inbox=False)
    await scene.put(ANN, kind=ALLOW)
    assert (await scene.incoming(ANN)).outcome is Outcome.ALLOW
    ruling = await scene.incoming(BOB)
    assert (ruling.outcome, ruling.rule) == (Outcome.BLOCK, None)


async def test_a_pod_stands_between_them(scene):
    from dataclasses import replace

    from mailserver.entities.rule import EntryType, Rule, RuleScope
    from mailserver.storage import rules

    await scene.put(ANN, inbox=False)
    scope = RuleScope(scene.inbox.tenant_id, scene.inbox.pod_id)
    rule = Rule(5, scope, RECEIVE, ALLOW, ANN, EntryType.EMAIL, None, 0)
    await scene.database.write(rules.add, rule)
    scene.rules.forget()
    assert (await scene.incoming(ANN)).outcome is Outcome.ALLOW
    await scene.database.write(rules.add, replace(rule, id=6, direction=SEND, list_type=BLOCK))
    scene.rules.forget()
    (sent,) = (await scene.rules.for_mail_out(scene.inbox.tenant_id, scene.inbox.id, [address.parse(ANN)])).values()
    assert sent.outcome is Outcome.BLOCK
    elsewhere = RuleScope(scene.inbox.tenant_id, 77)
    await scene.database.write(rules.add, replace(rule, id=7, scope=elsewhere, entry=BOB))
    scene.rules.forget()
    assert (await scene.incoming(BOB)).rule is None
    await scene.put(ANN)
    assert (await scene.incoming(ANN)).outcome is Outcome.BLOCK, "the inbox is asked first"


async def test_answers_to_a_known_thread_ask_the_reply_lists_alone(scene):
    await scene.put(ANN)
    await scene.put(BOB, REPLY)
    answered = frozenset({scene.inbox.id})
    assert (await scene.incoming(ANN, answered=answered)).outcome is Outcome.NONE
    assert (await scene.incoming(BOB, answered=answered)).outcome is Outcome.BLOCK
    assert (await scene.incoming(BOB)).outcome is Outcome.NONE


async def test_sending_is_judged_for_each_recipient(scene):
    await scene.put("*.partner.test", SEND, ALLOW)
    await scene.put("partner.test", SEND, ALLOW)
    people = [address.parse(one) for one in ("a@partner.test", "b@x.partner.test", "c@else.test")]
    found = await scene.rules.for_mail_out(scene.inbox.tenant_id, scene.inbox.id, people)
    assert [found[one].outcome for one in people] == [Outcome.ALLOW, Outcome.ALLOW, Outcome.BLOCK]


async def test_a_bounce_without_author_and_sender_is_not_judged(scene):
    await scene.put(ANN, kind=ALLOW)
    found = await scene.rules.for_mail_in(scene.where, None, [])
    assert found[scene.inbox.id].outcome is Outcome.NONE
    found = await scene.rules.for_mail_in(scene.where, None, ["no address", BOB])
    assert found[scene.inbox.id].outcome is Outcome.BLOCK


async def test_changes_hold_at_once_here_and_soon_elsewhere(scene):
    other_node = Rules(scene.database, scene.house.store.ids, lambda: scene.now)
    before = await other_node.for_mail_in(scene.where, address.parse(ANN), [ANN])
    assert before[scene.inbox.id].outcome is Outcome.NONE
    await scene.put(ANN)
    assert (await scene.incoming()).outcome is Outcome.BLOCK
    assert "rules" in scene.house.rung
    scene.now += filtering.FRESH_SECONDS + 1
    after = await other_node.for_mail_in(scene.where, address.parse(ANN), [ANN])
    assert after[scene.inbox.id].outcome is Outcome.BLOCK
    await scene.rules.remove(await scene.house.caller(), scene.inbox, RECEIVE, BLOCK, ANN)
    assert (await scene.incoming()).outcome is Outcome.NONE


async def test_entries_are_listed_found_and_removed(scene):
    for entry in ("c.test", "a.test", "b.test"):
        await scene.put(entry)
    caller = await scene.house.caller()
    place = (caller, scene.inbox, RECEIVE, BLOCK)
    assert [one.entry for one in await scene.rules.page(*place, limit=2)] == ["a.test", "b.test"]
    assert [one.entry for one in await scene.rules.page(*place, after="b.test")] == ["c.test"]
    assert (await scene.rules.get(*place, "@A.test")).entry == "a.test"
    await scene.rules.remove(*place, "a.test")
    with pytest.raises(errors.NotFound):
        await scene.rules.get(*place, "a.test")
    with pytest.raises(errors.NotFound):
        await scene.rules.remove(*place, "a.test")
    with pytest.raises(errors.Invalid):
        await scene.put("not an entry")
    with pytest.raises(errors.Invalid):
        await scene.put("x.test", reason="x" * 501)


async def test_another_tenant_s_inbox_is_not_there(scene):
    caller = await scene.house.caller()
    stranger = replace(caller, tenant_id=caller.tenant_id + 1)
    await scene.put(ANN)
    for call in (
        lambda: scene.rules.add(stranger, scene.inbox, RECEIVE, BLOCK, ANN),
        lambda: scene.rules.page(stranger, scene.inbox, RECEIVE, BLOCK),
        lambda: scene.rules.remove(stranger, scene.inbox, RECEIVE, BLOCK, ANN),
        lambda: scene.rules.get(stranger, scene.inbox, RECEIVE, BLOCK, ANN),
    ):
        with pytest.raises(errors.NotFound):
            await call()
    assert (await scene.incoming()).outcome is Outcome.BLOCK


async def test_credentials_of_one_inbox_do_not_reach_the_organisation_s_lists(scene):
    bound = await scene.house.caller(scene.inbox)
    with pytest.raises(errors.Forbidden):
        await scene.rules.add(bound, None, RECEIVE, BLOCK, ANN)
    other = replace(bound, inbox_id=scene.inbox.id + 1)
    with pytest.raises(errors.NotFound):
        await scene.rules.add(other, scene.inbox, RECEIVE, BLOCK, ANN)
    assert (await scene.rules.add(bound, scene.inbox, RECEIVE, BLOCK, ANN)).entry == ANN


async def test_a_tenant_has_so_many_entries_and_no_more(scene, monkeypatch):
    from mailserver.storage import rules

    monkeypatch.setattr(rules, "MOST", 2)
    await scene.put("a.test")
    await scene.put("b.test")
    await scene.put("b.test")
    with pytest.raises(errors.Conflict):
        await scene.put("c.test")

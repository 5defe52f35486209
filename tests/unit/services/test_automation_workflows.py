"""Workflow rules: made through the API, run inside the delivery of mail."""

import json
import sqlite3

import pytest

from mailserver.entities import errors
from mailserver.entities.workflow import Condition, Field, Op
from mailserver.services.automation import conditions
from tests.support.inside import inside
from tests.support.served import served

LETTER = (
    b"From: Ann <ann@partner.test>\r\nTo: leads@local.test, agent@local.test\r\nSubject: Offer %d\r\n"
    b"Message-ID: <%d@partner.test>\r\nList-Id: News <news.partner.test>\r\n\r\nHello.\r\n"
)
PAYLOAD = {"from": "event.payload"}
TASK = {"source": PAYLOAD, "target": {"type": "task"}}
HOOK = {"source": PAYLOAD, "target": {"type": "webhook", "url": "https://remote.test/leads", "event_type": "lead.new"}}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def made(site, *writes, trigger="email_received", where=(), who="a1", **more):
    some = [{"field": field, "op": op, "value": value} for field, op, value in where]
    body = {"name": "A rule", "trigger": trigger, "conditions": some, "writes": list(writes), **more}
    return await call(site, "POST", "/v1/workflows/", 201, who, **body)


async def label(site, name="Partner", **more):
    return (await call(site, "POST", "/v1/labels/", 201, name=name, **more))["label_id"]


def add_label(label_id, **more):
    return {"source": PAYLOAD, "target": {"type": "email.add_label", "label_id": label_id}, **more}


async def hear(site, number=1):
    found = await site.house.receive(LETTER % (number, number))
    await site.house.settled()
    return found


async def tasks(site):
    return (await call(site, "GET", "/v1/tasks/"))["results"]


async def runs(site, rule):
    return await call(site, "GET", f"/v1/workflows/{rule['rule_id']}/runs/")


async def labels(site, message):
    thread = (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]
    found = (await call(site, "GET", f"/v1/messages/threads/{thread}/labels/"))["results"]
    return [each["label_key"] for each in found]


async def lines(site):
    rows = await site.house.rows("SELECT type, body FROM webhook_delivery ORDER BY id")
    return [(kind, json.loads(body)) for kind, body in rows]


# -- arriving mail ------------------------------------------------------------------------------------------------


async def test_a_message_that_fits_gets_its_label_task_and_webhook_with_its_rows(site):
    partner = await label(site)
    rule = await made(site, add_label(partner), TASK, HOOK, where=[("from_domain", "eq", "Partner.test")])
    message = await hear(site)
    assert "partner" in await labels(site, message)
    (task,) = await tasks(site)
    assert (task["summary"], task["source"], task["message_id"]) == ("Offer 1", "workflow", message)
    ((kind, body),) = await lines(site)
    assert (kind, body["type"], body["data"]["message_id"]) == ("lead.new", "lead.new", message)
    assert body["data"]["list_id"] == "news.partner.test"
    (run,) = await runs(site, rule)
    assert (run["result"], run["message_id"]) == ("done", message)
    assert [each["type"] for each in run["writes"]] == ["email.add_label", "task", "webhook"]
    applied = await site.house.rows("SELECT body FROM event WHERE type = 'label.applied'")
    assert [json.loads(body)["label_key"] for (body,) in applied] == ["partner"]


async def test_every_condition_has_to_hold(site):
    rule = await made(
        site, TASK,
        where=[("subject", "starts_with", "offer"), ("from_address", "eq", "somebody@else.test")],
    )  # fmt: skip
    await hear(site)
    assert await tasks(site) == await runs(site, rule) == []


async def test_a_rule_that_is_off_or_another_inbox_s_does_nothing(site):
    off = await made(site, TASK)
    await call(site, "PATCH", f"/v1/workflows/{off['rule_id']}/", enabled=False)
    await made(site, TASK, who="a2")
    await hear(site)
    assert await tasks(site) == []


async def test_a_contract_that_is_not_met_refuses_that_write_alone(site):
    rule = await made(
        site, {**TASK, "contract": {"required": ["summary", "phone"]}},
        {"source": PAYLOAD, "target": {"type": "task", "summary": "Call {from_name}"}},
    )  # fmt: skip
    await hear(site)
    assert [each["summary"] for each in await tasks(site)] == ["Call Ann"]
    (run,) = await runs(site, rule)
    assert [each["result"] for each in run["writes"]] == ["refused", "done"]
    assert (run["result"], run["writes"][0]["detail"]) == ("refused", "The payload has no phone.")


async def test_a_label_that_is_gone_is_said_in_the_runs(site):
    partner = await label(site)
    rule = await made(site, add_label(partner))
    await site.call("DELETE", f"/v1/labels/{partner}/", site.tokens["a session"])
    await hear(site)
    (run,) = await runs(site, rule)
    assert run["writes"][0]["detail"] == "There is no such label any more."


async def test_junk_and_own_mail_set_nothing_off(site):
    await made(site, TASK)
    await call(site, "POST", "/v1/messages/", 201, to=[{"email": "x@remote.test"}], subject="Out", text_body="x")
    await call(site, "PUT", "/v1/sender-rules/", inbound_mode="blocklist", inbound_patterns=["@partner.test"])
    await hear(site)
    assert await tasks(site) == []


async def test_a_rule_that_breaks_leaves_nothing_and_the_message_arrives(site):
    partner = await label(site)
    rule = await made(site, add_label(partner), TASK)
    engine = site.house.services.automation.engine

    class Breaks:
        def add(self, tx, inbox_id, new):
            raise ZeroDivisionError

    whole, engine._tasks = engine._tasks, Breaks()
    message = await hear(site)
    engine._tasks = whole
    assert "partner" not in await labels(site, message)
    assert await site.house.rows("SELECT 1 FROM event WHERE type = 'label.applied'") == []
    assert [each["result"] for each in await runs(site, rule)] == ["failed"]
    await hear(site, 2)
    assert len(await tasks(site)) == 1


async def test_a_store_that_breaks_is_no_fault_of_the_rule(site):
    await made(site, TASK)
    engine = site.house.services.automation.engine
    broken = []

    class FullOnce:
        def add(self, tx, inbox_id, new):
            if not broken:
                broken.append(1)
                tx._connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("database or disk is full")
            return whole.add(tx, inbox_id, new)

    whole, engine._tasks = engine._tasks, FullOnce()
    await hear(site)  # the stage tries again
    assert len(await tasks(site)) == 1
    assert await site.house.rows("SELECT COUNT(*) FROM message") == [(1,)]


async def test_a_replayed_record_runs_no_rule_twice(tmp_path):
    async with inside(tmp_path) as house:
        caller = await house.caller(house.account.inbox)
        engine = house.services.automation
        from mailserver.entities.workflow import Trigger, WriteType
        from mailserver.services.automation.workflows import WantedWrite

        await engine.workflows.create(
            caller, house.account.inbox, "x", Trigger.EMAIL_RECEIVED, [], [WantedWrite(WriteType.TASK)], is_enabled=True
        )
        await house.receive(LETTER % (1, 1))
        await house.settled()
        await house.store.database.write(lambda tx: tx.execute("UPDATE applied SET sequence = 0"))
    async with inside(tmp_path) as house:
        assert await house.rows("SELECT COUNT(*) FROM task WHERE source = 'workflow'") == [(1,)]
        assert await house.rows("SELECT COUNT(*) FROM message") == [(1,)]


async def test_the_last_runs_are_kept(site, monkeypatch):
    monkeypatch.setattr("mailserver.storage.workflows.RUNS_KEPT", 3)
    rule = await made(site, TASK)
    messages = [await hear(site, number) for number in range(5)]
    assert [each["message_id"] for each in await runs(site, rule)] == messages[:1:-1]
    assert await site.house.rows("SELECT COUNT(*) FROM workflow_run") == [(3,)]


# -- labels -------------------------------------------------------------------------------------------------------


async def test_a_label_that_somebody_applies_sets_off_its_rules_once(site):
    partner, other = await label(site), await label(site, "Other")
    rule = await made(site, TASK, trigger="label_applied", where=[("label_id", "eq", partner)])
    message = await hear(site)
    for one in (partner, partner, other):
        await call(site, "POST", f"/v1/messages/{message}/labels/", label_id=one)
    (task,) = await tasks(site)
    assert (task["summary"], task["message_id"]) == ("Offer 1", message)
    assert len(await runs(site, rule)) == 1


async def test_a_label_on_a_thread_sets_off_rules_too(site):
    partner, other = await label(site), await label(site, "Other")
    await made(site, TASK, add_label(other), trigger="label_applied", where=[("label_id", "in", [partner])])
    message = await hear(site)
    thread = (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]
    await call(site, "POST", f"/v1/messages/threads/{thread}/labels/", label_id=partner)
    (task,) = await tasks(site)
    assert (task["thread_id"], task["message_id"]) == (thread, None)
    assert sorted(await labels(site, message))[:2] == ["other", "partner"]


async def test_a_label_that_a_rule_sets_sets_off_no_rule(site):
    first, second = await label(site, "First"), await label(site, "Second")
    await made(site, add_label(second), trigger="label_applied", where=[("label_id", "eq", first)])
    await made(site, add_label(first), trigger="label_applied", where=[("label_id", "eq", second)])
    await made(site, add_label(first))
    message = await hear(site)
    found = await labels(site, message)
    assert "first" in found
    assert "second" not in found


# -- rules --------------------------------------------------------------------------------------------------------


async def test_a_rule_is_shown_as_it_was_given(site):
    partner = await label(site)
    where = [("to_address", "eq", "leads@local.test"), ("has_attachment", "eq", False), ("spam_score", "lt", 2.5)]
    rule = await made(site, add_label(partner, contract={"required": ["subject"]}), HOOK, where=where)
    shown = await call(site, "GET", f"/v1/workflows/{rule['rule_id']}/")
    assert [(each["field"], each["op"], each["value"]) for each in shown["conditions"]] == where
    assert shown["writes"][0]["target"] == {"type": "email.add_label", "label_id": partner}
    assert shown["writes"][0]["contract"] == {"required": ["subject"]}
    assert shown["writes"][1]["target"] == HOOK["target"]
    assert shown["writes"][1]["source"] == PAYLOAD


async def test_the_secret_of_a_webhook_is_shown_when_it_is_new(site):
    rule = await made(site, HOOK)
    ((url, secret),) = rule["secrets"].items()
    assert (url, secret[:6]) == ("https://remote.test/leads", "whsec_")
    path = f"/v1/workflows/{rule['rule_id']}/"
    assert "secrets" not in await call(site, "GET", path)
    assert "secrets" not in await call(site, "PATCH", path, writes=[HOOK, TASK])
    moved = {**HOOK, "target": {**HOOK["target"], "url": "https://remote.test/other"}}
    assert list((await call(site, "PATCH", path, writes=[moved]))["secrets"]) == ["https://remote.test/other"]
    assert await site.house.rows("SELECT url FROM webhook_endpoint WHERE removed_at IS NULL") == [
        ("https://remote.test/other",)
    ]
    await call(site, "DELETE", path, 204)
    assert await site.house.rows("SELECT url FROM webhook_endpoint WHERE removed_at IS NULL") == []


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("trigger", {"trigger": "email_sent"}),
        ("name", {"name": " "}),
        ("writes", {"writes": []}),
        ("writes", {"writes": [{**TASK, "source": {"from": "elsewhere"}}]}),
        ("writes", {"writes": [{"source": PAYLOAD, "target": {"type": "task", "url": "https://remote.test"}}]}),
        ("writes", {"writes": [{"source": PAYLOAD, "target": {"type": "webhook"}}]}),
        ("writes", {"writes": [{"source": PAYLOAD, "target": {"type": "webhook", "url": "gopher://x"}}]}),
        ("writes", {"writes": [{"source": PAYLOAD, "target": {**HOOK["target"], "event_type": "Bad Type"}}]}),
        ("writes", {"writes": [{"source": PAYLOAD, "target": {"type": "email.add_label"}}]}),
        ("writes", {"writes": [{**TASK, "contract": {"required": ["__class__"]}}]}),
        ("conditions", {"conditions": [{"field": "from_domain", "op": "matches", "value": "(a+)+"}]}),
        ("conditions", {"conditions": [{"field": "spam_score", "op": "contains", "value": "1"}]}),
        ("conditions", {"conditions": [{"field": "spam_score", "op": "gt", "value": 10**30}]}),
        ("conditions", {"conditions": [{"field": "has_attachment", "op": "eq", "value": "yes"}]}),
        ("conditions", {"conditions": [{"field": "subject", "op": "in", "value": "x"}]}),
        ("conditions", {"conditions": [{"field": "subject", "op": "eq", "value": ""}]}),
        ("conditions", {"conditions": [{"field": "subject", "op": "eq", "value": "x"}] * 21}),
    ],
)
async def test_a_rule_that_cannot_be_used_is_refused_by_its_field(site, field, change):
    body = {"name": "x", "trigger": "email_received", "writes": [TASK], **change}
    answer = await call(site, "POST", "/v1/workflows/", 400, **body)
    assert {name.split(".")[0] for name in answer["fields"]} == {field}


async def test_another_team_s_label_is_the_same_as_none(site):
    foreign = (await call(site, "POST", "/v1/labels/", 201, who="b1", name="Theirs"))["label_id"]
    none = foreign[:-3] + "000"
    answers = []
    for one in (foreign, none):
        body = {"name": "x", "trigger": "email_received", "writes": [add_label(one)]}
        answers.append(await call(site, "POST", "/v1/workflows/", 404, **body))
        where = [{"field": "label_id", "op": "in", "value": [one]}]
        body = {"name": "x", "trigger": "label_applied", "writes": [TASK], "conditions": where}
        answers.append(await call(site, "POST", "/v1/workflows/", 404, **body))
    assert answers == [answers[0]] * 4


async def test_a_rule_is_its_inbox_s_own(site):
    rule = await made(site, TASK)
    path = f"/v1/workflows/{rule['rule_id']}/"
    for who in ("a2", "b1", "b session"):
        for method, where in (("GET", path), ("DELETE", path), ("GET", f"{path}runs/")):
            await call(site, method, where, 404, who=who)
        await call(site, "PATCH", path, 404, who=who, name="Mine")


# -- conditions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "op", "value", "fact", "held"),
    [
        ("subject", "eq", "OFFER", "Offer", True),
        ("subject", "neq", "x", "Offer", True),
        ("subject", "contains", "FF", "Offer", True),
        ("subject", "starts_with", "fer", "Offer", False),
        ("subject", "ends_with", "FER", "Offer", True),
        ("subject", "in", ["a", "offer"], "Offer", True),
        ("subject", "exists", True, "", False),
        ("list_id", "exists", False, None, True),
        ("list_id", "eq", "x", None, False),
        ("list_id", "neq", "x", None, True),
        ("to_address", "eq", "b@x.test", ("a@x.test", "b@x.test"), True),
        ("to_address", "neq", "b@x.test", ("a@x.test", "b@x.test"), False),
        ("spam_score", "gt", 2, 2.5, True),
        ("spam_score", "lt", 2, 2.5, False),
        ("spam_score", "gt", 0, None, False),
        ("spam_score", "eq", 1, 1.0, True),
        ("has_attachment", "eq", True, True, True),
        ("is_authenticated", "eq", False, None, False),
        ("is_authenticated", "exists", True, False, True),
    ],
)
def test_a_condition(field, op, value, fact, held):
    condition = conditions.check(Condition(Field(field), Op(op), value))
    assert conditions.holds(condition, fact) is held


def test_a_condition_with_another_kind_of_value_is_refused():
    for field, op, value in (
        ("spam_score", "gt", True), ("spam_score", "gt", "2"), ("is_authenticated", "eq", 1), ("subject", "in", []),
        ("subject", "exists", "x"), ("label_id", "contains", "x"), ("subject", "gt", 2),
    ):  # fmt: skip
        with pytest.raises(errors.Invalid):
            conditions.check(Condition(Field(field), Op(op), value))

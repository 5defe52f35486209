"""Alert rules: made through the API, told by the feed and by the clock."""

import json
import time
from dataclasses import replace

import pytest

from mailserver.entities.event import Event, EventType
from mailserver.services.automation import templates
from mailserver.storage import closing
from tests.support.served import served

MINUTE = 60_000
LETTER = b"From: Ann <ann@remote.test>\r\nTo: agent@local.test\r\nSubject: %s\r\n\r\nHello.\r\n"
TASK = {"type": "task", "target": "Answer {from_name}: {subject} {unknown} {type}"}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def made(site, *events, delivery=TASK, who="a1", **more):
    return await call(site, "POST", "/v1/alerts/", 201, who, events=list(events), delivery=delivery, **more)


async def followed(site):
    await site.house.settled()
    while await site.house.assembled.fanout.step():
        pass


async def hear(site, subject=b"Offer"):
    found = await site.house.receive(LETTER % subject)
    await followed(site)
    return found


async def publish(site, kind, inbox="a1", **body):
    where, ids = site.inboxes[inbox], site.house.store.ids
    event = Event(ids.next(), where.tenant_id, where.id if inbox else 0, kind, int(time.time() * 1000), body)
    await site.house.store.database.write(lambda tx: tx.publish(event))
    await followed(site)
    return event


async def tasks(site, who="a1"):
    return (await call(site, "GET", "/v1/tasks/", who=who))["results"]


async def lines(site):
    """(type, body, retries, backoff) of what waits in the lines of webhooks."""
    rows = await site.house.rows("SELECT type, body, retries, backoff FROM webhook_delivery ORDER BY id")
    return [(kind, json.loads(body), retries, backoff) for kind, body, retries, backoff in rows]


async def at(site, milliseconds):
    """Let the clock of alerts be at a time."""
    clock = site.house.services.automation.clock
    clock._clock = lambda: milliseconds
    return await clock.once()


# -- at once ------------------------------------------------------------------------------------------------------


async def test_a_task_is_made_with_the_fields_of_the_event_in_its_summary(site):
    await made(site, "message.received")
    message = await hear(site)
    (task,) = await tasks(site)
    assert task["summary"] == "Answer Ann: Offer {unknown} message.received"
    assert (task["source"], task["message_id"]) == ("alert", message)
    assert task["thread_id"].startswith("thr_")


async def test_a_webhook_goes_into_a_line_of_its_own_and_its_secret_is_shown_once(site):
    target = {"type": "webhook", "target": "https://remote.test/hook"}
    rule = await made(site, "message.received", delivery=target, retries=7, backoff="fixed")
    assert rule["secret"].startswith("whsec_")
    assert "secret" not in await call(site, "GET", f"/v1/alerts/{rule['id']}/")
    assert (await call(site, "GET", "/v1/webhooks/"))["results"] == []
    message = await hear(site)
    ((kind, body, retries, backoff),) = await lines(site)
    assert (kind, retries, backoff) == ("message.received", 7, "fixed")
    assert set(body) == {"type", "event_id", "inbox_id", "occurred_at", "data"}
    assert (body["data"]["message_id"], body["data"]["from_address"]) == (message, "ann@remote.test")


async def test_nothing_is_told_of_another_inbox_or_by_a_rule_that_is_off(site):
    await made(site, "message.received", who="a2")
    off = await made(site, "message.received")
    await call(site, "PATCH", f"/v1/alerts/{off['id']}/", enabled=False)
    await made(site, "message.sent")
    await hear(site)
    assert await tasks(site) == await tasks(site, "a2") == []


async def test_a_filter_wants_every_field(site):
    await made(site, "message.received", filter={"subject": ["offer", "order"], "has_attachment": False})
    await hear(site, b"Lunch")
    assert await tasks(site) == []
    await hear(site, b"OFFER")
    assert len(await tasks(site)) == 1


async def test_the_same_event_is_told_once_by_each_rule(site):
    await made(site, "message.received", "message.sent")
    await made(site, "message.received", delivery={"type": "task", "target": "Other"})
    await hear(site)
    await followed(site)
    assert sorted(each["summary"][:6] for each in await tasks(site)) == ["Answer", "Other"]


async def test_an_anniversary_is_told_by_its_own_name_or_by_that_of_all(site):
    await made(site, "contact.birthday", delivery={"type": "task", "target": "one"})
    await made(site, "contact.{type}", delivery={"type": "task", "target": "all"})
    await publish(site, EventType.CONTACT_ANNIVERSARY, anniversary_type="birthday")
    await publish(site, EventType.CONTACT_ANNIVERSARY, anniversary_type="nameday")
    assert sorted(each["summary"] for each in await tasks(site)) == ["all", "all", "one"]


async def test_a_cap_is_told_when_the_threshold_is_passed(site):
    await made(site, "cap.reached", threshold=80, delivery={"type": "task", "target": "{percent} %"})
    for before, now in ((0, 50), (50, 80), (80, 100)):
        await publish(site, EventType.CAP_REACHED, cap="messages_per_hour", percent=now, previous_percent=before)
    assert [each["summary"] for each in await tasks(site)] == ["80 %"]


# -- later --------------------------------------------------------------------------------------------------------


async def event(site, start_at, **more):
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start_at / 1000))
    created = await call(site, "POST", "/v1/calendar/events/", 201, title="Lunch", start=start, **more)
    await followed(site)
    return created["event_id"]


async def moved(site, event_id, **more):
    if "start_at" in more:
        more["start"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(more.pop("start_at") / 1000))
    await call(site, "PATCH", f"/v1/calendar/events/{event_id}/", **more)
    await followed(site)


@pytest.fixture
def noon():
    return (int(time.time()) + 86_400) * 1000


REMIND = {"delivery": {"type": "task", "target": "Soon: {title}"}, "offset": {"value": 15, "unit": "minutes"}}


async def test_an_offset_goes_before_the_start_of_a_calendar_event(site, noon):
    await made(site, "event.created", **REMIND)
    await event(site, noon)
    assert await at(site, noon - 15 * MINUTE - 1) == 0
    assert await at(site, noon - 15 * MINUTE) == 1
    assert await at(site, noon + MINUTE) == 0
    assert [each["summary"] for each in await tasks(site)] == ["Soon: Lunch"]


async def test_it_moves_with_the_event_and_dies_with_it(site, noon):
    await made(site, "event.created", **REMIND)
    first, second, third = [await event(site, noon + n * 60 * MINUTE) for n in range(3)]
    await moved(site, first, start_at=noon + 600 * MINUTE, title="Dinner")
    await moved(site, second, status="cancelled")
    await call(site, "DELETE", f"/v1/calendar/events/{third}/", 204)
    await followed(site)
    assert await site.house.rows("SELECT due_at FROM alert_due") == [(noon + 585 * MINUTE,)]
    assert await at(site, noon + 599 * MINUTE) == 1
    assert [each["summary"] for each in await tasks(site)] == ["Soon: Dinner"]


async def test_an_event_that_is_changed_after_its_alert_is_not_told_again(site, noon):
    await made(site, "event.created", **REMIND)
    now = int(time.time() * 1000)
    soon = await event(site, now + 5 * MINUTE)
    assert await at(site, now + MINUTE) == 1
    await moved(site, soon, title="Later lunch")
    assert await at(site, now + 2 * MINUTE) == 0
    await moved(site, soon, start_at=noon)
    assert await at(site, noon) == 1


async def test_a_new_rule_waits_for_what_is_in_the_calendar_already(site, noon):
    await event(site, noon)
    rule = await made(site, "event.created", **REMIND)
    assert await site.house.rows("SELECT due_at FROM alert_due") == [(noon - 15 * MINUTE,)]
    await call(site, "PATCH", f"/v1/alerts/{rule['id']}/", offset={"value": 1, "unit": "hours"})
    assert await site.house.rows("SELECT due_at FROM alert_due") == [(noon - 60 * MINUTE,)]
    await call(site, "PATCH", f"/v1/alerts/{rule['id']}/", enabled=False)
    assert await site.house.rows("SELECT due_at FROM alert_due") == []


async def test_an_offset_goes_behind_any_other_event_and_ends_with_its_rule(site):
    rule = await made(site, "message.received", delivery=TASK, offset={"value": 2, "unit": "hours"})
    kept = await made(site, "message.received", delivery=TASK, offset={"value": 2, "unit": "hours"})
    await hear(site)
    ((due_at,), _) = await site.house.rows("SELECT due_at FROM alert_due")
    assert await tasks(site) == []
    await call(site, "DELETE", f"/v1/alerts/{rule['id']}/", 204)
    assert await site.house.rows("SELECT alert_id FROM alert_due JOIN alert ON alert.id = alert_id") != []
    assert await at(site, due_at) == 1
    assert len(await tasks(site)) == 1
    await call(site, "GET", f"/v1/alerts/{kept['id']}/")


async def test_the_clock_runs_until_it_is_stopped(site):
    await made(site, "message.received", offset={"value": 1, "unit": "minutes"})
    await hear(site)
    clock = site.house.services.automation.clock
    clock._clock = lambda: int(time.time() * 1000) + 2 * MINUTE

    class StopsWhenIdle:
        def ring(self, topic):
            pass

        async def wait(self, topic, timeout_seconds):
            clock.stop()
            return True

    clock._bell = StopsWhenIdle()
    await clock.run()
    assert len(await tasks(site)) == 1


# -- what is refused ----------------------------------------------------------------------------------------------


async def test_what_only_owners_hear_of_needs_an_owner_s_login(site):
    body = {"events": ["token.created"], "delivery": TASK, "inbox_id": site.inboxes["a1"].address}
    await call(site, "POST", "/v1/alerts/", 403, **body)
    rule = await call(site, "POST", "/v1/alerts/", 201, who="a session", **body)
    await call(site, "PATCH", f"/v1/alerts/{rule['id']}/", 403, delivery={"type": "task", "target": "mine"})
    await call(site, "POST", "/v1/alerts/test/", 403, alert_id=rule["id"])
    other = await made(site, "message.received")
    await call(site, "PATCH", f"/v1/alerts/{other['id']}/", 403, events=["domain.verified"])
    await publish(site, EventType.TOKEN_CREATED, "a2", token_id="tok_1")
    (task,) = await tasks(site)
    assert task["summary"].endswith("token.created")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("events", {"events": ["message.eaten"]}),
        ("events", {"events": []}),
        ("delivery", {"delivery": {"type": "webhook", "target": "ftp://remote.test/"}}),
        ("delivery", {"delivery": {"type": "webhook", "target": "https://user:word@remote.test/"}}),
        ("delivery", {"delivery": {"type": "task", "target": " "}}),
        ("offset", {"offset": {"value": 600_000, "unit": "days"}}),
        ("offset", {"offset": {"value": 0, "unit": "days"}}),
        ("filter", {"filter": {"subject": {"deep": 1}}}),
        ("filter", {"filter": {f"f{n}": n for n in range(21)}}),
        ("filter", {"filter": {"x": list(range(101))}}),
        ("filter", {"filter": {"__class__": "x"}}),
        ("filter", {"filter": {"x": 10**30}}),
        ("threshold", {"threshold": 101}),
        ("retries", {"retries": 11}),
        ("backoff", {"backoff": "never"}),
    ],
)
async def test_a_rule_that_cannot_be_used_is_refused_by_its_field(site, field, body):
    whole = {"events": ["message.received"], "delivery": TASK, **body}
    answer = await call(site, "POST", "/v1/alerts/", 400, **whole)
    assert {name.split(".")[0] for name in answer["fields"]} == {field}


async def test_private_addresses_are_refused_where_they_are_not_allowed(site):
    posting = site.house.services.notify.posting
    posting._fetch._allow_private = posting._allow_private = False
    for url in ("http://remote.test/", "https://127.0.0.1/", "https://169.254.169.254/", "https://remote.test:22/"):
        await call(
            site, "POST", "/v1/alerts/", 400, events=["message.sent"], delivery={"type": "webhook", "target": url}
        )


async def test_a_rule_is_its_inbox_s_own(site):
    rule = await made(site, "message.received")
    for who in ("a2", "b1", "b session"):
        for method in ("GET", "DELETE"):
            await call(site, method, f"/v1/alerts/{rule['id']}/", 404, who=who)
        await call(site, "PATCH", f"/v1/alerts/{rule['id']}/", 404, who=who, enabled=False)
        await call(site, "POST", "/v1/alerts/test/", 404, who=who, alert_id=rule["id"])
    assert len(await call(site, "GET", "/v1/alerts/")) == 1
    assert await call(site, "GET", "/v1/alerts/", who="a2") == []


# -- tests of rules -----------------------------------------------------------------------------------------------


async def test_a_test_makes_a_task_at_once(site):
    rule = await made(site, "message.sent", delivery={"type": "task", "target": "Say {message}"})
    answer = await call(site, "POST", "/v1/alerts/test/", alert_id=rule["id"])
    (task,) = await tasks(site)
    assert (answer["delivered"], answer["task_id"]) == (True, task["task_id"])
    assert task["summary"] == "Say This is a test."
    await call(site, "POST", "/v1/alerts/test/", 400, who="a1", inbox_id=site.inboxes["a1"].address)


async def test_a_test_says_what_the_receiver_answered(tmp_path):
    async with served(tmp_path, outbound_http={"allow_private": True}) as site:
        there, nowhere = ({"type": "webhook", "target": f"{site.base}{path}"} for path in ("/healthz", "/nowhere"))
        answer = await call(site, "POST", "/v1/alerts/test/", delivery=nowhere)
        assert (answer["delivered"], answer["status"], answer["task_id"]) == (False, 404, None)
        assert "404" in answer["error"]
        rule = await made(site, "message.sent", delivery=there)
        answer = await call(site, "POST", "/v1/alerts/test/", alert_id=rule["id"])
        assert answer["status"] == 405
        assert await lines(site) == []


# -- pieces -------------------------------------------------------------------------------------------------------


def test_a_template_takes_fields_once_and_leaves_what_it_does_not_know():
    fields = {"a": "{b}", "b": 2, "c": None, "d": ["x", "y"], "e": True}
    assert templates.render("{a} {b} [{c}] {d} {e} {f} {a.b} {{b}} {}", fields) == "{b} 2 [] x, y yes {f} {a.b} {2} {}"


def test_true_is_no_number_in_a_filter():
    assert templates.matches({"x": True}, {"x": True})
    assert not templates.matches({"x": 1}, {"x": True})
    assert not templates.matches({"x": ""}, {})
    assert templates.matches({"x": ["a", "B"]}, {"x": ["c", "b"]})


async def test_a_closed_inbox_takes_its_rules_along_at_once(site):
    await made(site, "message.received", delivery={"type": "webhook", "target": "https://remote.test/hook"})
    await made(site, "message.received", offset={"value": 1, "unit": "minutes"})
    await hear(site)
    inbox = site.inboxes["a1"]
    await site.house.store.database.write(closing.close, inbox.id, int(time.time() * 1000))
    for table in ("alert", "alert_due", "workflow"):
        assert await site.house.rows(f"SELECT id FROM {table}") == []
    assert not site.house.services.automation.feed._of_tenant
    await publish(site, EventType.MESSAGE_SENT)


async def test_a_task_of_a_closed_inbox_is_not_made(site):
    await made(site, "message.received", offset={"value": 1, "unit": "minutes"})
    await hear(site)
    (alert,) = await site.house.services.automation.alerts.of_inbox(site.inboxes["a1"])
    gone = replace(alert, inbox_id=7)
    fired = await site.house.store.database.write(
        site.house.services.automation.feed._firing.fire, gone, 1, "x", '{"type":"x","occurred_at":"","data":{}}'
    )
    assert fired is None

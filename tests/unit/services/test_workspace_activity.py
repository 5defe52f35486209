"""Timelines and relationships: written from the event log, read through the API."""

import time

import pytest

from mailserver.entities.activity import ActivityType, NewActivity
from mailserver.entities.delivery import Delivered, Failed, FailureKind
from mailserver.mail.reply import Reply
from mailserver.services.workspace import activity as timeline
from mailserver.storage import relationships
from tests.support.served import served

DAY = 86_400_000
LETTER = (
    b"From: Ann <Ann@remote.test>\r\nTo: agent@local.test\r\nCc: Carl <carl@remote.test>\r\nSubject: Offer %d\r\n"
    b"Message-ID: <%d@remote.test>\r\n\r\nHow much is it?\r\n"
)


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def followed(site):
    """Everything that was published has been handed out."""
    await site.house.settled()
    while await site.house.assembled.fanout.step():
        pass


async def hear(site, number=1):
    found = await site.house.receive(LETTER % (number, number))
    await followed(site)
    return found


async def add(site, *new):
    inbox, entries = site.inboxes["a1"], site.house.services.timeline
    for each in new:
        await site.house.store.database.write(entries.add, inbox.tenant_id, inbox.id, each)


def sent(number, at, kind=ActivityType.MESSAGE_SENT, address="ann@remote.test", people=()):
    return NewActivity(kind, address, f"msg_{number}", at, f"Mail {number}", tuple((each, None) for each in people))


async def test_a_received_message_stands_in_its_author_s_timeline(site):
    ann = await call(site, "POST", "/v1/contacts/", 201, full_name="Ann", emails=[{"address": "ann@remote.test"}])
    message = await hear(site)
    (event,) = (await call(site, "GET", f"/v1/activity/?contact_id={ann['id']}"))["events"]
    assert (event["type"], event["resource_id"], event["summary"]) == ("message.received", message, "Offer 1")
    assert (event["contact_id"], event["contact_address"]) == (ann["id"], "ann@remote.test")
    assert event["id"].startswith("evt_")
    assert [each["email"] for each in event["participants"]] == [
        "Ann@remote.test", "agent@local.test", "carl@remote.test",
    ]  # fmt: skip
    metadata = event["metadata"]
    assert set(metadata) == {"thread_id", "has_attachments", "preview", "is_read"}
    assert (metadata["is_read"], metadata["has_attachments"], metadata["preview"]) == (False, False, "How much is it?")
    await call(site, "PATCH", f"/v1/messages/{message}/", 204, mark_read=True)
    (event,) = (await call(site, "GET", "/v1/activity/?address=ANN@remote.test"))["events"]
    assert event["metadata"]["is_read"] is True


async def test_what_became_of_a_sent_message_stands_with_each_recipient(site):
    wanted = {"to": [{"email": "ann@remote.test"}], "bcc": [{"email": "dan@remote.test"}], "text_body": "x"}
    made = await call(site, "POST", "/v1/messages/", 201, subject="Offer", **wanted)
    jobs = await site.house.services.queue.page()
    outcomes = {
        "ann@remote.test": Delivered(5, "mx.remote.test", Reply(250, "2.0.0", "taken")),
        "dan@remote.test": Failed(6, FailureKind.REFUSED, Reply(550, "5.1.1", "no such user")),
    }
    for job in jobs:
        (delivery,) = job.deliveries
        outcome = outcomes[delivery.recipient]
        await site.house.store.database.write(site.house.assembled.outcomes.record, job.message, delivery, outcome)
    await followed(site)
    ann = (await call(site, "GET", "/v1/activity/?address=ann@remote.test"))["events"]
    assert {each["type"] for each in ann} == {"message.sent", "message.delivered"}
    assert {each["resource_id"] for each in ann} == {made["message_id"]}
    told = next(each for each in ann if each["type"] == "message.sent")
    assert "dan@remote.test" not in [each["email"] for each in told["participants"]]
    dan = (await call(site, "GET", "/v1/activity/?address=dan@remote.test"))["events"]
    bounced = next(each for each in dan if each["type"] == "message.bounced")
    assert bounced["metadata"]["bounce_category"] == "refused"
    assert bounced["metadata"]["smtp_reply"].startswith("550")


async def test_an_event_in_a_calendar_stands_with_those_who_take_part(site):
    await call(
        site, "POST", "/v1/calendar/events/", 201, title="Lunch", start="2026-06-03T10:00:00", duration="PT30M",
        time_zone="Europe/Berlin", location="Here", participants=[{"email": "Ann@remote.test"}],
    )  # fmt: skip
    await followed(site)
    (event,) = (await call(site, "GET", "/v1/activity/?address=ann@remote.test"))["events"]
    assert (event["type"], event["summary"]) == ("calendar_event.created", "Lunch")
    assert event["metadata"] == {
        "start": "2026-06-03T10:00:00", "duration": "PT30M", "time_zone": "Europe/Berlin", "location": "Here",
    }  # fmt: skip


async def test_the_same_thing_is_told_once(site):
    now = int(time.time() * 1000)
    await add(site, sent(1, now), sent(1, now + 5), sent(1, now, ActivityType.MESSAGE_DELIVERED), sent(2, now))
    assert len((await call(site, "GET", "/v1/activity/?address=ann@remote.test"))["events"]) == 3
    (row,) = await site.house.rows("SELECT outbound_count FROM relationship")
    assert row == (2,)


async def test_pages_follow_one_another_and_keep_to_since(site):
    now = int(time.time() * 1000)
    await add(site, *(sent(number, now - number // 2 * 1000) for number in range(9)), sent(99, now - DAY))
    seen, cursor = [], ""
    while True:
        path = f"/v1/activity/?address=ann@remote.test&limit=2&since=in%20-1%20hours{cursor}"
        path = path.replace("in%20-1%20hours", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000 - 3600)))
        page = await call(site, "GET", path)
        seen += [each["resource_id"] for each in page["events"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert sorted(seen) == [f"msg_{number}" for number in range(9)]
    for bad in ("x", "1.evt_", "99999999999999999.evt_0000000000007", "-1.evt_0000000000007"):
        await call(site, "GET", f"/v1/activity/?address=ann@remote.test&cursor={bad}", 400)


async def test_a_timeline_is_of_one_contact(site):
    ann = await call(site, "POST", "/v1/contacts/", 201, full_name="Ann", emails=[{"address": "ann@remote.test"}])
    await call(site, "GET", "/v1/activity/", 400)
    await call(site, "GET", f"/v1/activity/?address=a@remote.test&contact_id={ann['id']}", 400)
    await call(site, "GET", f"/v1/activity/?contact_id={ann['id']}", 404, who="a2")
    await hear(site)
    assert (await call(site, "GET", "/v1/activity/?address=ann@remote.test", who="a2"))["events"] == []


async def test_a_removed_message_takes_what_is_told_of_it_along(site):
    message = await hear(site)
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{message}/", 204)
    assert (await call(site, "GET", "/v1/activity/?address=ann@remote.test"))["events"] == []


async def test_mail_in_junk_is_nobody_s_history(site):
    await call(site, "PUT", "/v1/sender-rules/", inbound_mode="blocklist", inbound_patterns=["@remote.test"])
    await hear(site)
    assert await site.house.rows("SELECT folder_id FROM placement") != []
    assert await site.house.rows("SELECT 1 FROM activity") == []


async def test_two_years_later_it_is_forgotten(site):
    now = int(time.time() * 1000)
    await add(site, sent(1, now - timeline.KEPT_MS - DAY, address="old@remote.test"), sent(2, now - DAY))
    assert await site.house.services.timeline.sweep() == 2
    assert await site.house.rows("SELECT resource_id FROM activity") == [("msg_2",)]
    assert await site.house.rows("SELECT address FROM relationship") == [("ann@remote.test",)]


# -- relationships ------------------------------------------------------------------------------------------------


async def graph(site, path="/v1/relationships/", expected=200, who="a1"):
    return await call(site, "GET", path, expected, who)


async def test_frequency_and_recency_make_a_relationship_strong(site):
    now = int(time.time() * 1000)
    fresh = [sent(number, now, address="often@remote.test") for number in range(5)]
    old = [sent(number, now - relationships.HALF_LIFE_MS, address="once@remote.test") for number in range(10, 15)]
    back = [sent(20, now, ActivityType.MESSAGE_RECEIVED, "writes@remote.test")]
    await add(site, *old, *fresh, *back)
    found = await graph(site)
    edges = {each["target"]: each for each in found["edges"]}
    assert [each["target"] for each in found["edges"]] == [
        "often@remote.test", "once@remote.test", "writes@remote.test",
    ]  # fmt: skip
    assert edges["often@remote.test"]["outbound_strength"] == pytest.approx(0.5, abs=0.001)
    assert edges["once@remote.test"]["outbound_strength"] == pytest.approx(2.5 / 7.5, abs=0.001)
    assert edges["writes@remote.test"]["outbound_strength"] == 0
    assert edges["writes@remote.test"]["inbound_strength"] == pytest.approx(1 / 6, abs=0.001)
    assert {each["source"] for each in found["edges"]} == {found["nodes"][0]["id"]}
    assert len((await graph(site, "/v1/relationships/?limit=1"))["edges"]) == 1


async def test_late_news_weighs_what_its_age_says(site):
    now = int(time.time() * 1000)
    life = relationships.HALF_LIFE_MS
    await add(site, sent(1, now - life, address="x@remote.test"), sent(2, now, address="x@remote.test"))
    await add(site, sent(3, now, address="y@remote.test"), sent(4, now - life, address="y@remote.test"))
    rows = await site.house.rows("SELECT outbound, rank FROM relationship ORDER BY address")
    assert rows[0] == pytest.approx(rows[1])
    assert rows[0][0] == pytest.approx(1.5)


async def test_addresses_of_one_contact_are_one_node(site):
    now = int(time.time() * 1000)
    ann = await call(
        site, "POST", "/v1/contacts/", 201, full_name="Ann",
        emails=[{"address": "ann@remote.test"}, {"address": "ann@home.test"}],
    )  # fmt: skip
    await add(site, sent(1, now), sent(2, now, address="ann@home.test"))
    found = await graph(site)
    assert [each["contact_id"] for each in found["nodes"]] == [None, ann["id"]]
    (edge,) = found["edges"]
    assert (edge["target"], edge["outbound_count"]) == (ann["id"], 2)


async def test_the_graph_around_a_contact_has_those_who_were_on_the_same_messages(site):
    ann = await call(site, "POST", "/v1/contacts/", 201, full_name="Ann", emails=[{"address": "ann@remote.test"}])
    await hear(site, 1)
    await hear(site, 2)
    now = int(time.time() * 1000)
    await add(site, sent(1, now, address="stranger@remote.test"))
    found = await graph(site, f"/v1/relationships/{ann['id']}/")
    assert [each["id"] for each in found["nodes"]][1:] == [ann["id"], "carl@remote.test"]
    together = next(each for each in found["edges"] if each["source"] == ann["id"])
    assert (together["target"], together["inbound_count"]) == ("carl@remote.test", 2)
    own = next(each for each in found["edges"] if each["target"] == ann["id"])
    assert (own["inbound_count"], own["outbound_count"]) == (2, 0)
    await graph(site, f"/v1/relationships/{ann['id']}/", 404, who="a2")


async def test_somebody_who_is_introduced_stands_in_the_graph_at_once(site):
    inbox, now = site.inboxes["a1"], int(time.time() * 1000)
    entries = site.house.services.timeline
    for _ in range(2):
        await site.house.store.database.write(entries.introduce, inbox.id, "New@remote.test", now)
    (edge,) = (await graph(site))["edges"]
    assert (edge["target"], edge["outbound_strength"], edge["inbound_strength"]) == ("new@remote.test", 0, 0)

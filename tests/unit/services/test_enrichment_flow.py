"""From mail that comes in to what is suggested, confirmed and summed up, through the API and the real store."""

import asyncio
import itertools
import time

import pytest

from mailserver.entities import identifiers
from mailserver.entities.access import Scope
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import Kind
from mailserver.services.enrichment import worker as engine
from mailserver.storage import enrichment
from tests.support.enriched import ALL_ON
from tests.support.served import served

NUMBERS = itertools.count(1)
INVITATION = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nDTSTART:20300603T080000Z\r\nDTEND:20300603T083000Z\r\n"
    "SUMMARY:Team standup\r\nLOCATION:Conference Room B\r\nDESCRIPTION:Weekly standup\r\n"
    "ATTENDEE;CN=Alice:mailto:alice@remote.test\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, (answer.status, answer.content)
    return answer.json if answer.content else None


async def arrive(site, subject, text, *, sender="alice@remote.test", more="", content="text/plain"):
    own_id = next(NUMBERS)
    raw = (
        f"From: Alice <{sender}>\r\nTo: agent@local.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <n{own_id}@remote.test>\r\n{more}Content-Type: {content}; charset=utf-8\r\n\r\n{text}\r\n"
    )
    await site.house.receive(raw.encode(), sender=sender)
    await site.house.settled()
    while await site.house.assembled.fanout.step():
        pass
    (row,) = await site.house.rows("SELECT MAX(id) FROM message")
    return identifiers.encode(Kind.MESSAGE, row[0])


async def work(site):
    return await site.house.services.enrichment.worker.once()


async def shown(site, message_id):
    return await call(site, "GET", f"/v1/messages/{message_id}/")


# -- switches -----------------------------------------------------------------------------------------------------


async def test_everything_is_off_until_it_is_switched_on_and_then_nothing_waits(site):
    before = await call(site, "GET", "/v1/enrichment/")
    assert before["features"] == {"thread_summary": False, "label_suggest": False, "calendar_suggest": False}
    assert (before["provider"], before["endpoint"], before["has_api_key"]) == ("builtin", None, False)
    message_id = await arrive(site, "Lunch", "Let's meet on 3 June 2030 at 12:00.")
    assert await site.house.rows("SELECT * FROM enrichment_request") == []
    assert await work(site) == 0
    thread = (await shown(site, message_id))["thread_id"]
    refused = await call(site, "GET", f"/v1/messages/threads/{thread}/summary/", 409)
    assert refused["error"] == "feature_disabled"


async def test_a_switch_that_is_left_out_stays_and_the_key_never_comes_out(site):
    made = await call(
        site, "PUT", "/v1/enrichment/", features={"calendar_suggest": True}, provider="openai_compatible",
        endpoint="https://models.remote.test/v1", model="small", api_key="sk-very-secret",
    )  # fmt: skip
    assert made["features"] == {"thread_summary": False, "label_suggest": False, "calendar_suggest": True}
    assert made["has_api_key"] is True
    made = await call(site, "PUT", "/v1/enrichment/", features={"label_suggest": True})
    assert (made["features"]["calendar_suggest"], made["endpoint"]) == (True, "https://models.remote.test/v1")
    answer = await site.call("GET", "/v1/enrichment/", site.tokens["a1"])
    assert b"sk-very" not in answer.content
    rows = await site.house.rows("SELECT detail FROM audit WHERE action = 'enrichment.changed'")
    assert len(rows) == 2
    assert all("sk-very" not in row[0] for row in rows)


async def test_another_endpoint_does_not_get_the_key_of_the_one_before(site):
    body = {"provider": "openai_compatible", "endpoint": "https://one.test/v1", "model": "m", "api_key": "k1"}
    assert (await call(site, "PUT", "/v1/enrichment/", **body))["has_api_key"] is True
    changed = await call(site, "PUT", "/v1/enrichment/", endpoint="https://two.test/v1")
    assert changed["has_api_key"] is False
    assert await site.house.rows("SELECT * FROM enrichment_key") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "openai_compatible"}, "endpoint"),
        ({"provider": "openai_compatible", "endpoint": "https://one.test/v1"}, "model"),
        ({"endpoint": "ftp://one.test"}, "endpoint"),
        ({"endpoint": "https://user:word@one.test/"}, "endpoint"),
        ({"endpoint": "http://one.test/v1"}, "endpoint"),
        ({"api_key": "a\nb"}, "api_key"),
        ({"provider": "oracle"}, "provider"),
        ({"features": {"mind_reading": True}}, "features.mind_reading"),
    ],
)
async def test_a_choice_that_cannot_work_is_refused_with_its_field(site, body, field):
    refused = await call(site, "PUT", "/v1/enrichment/", 400, **body)
    assert field in refused["fields"]


async def test_only_those_with_the_admin_scope_say_who_reads_the_mail(site):
    token = await site.token("agent", site.inboxes["a1"], frozenset({Scope.EMAIL_READ, Scope.EMAIL_WRITE}))
    answer = await site.call("PUT", "/v1/enrichment/", token, json={"features": ALL_ON})
    assert answer.status == 403


# -- events -------------------------------------------------------------------------------------------------------


async def test_an_invitation_is_suggested_confirmed_and_stands_in_the_calendar(site):
    await call(site, "PATCH", f"/v1/inboxes/{identifiers.encode(Kind.INBOX, site.inboxes['a1'].id)}/settings/",
               who="a session", default_timezone="Europe/Berlin")  # fmt: skip
    await call(site, "PUT", "/v1/enrichment/", features={"calendar_suggest": True})
    message_id = await arrive(site, "Invitation", INVITATION, content="text/calendar")
    assert (await shown(site, message_id))["event_suggestion"] is None
    assert await work(site) == 1
    expected = {
        "title": "Team standup", "start": "2030-06-03T10:00:00", "duration": "PT30M", "location": "Conference Room B",
        "description": "Weekly standup", "participants": [{"email": "alice@remote.test", "name": "Alice"}],
    }  # fmt: skip
    assert (await shown(site, message_id))["event_suggestion"] == expected
    (row,) = (await call(site, "GET", "/v1/messages/?folder=inbox"))["results"]
    assert row["event_suggestion"] == expected
    made = await call(site, "POST", f"/v1/messages/{message_id}/suggested-events/", 201)
    assert set(made) == {"event_id", "calendar_id", "title", "start"}
    assert (made["title"], made["start"]) == ("Team standup", "2030-06-03T10:00:00")
    event = await call(site, "GET", f"/v1/calendar/events/{made['event_id']}/")
    assert (event["location"], event["duration"]) == ("Conference Room B", "PT30M")
    assert (await shown(site, message_id))["event_suggestion"] is None
    again = await call(site, "POST", f"/v1/messages/{message_id}/suggested-events/", 201)
    assert again == made
    types = await site.house.rows("SELECT type FROM event WHERE type = 'event.created'")
    assert len(types) == 1


async def test_a_dated_sentence_is_suggested_and_a_dismissed_one_is_gone(site):
    await call(site, "PUT", "/v1/enrichment/", features={"calendar_suggest": True})
    message_id = await arrive(site, "Re: Project", "Let's meet on 3 June 2030 at 15:00 in Room 7.\r\n\r\n> old")
    await work(site)
    found = (await shown(site, message_id))["event_suggestion"]
    assert (found["title"], found["start"], found["location"]) == ("Project", "2030-06-03T15:00:00Z", "Room 7")
    await call(site, "DELETE", f"/v1/messages/{message_id}/suggested-events/", 204)
    assert (await shown(site, message_id))["event_suggestion"] is None
    await call(site, "POST", f"/v1/messages/{message_id}/suggested-events/", 404)


async def test_a_suggested_event_goes_into_the_calendar_that_is_named_and_into_no_stranger_s(site):
    await call(site, "PUT", "/v1/enrichment/", features={"calendar_suggest": True})
    message_id = await arrive(site, "Call", "The call is on 3 June 2030 at 15:00.")
    await work(site)
    (foreign, *_) = await call(site, "GET", "/v1/calendars/", who="b1")
    path = f"/v1/messages/{message_id}/suggested-events/"
    await call(site, "POST", path, 404, calendar_id=foreign["calendar_id"])
    mine = await call(site, "POST", "/v1/calendars/", 201, name="Team", kind="events")
    made = await call(site, "POST", path, 201, calendar_id=mine["calendar_id"])
    assert made["calendar_id"] == mine["calendar_id"]


async def test_junk_is_not_read(site):
    await call(site, "PUT", "/v1/enrichment/", features=ALL_ON)
    requests, inbox = site.house.services.enrichment.requests, site.inboxes["a1"]
    for folder, is_read in (("junk", False), ("inbox", True)):
        body = {"message_id": identifiers.encode(Kind.MESSAGE, 7), "folder": folder}
        told = Event(1, inbox.tenant_id, inbox.id, EventType.MESSAGE_RECEIVED, 1, body)
        assert await site.house.store.database.read(requests.matches, told) is is_read


# -- labels -------------------------------------------------------------------------------------------------------

BILLS = [
    f"Invoice {n} for hosting: the payment of {n}0 euros is due on the account, bank transfer or direct debit."
    for n in range(31, 37)
]


async def label(site, name):
    return (await call(site, "POST", "/v1/labels/", 201, name=name))["label_id"]


async def taught(site, label_id, texts):
    for text in texts:
        message_id = await arrive(site, text.partition(":")[0], text)
        await call(site, "POST", f"/v1/messages/{message_id}/labels/", label_id=label_id)


async def suggested(site, text, sender="alice@remote.test"):
    message_id = await arrive(site, text.partition(":")[0], text, sender=sender)
    await work(site)
    return message_id, (await shown(site, message_id))["label_suggestions"]


async def test_a_label_is_suggested_for_what_is_like_confirmed_mail_and_confirmed(site):
    await call(site, "PUT", "/v1/enrichment/", features={"label_suggest": True})
    billing, travel = await label(site, "billing"), await label(site, "travel")
    await taught(site, billing, BILLS[:3])
    await taught(site, travel, ["Flight to Rome: boarding at gate 4, your luggage and hotel reservation are booked."])
    message_id, found = await suggested(site, BILLS[3])
    assert [(each["label_id"], each["label_name"]) for each in found] == [(billing, "billing")]
    assert 0.5 <= found[0]["confidence"] <= 1
    _, none = await suggested(site, "Grandma: the cake is in the oven and the children play with their dog outside.")
    assert none == []
    await call(site, "POST", f"/v1/messages/{message_id}/suggested-labels/{billing}/", 204)
    assert (await shown(site, message_id))["label_suggestions"] == []
    labels = await site.house.rows("SELECT COUNT(*) FROM message_label WHERE label_id = ?",
                                   identifiers.decode(Kind.LABEL, billing))  # fmt: skip
    assert labels == [(4,)]
    await call(site, "POST", f"/v1/messages/{message_id}/suggested-labels/{billing}/", 204)
    told = await site.house.rows("SELECT COUNT(*) FROM event WHERE type = 'label.applied'")
    assert told == [(5,)]
    await call(site, "POST", f"/v1/messages/{message_id}/suggested-labels/{travel}/", 404)


async def test_a_dismissed_label_is_not_suggested_again_for_like_mail_until_it_is_confirmed(site):
    await call(site, "PUT", "/v1/enrichment/", features={"label_suggest": True})
    billing = await label(site, "billing")
    await taught(site, billing, BILLS[:3])
    message_id, found = await suggested(site, BILLS[3])
    assert found
    await call(site, "DELETE", f"/v1/messages/{message_id}/suggested-labels/{billing}/", 204)
    assert (await shown(site, message_id))["label_suggestions"] == []
    later, found = await suggested(site, BILLS[4])
    assert found == []
    await call(site, "POST", f"/v1/messages/{later}/labels/", label_id=billing)
    _, found = await suggested(site, BILLS[5])
    assert [each["label_id"] for each in found] == [billing]


async def test_what_one_inbox_learned_says_nothing_to_another(site):
    for who in ("a1", "a2"):
        await call(site, "PUT", "/v1/enrichment/", who=who, features={"label_suggest": True})
    billing = await label(site, "billing")
    await taught(site, billing, BILLS[:3])
    raw = f"From: x@remote.test\r\nTo: second@local.test\r\nSubject: Invoice 34\r\n\r\n{BILLS[3]}\r\n"
    await site.house.receive(raw.encode(), to=["second@local.test"])
    await site.house.settled()
    while await site.house.assembled.fanout.step():
        pass
    assert await work(site) >= 1
    (row,) = (await call(site, "GET", "/v1/messages/", who="a2"))["results"]
    assert row["label_suggestions"] == []


async def test_what_is_deleted_leaves_nothing_behind(site):
    await call(site, "PUT", "/v1/enrichment/", features=ALL_ON)
    billing = await label(site, "billing")
    await taught(site, billing, BILLS[:2])
    message_id, found = await suggested(site, f"{BILLS[2]} Let's have a call on 3 June 2030 at 15:00.")
    assert found
    thread = (await shown(site, message_id))["thread_id"]
    await call(site, "GET", f"/v1/messages/threads/{thread}/summary/", 202)
    await work(site)
    (rows,) = await site.house.rows("SELECT COUNT(*) FROM thread_summary")
    assert rows == (1,)
    for (number,) in await site.house.rows("SELECT id FROM message"):
        for _ in range(2):
            await call(site, "DELETE", f"/v1/messages/{identifiers.encode(Kind.MESSAGE, number)}/", 204)
    for table in ("label_suggestion", "event_suggestion", "thread_summary", "label_example", "search_example"):
        assert await site.house.rows(f"SELECT * FROM {table}") == [], table


# -- summaries ----------------------------------------------------------------------------------------------------


async def test_a_summary_is_pending_then_there_then_stale_then_fresh(site):
    await call(site, "PUT", "/v1/enrichment/", features={"thread_summary": True})
    first = await arrive(site, "Invoice", "The invoice for hosting is too high. Could you please correct the invoice?")
    thread = (await shown(site, first))["thread_id"]
    path = f"/v1/messages/threads/{thread}/summary/"
    assert await call(site, "GET", path, 202) == {"status": "pending", "thread_id": thread}
    assert await call(site, "GET", path, 202) == {"status": "pending", "thread_id": thread}
    assert await work(site) == 1
    found = await call(site, "GET", path)
    assert "invoice for hosting" in found["summary"]
    assert found["action_items"] == [{"owner": "agent@local.test", "action": "Correct the invoice"}]
    assert (found["status"], found["stale"]) == ("open", False)
    header = f"In-Reply-To: <{(await site.house.rows('SELECT header_id FROM message_data'))[0][0].strip('<>')}>\r\n"
    await arrive(site, "Re: Invoice", "We decided to pay it. The matter is resolved.", more=header)
    assert (await call(site, "GET", path))["stale"] is True
    assert await work(site) == 1
    found = await call(site, "GET", path)
    assert (found["stale"], found["status"], found["decisions"]) == (False, "resolved", ["We decided to pay it."])
    assert await work(site) == 0


async def test_a_stranger_s_thread_is_as_unknown_as_none(site):
    await call(site, "PUT", "/v1/enrichment/", features=ALL_ON)
    message_id = await arrive(site, "Hello", "Hello there, how is the project going?")
    thread = (await shown(site, message_id))["thread_id"]
    for who in ("a2", "b1"):
        await call(site, "GET", f"/v1/messages/threads/{thread}/summary/", 404, who=who)
    assert await site.house.rows("SELECT * FROM enrichment_request WHERE kind = 'thread'") == []


# -- the engine ---------------------------------------------------------------------------------------------------


async def test_work_that_a_crash_cut_off_is_due_again_and_given_up_after_three_times(site):
    await call(site, "PUT", "/v1/enrichment/", features={"calendar_suggest": True})
    await arrive(site, "Call", "The call is on 3 June 2030 at 15:00.")
    database, now = site.house.store.database, int(time.time() * 1000)
    for attempt in (1, 2, 3):
        taken = await database.write(enrichment.claim, -1, now, now + 5, ())
        assert taken is not None
        assert taken.attempts == attempt - 1
        assert await database.write(enrichment.claim, -1, now, now + 5, ()) is None
        now += 5
    await database.write(
        lambda tx: tx.execute("UPDATE enrichment_request SET attempts = ?", (engine.MOST_ATTEMPTS + 1,))
    )
    await database.write(lambda tx: tx.execute("UPDATE enrichment_request SET due_at = 0"))
    assert await work(site) == 1
    assert await site.house.rows("SELECT * FROM enrichment_request") == []
    assert await site.house.rows("SELECT * FROM event_suggestion") == []


async def test_inboxes_take_turns_and_one_never_has_two_works_in_hand(site):
    database = site.house.store.database

    def fill(tx):
        for inbox_id in (5, 6):
            for number in range(3):
                enrichment.ask(tx, engine.WorkKind.MESSAGE, inbox_id * 10 + number, inbox_id, 1)

    await database.write(fill)
    order, last = [], -1
    for _ in range(4):
        taken = await database.write(enrichment.claim, last, 10, 1000, ())
        order.append(taken.inbox_id)
        last = taken.inbox_id
    assert order == [5, 6, 5, 6]
    assert (await database.write(enrichment.claim, -1, 10, 1000, (5,))).inbox_id == 6
    assert await database.write(enrichment.claim, -1, 10, 1000, (5, 6)) is None


async def test_a_message_whose_file_is_gone_is_struck_off(site):
    await call(site, "PUT", "/v1/enrichment/", features=ALL_ON)
    message_id = await arrive(site, "Call", "The call is on 3 June 2030 at 15:00.")
    summary = await site.house.services.messages.get(await site.house.caller(), message_id)
    site.house.services.messages.place(summary).unlink()
    assert await work(site) == 1
    assert await site.house.rows("SELECT * FROM enrichment_request") == []


async def test_the_engine_runs_until_it_is_told_to_stop(site):
    await call(site, "PUT", "/v1/enrichment/", features=ALL_ON)
    worker = site.house.services.enrichment.worker
    running = asyncio.create_task(worker.run())
    message_ids = [await arrive(site, f"Call {n}", f"The call is on {n + 1} June 2030 at 15:00.") for n in range(5)]
    async with asyncio.timeout(30):
        while await site.house.rows("SELECT * FROM enrichment_request"):
            await asyncio.sleep(0.02)
    worker.stop()
    await asyncio.wait_for(running, 60)
    for number, message_id in enumerate(message_ids, start=1):
        assert (await shown(site, message_id))["event_suggestion"]["start"] == f"2030-06-{number:02}T15:00:00Z"

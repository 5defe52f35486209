"""Calendars, events, tasks and the agenda, as the API serves them."""

import time

import icalendar
import pytest

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.task import NewTask, TaskSource
from tests.support.served import served

DAY_MS = 86_400_000


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def test_every_inbox_has_a_calendar_and_tasks(site):
    for who in ("a1", "a2", "b1"):
        found = await call(site, "GET", "/v1/calendars/", who=who)
        assert [(each["name"], each["kind"], each["is_default"]) for each in found] == [
            ("Calendar", "events", True), ("Tasks", "tasks", True),
        ]  # fmt: skip
        await call(site, "DELETE", f"/v1/calendars/{found[0]['calendar_id']}/", 409, who)


async def test_an_event_is_shown_in_its_zone_and_told_of_in_the_same_change(site):
    made = await call(
        site, "POST", "/v1/calendar/events/", 201, title="Lunch", start="2026-06-03T12:00:00", duration="90 minutes",
        time_zone="Europe/Berlin",
    )  # fmt: skip
    assert (made["start"], made["duration"], made["status"]) == ("2026-06-03T12:00:00", "PT1H30M", "confirmed")
    path = f"/v1/calendar/events/{made['event_id']}/"
    moved = await call(site, "PATCH", path, start="2026-06-03T13:00:00Z")
    assert (moved["start"], moved["duration"]) == ("2026-06-03T15:00:00", "PT1H30M")
    await call(site, "PATCH", path, status="cancelled")
    await call(site, "PATCH", path, location="nowhere")
    await call(site, "DELETE", path, 204)
    rows = await site.house.rows("SELECT type FROM event WHERE type LIKE 'event.%' ORDER BY id")
    assert [row[0] for row in rows] == ["event.created", "event.updated", "event.cancelled", "event.updated"]


async def test_events_are_listed_by_their_start_within_a_time(site):
    for day in (3, 1, 2):
        await call(site, "POST", "/v1/calendar/events/", 201, title=f"d{day}", start=f"2026-06-0{day}T10:00:00Z")
    found = await call(site, "GET", "/v1/calendar/events/?after=2026-06-02&limit=1")
    assert ([each["title"] for each in found["results"]], found["total"]) == (["d2"], 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [("start", "whenever"), ("duration", "a while"), ("time_zone", "Mars/Base"), ("duration", "P500D"), ("title", " ")],
)
async def test_an_event_that_makes_no_sense_is_refused_by_its_field(site, field, value):
    body = {"title": "x", "start": "tomorrow", field: value}
    refused = await call(site, "POST", "/v1/calendar/events/", 400, **body)
    assert field in refused["fields"]


async def test_events_do_not_go_into_a_calendar_of_tasks(site):
    tasks = (await call(site, "GET", "/v1/calendars/"))[1]["calendar_id"]
    await call(site, "POST", "/v1/calendar/events/", 400, title="x", start="tomorrow", calendar_id=tasks)


async def test_a_subscription_needs_its_token_and_ends_when_it_is_renewed(site):
    await call(
        site, "POST", "/v1/calendar/events/", 201, title="Müsli; with, commas", start="tomorrow at 9:30",
        duration="PT1H", participants=[{"email": "x@remote.test", "name": 'A "B" C'}],
    )  # fmt: skip
    (calendar, *_) = await call(site, "GET", "/v1/calendars/")
    path = calendar["subscription_url"].removeprefix("http://mail.local.test")
    answer = await site.call("GET", path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert str(event["summary"]) == "Müsli; with, commas"
    other = (await call(site, "GET", "/v1/calendars/", who="b1"))[0]["subscription_url"].rpartition("=")[2]
    for wrong in (path[:-1], path + "0", path.partition("?")[0], path.rpartition("=")[0] + "=" + other):
        assert (await site.call("GET", wrong)).status == 404
    await call(site, "PATCH", f"/v1/calendars/{calendar['calendar_id']}/", renew_subscription=True)
    assert (await site.call("GET", path)).status == 404


async def test_tasks_are_completed_once_and_opened_again(site):
    task = await call(site, "POST", "/v1/tasks/", 201, summary="Call", due_at="in 2 hours")
    path = f"/v1/tasks/{task['task_id']}/"
    done = await call(site, "PATCH", path, completed=True)
    assert done["completed"]
    assert (await call(site, "PATCH", path, completed=True))["completed_at"] == done["completed_at"]
    assert (await call(site, "GET", "/v1/tasks/?completed=false"))["total"] == 0
    opened = await call(site, "PATCH", path, completed=False, due_at=None)
    assert (opened["completed_at"], opened["due_at"]) == (None, None)
    assert (await call(site, "GET", "/v1/tasks/?completed=false"))["total"] == 1


async def test_a_task_forgets_a_message_that_is_removed(site):
    text = await site.house.receive(b"From: x@remote.test\r\nTo: agent@local.test\r\nSubject: s\r\n\r\nx\r\n")
    await site.house.settled()
    thread = (await call(site, "GET", f"/v1/messages/{text}/"))["thread_id"]
    task = await call(site, "POST", "/v1/tasks/", 201, summary="Answer", message_id=text, thread_id=thread)
    assert (task["message_id"], task["thread_id"]) == (text, thread)
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{text}/", 204)
    task = await call(site, "GET", f"/v1/tasks/{task['task_id']}/")
    assert (task["message_id"], task["thread_id"]) == (None, None)


async def test_the_agenda_has_undated_tasks_first_and_then_everything_by_date(site):
    tasks, inbox = site.house.services.tasks, site.inboxes["a1"]
    now = int(time.time() * 1000)
    for summary, due_at in (("later", now + 2 * DAY_MS), ("overdue", now - 1000), ("whenever", None)):
        new = NewTask(summary, TaskSource.ALERT, due_at=due_at)
        assert await site.house.store.database.write(tasks.add, inbox.id, new)
    await call(site, "POST", "/v1/calendar/events/", 201, title="meeting", start="in 1 day", duration="PT1H")
    await call(site, "POST", "/v1/calendar/events/", 201, title="far off", start="in 60 days")
    text = await site.house.receive(b"From: x@remote.test\r\nTo: agent@local.test\r\nSubject: asked\r\n\r\nx\r\n")
    await site.house.settled()
    number, old = identifiers.decode(Kind.MESSAGE, text), now - 2 * DAY_MS
    await site.house.store.database.write(
        lambda tx: [
            tx.execute("UPDATE message SET received_at = ? WHERE id = ?", (old, number)),
            tx.execute("UPDATE thread SET last_received_at = ? WHERE last_message_id = ?", (old, number)),
        ]
    )
    found = await call(site, "GET", "/v1/agenda/")
    assert [(each["type"], each["title"], each["pending"]) for each in found["results"]] == [
        ("task", "whenever", True), ("missed_reply", "asked", False), ("task", "overdue", False),
        ("event", "meeting", False), ("task", "later", False),
    ]  # fmt: skip
    assert found["total"] == 5


async def test_a_task_for_an_inbox_that_is_gone_is_none(site):
    write = site.house.store.database.write
    assert await write(site.house.services.tasks.add, 7, NewTask("x")) is None


async def test_an_inbox_that_was_there_before_gets_its_calendars(tmp_path):
    import importlib

    import peewee

    made = peewee.SqliteDatabase(tmp_path / "old.db")
    first = importlib.import_module("mailserver.storage.migrations.0001_first")
    first.up(None, made)
    made.execute_sql("INSERT INTO inbox(id, tenant_id, address, created_at) VALUES (70, 1, 'a@local.test', 5)")
    for number in (71, 72):
        made.execute_sql(
            "INSERT INTO folder(id, inbox_id, name, uidvalidity, created_modseq, modseq, props_modseq) "
            "VALUES (?, 70, ?, 1, 1, 1, 1)",
            (number, f"f{number}"),
        )
    importlib.import_module("mailserver.storage.migrations.0014_calendars").up(None, made)
    rows = made.execute_sql("SELECT id, inbox_id, name, kind, is_default, feed FROM calendar ORDER BY id").fetchall()
    made.close()
    assert rows == [(70, 70, "Calendar", "events", 1, 1), (71, 70, "Tasks", "tasks", 1, 1)]

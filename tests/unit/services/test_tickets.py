"""Tickets on threads, as the API serves them: by hand, by mail, by labels and by rules."""

import json

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail.address import Person
from mailserver.services.outbound.outgoing import Outgoing
from tests.support.served import served

CLASS = "ticket/class/billing"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def letter(site, name="one", answers=None, subject="Help", head="", sender="carol@remote.test"):
    """A message from outside; its id."""
    if answers:
        subject, head = f"Re: {subject}", f"{head}In-Reply-To: <{answers}@remote.test>\r\n"
    raw = (
        f"From: Carol <{sender}>\r\nTo: agent@local.test\r\nCc: Dan <dan@remote.test>\r\nSubject: {subject}\r\n"
        f"Message-ID: <{name}@remote.test>\r\n{head}\r\nPlease.\r\n"
    )
    found = await site.house.receive(raw.encode(), sender=sender)
    await site.house.settled()
    return found


async def thread(site, name="one", **more):
    message = await letter(site, name, **more)
    return (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]


def path(thread_id, *rest):
    return "/".join(["/v1/messages/threads", thread_id, "ticket", *rest, ""])


async def klass(site, key=CLASS):
    return (await call(site, "POST", "/v1/labels/", 201, name=key.rpartition("/")[2], key=key))["label_id"]


async def labels(site, thread_id):
    """The labels of tickets on a thread, and who put them there."""
    found = await call(site, "GET", f"/v1/messages/threads/{thread_id}/labels/")
    return {each["label_key"]: each["source"] for each in found["results"] if each["label_key"].startswith("ticket/")}


async def told(site, kind="ticket.%"):
    """Types and bodies of events, oldest first."""
    rows = await site.house.rows("SELECT type, body FROM event WHERE type LIKE ? ORDER BY id", kind)
    return [(row[0], json.loads(row[1])) for row in rows]


async def status(site, thread_id):
    return (await call(site, "GET", path(thread_id)))["status"]


# -- by hand ------------------------------------------------------------------------------------------------------


async def test_a_ticket_is_opened_with_all_that_belongs_to_it(site):
    await klass(site)
    number = await thread(site)
    await call(site, "GET", path(number), 404)
    second = identifiers.encode(Kind.INBOX, site.inboxes["a2"].id)
    made = await call(
        site, "POST", path(number), class_label_key=CLASS, priority="high", assignee_inbox_id="second@local.test",
        due_at="2026-06-20T17:00:00Z",
    )  # fmt: skip
    assert made == await call(site, "GET", path(number))
    expected = {
        "thread_id": number, "status": "open", "priority": "high", "class_label_key": CLASS, "reopen_count": 0,
        "assignee_inbox_id": second, "due_at": "2026-06-20T17:00:00Z", "resolved_at": None, "closed_at": None,
        "reopened_at": None,
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert await labels(site, number) == {
        CLASS: "manual", "ticket/priority/high": "system", "ticket/status/open": "system",
    }  # fmt: skip
    ((kind, body),) = await told(site)
    assert kind == "ticket.opened"
    assert (body["thread_id"], body["cause"], body["subject"], body["previous_status"]) == (
        number, "request", "Help", None,
    )  # fmt: skip
    ((_, given),) = await told(site, "thread.assigned")
    assert given["thread_id"] == number
    (task,) = (await call(site, "GET", "/v1/tasks/", who="a2"))["results"]
    assert (task["source"], task["thread_id"], task["due_at"]) == ("assign", number, "2026-06-20T17:00:00Z")
    assert task["summary"] == "[Assigned] Help"


async def test_a_second_post_changes_the_ticket_and_tells_once_what_is_different(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "POST", path(number), priority="urgent", assignee_inbox_id="second@local.test")
    await call(site, "POST", path(number), priority="urgent", assignee_inbox_id="second@local.test")
    assert [kind for kind, _ in await told(site)] == ["ticket.opened", "ticket.updated"]
    assert len((await call(site, "GET", "/v1/tasks/", who="a2"))["results"]) == 1
    assert await labels(site, number) == {"ticket/priority/urgent": "system", "ticket/status/open": "system"}


async def test_fields_are_changed_and_taken_away(site):
    await klass(site)
    number = await thread(site)
    await call(site, "PATCH", path(number), 404, priority="low")
    await call(
        site, "POST", path(number), class_label_key=CLASS, due_at="in 2 hours", assignee_inbox_id="agent@local.test"
    )
    changed = await call(site, "PATCH", path(number), status="pending_internal", priority="low")
    assert (changed["status"], changed["priority"], changed["class_label_key"]) == ("pending_internal", "low", CLASS)
    assert changed["due_at"] is not None
    none = await call(site, "PATCH", path(number), class_label_key=None, due_at=None, assignee_inbox_id=None)
    assert (none["class_label_key"], none["due_at"], none["assignee_inbox_id"]) == (None, None, None)
    assert await labels(site, number) == {"ticket/priority/low": "system", "ticket/status/pending_internal": "system"}
    assert [kind for kind, _ in await told(site, "label.%")][-1] == "label.removed"


async def test_a_ticket_has_one_class(site):
    await klass(site)
    await klass(site, "ticket/class/support")
    number = await thread(site)
    await call(site, "POST", path(number), class_label_key=CLASS)
    await call(site, "PATCH", path(number), class_label_key="ticket/class/support")
    assert [key for key in await labels(site, number) if "class" in key] == ["ticket/class/support"]


@pytest.mark.parametrize(
    ("body", "expected", "field"),
    [
        ({"status": "resolved"}, 400, "status"),
        ({"status": "closed"}, 400, "status"),
        ({"status": "won"}, 400, "status"),
        ({"priority": "most"}, 400, "priority"),
        ({"class_label_key": "ticket/class/nobody"}, 404, None),
        ({"class_label_key": "ticket/status/closed"}, 400, "class_label_key"),
        ({"assignee_inbox_id": "agent@other.test"}, 404, None),
        ({"due_at": "whenever"}, 400, "due_at"),
    ],
)
async def test_what_a_ticket_cannot_be_is_refused_and_changes_nothing(site, body, expected, field):
    number = await thread(site)
    made = await call(site, "POST", path(number))
    refused = await call(site, "PATCH", path(number), expected, **body)
    if field is not None:
        assert field in refused["fields"]
    if body.get("status") in ("resolved", "closed"):
        assert f"/ticket/{'resolve' if body['status'] == 'resolved' else 'close'}/" in refused["fields"]["status"][0]
    assert await call(site, "GET", path(number)) == made
    assert len(await told(site)) == 1


async def test_the_ends_take_a_note_or_none_and_a_repetition_tells_nothing_more(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    resolved = await call(site, "POST", path(number, "resolve"), resolution_note="It works again.")
    assert (resolved["status"], resolved["closed_at"]) == ("resolved", None)
    assert resolved["resolved_at"] is not None
    assert (await call(site, "POST", path(number, "resolve")))["status"] == "resolved"
    await call(site, "PATCH", path(number), 409, status="open")
    closed = await call(site, "POST", path(number, "close"))
    assert closed["status"] == "closed"
    assert closed["closed_at"] is not None
    await call(site, "POST", path(number, "resolve"), 409)
    (note,) = await call(site, "GET", f"/v1/messages/threads/{number}/notes/")
    assert note["body"] == "It works again."
    again = await call(site, "POST", path(number, "reopen"), reason="Not quite")
    assert (again["status"], again["reopen_count"], again["resolved_at"], again["closed_at"]) == ("open", 1, None, None)
    assert again["reopened_at"] is not None
    assert (await call(site, "POST", path(number, "reopen")))["reopen_count"] == 1
    assert [kind for kind, _ in await told(site)] == [
        "ticket.opened", "ticket.resolved", "ticket.closed", "ticket.reopened",
    ]  # fmt: skip
    assert (await told(site))[-1][1]["reason"] == "Not quite"


async def test_the_list_has_threads_with_tickets_the_last_change_first(site):
    numbers = [await thread(site, name, subject=name) for name in ("one", "two", "three")]
    for number in numbers:
        await call(site, "POST", path(number))
    await call(site, "PATCH", path(numbers[0]), status="pending_sender")
    found = await call(site, "GET", "/v1/messages/threads/?ticket=true&limit=2")
    assert (found["total"], found["limit"]) == (3, 2)
    assert [each["thread_id"] for each in found["results"]] == [numbers[0], numbers[2]]
    assert found["results"][0] == {
        "thread_id": numbers[0], "status": "pending_sender", "priority": "normal", "class_label_key": None,
    }  # fmt: skip
    open_ones = await call(site, "GET", "/v1/messages/threads/?ticket=true&status=open&position=1")
    assert (open_ones["total"], [each["thread_id"] for each in open_ones["results"]]) == (2, [numbers[1]])
    assert (await call(site, "GET", "/v1/messages/threads/?ticket=true", who="a2"))["results"] == []
    for query in ("", "?ticket=false"):
        refused = await call(site, "GET", f"/v1/messages/threads/{query}", 400)
        assert refused["fields"]["ticket"][0].startswith("Required.")
    await call(site, "GET", "/v1/messages/threads/?ticket=true&status=won", 400)


async def test_the_reference_names_what_is_served(site):
    answer = await site.call("GET", "/v1/messages/ticketing/reference/")
    assert answer.status == 200
    found = answer.json
    assert found["statuses"] == ["open", "pending_sender", "pending_internal", "resolved", "closed"]
    assert found["priorities"] == ["low", "normal", "high", "urgent"]
    assert found["class_config"]["required_fields"] == ["label_key"]
    served_paths = (await site.document())["paths"]
    for endpoint in [*found["endpoints"].values(), found["class_config"]["matching"]["rule"]]:
        assert endpoint["method"].lower() in served_paths[endpoint["path"].partition("?")[0]]


# -- by mail ------------------------------------------------------------------------------------------------------


async def test_answers_move_a_ticket_back_and_forth(site):
    message = await letter(site)
    number = (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]
    await call(site, "POST", path(number))
    await call(site, "POST", "/v1/messages/", 201, reply_to_message_id=message, text_body="Have you tried again?")
    assert await status(site, number) == "pending_sender"
    assert "ticket/status/pending_sender" in await labels(site, number)
    await letter(site, "two", answers="one")
    assert await status(site, number) == "open"
    await call(site, "POST", path(number, "resolve"))
    await letter(site, "three", answers="one")
    shown = await call(site, "GET", path(number))
    assert (shown["status"], shown["reopen_count"], shown["resolved_at"]) == ("open", 1, None)
    found = await told(site)
    assert [kind for kind, _ in found] == [
        "ticket.opened", "ticket.updated", "ticket.updated", "ticket.resolved", "ticket.reopened",
    ]  # fmt: skip
    assert [body["cause"] for _, body in found] == ["request", "mail", "mail", "request", "mail"]
    assert found[-1][1]["message_id"].startswith("msg_")


async def test_an_answer_by_a_mail_program_counts_as_one(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    raw = (
        b"From: agent@local.test\r\nTo: carol@remote.test\r\nSubject: Re: Help\r\nMessage-ID: <m@local.test>\r\n"
        b"In-Reply-To: <one@remote.test>\r\n\r\nYes.\r\n"
    )
    await site.house.submit(raw, site.inboxes["a1"], to=["carol@remote.test"])
    await site.house.settled()
    assert await status(site, number) == "pending_sender"


async def test_what_comes_to_a_closed_ticket_leaves_it_closed(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "POST", path(number, "close"))
    await letter(site, "two", answers="one")
    shown = await call(site, "GET", path(number))
    assert (shown["status"], shown["reopen_count"]) == ("closed", 0)


@pytest.mark.parametrize(
    ("sender", "head"),
    [
        ("carol@remote.test", "Auto-Submitted: auto-replied\r\n"),
        ("carol@remote.test", "X-Autoreply: yes\r\n"),
        ("agent@local.test", ""),
        ("help@local.test", ""),
    ],
)
async def test_programs_and_the_inbox_itself_reopen_nothing(site, sender, head):
    await site.house.services.inboxes.add_alias(site.inboxes["a1"], "help@local.test")
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "POST", path(number, "resolve"))
    await letter(site, "two", answers="one", sender=sender, head=head)
    assert len((await call(site, "GET", f"/v1/messages/threads/{number}/"))["email_ids"]) == 2
    assert await status(site, number) == "resolved"


async def test_a_customer_behind_a_mailing_list_is_a_person(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "POST", path(number, "resolve"))
    await letter(site, "two", answers="one", head="List-Id: <support.remote.test>\r\nPrecedence: list\r\n")
    assert await status(site, number) == "open"


async def test_mail_arrives_whatever_is_wrong_with_its_ticket(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "POST", path(number, "resolve"))
    await site.house.store.database.write(
        lambda tx: tx.execute(
            "CREATE TRIGGER broken BEFORE DELETE ON thread_label BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    )
    await letter(site, "two", answers="one")
    assert len((await call(site, "GET", f"/v1/messages/threads/{number}/"))["email_ids"]) == 2
    assert await status(site, number) == "resolved"
    assert "ticket/status/resolved" in await labels(site, number)
    assert [kind for kind, _ in await told(site)] == ["ticket.opened", "ticket.resolved"]


# -- by labels and rules ------------------------------------------------------------------------------------------


async def test_the_label_of_a_class_opens_a_ticket_and_keeps_its_source(site):
    label_id = await klass(site)
    number = await thread(site)
    body = {"label_key": CLASS, "source": "llm", "confidence": 0.9}
    await call(site, "POST", f"/v1/messages/threads/{number}/labels/", **body)
    shown = await call(site, "GET", path(number))
    assert (shown["status"], shown["class_label_key"]) == ("open", CLASS)
    assert (await labels(site, number))[CLASS] == "llm"
    assert [body["cause"] for _, body in await told(site)] == ["label"]
    await call(site, "DELETE", f"/v1/messages/threads/{number}/labels/{label_id}/", 204)
    shown = await call(site, "GET", path(number))
    assert (shown["status"], shown["class_label_key"]) == ("open", None)


async def test_a_class_on_a_message_counts_for_its_thread(site):
    label_id = await klass(site)
    message = await letter(site)
    await call(site, "POST", f"/v1/messages/{message}/labels/", label_id=label_id)
    number = (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]
    assert (await call(site, "GET", path(number)))["class_label_key"] == CLASS
    await call(site, "DELETE", f"/v1/labels/{label_id}/", 204, who="a session")
    assert (await call(site, "GET", path(number)))["class_label_key"] is None


async def test_labels_of_status_and_priority_are_the_server_s_own(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    where = f"/v1/messages/threads/{number}/labels/"
    (label, *_) = [e for e in (await call(site, "GET", where))["results"] if e["label_key"] == "ticket/status/open"]
    await call(site, "POST", where, 403, label_key="ticket/status/open")
    await call(site, "DELETE", f"{where}{label['label_id']}/", 403)
    shown = next(each for each in await call(site, "GET", "/v1/labels/") if each["key"] == "ticket/status/open")
    assert (shown["system"], shown["group"], shown["type"]) == (True, "ticket/status", "message")


def write(kind, **target):
    return {"source": {"from": "event.payload"}, "target": {"type": kind, **target}}


async def rule(site, expected=201, trigger="email_received", conditions=(), writes=()):
    return await call(
        site, "POST", "/v1/workflows/", expected, name="r", trigger=trigger, conditions=list(conditions),
        writes=list(writes),
    )  # fmt: skip


async def test_a_rule_opens_tickets_and_leaves_those_that_people_have_changed(site):
    await klass(site)
    subject = {"field": "subject", "op": "contains", "value": "invoice"}
    made = await rule(site, conditions=[subject], writes=[write("ticket.open", class_label_key=CLASS, priority="high")])
    assert made["writes"][0]["target"] == {"type": "ticket.open", "class_label_key": CLASS, "priority": "high"}
    number = await thread(site, subject="My invoice")
    shown = await call(site, "GET", path(number))
    assert (shown["class_label_key"], shown["priority"]) == (CLASS, "high")
    assert (await labels(site, number))[CLASS] == "rule"
    await call(site, "PATCH", path(number), priority="low")
    await letter(site, "two", answers="one", subject="My invoice")
    assert (await call(site, "GET", path(number)))["priority"] == "low"
    await call(site, "GET", path(await thread(site, "three", subject="Hello")), 404)
    runs = await call(site, "GET", f"/v1/workflows/{made['rule_id']}/runs/")
    assert [run["writes"][0]["detail"] for run in runs] == ["The thread has a ticket already.", "A ticket was opened."]


async def test_a_rule_that_puts_the_label_of_a_class_on_mail_opens_a_ticket(site):
    label_id = await klass(site)
    await rule(site, writes=[write("email.add_label", label_id=label_id), write("ticket.update", priority="urgent")])
    shown = await call(site, "GET", path(await thread(site)))
    assert (shown["class_label_key"], shown["priority"]) == (CLASS, "urgent")


async def test_a_class_that_is_chosen_by_hand_sets_rules_off(site):
    label_id = await klass(site)
    await rule(
        site, trigger="label_applied", conditions=[{"field": "label_id", "op": "eq", "value": label_id}],
        writes=[write("ticket.update", status="pending_internal"), write("task", summary="Look at {subject}")],
    )  # fmt: skip
    number = await thread(site)
    made = await call(site, "POST", path(number), class_label_key=CLASS)
    assert made["status"] == "pending_internal"
    assert [each["summary"] for each in (await call(site, "GET", "/v1/tasks/"))["results"]] == ["Look at Help"]


async def test_a_rule_that_changes_a_ticket_is_refused_where_there_is_none(site):
    made = await rule(site, writes=[write("ticket.update", priority="low")])
    number = await thread(site)
    (run,) = await call(site, "GET", f"/v1/workflows/{made['rule_id']}/runs/")
    assert (run["result"], run["writes"][0]["detail"]) == ("refused", "The thread has no ticket.")
    await call(site, "POST", path(number))
    await call(site, "POST", path(number, "close"))
    await rule(site, writes=[write("ticket.update", status="open")])
    await letter(site, "two", answers="one")
    assert await status(site, number) == "closed"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (write("ticket.update"), 400),
        (write("ticket.update", status="resolved"), 400),
        (write("ticket.open", status="open"), 400),
        (write("ticket.open", summary="x"), 400),
        (write("ticket.open", class_label_key="orders"), 400),
        (write("ticket.open", class_label_key="ticket/class/nobody"), 404),
        (write("task", priority="low"), 400),
    ],
)
async def test_a_rule_about_tickets_that_cannot_be_is_not_made(site, target, expected):
    await rule(site, expected, writes=[target])


async def test_rules_from_before_there_were_tickets_are_read(site):
    made = await rule(site, writes=[write("task", summary="x")])
    await site.house.store.database.write(
        lambda tx: tx.execute("""UPDATE workflow SET writes = '[["task",[],null,"Old {subject}",null,null,null]]'""")
    )
    assert (await call(site, "GET", f"/v1/workflows/{made['rule_id']}/"))["writes"][0]["target"]["type"] == "task"
    await letter(site)
    assert [each["summary"] for each in (await call(site, "GET", "/v1/tasks/"))["results"]] == ["Old Help"]


# -- who hears of it, and what goes -------------------------------------------------------------------------------


async def test_everybody_outside_has_it_in_their_timeline(site):
    number = await thread(site)
    await call(site, "POST", path(number))
    await call(site, "PATCH", path(number), priority="high")
    await call(site, "PATCH", path(number), priority="urgent")
    await call(site, "POST", path(number, "resolve"))
    while await site.house.assembled.fanout.step():
        pass
    for address in ("carol@remote.test", "dan@remote.test"):
        found = (await call(site, "GET", f"/v1/activity/?address={address}"))["events"]
        tickets = [each for each in found if each["type"].startswith("ticket.")]
        assert [each["type"] for each in tickets] == [
            "ticket.resolved", "ticket.updated", "ticket.updated", "ticket.opened",
        ]  # fmt: skip
        assert tickets[0]["summary"] == "Ticket resolved: Help"
        assert tickets[0]["metadata"]["thread_id"] == number
    own = (await call(site, "GET", "/v1/activity/?address=agent@local.test"))["events"]
    assert [each for each in own if each["type"].startswith("ticket.")] == []


async def test_a_ticket_goes_with_its_thread_and_its_assignee_with_the_inbox(site):
    message = await letter(site)
    number = (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]
    await call(site, "POST", path(number), assignee_inbox_id="second@local.test")
    second = identifiers.encode(Kind.INBOX, site.inboxes["a2"].id)
    await call(site, "DELETE", f"/v1/inboxes/{second}/?force=true", 204, who="a session")
    assert (await call(site, "GET", path(number)))["assignee_inbox_id"] is None
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{message}/", 204)
    await call(site, "GET", path(number), 404)
    assert await site.house.rows("SELECT * FROM ticket") == []
    assert (await call(site, "GET", "/v1/messages/threads/?ticket=true"))["total"] == 0


async def test_mail_that_is_sent_cannot_bring_the_labels_of_a_ticket(site):
    caller, inbox = await site.house.caller(site.inboxes["a1"]), site.inboxes["a1"]
    wanted = Outgoing(to=(Person("carol@remote.test"),), text="x", labels=("Ticket/Status/closed",))
    with pytest.raises(errors.Invalid, match="by tickets alone"):
        await site.house.services.sending.send(caller, inbox, wanted)


async def test_a_message_that_is_sent_with_the_label_of_a_class_opens_a_ticket_that_waits(site):
    caller, inbox = await site.house.caller(site.inboxes["a1"]), site.inboxes["a1"]
    wanted = Outgoing(to=(Person("carol@remote.test"),), subject="Yours", text="x", labels=(CLASS,))
    sent = await site.house.services.sending.send(caller, inbox, wanted)
    shown = await call(site, "GET", path(identifiers.encode(Kind.THREAD, sent.thread_id)))
    assert (shown["status"], shown["class_label_key"]) == ("pending_sender", CLASS)

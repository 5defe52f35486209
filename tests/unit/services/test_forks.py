"""Threads that begin beside others: link, note and ticket are there with the message, or not at all."""

import pytest

from mailserver.entities.access import Scope
from tests.support.served import served

CLASS = "ticket/class/support"
BODY = {"to": [{"email": "carol@remote.test", "name": "Carol"}], "subject": "New request", "text_body": "Hello."}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", headers=None, **body):
    token = site.tokens.get(who, who)
    more = {"json": body} if body else {}
    answer = await site.call(method, path, token, headers=headers or {}, **more)
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def thread(site, subject="Help"):
    raw = (
        f"From: Carol <carol@remote.test>\r\nTo: agent@local.test\r\nSubject: {subject}\r\n"
        "Message-ID: <one@remote.test>\r\n\r\nx\r\n"
    )
    message = await site.house.receive(raw.encode(), sender="carol@remote.test")
    await site.house.settled()
    return (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"]


def fork(thread_id):
    return f"/v1/messages/threads/{thread_id}/fork/"


async def links(site, thread_id):
    return (await call(site, "GET", f"/v1/messages/threads/{thread_id}/links/"))["results"]


async def count(site, *tables):
    return [(await site.house.rows(f"SELECT COUNT(*) FROM {table}"))[0][0] for table in tables]


async def test_a_fork_is_sent_linked_noted_and_has_its_ticket(site):
    await call(site, "POST", "/v1/labels/", 201, name="Support", key=CLASS)
    source = await thread(site)
    made = await call(
        site, "POST", fork(source), 201, **BODY, note="Split from the closed one",
        ticket={"class_label_key": CLASS, "priority": "high"},
    )  # fmt: skip
    assert made["forked_from"] == source
    assert made["thread_id"] != source
    assert (made["ticket"]["status"], made["ticket"]["class_label_key"], made["ticket"]["priority"]) == (
        "open", CLASS, "high",
    )  # fmt: skip
    assert made["ticket"]["thread_id"] == made["thread_id"]
    shown = await call(site, "GET", f"/v1/messages/{made['message_id']}/")
    assert (shown["subject"], shown["thread_id"]) == ("New request", made["thread_id"])
    (there,), (back,) = await links(site, source), await links(site, made["thread_id"])
    assert (there["thread_id"], there["kind"], there["subject"]) == (made["thread_id"], "forked_to", "New request")
    assert (back["thread_id"], back["kind"], back["subject"]) == (source, "forked_from", "Help")
    (note,) = await call(site, "GET", f"/v1/messages/threads/{source}/notes/")
    assert note["body"] == "Split from the closed one"
    assert await call(site, "GET", f"/v1/messages/threads/{made['thread_id']}/notes/") == []
    (queued,) = await site.house.services.queue.page()
    assert [delivery.recipient for delivery in queued.deliveries] == ["carol@remote.test"]


@pytest.mark.parametrize("subject", ["Re: Help", "Fwd: AW: Help", "[urgent] Help", "Help", None])
async def test_a_fork_never_falls_back_into_the_thread_that_it_leaves(site, subject):
    source = await thread(site)
    made = await call(site, "POST", fork(source), 201, **{**BODY, "subject": subject})
    assert made["thread_id"] != source
    assert made["ticket"] is None
    assert (await call(site, "GET", f"/v1/messages/{made['message_id']}/"))["subject"] == (subject or "Help")


async def test_the_answer_to_a_fork_comes_into_the_new_thread(site):
    source = await thread(site)
    made = await call(site, "POST", fork(source), 201, **BODY, ticket={})
    (row,) = await site.house.rows(
        "SELECT header_id FROM message_data WHERE message_id = (SELECT MAX(id) FROM message)"
    )
    raw = (
        f"From: carol@remote.test\r\nTo: agent@local.test\r\nSubject: Re: New request\r\nIn-Reply-To: {row[0]}\r\n"
        "Message-ID: <two@remote.test>\r\n\r\nYes.\r\n"
    )
    message = await site.house.receive(raw.encode(), sender="carol@remote.test")
    await site.house.settled()
    assert (await call(site, "GET", f"/v1/messages/{message}/"))["thread_id"] == made["thread_id"]


async def test_a_repeated_request_forks_once(site):
    source = await thread(site)
    key = {"Idempotency-Key": "once"}
    first = await call(site, "POST", fork(source), 201, headers=key, **BODY, note="Once", ticket={})
    again = await call(site, "POST", fork(source), 201, headers=key, **BODY, note="Once", ticket={})
    assert (first["message_id"], first["thread_id"]) == (again["message_id"], again["thread_id"])
    assert await count(site, "thread_link", "note", "ticket", "queued") == [2, 1, 1, 1]
    await call(site, "POST", fork(source), 409, headers=key, **BODY, note="Twice", ticket={})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text_body": None}, 400),
        ({"to": []}, 400),
        ({"to": [{"email": "nobody"}]}, 400),
        ({"subject": "a\r\nBcc: x@remote.test"}, 400),
        ({"ticket": {"class_label_key": "ticket/class/nobody"}}, 404),
        ({"ticket": {"class_label_key": "orders"}}, 400),
        ({"ticket": {"status": "closed"}}, 400),
        ({"inbox_id": "second@local.test"}, 404),
    ],
)
async def test_a_fork_that_cannot_be_leaves_nothing_behind(site, change, expected):
    source = await thread(site)
    await call(site, "POST", fork(source), expected, **{**BODY, "note": "x", **change})
    assert await count(site, "thread_link", "note", "ticket", "queued") == [0, 0, 0, 0]
    assert await count(site, "message") == [1]


async def test_what_fails_with_the_message_s_transaction_undoes_all_of_it(site):
    source = await thread(site)
    await site.house.store.database.write(
        lambda tx: tx.execute("CREATE TRIGGER full BEFORE INSERT ON ticket BEGIN SELECT RAISE(ABORT, 'no'); END")
    )
    answer = await site.call("POST", fork(source), site.tokens["a1"], json={**BODY, "note": "x", "ticket": {}})
    assert answer.status == 500
    assert await count(site, "thread_link", "note", "ticket", "queued", "message") == [0, 0, 0, 0, 1]


async def asking(site):
    """A token that sends only with somebody's leave."""
    inbox = site.inboxes["a1"]
    _, text = await site.house.services.access.create_token(
        inbox.tenant_id, "agent", "asks", inbox_id=inbox.id, requires_approval=frozenset({Scope.EMAIL_SEND})
    )
    return text


async def test_a_fork_that_is_held_is_made_whole_when_it_is_approved(site):
    await call(site, "POST", "/v1/labels/", 201, name="Support", key=CLASS)
    source, token = await thread(site), await asking(site)
    wanted = {**BODY, "note": "Split", "ticket": {"class_label_key": CLASS, "priority": "low"}}
    held = await call(site, "POST", fork(source), 202, who=token, **wanted)
    assert held["queued"] is True
    assert await count(site, "thread_link", "note", "ticket") == [0, 0, 0]
    await call(site, "POST", f"/v1/approvals/{held['approval_id']}/approve/", 204, inbox_id="agent@local.test")
    (link,) = await links(site, source)
    ticket = await call(site, "GET", f"/v1/messages/threads/{link['thread_id']}/ticket/")
    assert (ticket["class_label_key"], ticket["priority"]) == (CLASS, "low")
    assert len(await call(site, "GET", f"/v1/messages/threads/{source}/notes/")) == 1


async def test_a_fork_that_is_approved_after_its_thread_is_gone_sends_nothing(site):
    source, token = await thread(site), await asking(site)
    held = await call(site, "POST", fork(source), 202, who=token, **BODY)
    (message,) = (await call(site, "GET", f"/v1/messages/threads/{source}/"))["email_ids"]
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{message}/", 204)
    approve = f"/v1/approvals/{held['approval_id']}/approve/"
    await call(site, "POST", approve, 400, inbox_id="agent@local.test")
    assert await count(site, "queued", "message", "thread_link") == [0, 0, 0]


async def test_links_go_with_either_thread(site):
    source = await thread(site)
    made = await call(site, "POST", fork(source), 201, **BODY)
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{made['message_id']}/", 204)
    assert await links(site, source) == []
    assert await count(site, "thread_link") == [0]


async def test_a_person_s_fork_needs_no_inbox_where_the_thread_says_it(site):
    source = await thread(site)
    made = await call(site, "POST", fork(source), 201, who="a session", **BODY)
    shown = await call(site, "GET", f"/v1/messages/{made['message_id']}/")
    assert shown["from"][0]["email"] == "agent@local.test"

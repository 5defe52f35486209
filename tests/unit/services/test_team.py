"""Templates, distribution lists, notes, assignments and contact shares, as the API serves them."""

import time

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from tests.support.served import served

DAY_MS = 86_400_000
LETTER = (
    b"From: Carol <carol@remote.test>\r\nTo: %s\r\nSubject: The offer\r\nMessage-ID: <%s@remote.test>\r\n\r\nHello.\r\n"
)


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


def inbox_id(site, name):
    return identifiers.encode(Kind.INBOX, site.inboxes[name].id)


async def thread(site, to="agent@local.test", name=b"one"):
    message = await site.house.receive(LETTER % (to.encode(), name), to=[to])
    await site.house.settled()
    who = {"agent@local.test": "a1", "second@local.test": "a2"}[to]
    return (await call(site, "GET", f"/v1/messages/{message}/", who=who))["thread_id"]


async def told(site, kind):
    """Inboxes and bodies of the events of a kind."""
    return await site.house.rows("SELECT inbox_id, body FROM event WHERE type = ? ORDER BY id", kind)


async def aged(site, table, number, days):
    """Let a row have been made that many days ago."""
    then = int(time.time() * 1000) - days * DAY_MS
    await site.house.store.database.write(
        lambda tx: tx.execute(f"UPDATE {table} SET created_at = ? WHERE id = ?", (then, number))
    )


# -- templates ----------------------------------------------------------------------------------------------------


async def test_a_template_is_filled_in_and_what_is_not_named_stays(site):
    made = await call(
        site, "POST", "/v1/templates/", 201, who="a session", name="Follow-up", subject="About {topic}",
        body="Hi {first_name}, {missing} {topic} {{topic}} {1} { topic }", variables=["first_name", "topic"],
    )  # fmt: skip
    path = f"/v1/templates/{made['template_id']}/"
    filled = await call(site, "POST", path, context={"first_name": "Ali{topic}ce", "topic": 3, "unused": True})
    assert filled == {"subject": "About 3", "body": "Hi Ali{topic}ce, {missing} 3 {3} {1} { topic }"}
    assert (await call(site, "POST", path, context={}))["subject"] == "About {topic}"
    await call(site, "PATCH", path, who="a session", subject="New")
    shown = await call(site, "GET", path)
    assert (shown["subject"], shown["name"], shown["variables"]) == ("New", "Follow-up", ["first_name", "topic"])
    assert [each["template_id"] for each in await call(site, "GET", "/v1/templates/")] == [made["template_id"]]
    await call(site, "DELETE", path, 204, who="a session")
    await call(site, "GET", path, 404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "a\r\nBcc: b@remote.test"},
        {"variables": ["a b"]},
        {"variables": [""]},
        {"body": "\0"},
        {"name": "x" * 201},
    ],
)
async def test_a_template_that_cannot_be_used_is_refused(site, wrong):
    await call(site, "POST", "/v1/templates/", 400, who="a session", **wrong)


async def test_a_template_does_not_grow_without_end(site):
    made = await call(site, "POST", "/v1/templates/", 201, who="a session", body="{a}" * 1000)
    await call(site, "POST", f"/v1/templates/{made['template_id']}/", 413, context={"a": "x" * 10_000})


async def member(site):
    """A login of somebody who is no owner."""
    owner = site.tokens["a session"]
    person = {"email": "mem@person.test", "password": "correct horse battery", "role": "member"}
    assert (await site.call("POST", "/v1/users/", owner, json=person)).status == 201
    login = await site.call("POST", "/auth/login/", None, json={k: person[k] for k in ("email", "password")})
    site.tokens["member"] = login.json["access_token"]


async def test_only_owners_change_templates_and_lists(site):
    await member(site)
    await call(site, "POST", "/v1/templates/", 403, who="member", body="x")
    await call(site, "POST", "/v1/templates/", 403, who="a1", body="x")
    await call(site, "POST", "/v1/distribution-lists/", 403, who="member", address="s@local.test", name="S")
    assert await call(site, "GET", "/v1/templates/", who="member") == []
    assert await call(site, "GET", "/v1/distribution-lists/", who="member") == []


# -- distribution lists -------------------------------------------------------------------------------------------


async def test_mail_to_a_list_goes_to_every_member_once(site):
    made = await call(
        site, "POST", "/v1/distribution-lists/", 201, who="a session", address="Team@local.test", name="T"
    )
    assert made["address"] == "team@local.test"
    members = f"/v1/distribution-lists/{made['list_id']}/members/"
    with pytest.raises(errors.UnknownRecipient):
        await site.house.receive(LETTER % (b"team@local.test", b"none"), to=["team@local.test"])
    added = await call(site, "POST", members, 201, who="a session", inbox_id=inbox_id(site, "a1"))
    again = await call(site, "POST", members, 200, who="a session", inbox_id="agent@local.test")
    assert again == added
    await call(site, "POST", members, 201, who="a session", inbox_id=inbox_id(site, "a2"))
    assert [each["inbox_address"] for each in await call(site, "GET", members)] == [
        "agent@local.test",
        "second@local.test",
    ]
    await site.house.receive(LETTER % (b"team@local.test", b"both"), to=["team@local.test", "agent@local.test"])
    await site.house.settled()
    for who in ("a1", "a2"):
        (copy,) = (await call(site, "GET", "/v1/messages/?folder=inbox", who=who))["results"]
        assert copy["subject"] == "The offer"
    await call(site, "DELETE", f"{members}{inbox_id(site, 'a1')}/", 204, who="a session")
    await call(site, "DELETE", f"{members}{inbox_id(site, 'a1')}/", 204, who="a session")
    assert len(await call(site, "GET", members)) == 1
    await call(site, "DELETE", f"/v1/distribution-lists/{made['list_id']}/", 204, who="a session")
    with pytest.raises(errors.UnknownRecipient):
        await site.house.receive(LETTER % (b"team@local.test", b"gone"), to=["team@local.test"])


async def test_a_list_has_an_address_of_its_own_on_a_verified_domain(site):
    path, who = "/v1/distribution-lists/", "a session"
    await call(site, "POST", path, 409, who=who, address="agent@local.test", name="x")
    await call(site, "POST", path, 400, who=who, address="list@other.test", name="x")
    await call(site, "POST", path, 400, who=who, address="list@nowhere.test", name="x")
    await call(site, "POST", path, 400, who=who, address="list@local.test", name=" ")
    await call(site, "POST", path, 201, who=who, address="list@local.test", name="x")
    await call(site, "POST", path, 409, who=who, address="LIST@local.test", name="x")
    await call(site, "POST", "/v1/inboxes/", 409, who=who, address="list@local.test")
    other = (await call(site, "GET", path))[0]["list_id"]
    await call(site, "POST", f"{path}{other}/members/", 404, who=who, inbox_id=inbox_id(site, "b1"))


async def test_a_member_may_send_as_the_list(site):
    made = await call(site, "POST", "/v1/distribution-lists/", 201, who="a session", address="t@local.test", name="T")
    members = f"/v1/distribution-lists/{made['list_id']}/members/"
    await call(site, "POST", members, 201, who="a session", inbox_id=inbox_id(site, "a1"))
    assert "t@local.test" in await site.house.services.inboxes.addresses(site.inboxes["a1"])
    assert "t@local.test" not in await site.house.services.inboxes.addresses(site.inboxes["a2"])


async def team_list(site, *members, name="Team"):
    """A list with members."""
    wanted = {"address": "team@local.test", "name": name}
    made = await call(site, "POST", "/v1/distribution-lists/", 201, who="a session", **wanted)
    for who in members:
        path = f"/v1/distribution-lists/{made['list_id']}/members/"
        await call(site, "POST", path, 201, who="a session", inbox_id=inbox_id(site, who))
    return made


async def copies(site):
    """The bytes that lie in each inbox, by who has it."""
    found = {}
    for who in ("a1", "a2"):
        for row in (await call(site, "GET", "/v1/messages/?folder=inbox", who=who))["results"]:
            summary = await site.house.services.messages.find(await site.house.caller(), row["id"])
            found.setdefault(who, []).append(await site.house.services.messages.raw(summary))
    return found


@pytest.mark.parametrize(
    ("name", "written"),
    [("Team", b"Team"), ("Vertrieb & Co.", b'"Vertrieb & Co."'), ("Größe", b"=?utf-8?b?R3LDtsOfZQ==?=")],
)
async def test_mail_of_a_list_says_so(site, name, written):
    await team_list(site, "a1", "a2", name=name)
    await site.house.receive(LETTER % (b"team@local.test", b"one"), to=["team@local.test"])
    await site.house.settled()
    for (raw,) in (await copies(site)).values():
        assert raw.count(b"List-Id: " + written + b" <team.local.test>\r\n") == 1
        assert b"List-Post: <mailto:team@local.test>\r\n" in raw


async def test_who_writes_to_a_list_does_not_get_it_twice(site):
    await team_list(site, "a1", "a2")
    raw = LETTER % (b"team@local.test", b"one")
    await site.house.receive(raw, to=["team@local.test"], sender="agent@local.test")
    await site.house.assembled.local.deliver(raw, "agent@local.test", "team@local.test", 0)
    await site.house.settled()
    found = await copies(site)
    assert "a1" not in found
    assert len(found["a2"]) == 2
    assert all(b"List-Id: Team <team.local.test>" in each for each in found["a2"])


async def test_the_only_member_gets_what_it_writes_to_its_list(site):
    await team_list(site, "a1")
    raw = LETTER % (b"team@local.test", b"one")
    await site.house.receive(raw, to=["team@local.test"], sender="agent@local.test")
    await site.house.settled()
    assert len((await copies(site))["a1"]) == 1


async def test_what_comes_back_to_its_list_is_refused(site):
    await team_list(site, "a1", "a2")
    raw = b"List-Id: Anything <TEAM.local.test>\r\n" + LETTER % (b"team@local.test", b"one")
    with pytest.raises(errors.MessageLoop):
        await site.house.receive(raw, to=["team@local.test"])
    outcome = await site.house.assembled.local.deliver(raw, "bob@local.test", "team@local.test", 0)
    assert outcome.reply.enhanced == "5.4.6"
    other = b"List-Id: Others <others.remote.test>\r\n" + LETTER % (b"team@local.test", b"two")
    await site.house.receive(other, to=["team@local.test"])
    await site.house.settled()
    for (raw,) in (await copies(site)).values():
        assert raw.count(b"List-Id:") == 1  # that of the list which it came by first


# -- notes and assignment -----------------------------------------------------------------------------------------


async def test_who_is_mentioned_in_a_note_gets_a_task_and_the_author_does_not(site):
    about = await thread(site)
    path = f"/v1/messages/threads/{about}/notes/"
    note = await call(site, "POST", path, 201, body="Look", mentions=["second@local.test", "agent@local.test"])
    assert note["mentions"] == ["second@local.test"]
    assert note["author_inbox_id"] == inbox_id(site, "a1")
    (task,) = (await call(site, "GET", "/v1/tasks/", who="a2"))["results"]
    assert (task["summary"], task["source"], task["thread_id"]) == ("[Mentioned] The offer", "mention", about)
    assert (await call(site, "GET", "/v1/tasks/"))["total"] == 0
    (pending,) = [each for each in (await call(site, "GET", "/v1/agenda/", who="a2"))["results"] if each["pending"]]
    assert pending["title"] == "[Mentioned] The offer"
    assert [row[0] for row in await told(site, "thread.note_added")] == [site.inboxes["a1"].id]
    assert await call(site, "GET", path) == [note]


@pytest.mark.parametrize("who", ["nobody@local.test", "agent@other.test", "no address"])
async def test_nobody_outside_the_team_is_mentioned_or_given_a_thread(site, who):
    about = await thread(site)
    await call(site, "POST", f"/v1/messages/threads/{about}/notes/", 400, body="x", mentions=[who])
    await call(site, "POST", f"/v1/messages/threads/{about}/assign/", 400, to=who)
    assert await call(site, "GET", f"/v1/messages/threads/{about}/notes/") == []


async def test_only_its_author_deletes_a_note(site):
    await member(site)
    path = f"/v1/messages/threads/{await thread(site)}/notes/"
    by_agent = await call(site, "POST", path, 201, body="of the agent")
    by_owner = await call(site, "POST", path, 201, who="a session", body="of the owner")
    await call(site, "DELETE", f"{path}{by_agent['note_id']}/", 403, who="member")
    await call(site, "DELETE", f"{path}{by_owner['note_id']}/", 403, who="member")
    await call(site, "DELETE", f"{path}{by_owner['note_id']}/", 403, who="a1")
    await call(site, "DELETE", f"{path}{by_owner['note_id']}/", 204, who="a session")
    await call(site, "DELETE", f"{path}{by_agent['note_id']}/", 204, who="a1")
    await call(site, "DELETE", f"{path}{by_agent['note_id']}/", 404, who="a1")


async def test_notes_go_after_ninety_days_and_with_their_thread(site):
    about = await thread(site)
    path = f"/v1/messages/threads/{about}/notes/"
    for days in (91, 89):
        note = await call(site, "POST", path, 201, body=f"{days} days")
        await aged(site, "note", identifiers.decode(Kind.NOTE, note["note_id"]), days)
    assert [each["body"] for each in await call(site, "GET", path)] == ["89 days"]
    assert await site.house.services.team.notes.expire() == 1
    (message,) = (await call(site, "GET", f"/v1/messages/threads/{about}/"))["email_ids"]
    for _ in range(2):  # to Trash, then for good
        await call(site, "DELETE", f"/v1/messages/{message}/", 204)
    assert await site.house.rows("SELECT * FROM note") == []


async def test_a_thread_is_assigned_with_a_task_and_an_event(site):
    about = await thread(site)
    path = f"/v1/messages/threads/{about}/assign/"
    done = await call(site, "POST", path, to="Second@local.test", note="Needs legal review")
    assert done == {"assigned": True, "to": "second@local.test"}
    (task,) = (await call(site, "GET", "/v1/tasks/", who="a2"))["results"]
    assert (task["summary"], task["description"]) == ("[Assigned] The offer", "Needs legal review")
    assert task["created_by_inbox_id"] == inbox_id(site, "a1")
    assert [row[0] for row in await told(site, "thread.assigned")] == [site.inboxes["a2"].id]


# -- contacts between inboxes -------------------------------------------------------------------------------------

SHARES = "/v1/contacts/shares/"


async def friend(site, who="a1", address="carol@remote.test", **more):
    return await call(
        site, "POST", "/v1/contacts/", 201, who=who, full_name="Carol", emails=[{"address": address}], **more
    )


async def test_an_offer_that_is_accepted_copies_the_card(site):
    card = await friend(site, notes="Likes tea")
    share = await call(site, "POST", SHARES, 201, type="offer", to_inbox_id=inbox_id(site, "a2"), contact_id=card["id"])
    assert (share["status"], share["contact_address"], share["parameters"]) == ("pending", "carol@remote.test", {})
    assert await call(site, "GET", SHARES) == []
    assert await call(site, "GET", SHARES, who="a2") == [share]
    (task,) = (await call(site, "GET", "/v1/tasks/", who="a2"))["results"]
    assert (task["source"], task["share_id"]) == ("share", share["share_id"])
    assert [row[0] for row in await told(site, "contact.share_received")] == [site.inboxes["a2"].id]
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", 404, who="a1")
    accepted = await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", who="a2")
    assert accepted["status"] == "accepted"
    assert accepted["resolved_at"] is not None
    (copy,) = (await call(site, "GET", "/v1/contacts/", who="a2"))["results"]
    assert (copy["full_name"], copy["notes"]) == ("Carol", "Likes tea")
    assert copy["id"] != card["id"]
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", 409, who="a2")
    await call(site, "POST", f"{SHARES}{share['share_id']}/decline/", 409, who="a2")


async def graph(site, who):
    """The addresses that an inbox has to do with, by the graph, without the inbox itself."""
    nodes = (await call(site, "GET", "/v1/relationships/", who=who))["nodes"]
    own = {"a1": "agent@local.test", "a2": "second@local.test"}[who]
    return sorted(node["address"] for node in nodes if node["address"] != own)


async def test_a_contact_that_is_shared_or_handed_over_stands_in_the_graph_at_once(site):
    card = await friend(site)
    share = await call(site, "POST", SHARES, 201, type="offer", to_inbox_id=inbox_id(site, "a2"), contact_id=card["id"])
    assert await graph(site, "a2") == []
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", who="a2")
    assert await graph(site, "a2") == ["carol@remote.test"]
    other = await friend(site, address="Dave@Remote.test")
    await call(site, "POST", f"/v1/contacts/{other['id']}/handoff/", to_inbox_id=inbox_id(site, "a2"))
    assert await graph(site, "a2") == ["carol@remote.test", "dave@remote.test"]


async def test_a_request_brings_the_card_with_its_labels(site):
    await friend(site, "a2")
    share = await call(
        site, "POST", SHARES, 201, type="request", to_inbox_id=inbox_id(site, "a2"), note="Please", labels=["VIP"],
        contact_address="Carol@remote.test",
    )  # fmt: skip
    assert share["parameters"] == {"note": "Please", "labels": ["VIP"]}
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", who="a2")
    (copy,) = (await call(site, "GET", "/v1/contacts/"))["results"]
    label = next(each for each in await call(site, "GET", "/v1/labels/") if each["key"] == "vip")
    assert label["type"] == "contact"
    found = await call(site, "GET", f"/v1/context/{label['label_id']}/entities/")
    assert [each["entity_id"] for each in found["results"]] == [copy["id"]]


async def test_a_card_that_is_not_there_cannot_be_accepted(site):
    asked = {"type": "request", "to_inbox_id": inbox_id(site, "a2"), "contact_address": "carol@remote.test"}
    share = await call(site, "POST", SHARES, 201, **asked)
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", 409, who="a2")
    card = await friend(site, "a2")
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", who="a2")
    offer = await call(
        site, "POST", SHARES, 201, who="a2", type="offer", to_inbox_id=inbox_id(site, "a1"), contact_id=card["id"]
    )
    await call(site, "DELETE", f"/v1/contacts/{card['id']}/", 204, who="a2")
    await call(site, "POST", f"{SHARES}{offer['share_id']}/accept/", 409)
    assert (await call(site, "POST", f"{SHARES}{offer['share_id']}/decline/"))["status"] == "declined"


async def test_whoever_is_known_already_gains_what_is_new(site):
    await friend(site, "a2", notes="Mine", phones=[{"number": "1"}])
    card = await friend(site, notes="Theirs", phones=[{"number": "1"}, {"number": "2"}])
    share = await call(site, "POST", SHARES, 201, type="offer", to_inbox_id=inbox_id(site, "a2"), contact_id=card["id"])
    await call(site, "POST", f"{SHARES}{share['share_id']}/accept/", who="a2")
    (copy,) = (await call(site, "GET", "/v1/contacts/", who="a2"))["results"]
    assert (copy["notes"], [each["number"] for each in copy["phones"]]) == ("Mine", ["1", "2"])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"type": "offer"}, 400), ({"type": "request"}, 400), ({"type": "gift"}, 400),
        ({"type": "request", "contact_address": "x"}, 400),
        ({"type": "request", "contact_address": "x@remote.test", "to_inbox_id": "agent@local.test"}, 400),
        ({"type": "request", "contact_address": "x@remote.test", "to_inbox_id": "agent@other.test"}, 404),
    ],
)  # fmt: skip
async def test_a_share_that_makes_no_sense_is_refused(site, wrong, expected):
    await call(site, "POST", SHARES, expected, **{"to_inbox_id": inbox_id(site, "a2"), **wrong})


async def test_shares_go_when_nobody_answers_and_after_the_answer(site):
    card, numbers = await friend(site), []
    for _ in range(3):
        share = await call(
            site, "POST", SHARES, 201, type="offer", to_inbox_id=inbox_id(site, "a2"), contact_id=card["id"]
        )
        numbers.append(identifiers.decode(Kind.SHARE, share["share_id"]))
    await call(site, "POST", f"{SHARES}{share['share_id']}/decline/", who="a2")
    await aged(site, "share", numbers[0], 31)
    await aged(site, "share", numbers[2], 40)  # was answered just now
    assert len(await call(site, "GET", SHARES, who="a2")) == 1
    old = identifiers.encode(Kind.SHARE, numbers[0])
    await call(site, "POST", f"{SHARES}{old}/accept/", 404, who="a2")
    assert await site.house.services.team.shares.expire_pending() == 1
    assert await site.house.services.team.shares.expire_resolved() == 0
    then = int(time.time() * 1000) - 8 * DAY_MS
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE share SET resolved_at = ? WHERE id = ?", (then, numbers[2]))
    )
    assert await site.house.services.team.shares.expire_resolved() == 1
    assert await site.house.rows("SELECT id FROM share") == [(numbers[1],)]


async def test_a_handoff_copies_the_card_and_moves_what_is_open(site):
    card = await friend(site)
    promise = await call(site, "POST", "/v1/commitments/", 201, contact_id=card["id"], text="Send the offer")
    done = await call(
        site, "POST", f"/v1/contacts/{card['id']}/handoff/", to_inbox_id=inbox_id(site, "a2"), note="Taking over"
    )
    (copy,) = (await call(site, "GET", "/v1/contacts/", who="a2"))["results"]
    assert done == {"contact_id": copy["id"]}
    (moved,) = (await call(site, "GET", "/v1/commitments/", who="a2"))["results"]
    assert (moved["commitment_id"], moved["contact_id"]) == (promise["commitment_id"], copy["id"])
    assert (await call(site, "GET", "/v1/commitments/"))["total"] == 0
    assert (await call(site, "GET", f"/v1/contacts/{card['id']}/"))["full_name"] == "Carol"
    (task,) = (await call(site, "GET", "/v1/tasks/", who="a2"))["results"]
    assert (task["source"], task["description"]) == ("handoff", "Taking over")
    assert [row[0] for row in await told(site, "contact.handoff_received")] == [site.inboxes["a2"].id]
    itself = {"to_inbox_id": inbox_id(site, "a1")}
    await call(site, "POST", f"/v1/contacts/{card['id']}/handoff/", 400, **itself)

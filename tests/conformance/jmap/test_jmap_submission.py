"""Identities and submissions: what RFC 8621 6 and 7 ask for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailserver.entities.access import ALL_SCOPES, Scope
from mailserver.entities.delivery import Lane
from mailserver.services.outbound.claims import Claims
from tests.support.jmap import USING, Client
from tests.support.served import Site, served

SUBMISSION = "urn:ietf:params:jmap:submission"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _client(site: Site, name: str = "a1") -> Client:
    return Client(site, name, [*USING, SUBMISSION])


async def _draft(client: Client, **more: Any) -> str:
    boxes = await client.mailboxes()
    given = {
        "mailboxIds": {boxes["drafts"]: True},
        "keywords": {"$draft": True, "$seen": True},
        "from": [{"name": "Agent", "email": "agent@local.test"}],
        "to": [{"name": None, "email": "b@remote.test"}],
        "bcc": [{"name": None, "email": "hidden@remote.test"}],
        "subject": "Hello",
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "bodyValues": {"t": {"value": "Hello\n"}},
        **more,
    }
    answer = await client.one("Email/set", create={"d": given})
    assert answer["created"], answer
    return str(answer["created"]["d"]["id"])


async def _identity(client: Client) -> str:
    return str((await client.one("Identity/get", ids=None))["list"][0]["id"])


async def test_every_address_has_an_identity_that_stays(site: Site) -> None:
    client = _client(site)
    await site.house.services.inboxes.add_alias(site.inboxes["a1"], "alias@local.test")
    found = (await client.one("Identity/get", ids=None))["list"]
    assert [each["email"] for each in found] == ["agent@local.test", "alias@local.test"]
    assert set(found[0]) == {
        "id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete",
    }  # fmt: skip
    state = (await client.one("Identity/get", ids=[]))["state"]
    answer = await client.one(
        "Identity/set",
        create={
            "t": {"email": "agent+tag@local.test", "name": "Tag", "replyTo": [{"email": "x@y.test"}]},
            "f": {"email": "boss@other.test"},
            "n": {"name": "No address"},
        },
        update={
            found[0]["id"]: {"name": "Agent", "textSignature": "-- \nA"},
            found[1]["id"]: {"email": "z@local.test"},
        },
        destroy=[found[1]["id"]],
    )
    assert list(answer["created"]) == ["t"]
    assert answer["notCreated"]["f"]["type"] == "forbiddenFrom"
    assert answer["notCreated"]["n"]["properties"] == ["email"]
    assert answer["updated"] == {found[0]["id"]: None}
    assert answer["notUpdated"][found[1]["id"]]["properties"] == ["email"]
    assert answer["notDestroyed"][found[1]["id"]]["type"] == "forbidden"
    told = await client.one("Identity/changes", sinceState=state)
    assert (told["created"], told["updated"]) == ([answer["created"]["t"]["id"]], [found[0]["id"]])
    gone = await client.one("Identity/set", destroy=[answer["created"]["t"]["id"]])
    assert gone["destroyed"] == [answer["created"]["t"]["id"]]


async def test_a_draft_is_sent_and_moved_by_one_request(site: Site) -> None:
    client = _client(site)
    email, identity = await _draft(client), await _identity(client)
    boxes = await client.mailboxes()
    answers = await client.run(
        (
            "EmailSubmission/set",
            {
                "create": {"s": {"emailId": email, "identityId": identity}},
                "onSuccessUpdateEmail": {
                    "#s": {"mailboxIds": {boxes["sent"]: True}, "keywords/$draft": None, "keywords/$seen": True}
                },
            },
        )
    )
    assert [answer[0] for answer in answers] == ["EmailSubmission/set", "Email/set"]
    assert {answer[2] for answer in answers} == {"0"}
    made = answers[0][1]["created"]["s"]
    assert made["undoStatus"] == "final"
    assert made["envelope"]["mailFrom"]["email"] == "agent@local.test"
    assert [each["email"] for each in made["envelope"]["rcptTo"]] == ["b@remote.test", "hidden@remote.test"]
    assert answers[1][1]["updated"] == {email: None}
    found = (await client.one("Email/get", ids=[email], properties=["mailboxIds", "keywords"]))["list"][0]
    assert (found["mailboxIds"], found["keywords"]) == ({boxes["sent"]: True}, {"$seen": True})
    submission = (await client.one("EmailSubmission/get", ids=[made["id"]]))["list"][0]
    assert submission["deliveryStatus"]["b@remote.test"]["delivered"] == "queued"
    assert submission["emailId"] == email
    rows = await site.house.rows("SELECT recipient, state FROM delivery ORDER BY id")
    assert [tuple(row) for row in rows] == [("b@remote.test", "queued"), ("hidden@remote.test", "queued")]
    sent = (await site.call("GET", "/v1/messages/?folder=sent", site.tokens["a1"])).json
    assert [each["id"] for each in sent["results"]] == [email]


async def test_what_cannot_be_sent_is_refused_by_its_name(site: Site) -> None:
    client = _client(site)
    identity = await _identity(client)
    good = await _draft(client)
    foreign = await _draft(client, **{"from": [{"name": None, "email": "boss@other.test"}]})
    nobody = await _draft(client, to=[], bcc=[])
    broken = await _draft(client, to=[{"name": None, "email": "unfinished"}], bcc=[])
    other = await _draft_of_other(site)

    def envelope(sender: str, *recipients: str, **parameters: str) -> dict[str, Any]:
        return {
            "mailFrom": {"email": sender, "parameters": parameters or None},
            "rcptTo": [{"email": each} for each in recipients],
        }

    own = "agent@local.test"
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "noEmail": ({"emailId": "msg_0000000000000", "identityId": identity}, "invalidProperties"),
        "notMine": ({"emailId": other, "identityId": identity}, "invalidProperties"),
        "noIdentity": ({"emailId": good, "identityId": "idn_0000000000000"}, "invalidProperties"),
        "from": ({"emailId": foreign, "identityId": identity}, "forbiddenFrom"),
        "nobody": ({"emailId": nobody, "identityId": identity}, "noRecipients"),
        "broken": ({"emailId": broken, "identityId": identity}, "invalidRecipients"),
        "mailFrom": (
            {"emailId": good, "identityId": identity, "envelope": envelope("x@other.test", "b@remote.test")},
            "forbiddenMailFrom",
        ),
        "rcptTo": (
            {"emailId": good, "identityId": identity, "envelope": envelope(own, "no address")}, "invalidRecipients"
        ),
        "empty": ({"emailId": good, "identityId": identity, "envelope": envelope(own)}, "noRecipients"),
        "many": (
            {
                "emailId": good, "identityId": identity,
                "envelope": envelope(own, *(f"u{number}@remote.test" for number in range(2_000))),
            },
            "tooManyRecipients",
        ),
        "parameter": (
            {"emailId": good, "identityId": identity, "envelope": envelope(own, "b@remote.test", XYZ="1")},
            "invalidProperties",
        ),
        "hold": (
            {"emailId": good, "identityId": identity, "envelope": envelope(own, "b@remote.test", HOLDFOR="9999999999")},
            "invalidProperties",
        ),
        "sendAt": ({"emailId": good, "identityId": identity, "sendAt": "2030-01-01T00:00:00Z"}, "invalidProperties"),
    }  # fmt: skip
    answer = await client.one("EmailSubmission/set", create={name: each[0] for name, each in cases.items()})
    assert answer["created"] is None, answer["created"]
    assert {name: each["type"] for name, each in answer["notCreated"].items()} == {
        name: kind for name, (_, kind) in cases.items()
    }
    assert await site.house.rows("SELECT 1 FROM delivery") == []


async def _draft_of_other(site: Site) -> str:
    other = _client(site, "a2")
    return await _draft(other, **{"from": [{"name": None, "email": "second@local.test"}]})


async def test_a_delayed_submission_waits_and_can_be_taken_back(site: Site) -> None:
    client = _client(site)
    email, identity = await _draft(client), await _identity(client)
    until = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    created = {}
    for name, parameters in (
        ("a", {"HOLDFOR": "7200"}),
        ("b", {"HOLDUNTIL": until.isoformat().replace("+00:00", "Z")}),
    ):
        envelope = {
            "mailFrom": {"email": "agent@local.test", "parameters": parameters},
            "rcptTo": [{"email": "b@remote.test"}],
        }
        answer = await client.one(
            "EmailSubmission/set", create={name: {"emailId": email, "identityId": identity, "envelope": envelope}}
        )
        created[name] = answer["created"][name]
        assert created[name]["undoStatus"] == "pending"
        assert created[name]["sendAt"] > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = (await client.one("EmailSubmission/get", ids=[]))["state"]
    pending = await client.one("EmailSubmission/query", filter={"undoStatus": "pending"})
    assert len(pending["ids"]) == 2
    answers = await client.run(
        (
            "EmailSubmission/set",
            {
                "update": {created["a"]["id"]: {"undoStatus": "canceled"}},
                "onSuccessUpdateEmail": {created["a"]["id"]: {"keywords/$flagged": True}},
            },
        )
    )
    assert answers[0][1]["updated"] == {created["a"]["id"]: None}
    assert answers[1][1]["updated"] == {email: None}
    found = (await client.one("EmailSubmission/get", ids=[created["a"]["id"]]))["list"][0]
    assert found["undoStatus"] == "canceled"
    assert (await client.one("EmailSubmission/changes", sinceState=state))["updated"] == [created["a"]["id"]]
    states = await site.house.rows("SELECT state FROM delivery ORDER BY id")
    assert [row[0] for row in states] == ["dropped", "queued"]
    sent = await client.one("EmailSubmission/set", create={"n": {"emailId": email, "identityId": identity}})
    late = await client.one(
        "EmailSubmission/set", update={sent["created"]["n"]["id"]: {"undoStatus": "canceled"}},
        destroy=[created["b"]["id"]],
    )  # fmt: skip
    assert late["notUpdated"][sent["created"]["n"]["id"]]["type"] == "cannotUnsend"
    assert late["destroyed"] == [created["b"]["id"]]
    rest = await site.house.rows("SELECT state FROM delivery ORDER BY id")
    assert [row[0] for row in rest][1] == "queued"  # forgotten is not taken back


async def test_a_token_that_needs_an_approval_cannot_send_without_one(site: Site) -> None:
    client = _client(site)
    email, identity = await _draft(client), await _identity(client)
    inbox = site.inboxes["a1"]
    _, client.token = await site.house.services.access.create_token(
        inbox.tenant_id, "agent", "careful", inbox_id=inbox.id, requires_approval=frozenset({Scope.EMAIL_SEND})
    )
    answer = await client.one("EmailSubmission/set", create={"s": {"emailId": email, "identityId": identity}})
    assert answer["notCreated"]["s"]["type"] == "forbiddenToSend"
    _, client.token = await site.house.services.access.create_token(
        inbox.tenant_id, "agent", "reader", inbox_id=inbox.id, scopes=ALL_SCOPES - {Scope.EMAIL_SEND, Scope.EMAIL_WRITE}
    )
    assert await client.fails("EmailSubmission/set", create={}) == "accountReadOnly"
    assert await client.fails("Email/set", create={}) == "accountReadOnly"


async def test_another_accounts_submissions_are_nobodys(site: Site) -> None:
    client, neighbour = _client(site), _client(site, "a2")
    email, identity = await _draft(client), await _identity(client)
    made = (await client.one("EmailSubmission/set", create={"s": {"emailId": email, "identityId": identity}}))[
        "created"
    ]
    number = made["s"]["id"]
    assert (await neighbour.one("EmailSubmission/get", ids=[number]))["notFound"] == [number]
    answer = await neighbour.one(
        "EmailSubmission/set", update={number: {"undoStatus": "canceled"}}, destroy=[number],
        create={"x": {"emailId": await _draft_of_other(site), "identityId": identity}},
    )  # fmt: skip
    assert answer["notUpdated"][number]["type"] == answer["notDestroyed"][number]["type"] == "notFound"
    assert answer["notCreated"]["x"]["properties"] == ["identityId"]
    assert (await neighbour.one("EmailSubmission/query", filter={"emailIds": [email]}))["ids"] == []


async def test_what_the_operator_drops_is_told(site: Site) -> None:
    client = _client(site)
    email, identity = await _draft(client), await _identity(client)
    made = (await client.one("EmailSubmission/set", create={"s": {"emailId": email, "identityId": identity}}))[
        "created"
    ]
    state = (await client.one("EmailSubmission/get", ids=[]))["state"]
    rows = await site.house.rows("SELECT id FROM delivery")
    await site.house.services.queue.drop([row[0] for row in rows])
    assert (await client.one("EmailSubmission/changes", sinceState=state))["updated"] == [made["s"]["id"]]
    found = (await client.one("EmailSubmission/get", ids=[made["s"]["id"]]))["list"][0]
    assert {each["delivered"] for each in found["deliveryStatus"].values()} == {"no"}


async def test_an_imported_message_is_sent_as_what_it_is(site: Site) -> None:
    client = _client(site)
    identity, boxes = await _identity(client), await client.mailboxes()
    head = "From: agent@local.test\r\nTo: b@remote.test\r\nMessage-ID: <1@local.test>\r\n"
    emails = {}
    for name, raw in (
        ("plain", head + "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Hello\r\n\r\nHello\r\n"),
        ("utf8", head + "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Grüße\r\n\r\nHello\r\n"),
        ("dateless", head + "Subject: Hello\r\n\r\nHello\r\n"),
    ):
        path = f"/jmap/upload/{client.account_id}"
        blob = (await site.call("POST", path, client.token, data=raw.encode())).json["blobId"]
        answer = await client.one("Email/import", emails={"e": {"blobId": blob, "mailboxIds": {boxes["drafts"]: True}}})
        emails[name] = answer["created"]["e"]["id"]
    answer = await client.one(
        "EmailSubmission/set",
        create={name: {"emailId": email, "identityId": identity} for name, email in emails.items()},
    )
    assert set(answer["created"]) == {"plain", "utf8"}
    assert answer["notCreated"]["dateless"]["type"] == "invalidEmail"
    rows = await site.house.rows("SELECT subject, smtputf8, eight_bit FROM queued ORDER BY id")
    assert [tuple(row) for row in rows] == [("Hello", 0, 0), ("Grüße", 1, 1)]


async def test_a_delayed_one_can_be_taken_back_until_the_queue_has_it(site: Site) -> None:
    client = _client(site)
    email, identity = await _draft(client), await _identity(client)
    envelope = {
        "mailFrom": {"email": "agent@local.test", "parameters": {"HOLDFOR": "1"}},
        "rcptTo": [{"email": "b@remote.test"}, {"email": "c@other.test"}],
    }
    create = {each: {"emailId": email, "identityId": identity, "envelope": envelope} for each in "ab"}
    made = (await client.one("EmailSubmission/set", create=create))["created"]
    first, second = made["a"]["id"], made["b"]["id"]
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE delivery SET next_attempt_at = 1 WHERE domain = 'remote.test'")
    )
    state = (await client.one("EmailSubmission/get", ids=[]))["state"]
    claims = Claims(site.house.store.database, "me", 60_000, lambda: 2)
    answer = await client.one("EmailSubmission/set", update={second: {"undoStatus": "canceled"}})
    assert answer["updated"] == {second: None}
    tenant = site.inboxes["a1"].tenant_id
    (job,) = await claims.claim([(Lane("remote.test", tenant, 1), 10)])
    told = await client.one("EmailSubmission/changes", sinceState=state)
    assert told["updated"] == [second, first]
    found = (await client.one("EmailSubmission/get", ids=[first]))["list"][0]
    assert found["undoStatus"] == "final"
    late = await client.one("EmailSubmission/set", update={first: {"undoStatus": "canceled"}})
    assert late["notUpdated"][first]["type"] == "cannotUnsend"
    assert [each.recipient for each in job.deliveries] == ["b@remote.test"]

"""Sessions, requests, references, limits, uploads and downloads: what RFC 8620 asks for."""

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.entities.access import Scope
from tests.support.inside import PASSWORD
from tests.support.jmap import CORE, MAIL, Client
from tests.support.served import Site, served

ERROR = "urn:ietf:params:jmap:error:"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_the_session_names_every_field_and_only_the_callers_own_accounts(site: Site) -> None:
    client = Client(site, "a1")
    answer = await site.call("GET", "/.well-known/jmap", client.token)
    session = answer.json
    assert answer.status == 200
    assert set(session) >= {
        "capabilities", "accounts", "primaryAccounts", "username", "apiUrl", "downloadUrl", "uploadUrl",
        "eventSourceUrl", "state",
    }  # fmt: skip
    assert set(session["capabilities"][CORE]) == {
        "maxSizeUpload", "maxConcurrentUpload", "maxSizeRequest", "maxConcurrentRequests", "maxCallsInRequest",
        "maxObjectsInGet", "maxObjectsInSet", "collationAlgorithms",
    }  # fmt: skip
    assert list(session["accounts"]) == [client.account_id]
    mail = session["accounts"][client.account_id]["accountCapabilities"][MAIL]
    assert set(mail) == {
        "maxMailboxesPerEmail", "maxMailboxDepth", "maxSizeMailboxName", "maxSizeAttachmentsPerEmail",
        "emailQuerySortOptions", "mayCreateTopLevelMailbox",
    }  # fmt: skip
    for name in ("accountId", "blobId", "name", "type"):
        assert f"{{{name}}}" in session["downloadUrl"]
    for name in ("types", "closeafter", "ping"):
        assert f"{{{name}}}" in session["eventSourceUrl"]
    assert "no-store" in answer.headers["Cache-Control"]
    whole = (await site.call("GET", "/.well-known/jmap", site.tokens["a session"])).json
    assert set(whole["accounts"]) == {client.account_id, Client(site, "a2").account_id}


async def test_a_password_logs_in_and_a_wrong_one_does_not(site: Site) -> None:
    good = await site.call("GET", "/.well-known/jmap", headers=_basic("agent@local.test", PASSWORD))
    assert (good.status, good.json["username"]) == (200, "agent@local.test")
    again = await site.call("GET", "/.well-known/jmap", headers=_basic("agent@local.test", PASSWORD))
    assert again.status == 200
    inbox = site.inboxes["a1"]
    await site.house.services.access.set_password(inbox.id, "another good password")
    late = await site.call("GET", "/.well-known/jmap", headers=_basic("agent@local.test", PASSWORD))
    assert late.status == 401  # what was right once is not, once it is changed
    for headers in (
        {}, _basic("agent@local.test", "wrong"), _basic("nobody@local.test", PASSWORD),
        {"Authorization": "Basic !!!"}, {"Authorization": "Bearer nothing"}, {"Authorization": "Digest x"},
    ):  # fmt: skip
        answer = await site.call("GET", "/.well-known/jmap", headers=headers)
        assert answer.status == 401, headers
        assert "WWW-Authenticate" in answer.headers
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    token = site.tokens["a1"]
    assert (await site.call("GET", "/.well-known/jmap", headers=_basic("agent@local.test", token))).status == 200
    assert (await site.call("GET", "/.well-known/jmap", headers=_basic("other@other.test", token))).status == 401


async def test_a_page_of_another_origin_may_ask_without_a_login_first(site: Site) -> None:
    for path in ("/.well-known/jmap", "/jmap/api", "/jmap/upload/x", "/jmap/download/a/b/c"):
        answer = await site.call("OPTIONS", path)
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    refused = await site.call("GET", "/.well-known/jmap")
    assert refused.headers["Access-Control-Allow-Origin"] == "*"


async def test_what_is_no_request_is_a_problem_document(site: Site) -> None:
    client = Client(site, "a1")
    json_type = {"Content-Type": "application/json"}
    echo = ["Core/echo", {}, "0"]
    for body, headers, kind in (
        (b"{", json_type, "notJSON"),
        (b'{"using":[]}\xff', json_type, "notJSON"),
        (b'{"using":[],"methodCalls":[]}', {"Content-Type": "text/plain"}, "notJSON"),
        (b"[]", json_type, "notRequest"),
        (b'{"using":"x","methodCalls":[]}', json_type, "notRequest"),
        (b'{"using":[],"methodCalls":[["a",{}]]}', json_type, "notRequest"),
        (b'{"using":[],"methodCalls":[["a",[],"0"]]}', json_type, "notRequest"),
        (b'{"using":[],"methodCalls":[],"createdIds":[]}', json_type, "notRequest"),
        (b'{"using":["urn:nothing"],"methodCalls":[]}', json_type, "unknownCapability"),
    ):
        answer = await site.call("POST", "/jmap/api", client.token, data=body, headers=headers)
        assert (answer.status, answer.json["type"]) == (400, ERROR + kind), body
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    answer = await client.post({"using": [CORE], "methodCalls": [echo] * 65})
    assert (answer.json["type"], answer.json["limit"]) == (ERROR + "limit", "maxCallsInRequest")
    large = b'{"using":["' + b"x" * (10 << 20) + b'"],"methodCalls":[]}'
    answer = await site.call("POST", "/jmap/api", client.token, data=io.BytesIO(large), headers=json_type)
    assert (answer.json["type"], answer.json["limit"]) == (ERROR + "limit", "maxSizeRequest")


async def test_methods_are_known_by_what_the_request_uses(site: Site) -> None:
    client = Client(site, "a1", using=[CORE])
    arguments = {"deep": [{"a": None}], "text": "ü"}
    assert await client.run(("Core/echo", arguments)) == [("Core/echo", arguments, "0")]
    for name in ("Mailbox/get", "Nothing/get", "Core/Echo"):
        assert await client.fails(name) == "unknownMethod"
    nothing = await client.post({"using": [], "methodCalls": [["Core/echo", {}, "a"]]})
    assert nothing.json["methodResponses"] == [["error", {"type": "unknownMethod"}, "a"]]


async def test_an_account_must_be_named_and_be_ones_own(site: Site) -> None:
    client = Client(site, "a1")
    others = (
        Client(site, "b1").account_id,
        Client(site, "a2").account_id,
        "inb_0000000000000",
        "x",
    )
    for method in ("Mailbox/get", "Email/get", "Email/query", "Email/changes", "Thread/get", "Email/set"):
        for other in others:
            answers = await client.run((method, {"accountId": other, "ids": []}))
            assert answers[0][1]["type"] == "accountNotFound", (method, other)
        missing = await client.post({"using": [CORE, MAIL], "methodCalls": [[method, {}, "0"]]})
        assert missing.json["methodResponses"][0][1]["type"] == "invalidArguments"


async def test_references_find_what_earlier_calls_answered(site: Site) -> None:
    client = Client(site, "a1")
    for number in range(3):
        await site.house.receive(f"From: a@remote.test\r\nSubject: {number}\r\n\r\nx\r\n".encode())
    await site.house.settled()
    answers = await client.run(
        ("Email/query", {}),
        ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": ["threadId"]}),
        ("Thread/get", {"#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}),
        ("Email/get", {"#ids": {"resultOf": "2", "name": "Thread/get", "path": "/list/*/emailIds"}, "properties": []}),
        ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": []}),
    )
    assert sorted(each["id"] for each in answers[3][1]["list"]) == sorted(answers[0][1]["ids"])
    assert len(answers[3][1]["list"]) == 3
    for reference, kind in (
        ({"resultOf": "9", "name": "Core/echo", "path": "/a"}, "invalidResultReference"),
        ({"resultOf": "0", "name": "Email/get", "path": "/a"}, "invalidResultReference"),
        ({"resultOf": "0", "name": "Core/echo", "path": "/nothing"}, "invalidResultReference"),
        ({"resultOf": "0", "name": "Core/echo", "path": "/list/7"}, "invalidResultReference"),
        ({"resultOf": "0", "name": "Core/echo", "path": "list"}, "invalidResultReference"),
        ({"resultOf": "1", "name": "Email/get", "path": "/ids"}, "invalidResultReference"),  # of the call itself
        ("0", "invalidResultReference"),
    ):
        answers = await client.run(("Core/echo", {"list": ["a"]}), ("Email/get", {"#ids": reference}))
        assert answers[1][1]["type"] == kind, reference
    twice = await client.run(
        ("Core/echo", {"list": []}),
        ("Email/get", {"ids": [], "#ids": {"resultOf": "0", "name": "Core/echo", "path": "/list"}}),
    )
    assert twice[1][1]["type"] == "invalidArguments"


async def test_creation_ids_hold_over_the_calls_of_a_request_and_beyond(site: Site) -> None:
    client = Client(site, "a1")
    answer = await client.post(
        {
            "using": [CORE, MAIL],
            "createdIds": {},
            "methodCalls": [
                ["Mailbox/set", {"accountId": client.account_id, "create": {"k": {"name": "Outer"}}}, "0"],
                [
                    "Mailbox/set",
                    {"accountId": client.account_id, "create": {"m": {"name": "Inner", "parentId": "#k"}}},
                    "1",
                ],
                ["Mailbox/get", {"accountId": client.account_id, "ids": ["#m"]}, "2"],
            ],
        }
    )
    made = answer.json["createdIds"]
    assert set(made) == {"k", "m"}
    (inner,) = answer.json["methodResponses"][2][1]["list"]
    assert (inner["id"], inner["parentId"]) == (made["m"], made["k"])
    later = await client.post(
        {
            "using": [CORE, MAIL],
            "createdIds": made,
            "methodCalls": [["Mailbox/set", {"accountId": client.account_id, "destroy": ["#k", "#m"]}, "0"]],
        }
    )
    assert sorted(later.json["methodResponses"][0][1]["destroyed"]) == sorted(made.values())
    unknown = await client.one("Mailbox/set", create={"x": {"name": "X", "parentId": "#never"}})
    assert unknown["notCreated"]["x"]["type"] == "invalidProperties"


async def test_too_many_objects_are_refused(site: Site) -> None:
    client = Client(site, "a1")
    ids = [f"msg_{number:013}" for number in range(1001)]
    assert await client.fails("Email/get", ids=ids) == "requestTooLarge"
    assert await client.fails("Email/get", ids=None) == "requestTooLarge"
    assert await client.fails("Email/set", destroy=ids[:501]) == "requestTooLarge"
    assert await client.fails("Email/get", ids="x") == "invalidArguments"
    assert await client.fails("Email/get", ids=[], properties=["colour"]) == "invalidArguments"
    assert await client.fails("Email/get", ids=[], colour=1) == "invalidArguments"


async def test_blobs_belong_to_the_account_that_refers_to_them(site: Site) -> None:
    client, other = Client(site, "a1"), Client(site, "b1")
    content = bytes(range(256))
    answer = await site.call(
        "POST", f"/jmap/upload/{client.account_id}", client.token, data=content,
        headers={"Content-Type": "application/x-test"},
    )  # fmt: skip
    assert answer.status == 201
    assert answer.json == {
        "accountId": client.account_id, "blobId": answer.json["blobId"], "type": "application/x-test", "size": 256,
    }  # fmt: skip
    path = f"/jmap/download/{client.account_id}/{answer.json['blobId']}/a%20name.bin"
    got = await site.call("GET", f"{path}?type=text/x-other", client.token)
    assert (got.status, got.content) == (200, content)
    assert got.headers["Content-Type"] == "text/x-other"
    assert "a name.bin" in got.headers["Content-Disposition"]
    part = await site.call("GET", path, client.token, headers={"Range": "bytes=250-"})
    assert (part.status, part.content) == (206, content[250:])
    outside = await site.call("GET", path, client.token, headers={"Range": "bytes=900-"})
    assert outside.status == 416
    second = Client(site, "a2")
    for account, token in (
        (client.account_id, other.token), (other.account_id, other.token), (second.account_id, client.token),
    ):  # fmt: skip
        foreign = await site.call("GET", f"/jmap/download/{account}/{answer.json['blobId']}/x", token)
        assert foreign.status == 404
        refused = await site.call("POST", f"/jmap/upload/{account}", token, data=b"x")
        assert refused.status == (201 if account == other.account_id else 404)
    too_large = await site.call("POST", f"/jmap/upload/{client.account_id}", client.token, data=b"x" * 300_001)
    assert (too_large.status, too_large.json["limit"]) == (400, "maxSizeUpload")


async def test_mailboxes_keep_their_rules(site: Site) -> None:
    client = Client(site, "a1")
    boxes = await client.mailboxes()
    made = await client.one(
        "Mailbox/set",
        create={
            "a": {"name": "Projects", "sortOrder": 7, "isSubscribed": False},
            "b": {"name": "Alpha", "parentId": "#a"},
            "c": {"name": "inbox"},
            "d": {"name": ""},
            "e": {"name": "Role", "role": "archive"},
            "f": {"name": "Rights", "myRights": {"mayDelete": True}},
            "g": {"name": "Lost", "parentId": "nowhere"},
        },
    )
    assert set(made["created"]) == {"a", "b"}
    why = {key: (each["type"], each.get("properties")) for key, each in made["notCreated"].items()}
    assert why == {
        "c": ("alreadyExists", ["name"]), "d": ("invalidProperties", ["name"]), "e": ("invalidProperties", ["role"]),
        "f": ("invalidProperties", ["myRights"]), "g": ("invalidProperties", ["parentId"]),
    }  # fmt: skip
    assert made["notCreated"]["c"]["existingId"] == boxes["inbox"]
    outer, inner = made["created"]["a"]["id"], made["created"]["b"]["id"]
    changed = await client.one(
        "Mailbox/set",
        update={
            outer: {"parentId": inner},
            inner: {"name": "Beta", "sortOrder": 3},
            boxes["inbox"]: {"isSubscribed": False},
            boxes["sent"]: {"name": "Outgoing"},
            boxes["trash"]: {"myRights/mayDelete": True},
        },
    )
    assert changed["updated"] == {inner: None, boxes["inbox"]: None}
    assert changed["notUpdated"][outer]["properties"] == ["parentId"]
    assert changed["notUpdated"][boxes["sent"]]["type"] == "forbidden"
    assert changed["notUpdated"][boxes["trash"]]["properties"] == ["myRights/mayDelete"]
    blocked = await client.one("Mailbox/set", destroy=[outer], onDestroyRemoveEmails=True)
    assert blocked["notDestroyed"][outer]["type"] == "mailboxHasChild"
    await site.house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
    await site.house.settled()
    (email,) = (await client.one("Email/query"))["ids"]
    await client.one("Email/set", update={email: {f"mailboxIds/{inner}": True}})
    full = await client.one("Mailbox/set", destroy=[inner])
    assert full["notDestroyed"][inner]["type"] == "mailboxHasEmail"
    state = full["newState"]
    gone = await client.one("Mailbox/set", destroy=[outer, inner], onDestroyRemoveEmails=True)
    assert sorted(gone["destroyed"]) == sorted([outer, inner])
    assert (await client.one("Email/query"))["ids"] == [email]  # it lies in the inbox too
    told = await client.one("Mailbox/changes", sinceState=state)
    assert sorted(told["destroyed"]) == sorted([outer, inner])


async def test_a_token_that_needs_an_approval_to_delete_takes_no_mail_away_with_a_folder(site: Site) -> None:
    client, inbox = Client(site, "a1"), site.inboxes["a1"]
    made = await client.one("Mailbox/set", create={"f": {"name": "Alpha"}})
    folder = made["created"]["f"]["id"]
    await site.house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
    await site.house.settled()
    (email,) = (await client.one("Email/query"))["ids"]
    await client.one("Email/set", update={email: {"mailboxIds": {folder: True}}})
    _, client.token = await site.house.services.access.create_token(
        inbox.tenant_id, "agent", "careful", inbox_id=inbox.id, requires_approval=frozenset({Scope.EMAIL_DELETE})
    )
    kept = await client.one("Mailbox/set", destroy=[folder], onDestroyRemoveEmails=True)
    assert kept["notDestroyed"][folder]["type"] == "forbidden"
    assert await client.fails("Email/set", destroy=[email]) == "forbidden"
    assert (await client.one("Email/query"))["ids"] == [email]


async def test_changes_are_cut_anywhere_and_end_at_the_same_state(site: Site) -> None:
    client = Client(site, "a1")
    state = (await client.one("Email/get", ids=[]))["state"]
    boxes_state = (await client.one("Mailbox/get", ids=None))["state"]
    for number in range(7):
        await site.house.receive(f"From: a@remote.test\r\nSubject: {number}\r\n\r\nx\r\n".encode())
    await site.house.settled()
    counts = await client.one("Mailbox/changes", sinceState=boxes_state)
    assert counts["updatedProperties"] == ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]
    ids = (await client.one("Email/query"))["ids"]
    await client.one("Email/set", destroy=[ids[0]], update={ids[1]: {"keywords/$seen": True}})
    whole = await client.one("Email/changes", sinceState=state)
    assert sorted(whole["created"]) == sorted(ids[1:])
    assert whole["destroyed"] == []  # it came and went in between
    found: dict[str, list[Any]] = {"created": [], "updated": [], "destroyed": []}
    while True:
        some = await client.one("Email/changes", sinceState=state, maxChanges=2)
        assert sum(len(some[name]) for name in found) <= 2
        for name, seen in found.items():
            seen += some[name]
        state = some["newState"]
        if not some["hasMoreChanges"]:
            break
    assert state == whole["newState"]
    assert sorted(found["created"]) == sorted(whole["created"])
    assert await client.fails("Email/changes", sinceState=state, maxChanges=0) == "invalidArguments"


async def test_snippets_mark_what_was_looked_for_and_escape_the_rest(site: Site) -> None:
    client = Client(site, "a1")
    body = b"Some words before it <script>alert(1)</script> and then the needle & more " + b"filler " * 100
    await site.house.receive(b"From: a@remote.test\r\nSubject: A needle <b>\r\n\r\n" + body + b"\r\n")
    await site.house.settled()
    (email,) = (await client.one("Email/query", filter={"text": "needle"}))["ids"]
    answer = await client.one(
        "SearchSnippet/get", filter={"operator": "AND", "conditions": [{"text": "needle"}]},
        emailIds=[email, "msg_0000000000000"],
    )  # fmt: skip
    (snippet,) = answer["list"]
    assert snippet["subject"] == "A <mark>needle</mark> &lt;b&gt;"
    assert "<mark>needle</mark> &amp; more" in snippet["preview"]
    assert "<script>" not in snippet["preview"]
    assert len(snippet["preview"].encode()) <= 255
    assert answer["notFound"] == ["msg_0000000000000"]
    other = await client.one("SearchSnippet/get", filter={"subject": "absent"}, emailIds=[email])
    assert other["list"] == [{"emailId": email, "subject": None, "preview": None}]

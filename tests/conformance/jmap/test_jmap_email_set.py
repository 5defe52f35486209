"""Email/set, /import, /copy and /parse: what RFC 8621 4.6 to 4.9 ask for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jmap import Client
from tests.support.served import Site, served

LETTER = (
    b"From: Joe <joe@remote.test>\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <1@remote.test>\r\n"
    b"Date: Thu, 30 Oct 2014 14:12:00 +0800\r\n\r\nHello there\r\n"
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


async def _received(site: Site, client: Client, raw: bytes = LETTER) -> dict[str, Any]:
    before = (await client.one("Email/get", ids=[]))["state"]
    await site.house.receive(raw)
    await site.house.settled()
    (created,) = (await client.one("Email/changes", sinceState=before))["created"]
    return (await client.one("Email/get", ids=[created]))["list"][0]


async def _upload(site: Site, client: Client, content: bytes, kind: str = "message/rfc822") -> str:
    answer = await site.call(
        "POST", f"/jmap/upload/{client.account_id}", client.token, data=content, headers={"Content-Type": kind}
    )
    assert answer.status == 201, answer.content
    assert answer.json["type"] == kind
    return str(answer.json["blobId"])


async def _download(site: Site, client: Client, blob_id: str, **more: Any) -> Any:
    path = f"/jmap/download/{client.account_id}/{blob_id}/name.bin?type=text/plain"
    return await site.call("GET", path, client.token, **more)


async def test_a_draft_is_made_of_texts_and_blobs_and_reads_back_as_it_was_given(site: Site) -> None:
    client = Client(site, "a1")
    boxes = await client.mailboxes()
    blob_id = await _upload(site, client, b"\x89PNG", "image/png")
    given = {
        "mailboxIds": {boxes["drafts"]: True},
        "keywords": {"$draft": True, "$seen": True, "Custom_Word": True},
        "from": [{"name": "Änne", "email": "agent@local.test"}],
        "to": [{"name": None, "email": "b@remote.test"}, {"name": "C, D", "email": "cd@remote.test"}],
        "bcc": [{"name": "Hidden", "email": "hidden@remote.test"}],
        "subject": "Grüße",
        "header:X-Mood:asText": "höflich",
        "header:List-Post:asURLs": ["mailto:list@remote.test"],
        "sentAt": "2024-05-06T07:08:09+02:00",
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "htmlBody": [{"partId": "h", "type": "text/html"}],
        "attachments": [{"blobId": blob_id, "type": "image/png", "name": "Bild ä.png"}],
        "bodyValues": {"t": {"value": "Liebe Grüße\n"}, "h": {"value": "<p>Liebe Grüße</p>"}},
    }
    answer = await client.one("Email/set", create={"d": given})
    assert answer["notCreated"] is None, answer
    made = answer["created"]["d"]
    assert set(made) == {"id", "blobId", "threadId", "size", "attachments"}
    assert answer["oldState"] != answer["newState"]
    found = (
        await client.one(
            "Email/get",
            ids=[made["id"]],
            properties=[
                "from", "to", "bcc", "subject", "sentAt", "keywords", "mailboxIds", "hasAttachment", "messageId",
                "textBody", "htmlBody", "attachments", "bodyValues", "header:X-Mood:asText", "header:List-Post:asURLs",
            ],
            fetchTextBodyValues=True,
            fetchHTMLBodyValues=True,
        )
    )["list"][0]  # fmt: skip
    for name in ("from", "to", "bcc", "subject", "sentAt", "mailboxIds"):
        assert found[name] == given[name], name
    assert found["keywords"] == {"$draft": True, "$seen": True, "custom_word": True}
    assert found["header:X-Mood:asText"] == "höflich"
    assert found["header:List-Post:asURLs"] == ["mailto:list@remote.test"]
    assert found["hasAttachment"] is True
    assert len(found["messageId"]) == 1
    assert [found["bodyValues"][part["partId"]]["value"] for part in found["textBody"]] == ["Liebe Grüße\n"]
    (attached,) = found["attachments"]
    assert (attached["name"], attached["type"], attached["size"]) == ("Bild ä.png", "image/png", 4)
    assert (await _download(site, client, attached["blobId"])).content == b"\x89PNG"
    drafts = (await site.call("GET", "/agent/v0/drafts", site.tokens["a key"])).json
    assert [each["subject"] for each in drafts["drafts"]] == ["Grüße"]  # the other face sees the same draft


async def test_what_a_message_cannot_have_is_named(site: Site) -> None:
    client = Client(site, "a1")
    boxes = await client.mailboxes()
    place = {"mailboxIds": {boxes["drafts"]: True}}
    wrong: dict[str, tuple[dict[str, Any], str, list[str]]] = {
        "nowhere": ({"subject": "x"}, "invalidProperties", ["mailboxIds"]),
        "unknown": ({**place, "colour": "red"}, "invalidProperties", ["colour"]),
        "own": ({**place, "threadId": "t1"}, "invalidProperties", ["threadId"]),
        "headers": ({**place, "headers": []}, "invalidProperties", ["headers"]),
        "form": ({**place, "header:From:asText": "x"}, "invalidProperties", ["header:From:asText"]),
        "twice": (
            {**place, "subject": "x", "header:Subject:asText": "y"}, "invalidProperties", ["header:Subject:asText"]
        ),
        "content": (
            {**place, "header:Content-Type": "text/plain"}, "invalidProperties", ["header:Content-Type"]
        ),
        "injected": ({**place, "header:X-A": "b\r\nBcc: c@d.test"}, "invalidProperties", ["header:X-A"]),
        "both": (
            {**place, "bodyStructure": {"partId": "1"}, "textBody": [], "bodyValues": {"1": {"value": ""}}},
            "invalidProperties", ["bodyStructure", "textBody"],
        ),
        "no value": (
            {**place, "textBody": [{"partId": "1"}]}, "invalidProperties", ["bodyStructure/partId"]
        ),
        "cut": (
            {**place, "bodyValues": {"1": {"value": "x", "isTruncated": True}}},
            "invalidProperties", ["bodyValues/1/isTruncated"],
        ),
        "keyword": ({**place, "keywords": {"a b": True}}, "invalidProperties", ["keywords"]),
        "false": ({**place, "keywords": {"a": False}}, "invalidProperties", ["keywords"]),
        "when": ({**place, "receivedAt": "2024-05-06T07:08:09+02:00"}, "invalidProperties", ["receivedAt"]),
        "elsewhere": ({"mailboxIds": {"mbox_0000000000000": True}}, "invalidProperties", ["mailboxIds"]),
    }  # fmt: skip
    answer = await client.one("Email/set", create={name.replace(" ", "_"): each[0] for name, each in wrong.items()})
    assert answer["created"] is None
    for name, (_, kind, properties) in wrong.items():
        refusal = answer["notCreated"][name.replace(" ", "_")]
        assert (refusal["type"], refusal["properties"]) == (kind, properties), (name, refusal)
    blob = "B" + "0" * 64
    missing = await client.one("Email/set", create={"a": {**place, "attachments": [{"blobId": blob, "type": "a/b"}]}})
    assert missing["notCreated"]["a"]["type"] == "blobNotFound"
    assert missing["notCreated"]["a"]["notFound"] == [blob]


async def test_mailboxes_and_keywords_are_patched_and_nothing_else(site: Site) -> None:
    client = Client(site, "a1")
    boxes = await client.mailboxes()
    email = await _received(site, client)
    where = f"mailboxIds/{boxes['archive']}"
    answer = await client.one(
        "Email/set", update={email["id"]: {"keywords/$seen": True, "keywords/later": True, where: True}}
    )
    assert answer["updated"] == {email["id"]: None}
    found = (await client.one("Email/get", ids=[email["id"]], properties=["keywords", "mailboxIds"]))["list"][0]
    assert found["mailboxIds"] == {boxes["inbox"]: True, boxes["archive"]: True}
    assert {"$seen", "later"} <= set(found["keywords"])
    counts = {each["role"]: each for each in (await client.one("Mailbox/get", ids=None))["list"]}
    assert [(counts[role]["totalEmails"], counts[role]["unreadEmails"]) for role in ("inbox", "archive")] == [
        (1, 0), (1, 0),
    ]  # fmt: skip
    answer = await client.one(
        "Email/set",
        update={
            email["id"]: {"mailboxIds": {boxes["trash"]: True}, "keywords": {"$flagged": True}, "subject": "Hello"},
            "msg_0000000000000": {"keywords/$seen": True},
        },
    )
    assert answer["updated"] == {email["id"]: None}  # the subject is what it was
    assert answer["notUpdated"]["msg_0000000000000"]["type"] == "notFound"
    for patch, kind in (
        ({"subject": "Other"}, "invalidProperties"),
        ({"mailboxIds": {}}, "invalidProperties"),
        ({f"mailboxIds/{boxes['trash']}": None}, "invalidProperties"),
        ({"keywords": {}, "keywords/a": True}, "invalidPatch"),
        ({"keywords/a": False}, "invalidProperties"),
    ):
        refused = await client.one("Email/set", update={email["id"]: patch})
        assert refused["notUpdated"][email["id"]]["type"] == kind, patch
        assert refused["oldState"] == refused["newState"]
    gent = await site.call("GET", f"/v1/messages/{email['id']}/", site.tokens["a1"])
    assert gent.status == 200


async def test_a_message_that_is_destroyed_is_gone_and_told_once(site: Site) -> None:
    client = Client(site, "a1")
    email = await _received(site, client)
    state = (await client.one("Email/get", ids=[]))["state"]
    answer = await client.one("Email/set", destroy=[email["id"], "msg_0000000000000"])
    assert answer["destroyed"] == [email["id"]]
    assert answer["notDestroyed"]["msg_0000000000000"]["type"] == "notFound"
    told = await client.one("Email/changes", sinceState=state)
    assert (told["created"], told["updated"], told["destroyed"]) == ([], [], [email["id"]])
    assert (await client.one("Email/get", ids=[email["id"]]))["notFound"] == [email["id"]]
    assert (await client.one("Thread/get", ids=[email["threadId"]]))["notFound"] == [email["threadId"]]
    future = str(int(told["newState"]) + 1)
    assert await client.fails("Email/changes", sinceState=future) == "cannotCalculateChanges"


async def test_a_state_that_is_another_stops_everything(site: Site) -> None:
    client = Client(site, "a1")
    email = await _received(site, client)
    boxes = await client.mailboxes()
    asked = {"update": {email["id"]: {"keywords/$seen": True}}, "ifInState": "1"}
    assert await client.fails("Email/set", **asked) == "stateMismatch"
    making = {"create": {"a": {"mailboxIds": {boxes["inbox"]: True}}}, "ifInState": "1"}
    assert await client.fails("Email/set", **making) == "stateMismatch"
    asked["ifInState"] = (await client.one("Email/get", ids=[]))["state"]
    assert (await client.one("Email/set", **asked))["updated"] == {email["id"]: None}


async def test_an_upload_is_imported_byte_for_byte(site: Site) -> None:
    client = Client(site, "a1")
    boxes = await client.mailboxes()
    blob_id = await _upload(site, client, LETTER)
    answer = await client.one(
        "Email/import",
        emails={
            "a": {
                "blobId": blob_id, "mailboxIds": {boxes["archive"]: True}, "keywords": {"$seen": True},
                "receivedAt": "2001-02-03T04:05:06.120Z",
            },
            "b": {"blobId": await _upload(site, client, b"no mail at all"), "mailboxIds": {boxes["inbox"]: True}},
            "c": {"blobId": "B" + "1" * 64, "mailboxIds": {boxes["inbox"]: True}},
        },
    )  # fmt: skip
    assert answer["created"]["a"]["blobId"] == blob_id
    assert answer["created"]["a"]["size"] == len(LETTER)
    assert answer["notCreated"]["b"]["type"] == "invalidEmail"
    assert answer["notCreated"]["c"]["properties"] == ["blobId"]
    found = (await client.one("Email/get", ids=[answer["created"]["a"]["id"]]))["list"][0]
    assert found["receivedAt"] == "2001-02-03T04:05:06Z"
    assert found["mailboxIds"] == {boxes["archive"]: True}
    assert (await _download(site, client, found["blobId"])).content == LETTER
    part = await _download(site, client, found["blobId"], headers={"Range": "bytes=0-3"})
    assert (part.status, part.content) == (206, LETTER[:4])


async def test_an_attached_message_is_parsed_to_its_inside(site: Site) -> None:
    client = Client(site, "a1")
    outer = (
        b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee\r\n--x\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + LETTER + b"\r\n--x--\r\n"
    )
    email = await _received(site, client, outer)
    (attached,) = email["attachments"]
    assert attached["type"] == "message/rfc822"
    answer = await client.one(
        "Email/parse", blobIds=[attached["blobId"], "B" + "2" * 64, email["textBody"][0]["blobId"]],
        fetchAllBodyValues=True,
    )  # fmt: skip
    inside = answer["parsed"][attached["blobId"]]
    assert (inside["subject"], inside["from"], inside["preview"]) == (
        "Hello", [{"name": "Joe", "email": "joe@remote.test"}], "Hello there",
    )  # fmt: skip
    assert answer["notFound"] == ["B" + "2" * 64]
    assert answer["notParsable"] == [email["textBody"][0]["blobId"]]
    (text,) = inside["textBody"]
    assert inside["bodyValues"][text["partId"]]["value"].strip() == "Hello there"
    assert (await _download(site, client, text["blobId"])).content.strip() == b"Hello there"


async def test_a_message_is_copied_into_another_account_of_the_same_people(site: Site) -> None:
    client = Client(site, "a1")
    email = await _received(site, client)
    both = Client(site, "a session")
    there = Client(site, "a2")
    target = (await there.mailboxes())["archive"]
    both.account_id = there.account_id
    asked = {
        "fromAccountId": client.account_id,
        "create": {"c": {"id": email["id"], "mailboxIds": {target: True}, "keywords": {"$flagged": True}}},
        "onSuccessDestroyOriginal": True,
    }
    answers = await both.run(("Email/copy", asked))
    assert [answer[0] for answer in answers] == ["Email/copy", "Email/set"]
    copied = (await there.one("Email/get", ids=[answers[0][1]["created"]["c"]["id"]]))["list"][0]
    assert copied["blobId"] == email["blobId"]
    assert copied["receivedAt"] == email["receivedAt"]
    assert set(copied["keywords"]) == {"$flagged"}
    assert answers[1][1]["destroyed"] == [email["id"]]
    assert (await client.one("Email/get", ids=[email["id"]]))["list"] == []
    assert await client.fails("Email/copy", fromAccountId=client.account_id, create={}) == "invalidArguments"
    foreign = await client.fails("Email/copy", fromAccountId=there.account_id, create={})
    assert foreign == "fromAccountNotFound"

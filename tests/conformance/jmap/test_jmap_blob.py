"""Blobs within requests: what RFC 9404 and RFC 8620 6.3 ask for."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.entities.access import ALL_SCOPES, Scope
from mailserver.jmap import call
from mailserver.jmap.blob import get
from tests.support.jmap import CORE, USING, Client
from tests.support.served import Site, served

BLOB = "urn:ietf:params:jmap:blob"
SIEVE = "urn:ietf:params:jmap:sieve"
FOX = "The quick brown fox jumped over the lazy dog."
NOBODYS = "B" + 64 * "0"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _client(site: Site, name: str = "a1") -> Client:
    return Client(site, name, [*USING, BLOB])


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _text(text: str, **more: Any) -> dict[str, Any]:
    return {"data": [{"data:asText": text}], **more}


async def _made(client: Client, octets: bytes) -> str:
    answer = await client.one("Blob/upload", create={"b": {"data": [{"data:asBase64": _b64(octets)}]}})
    return str(answer["created"]["b"]["id"])


async def test_the_session_says_what_blobs_may_be(site: Site) -> None:
    client = _client(site)
    session = (await site.call("GET", "/.well-known/jmap", client.token)).json
    own = session["accounts"][client.account_id]["accountCapabilities"][BLOB]
    assert session["capabilities"][BLOB] == {}
    assert own == {
        "maxSizeBlobSet": 300_000, "maxDataSources": 64,
        "supportedTypeNames": ["Mailbox", "Thread", "Email", "SieveScript"],
        "supportedDigestAlgorithms": ["sha", "sha-256"],
    }  # fmt: skip


async def test_blobs_are_made_of_text_octets_and_ranges_of_others(site: Site) -> None:
    client = _client(site)
    answer = await client.one(
        "Blob/upload",
        create={
            "joined": {
                "type": "text/plain",
                "data": [
                    {"data:asText": "How quick: "}, {"blobId": "#fox", "offset": 4, "length": 5},
                    {"data:asBase64": _b64(b"\xff\x00")}, {"blobId": "#fox", "offset": 40, "length": None},
                ],
            },
            "fox": _text(FOX, type=None),
            "empty": _text(""),
        },
    )  # fmt: skip
    assert answer["notCreated"] is None
    whole = b"How quick: quick\xff\x00 dog."
    joined = answer["created"]["joined"]
    assert joined == {"id": "B" + hashlib.sha256(whole).hexdigest(), "type": "text/plain", "size": len(whole)}
    assert answer["created"]["fox"]["type"] == "application/octet-stream"
    assert answer["created"]["empty"]["size"] == 0
    download = await site.call("GET", f"/jmap/download/{client.account_id}/{joined['id']}/x", client.token)
    assert download.content == whole


async def test_a_blob_that_was_made_is_named_by_its_creation_id_in_later_calls(site: Site) -> None:
    client = _client(site)
    boxes = await client.mailboxes()
    raw = f"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: Brought\r\n\r\n{FOX}\r\n"
    answers = await client.run(
        ("Blob/upload", {"create": {"m": _text(raw, type="message/rfc822")}}),
        ("Email/import", {"emails": {"e": {"blobId": "#m", "mailboxIds": {boxes["inbox"]: True}}}}),
        ("Blob/get", {"ids": ["#m"], "properties": ["size"]}),
        ("Blob/lookup", {"ids": ["#m"], "typeNames": ["Email", "Thread", "Mailbox"]}),
    )
    email = answers[1][1]["created"]["e"]
    assert answers[2][1]["list"] == [{"id": email["blobId"], "size": len(raw)}]
    assert answers[3][1]["list"] == [
        {
            "id": email["blobId"],
            "matchedIds": {"Email": [email["id"]], "Thread": [email["threadId"]], "Mailbox": [boxes["inbox"]]},
        }
    ]


async def test_what_no_blob_can_be_made_of_is_refused_one_by_one(site: Site) -> None:
    client = _client(site)
    fox = await _made(client, FOX.encode())
    answer = await client.one(
        "Blob/upload",
        create={
            "good": _text(FOX), "none": {"data": []}, "missing": {}, "type": _text(FOX, type=7),
            "line": _text(FOX, type="text/plain\r\nX: y"), "long": _text(FOX, type="x" * 256),
            "unknown": _text(FOX, name="fox"), "base64": {"data": [{"data:asBase64": "no base64!"}]},
            "two": {"data": [{"data:asText": "x", "blobId": fox}]},
            "nobody": {"data": [{"blobId": NOBODYS}]}, "circle": {"data": [{"blobId": "#circle"}]},
            "range": {"data": [{"blobId": fox, "offset": 40, "length": 6}]},
            "start": {"data": [{"blobId": fox, "offset": 46}]},
            "negative": {"data": [{"blobId": fox, "offset": -1}]},
            "ranged": {"data": [{"data:asText": "x", "offset": 0}]},
            "many": {"data": [{"data:asText": "x"}] * 65},
            "large": {"data": [{"blobId": "#half"}, {"blobId": "#half"}]}, "half": _text("x" * 150_001),
        },
    )  # fmt: skip
    assert set(answer["created"]) == {"good", "half"}
    assert {name: each["type"] for name, each in answer["notCreated"].items()} == {
        **dict.fromkeys(
            ("none", "missing", "type", "line", "long", "unknown", "base64", "two", "range", "start", "negative",
             "ranged", "many"),
            "invalidProperties",
        ),
        "nobody": "blobNotFound", "circle": "blobNotFound", "large": "tooLarge",
    }  # fmt: skip
    assert answer["notCreated"]["nobody"]["notFound"] == [NOBODYS]
    assert await client.fails("Blob/upload", create=None) == "invalidArguments"
    assert await client.fails("Blob/upload", create={"#x": _text("x")}) == "invalidArguments"
    assert await client.fails("Blob/upload", create={}, ifInState="1") == "invalidArguments"
    many = {f"n{number}": _text("x") for number in range(501)}
    assert await client.fails("Blob/upload", create=many) == "requestTooLarge"


async def test_blobs_are_read_as_text_or_octets_with_size_and_digests(site: Site) -> None:
    client = _client(site)
    fox, odd = await _made(client, FOX.encode()), await _made(client, b"caf\xe9")
    plain = await client.one("Blob/get", ids=[fox, odd, NOBODYS, fox])
    assert plain["list"] == [
        {"id": fox, "data:asText": FOX, "size": 45},
        {"id": odd, "data:asBase64": _b64(b"caf\xe9"), "isEncodingProblem": True, "size": 4},
    ]
    assert plain["notFound"] == [NOBODYS]
    text = await client.one("Blob/get", ids=[odd], properties=["data:asText"])
    assert text["list"] == [{"id": odd, "data:asText": None, "isEncodingProblem": True}]
    both = await client.one(
        "Blob/get", ids=[fox], properties=["data:asText", "data:asBase64", "digest:sha", "digest:sha-256"]
    )
    assert both["list"] == [
        {
            "id": fox, "data:asText": FOX, "data:asBase64": _b64(FOX.encode()),
            "digest:sha": _b64(hashlib.sha1(FOX.encode()).digest()),
            "digest:sha-256": _b64(hashlib.sha256(FOX.encode()).digest()),
        }
    ]  # fmt: skip


async def test_a_range_is_data_and_digest_of_the_range_and_says_where_it_ends_early(site: Site) -> None:
    client = _client(site)
    fox, accent = await _made(client, FOX.encode()), await _made(client, "é".encode())
    part = await client.one("Blob/get", ids=[fox], properties=["data:asText", "digest:sha", "size"], offset=4, length=9)
    assert part["list"] == [
        {
            "id": fox, "data:asText": "quick bro", "size": 45,
            "digest:sha": _b64(hashlib.sha1(b"quick bro").digest()),
        }
    ]  # fmt: skip
    over = await client.one("Blob/get", ids=[fox], properties=["data"], offset=41, length=100)
    assert over["list"] == [{"id": fox, "data:asText": "dog.", "isTruncated": True}]
    behind = await client.one("Blob/get", ids=[fox], properties=["data"], offset=100)
    assert behind["list"] == [{"id": fox, "data:asText": "", "isTruncated": True}]
    exact = await client.one("Blob/get", ids=[fox], properties=["data"], offset=41, length=4)
    assert exact["list"] == [{"id": fox, "data:asText": "dog."}]
    cut = await client.one("Blob/get", ids=[accent], properties=["data"], offset=0, length=1)
    assert cut["list"] == [{"id": accent, "data:asBase64": _b64(b"\xc3"), "isEncodingProblem": True}]
    for wrong in (
        {"offset": -1}, {"length": "9"}, {"properties": ["digest:md5"]}, {"properties": ["name"]}, {"ids": None},
        {"unknown": 1},
    ):  # fmt: skip
        assert await client.fails("Blob/get", **{"ids": [fox], **wrong}) == "invalidArguments", wrong
    many = [f"B{number:064x}" for number in range(1_001)]
    assert await client.fails("Blob/get", ids=many) == "requestTooLarge"


async def test_a_part_of_a_message_is_a_blob_as_well(site: Site) -> None:
    client = _client(site)
    await site.house.receive(_letter(b"<1@remote.test>", b"agent@local.test"))
    await site.house.settled()
    found = await client.one("Email/query", filter=None)
    shown = await client.one(
        "Email/get", ids=found["ids"], properties=["blobId", "attachments"], bodyProperties=["blobId", "size"]
    )
    message, attached = shown["list"][0]["blobId"], shown["list"][0]["attachments"][0]["blobId"]
    read = await client.one("Blob/get", ids=[attached], properties=["data:asText", "size"])
    assert read["list"] == [{"id": attached, "data:asText": "attached", "size": 8}]
    joined = await client.one(
        "Blob/upload", create={"j": {"data": [{"blobId": attached}, {"blobId": message, "length": 4}]}}
    )
    assert joined["created"]["j"]["size"] == 12
    for blob_id, emails in ((attached, found["ids"]), (message, found["ids"]), (f"{message}-9", [])):
        looked = await client.one("Blob/lookup", ids=[blob_id], typeNames=["Email"])
        assert looked["list"] == [{"id": blob_id, "matchedIds": {"Email": emails}}]


def _letter(message_id: bytes, to: bytes) -> bytes:
    return (
        b"From: a@remote.test\r\nTo: " + to + b"\r\nSubject: Hello\r\nMessage-ID: " + message_id + b"\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n"
        b"attached\r\n--b--\r\n"
    )


async def test_lookup_names_what_refers_to_a_blob_and_nothing_of_others(site: Site) -> None:
    client = Client(site, "a1", [*USING, BLOB, SIEVE])
    made = await client.run(
        ("Blob/upload", {"create": {"s": _text("keep;\r\n")}}),
        ("SieveScript/set", {"create": {"x": {"name": "x", "blobId": "#s"}}}),
        ("Blob/lookup", {"ids": ["#s", NOBODYS, "nonsense"], "typeNames": ["SieveScript", "Email"]}),
    )
    blob_id, script = made[0][1]["created"]["s"]["id"], made[1][1]["created"]["x"]["id"]
    nothing = {"SieveScript": [], "Email": []}
    assert made[2][1]["list"] == [
        {"id": blob_id, "matchedIds": {"SieveScript": [script], "Email": []}},
        {"id": NOBODYS, "matchedIds": nothing}, {"id": "nonsense", "matchedIds": nothing},
    ]  # fmt: skip
    assert made[2][1]["notFound"] == []
    neighbour = Client(site, "a2", [*USING, BLOB, SIEVE])
    looked = await neighbour.one("Blob/lookup", ids=[blob_id], typeNames=["SieveScript", "Email"])
    assert looked["list"] == [{"id": blob_id, "matchedIds": nothing}]
    assert await client.fails("Blob/lookup", ids=[blob_id], typeNames=["Calendar"]) == "unknownDataType"
    without = _client(site)
    assert await without.fails("Blob/lookup", ids=[blob_id], typeNames=["SieveScript"]) == "unknownDataType"
    assert await client.fails("Blob/lookup", ids=None, typeNames=["Email"]) == "invalidArguments"
    assert await client.fails("Blob/lookup", ids=[blob_id]) == "invalidArguments"
    many = [f"B{number:064x}" for number in range(101)]
    assert await client.fails("Blob/lookup", ids=many, typeNames=["Email"]) == "requestTooLarge"


async def test_another_accounts_blob_is_nobodys(site: Site) -> None:
    client = _client(site)
    fox = await _made(client, FOX.encode())
    for name in ("a2", "b1"):
        other = _client(site, name)
        assert (await other.one("Blob/get", ids=[fox]))["notFound"] == [fox]
        taken = await other.one("Blob/upload", create={"x": {"data": [{"blobId": fox}]}})
        assert taken["notCreated"]["x"]["type"] == "blobNotFound"
        other.account_id = client.account_id
        for method, arguments in (
            ("Blob/get", {"ids": [fox]}), ("Blob/upload", {"create": {}}),
            ("Blob/lookup", {"ids": [fox], "typeNames": ["Email"]}),
            ("Blob/copy", {"fromAccountId": client.account_id, "blobIds": [fox]}),
        ):  # fmt: skip
            assert await other.fails(method, **arguments) == "accountNotFound"
    client.token = await site.token("agent", site.inboxes["a1"], ALL_SCOPES - {Scope.FILES_WRITE})
    assert await client.fails("Blob/upload", create={"x": _text("x")}) == "accountReadOnly"
    assert await Client(site, "a1").fails("Blob/get", ids=[fox]) == "unknownMethod"


async def test_blobs_are_copied_between_accounts_of_one_caller(site: Site) -> None:
    first, second = _client(site), _client(site, "a2")
    fox = await _made(first, FOX.encode())
    client = Client(site, "a2", [CORE, BLOB])
    client.token = site.tokens["a session"]
    answer = await client.one("Blob/copy", fromAccountId=first.account_id, blobIds=[fox, NOBODYS])
    assert (answer["fromAccountId"], answer["accountId"]) == (first.account_id, second.account_id)
    assert answer["copied"] == {fox: fox}
    assert answer["notCopied"][NOBODYS]["type"] == "notFound"
    assert (await second.one("Blob/get", ids=[fox], properties=["data"]))["list"][0]["data:asText"] == FOX
    stranger = _client(site, "b1").account_id
    for arguments, kind in (
        ({"fromAccountId": second.account_id, "blobIds": [fox]}, "invalidArguments"),
        ({"fromAccountId": first.account_id}, "invalidArguments"),
        ({"blobIds": [fox]}, "invalidArguments"),
        ({"fromAccountId": stranger, "blobIds": [fox]}, "fromAccountNotFound"),
        ({"fromAccountId": first.account_id, "blobIds": [f"B{n:064x}" for n in range(501)]}, "requestTooLarge"),
        ({"accountId": stranger, "fromAccountId": first.account_id, "blobIds": [fox]}, "accountNotFound"),
    ):
        assert await client.fails("Blob/copy", **arguments) == kind, arguments


async def test_one_request_reads_and_makes_so_much_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client(site)
    first, second = await _made(client, b"x" * 1_000), await _made(client, b"y" * 1_000)
    monkeypatch.setattr(get, "MOST_ANSWERED_BYTES", 1_500)
    assert await client.fails("Blob/get", ids=[first, second]) == "requestTooLarge"
    assert len((await client.one("Blob/get", ids=[first, second], length=700))["list"]) == 2
    assert len((await client.one("Blob/get", ids=[first, second], properties=["size"]))["list"]) == 2
    monkeypatch.setattr(call, "MOST_BLOB_BYTES", 3_500)
    twice = {"data": [{"blobId": first}, {"blobId": first}]}
    answers = await client.run(
        (
            "Blob/upload",
            {"create": {"a": twice, "b": {"data": [{"blobId": first}]}, "c": {"data": [{"blobId": second}]}}},
        ),
        ("Blob/get", {"ids": [second], "properties": ["size"]}),
        ("Blob/copy", {"fromAccountId": client.account_id, "blobIds": [second]}),
    )
    assert answers[0][1]["created"]["a"]["size"] == 2_000  # what is read already is not read again
    assert {name: each["type"] for name, each in answers[0][1]["notCreated"].items()} == {
        "b": "tooLarge", "c": "tooLarge",
    }  # fmt: skip
    assert [answer[1]["type"] for answer in answers[1:]] == ["requestTooLarge", "invalidArguments"]
    assert len((await client.one("Blob/get", ids=[first, second], properties=["size"]))["list"]) == 2

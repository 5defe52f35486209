"""Cases of the public suites about making messages that no other test here has (RFC 8621 4.6 to 4.8)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jmap import Client
from tests.support.served import Site, served

VALUES = {"t": {"value": "Hello\n"}}
TEXT = {"partId": "t", "type": "text/plain"}
LETTER = b"From: Joe <joe@remote.test>\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


async def _made(client: Client, **given: Any) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    place = {"mailboxIds": {(await client.mailboxes())["drafts"]: True}, "bodyValues": VALUES}
    answer = await client.one("Email/set", create={"d": {**place, **given}})
    return (answer["created"] or {}).get("d"), (answer["notCreated"] or {}).get("d")


async def test_fields_of_the_outermost_part_are_the_messages_own(site: Site) -> None:
    client = Client(site, "a1")
    own = {
        "header:From": "Foo <foo@remote.test>", "header:Subject": "Of the part", "header:Message-ID": "<1@remote.test>",
        "header:Date:asDate": "2024-05-06T07:08:09Z",
    }  # fmt: skip
    names = ["from", "subject", "messageId", "sentAt", "header:Message-ID:all", "header:Date:all"]
    for body in ({"bodyStructure": {**TEXT, **own}}, {"textBody": [{**TEXT, **own}]}):
        made, refusal = await _made(client, **body)
        assert made, refusal
        found = (await client.one("Email/get", ids=[made["id"]], properties=names))["list"][0]
        assert found["from"] == [{"name": "Foo", "email": "foo@remote.test"}]
        assert (found["subject"], found["messageId"]) == ("Of the part", ["1@remote.test"])
        assert found["sentAt"] == "2024-05-06T07:08:09Z"
        assert [len(found[name]) for name in names[-2:]] == [1, 1]  # the server adds none to those that are given


async def test_a_field_is_never_given_by_the_message_and_its_outermost_part(site: Site) -> None:
    client = Client(site, "a1")
    twice: list[tuple[dict[str, Any], str, Any]] = [
        ({"header:X-Foo": "a"}, "header:x-foo", "b"),
        ({"from": [{"email": "a@local.test"}]}, "header:From", "b@local.test"),
        ({"subject": "a"}, "header:Subject:asText", "b"),
        ({"header:X-Foo:all": ["a", "b"]}, "header:X-Foo:all", ["c"]),
    ]
    for given, name, value in twice:
        for body in ({"bodyStructure": {**TEXT, name: value}}, {"textBody": [{**TEXT, name: value}]}):
            made, refusal = await _made(client, **given, **body)
            assert made is None
            assert refusal is not None
            assert (refusal["type"], refusal["properties"]) == ("invalidProperties", [f"bodyStructure/{name}"])
    inner = {"type": "multipart/mixed", "subParts": [{**TEXT, "header:X-Foo": "b"}]}
    made, refusal = await _made(client, bodyStructure=inner, **{"header:X-Foo": "a"})
    assert made, refusal  # a part within has a header of its own
    nothing: dict[str, Any] = {**TEXT, "header:X-Foo": None, "header:Date:all": []}
    made, refusal = await _made(client, bodyStructure=nothing, **{"header:X-Foo": "a"})
    assert made, refusal
    names = ["header:X-Foo", "header:Date:all"]
    found = (await client.one("Email/get", ids=[made["id"]], properties=names))["list"][0]
    assert (found["header:X-Foo"], len(found["header:Date:all"])) == (" a", 1)


async def test_every_property_at_fault_is_named(site: Site) -> None:
    client = Client(site, "a1")
    blob = "B" + "0" * 64
    _, refusal = await _made(client, bodyStructure={**TEXT, "blobId": blob})
    assert refusal is not None
    assert refusal["properties"] == ["bodyStructure/partId", "bodyStructure/blobId"]
    cut = {"t": {"value": "x", "isTruncated": True, "isEncodingProblem": True}}
    _, refusal = await _made(client, bodyStructure=TEXT, bodyValues=cut)
    assert refusal is not None
    assert refusal["properties"] == ["bodyValues/t/isEncodingProblem", "bodyValues/t/isTruncated"]
    answer = await client.one("Email/import", emails={"e": {}})
    assert answer["notCreated"]["e"]["properties"] == ["blobId", "mailboxIds"]


async def test_what_is_imported_or_copied_must_be_said(site: Site) -> None:
    client = Client(site, "a session", ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"])
    accounts = [Client(site, name).account_id for name in ("a1", "a2")]
    here, there = {"accountId": accounts[0]}, {"fromAccountId": accounts[1]}
    given: Any
    for given in ({}, {"emails": None}, {"emails": "none"}, {"emails": ["e"]}, {"emails": {"e": None}}):
        assert await client.fails("Email/import", **here, **given) == "invalidArguments", given
    for given in ({}, {"create": None}, {"create": []}):
        assert await client.fails("Email/copy", **here, **there, **given) == "invalidArguments", given
    assert (await client.one("Email/import", **here, emails={}))["created"] is None
    assert (await client.one("Email/copy", **here, **there, create={}))["created"] is None


async def test_snippets_without_anything_missing_say_null_as_the_standard_has_it(site: Site) -> None:
    client = Client(site, "a1")
    await site.house.receive(LETTER)
    await site.house.settled()
    (email,) = (await client.one("Email/query"))["ids"]
    asked = {"filter": {"subject": "hello"}}
    answer = await client.one("SearchSnippet/get", emailIds=[email], **asked)
    assert (len(answer["list"]), answer["notFound"]) == (1, None)
    assert (await client.one("SearchSnippet/get", emailIds=["nobody"], **asked))["notFound"] == ["nobody"]


async def test_a_blob_that_cannot_be_copied_is_not_found(site: Site) -> None:
    client = Client(site, "a session", ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"])
    one, other = (Client(site, name).account_id for name in ("a1", "a2"))
    answer = await client.one("Blob/copy", accountId=one, fromAccountId=other, blobIds=["nobody"])
    assert (answer["copied"], answer["notCopied"]["nobody"]["type"]) == (None, "notFound")


async def test_parts_made_of_blobs_are_told_with_the_ids_that_they_have_from_then_on(site: Site) -> None:
    client = Client(site, "a1")
    answer = await site.call(
        "POST", f"/jmap/upload/{client.account_id}", client.token, data=b"Hello there",
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    blob = {"blobId": answer.json["blobId"], "type": "text/plain"}
    inner = {"type": "multipart/mixed", "subParts": [TEXT, {"type": "multipart/mixed", "subParts": [blob]}]}
    given: tuple[tuple[dict[str, Any], set[str]], ...] = (
        ({"textBody": [blob]}, {"textBody"}),
        ({"textBody": [TEXT], "attachments": [blob, blob]}, {"attachments"}),
        ({"textBody": [blob], "attachments": [blob]}, {"textBody", "attachments"}),
        ({"bodyStructure": inner}, {"bodyStructure"}),
        ({"bodyStructure": TEXT}, set()),
        ({"attachments": None, "textBody": [TEXT]}, set()),
    )
    for body, told in given:
        made, refusal = await _made(client, **body)
        assert made, refusal
        assert set(made) == {"id", "blobId", "threadId", "size", *told}
        found = (await client.one("Email/get", ids=[made["id"]], properties=["id", *told]))["list"][0]
        assert {name: made[name] for name in told} == {name: found[name] for name in told}
        part = next(iter([*made.get("attachments", ()), *made.get("textBody", ())]), None)
        if part is not None:
            path = f"/jmap/download/{client.account_id}/{part['blobId']}/part"
            assert (await site.call("GET", path, client.token)).content == b"Hello there"

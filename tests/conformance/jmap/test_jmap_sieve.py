"""SieveScript: what RFC 9661 asks for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.entities.access import ALL_SCOPES, Scope
from tests.support.jmap import USING, Client
from tests.support.served import Site, served

SIEVE = "urn:ietf:params:jmap:sieve"
BLOB = "urn:ietf:params:jmap:blob"
GOOD = 'require "fileinto"; fileinto "Work";\r\n'
BAD = 'fileinto "Work";\r\n'
SENDING = 'redirect "b@remote.test";\r\n'


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _client(site: Site, name: str = "a1") -> Client:
    return Client(site, name, [*USING, SIEVE, BLOB])


async def _blob(client: Client, text: str) -> str:
    answer = await client.one(
        "Blob/upload", create={"b": {"data": [{"data:asText": text}], "type": "application/sieve"}}
    )
    return str(answer["created"]["b"]["id"])


async def test_the_session_says_what_scripts_may_be(site: Site) -> None:
    client = _client(site)
    session = (await site.call("GET", "/.well-known/jmap", client.token)).json
    assert set(session["capabilities"][SIEVE]) == {"implementation"}
    own = session["accounts"][client.account_id]["accountCapabilities"][SIEVE]
    assert set(own) == {
        "maxSizeScriptName", "maxSizeScript", "maxNumberScripts", "maxNumberRedirects", "sieveExtensions",
        "notificationMethods", "externalLists",
    }  # fmt: skip
    assert (own["maxSizeScriptName"], own["maxNumberScripts"]) == (512, 100)
    assert {"fileinto", "vacation", "imap4flags"} <= set(own["sieveExtensions"])


async def test_a_script_is_kept_read_renamed_and_destroyed(site: Site) -> None:
    client = _client(site)
    blob_id = await _blob(client, GOOD)
    made = await client.one(
        "SieveScript/set", create={"a": {"name": "first", "blobId": blob_id}, "b": {"blobId": blob_id}}
    )
    assert made["created"]["a"] == {"id": made["created"]["a"]["id"], "isActive": False}
    assert made["created"]["b"]["name"]
    first, second = made["created"]["a"]["id"], made["created"]["b"]["id"]
    answer = await client.one("SieveScript/get", ids=[first, "siv_0000000000000"])
    assert answer["list"] == [{"id": first, "name": "first", "blobId": blob_id, "isActive": False}]
    assert (answer["notFound"], answer["state"]) == (["siv_0000000000000"], made["newState"])
    download = await site.call(
        "GET",
        f"/jmap/download/{client.account_id}/{answer['list'][0]['blobId']}/x?type=application/sieve",
        client.token,
    )
    assert (download.status, download.content) == (200, GOOD.encode())
    other = await _blob(client, "keep;\r\n")
    changed = await client.one(
        "SieveScript/set", update={first: {"name": "renamed"}, second: {"blobId": other, "isActive": False}}
    )
    assert changed["updated"] == {first: None, second: None}
    found = {each["id"]: each for each in (await client.one("SieveScript/get", ids=None))["list"]}
    assert (found[first]["name"], found[second]["blobId"]) == ("renamed", other)
    gone = await client.one("SieveScript/set", destroy=[first, first, "siv_0000000000000"])
    assert gone["destroyed"] == [first]
    assert gone["notDestroyed"]["siv_0000000000000"]["type"] == "notFound"
    assert [each["id"] for each in (await client.one("SieveScript/get", ids=None))["list"]] == [second]


async def test_a_script_can_be_read_when_its_upload_is_gone(site: Site) -> None:
    client = _client(site)
    blob_id = await _blob(client, GOOD)
    await client.one("SieveScript/set", create={"a": {"name": "first", "blobId": blob_id}})
    await site.house.store.database.write(lambda tx: tx.execute("UPDATE upload SET expires_at = 1"))
    await site.house.services.attachments.sweep()
    found = await client.one("Blob/get", ids=[blob_id], properties=["data"])
    assert found["list"] == [{"id": blob_id, "data:asText": GOOD}]
    neighbour = _client(site, "a2")
    assert (await neighbour.one("Blob/get", ids=[blob_id]))["notFound"] == [blob_id]


async def test_what_cannot_be_kept_is_refused_by_its_name(site: Site) -> None:
    client = _client(site)
    good, bad = await _blob(client, GOOD), await _blob(client, BAD)
    large = await _blob(client, "#" * 140_000)
    kept = (await client.one("SieveScript/set", create={"k": {"name": "taken", "blobId": good}}))["created"]["k"]["id"]
    answer = await client.one(
        "SieveScript/set",
        create={
            "bad": {"name": "bad", "blobId": bad}, "none": {"name": "none", "blobId": "B" + 64 * "0"},
            "large": {"name": "large", "blobId": large}, "taken": {"name": "taken", "blobId": good},
            "nothing": {"name": "nothing"}, "name": {"name": "two\nlines", "blobId": good},
            "long": {"name": "x" * 513, "blobId": good}, "type": {"name": 7, "blobId": good},
            "own": {"name": "own", "blobId": good, "isActive": True},
        },
        update={kept: {"blobId": bad}, "siv_0000000000000": {"name": "x"}},
    )  # fmt: skip
    refused = answer["notCreated"]
    assert {name: each["type"] for name, each in refused.items()} == {
        "bad": "invalidSieve", "none": "blobNotFound", "large": "tooLarge", "taken": "alreadyExists",
        "nothing": "invalidProperties", "name": "invalidProperties", "long": "invalidProperties",
        "type": "invalidProperties", "own": "invalidProperties",
    }  # fmt: skip
    assert refused["taken"]["existingId"] == kept
    assert "Line 1" in refused["bad"]["description"]
    assert answer["notUpdated"][kept]["type"] == "invalidSieve"
    assert answer["notUpdated"]["siv_0000000000000"]["type"] == "notFound"
    assert answer["newState"] == answer["oldState"]
    most = await client.one(
        "SieveScript/set", create={f"n{number}": {"name": f"n{number}", "blobId": good} for number in range(100)}
    )
    assert (len(most["created"]), [each["type"] for each in most["notCreated"].values()]) == (99, ["overQuota"])


async def test_one_script_is_active_and_the_answer_says_which(site: Site) -> None:
    client = _client(site)
    blob_id = await _blob(client, GOOD)
    made = await client.one(
        "SieveScript/set", create={"a": {"name": "a", "blobId": blob_id}, "b": {"name": "b", "blobId": blob_id}},
        onSuccessActivateScript="#a",
    )  # fmt: skip
    first, second = made["created"]["a"]["id"], made["created"]["b"]["id"]
    assert (made["created"]["a"]["isActive"], made["created"]["b"]["isActive"]) == (True, False)
    moved = await client.one("SieveScript/set", onSuccessActivateScript=second)
    assert moved["updated"] == {first: {"isActive": False}, second: {"isActive": True}}
    assert moved["newState"] != moved["oldState"]
    same = await client.one("SieveScript/set", onSuccessActivateScript=second)
    assert (same["updated"], same["newState"]) == (None, same["oldState"])
    ignored = await client.one("SieveScript/set", onSuccessActivateScript="siv_0000000000000")
    assert (ignored["updated"], ignored["newState"]) == (None, same["newState"])
    kept = await client.one("SieveScript/set", destroy=[second], onSuccessDeactivateScript=True)
    assert kept["notDestroyed"][second]["type"] == "sieveIsActive"
    assert kept["updated"] is None  # not all of it went well: nothing is switched
    off = await client.one("SieveScript/set", onSuccessDeactivateScript=True)
    assert off["updated"] == {second: {"isActive": False}}
    both = await client.one("SieveScript/set", onSuccessDeactivateScript=True, onSuccessActivateScript=first)
    assert both["updated"] == {first: {"isActive": True}}


async def test_an_active_script_files_what_comes_in(site: Site) -> None:
    client = _client(site)
    blob_id = await _blob(client, 'require ["fileinto", "mailbox"]; fileinto :create "Work";\r\n')
    await client.one("SieveScript/set", create={"a": {"name": "a", "blobId": blob_id}}, onSuccessActivateScript="#a")
    await site.house.receive(
        b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n"
    )
    await site.house.settled()
    boxes = await client.mailboxes()
    assert len((await client.one("Email/query", filter={"inMailbox": boxes["Work"]}))["ids"]) == 1


async def test_scripts_are_found_by_name_and_by_whether_they_run(site: Site) -> None:
    client = _client(site)
    blob_id = await _blob(client, GOOD)
    create = {name: {"name": name, "blobId": blob_id} for name in ("Lists", "work", "Old lists")}
    create = {name.replace(" ", "-"): each for name, each in create.items()}
    made = (await client.one("SieveScript/set", create=create, onSuccessActivateScript="#work"))["created"]
    ids = {name: each["id"] for name, each in made.items()}

    async def query(**more: object) -> list[str]:
        return list((await client.one("SieveScript/query", **more))["ids"])

    by_name = [{"property": "name"}]
    assert await query(sort=by_name) == [ids["Lists"], ids["Old-lists"], ids["work"]]
    assert await query(filter={"name": "LIST"}, sort=by_name) == [ids["Lists"], ids["Old-lists"]]
    assert await query(filter={"isActive": True}) == [ids["work"]]
    assert (await query(sort=[{"property": "isActive", "isAscending": False}]))[0] == ids["work"]
    nothing = {"operator": "NOT", "conditions": [{"isActive": False}, {"isActive": True}]}
    assert await query(filter=nothing) == []
    page = await client.one("SieveScript/query", sort=by_name, position=1, limit=1, calculateTotal=True)
    assert (page["ids"], page["position"], page["total"]) == ([ids["Old-lists"]], 1, 3)
    assert await client.fails("SieveScript/query", filter={"size": 1}) == "unsupportedFilter"
    assert await client.fails("SieveScript/query", filter={"isActive": "yes"}) == "invalidArguments"
    assert await client.fails("SieveScript/query", sort=[{"property": "blobId"}]) == "unsupportedSort"


async def test_a_script_is_checked_without_being_kept(site: Site) -> None:
    client = _client(site)
    good = await client.one("SieveScript/validate", blobId=await _blob(client, GOOD))
    assert good["error"] is None
    bad = await client.one("SieveScript/validate", blobId=await _blob(client, BAD))
    assert bad["error"]["type"] == "invalidSieve"
    large = await client.one("SieveScript/validate", blobId=await _blob(client, "#" * 140_000))
    assert large["error"]["type"] in ("invalidSieve", "tooLarge")
    assert await client.fails("SieveScript/validate", blobId="B" + 64 * "0") == "blobNotFound"
    assert await client.fails("SieveScript/validate") == "invalidArguments"
    assert (await client.one("SieveScript/get", ids=None))["list"] == []


async def test_other_accounts_see_no_script_and_who_may_not_send_lets_none_send(site: Site) -> None:
    client, neighbour = _client(site), _client(site, "a2")
    good, sending = await _blob(client, GOOD), await _blob(client, SENDING)
    made = (await client.one("SieveScript/set", create={"a": {"name": "a", "blobId": sending}}))["created"]["a"]["id"]
    for other in (neighbour, _client(site, "b1")):
        assert (await other.one("SieveScript/get", ids=[made]))["notFound"] == [made]
        refused = await other.one(
            "SieveScript/set", create={"n": {"name": "n", "blobId": good}}, update={made: {"name": "x"}}, destroy=[made]
        )
        assert refused["notCreated"]["n"]["type"] == "blobNotFound"
        assert refused["notUpdated"][made]["type"] == refused["notDestroyed"][made]["type"] == "notFound"
        ignored = await other.one("SieveScript/set", onSuccessActivateScript=made)
        assert ignored["updated"] is None
    client.token = await site.token("agent", site.inboxes["a1"], ALL_SCOPES - {Scope.EMAIL_SEND})
    answer = await client.one("SieveScript/set", create={"s": {"name": "s", "blobId": sending}})
    assert answer["notCreated"]["s"]["type"] == "forbidden"
    switched = await client.one("SieveScript/set", onSuccessActivateScript=made)
    assert switched["notUpdated"][made]["type"] == "forbidden"
    assert not (await client.one("SieveScript/get", ids=[made]))["list"][0]["isActive"]
    client.token = await site.token("agent", site.inboxes["a1"], frozenset({Scope.EMAIL_READ}))
    assert await client.fails("SieveScript/set", destroy=[made]) == "accountReadOnly"

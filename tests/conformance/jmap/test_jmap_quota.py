"""Quota: what RFC 9425 asks for, and that a limit is one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.entities import errors
from mailserver.mail import address
from tests.support.jmap import USING, Client
from tests.support.served import Site, served

QUOTA = "urn:ietf:params:jmap:quota"
LETTER = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: %d\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path, limits={"inbox_bytes": 1_000_000, "inbox_messages": 3}) as opened:
        yield opened


def _client(site: Site, name: str = "a1") -> Client:
    return Client(site, name, [*USING, QUOTA])


async def _receive(site: Site, number: int) -> None:
    await site.house.receive(LETTER % (number, number))
    await site.house.settled()


async def test_quotas_say_what_is_used_of_what_there_is(site: Site) -> None:
    client = _client(site)
    await _receive(site, 1)
    answer = await client.one("Quota/get", ids=None)
    found = {each["id"]: each for each in answer["list"]}
    assert found["count"] == {
        "id": "count", "resourceType": "count", "used": 1, "hardLimit": 3, "scope": "account", "name": "Messages",
        "types": ["Mail"], "warnLimit": 2, "softLimit": None, "description": None,
    }  # fmt: skip
    assert (found["octets"]["hardLimit"], found["octets"]["resourceType"]) == (1_000_000, "octets")
    sizes = await site.house.rows("SELECT SUM(size) FROM message WHERE inbox_id = ?", site.inboxes["a1"].id)
    assert found["octets"]["used"] == sizes[0][0] > 0
    some = await client.one("Quota/get", ids=["count", "other"], properties=["used"])
    assert (some["list"], some["notFound"]) == ([{"id": "count", "used": 1}], ["other"])
    assert await client.fails("Quota/get", ids=None, properties=["size"]) == "invalidArguments"
    session = (await site.call("GET", "/.well-known/jmap", client.token)).json
    assert session["accounts"][client.account_id]["accountCapabilities"][QUOTA] == {}


async def test_changes_name_what_is_used_and_nothing_else(site: Site) -> None:
    client = _client(site)
    state = (await client.one("Quota/get", ids=[]))["state"]
    still = await client.one("Quota/changes", sinceState=state)
    assert (still["updated"], still["newState"], still["updatedProperties"]) == ([], state, None)
    await _receive(site, 1)
    told = await client.one("Quota/changes", sinceState=state, maxChanges=1)
    assert (told["updated"], told["updatedProperties"]) == (["octets", "count"], ["used"])
    assert (told["created"], told["destroyed"], told["hasMoreChanges"]) == ([], [], False)
    assert told["newState"] == (await client.one("Quota/get", ids=[]))["state"] != state
    for wrong in ("", "nonsense", "0", "999999.1000000.3", "0.5.5", state + "x", "9" * 5_000 + ".1000000.3", "-1.0.0"):
        assert await client.fails("Quota/changes", sinceState=wrong) == "cannotCalculateChanges", wrong
    assert await client.fails("Quota/changes", sinceState=state, maxChanges=0) == "invalidArguments"


async def test_quotas_are_queried(site: Site) -> None:
    client = _client(site)
    await _receive(site, 1)

    async def query(**more: object) -> list[str]:
        return list((await client.one("Quota/query", **more))["ids"])

    assert await query(sort=[{"property": "used"}]) == ["count", "octets"]
    assert await query(sort=[{"property": "name", "isAscending": False}]) == ["octets", "count"]
    assert await query(filter={"resourceType": "octets"}) == ["octets"]
    assert await query(filter={"name": "mess", "scope": "account", "type": "Mail"}) == ["count"]
    assert await query(filter={"scope": "domain"}) == []
    page = await client.one("Quota/query", sort=[{"property": "used"}], position=1, calculateTotal=True)
    assert (page["ids"], page["total"]) == (["octets"], 2)
    assert await client.fails("Quota/query", filter={"used": 1}) == "unsupportedFilter"
    assert await client.fails("Quota/query", filter={"scope": 1}) == "invalidArguments"
    assert await client.fails("Quota/query", sort=[{"property": "hardLimit"}]) == "unsupportedSort"
    assert await client.fails("Quota/queryChanges", sinceQueryState=page["queryState"]) == "cannotCalculateChanges"


async def test_a_full_inbox_takes_nothing_more_until_there_is_room(site: Site) -> None:
    client = _client(site)
    own = address.parse("agent@local.test")
    boxes = await client.mailboxes()
    for number in range(3):
        await _receive(site, number)
    site.house.services.routing.forget()
    with pytest.raises(errors.RecipientBusy):
        await site.house.services.routing.find(own)
    await site.house.services.routing.find(address.parse("second@local.test"))  # nobody else is
    draft = {"mailboxIds": {boxes["drafts"]: True}, "subject": "Full"}
    refused = await client.one("Email/set", create={"d": draft})
    assert refused["notCreated"]["d"]["type"] == "overQuota"
    ids = (await client.one("Email/query", filter=None))["ids"]
    await client.one("Email/set", destroy=ids[:1])
    site.house.services.routing.forget()
    assert (await site.house.services.routing.find(own)).destinations[0].is_active
    assert (await client.one("Email/set", create={"d": draft}))["created"]


async def test_other_accounts_say_nothing_and_without_a_limit_there_is_no_quota(site: Site, tmp_path: Path) -> None:
    client = _client(site)
    client.account_id = _client(site, "b1").account_id
    for method, arguments in (
        ("Quota/get", {"ids": None}), ("Quota/query", {}), ("Quota/changes", {"sinceState": "0"}),
        ("Quota/queryChanges", {"sinceQueryState": "0"}),
    ):  # fmt: skip
        assert await client.fails(method, **arguments) == "accountNotFound"
    assert await Client(site, "a1").fails("Quota/get", ids=None) == "unknownMethod"
    async with served(tmp_path / "other") as unlimited:
        free = _client(unlimited)
        assert (await free.one("Quota/get", ids=["count"]))["notFound"] == ["count"]
        assert (await free.one("Quota/query"))["ids"] == []

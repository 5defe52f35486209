"""VacationResponse: what RFC 8621 8 asks for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.entities.access import ALL_SCOPES, Scope
from tests.support.jmap import USING, Client
from tests.support.served import Site, served

VACATION = "urn:ietf:params:jmap:vacationresponse"
FULL = {
    "isEnabled": True, "fromDate": "2026-01-01T00:00:00Z", "toDate": "2036-02-01T00:00:00Z", "subject": "Away",
    "textBody": "I am away.", "htmlBody": "<p>I am away.</p>",
}  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _client(site: Site, name: str = "a1") -> Client:
    return Client(site, name, [*USING, VACATION])


async def test_there_is_one_and_it_is_off_at_first(site: Site) -> None:
    client = _client(site)
    answer = await client.one("VacationResponse/get", ids=None)
    nothing = dict.fromkeys(FULL, None)
    assert answer["list"] == [{"id": "singleton", **nothing, "isEnabled": False}]
    assert (answer["notFound"], answer["state"]) == ([], "0")
    some = await client.one("VacationResponse/get", ids=["singleton", "other"], properties=["isEnabled"])
    assert some["list"] == [{"id": "singleton", "isEnabled": False}]
    assert some["notFound"] == ["other"]
    assert await client.fails("VacationResponse/get", ids=None, properties=["nothing"]) == "invalidArguments"
    session = (await site.call("GET", "/.well-known/jmap", client.token)).json
    assert session["capabilities"][VACATION] == {}
    assert session["accounts"][client.account_id]["accountCapabilities"][VACATION] == {}


async def test_it_is_changed_by_patches_and_its_state_with_it(site: Site) -> None:
    client = _client(site)
    first = await client.one("VacationResponse/set", update={"singleton": FULL})
    assert (first["oldState"], first["updated"]) == ("0", {"singleton": None})
    assert first["newState"] != "0"
    found = await client.one("VacationResponse/get", ids=["singleton"])
    assert found["list"] == [{"id": "singleton", **FULL}]
    assert found["state"] == first["newState"]
    again = await client.one("VacationResponse/set", update={"singleton": {"subject": None, "isEnabled": False}})
    assert again["updated"] == {"singleton": None}
    kept = (await client.one("VacationResponse/get", ids=None))["list"][0]
    assert (kept["subject"], kept["isEnabled"], kept["textBody"]) == (None, False, "I am away.")
    stale = await client.fails("VacationResponse/set", ifInState=first["newState"], update={"singleton": FULL})
    assert stale == "stateMismatch"
    rounded = await client.one("VacationResponse/set", update={"singleton": {"toDate": "2036-02-01T00:00:00.5Z"}})
    assert rounded["updated"] == {"singleton": {"toDate": "2036-02-01T00:00:00Z"}}


async def test_nobody_makes_a_second_one_or_destroys_the_first(site: Site) -> None:
    client = _client(site)
    answer = await client.one(
        "VacationResponse/set", create={"n": {"isEnabled": True}}, update={"other": FULL}, destroy=["singleton", "x"]
    )
    assert answer["notCreated"]["n"]["type"] == "singleton"
    assert answer["notUpdated"]["other"]["type"] == "notFound"
    assert {answer["notDestroyed"][each]["type"] for each in ("singleton", "x")} == {"singleton"}
    assert (answer["created"], answer["updated"], answer["destroyed"]) == (None, None, None)
    assert answer["newState"] == "0"


async def test_what_it_cannot_be_is_refused_by_the_property(site: Site) -> None:
    client = _client(site)
    for name, value in (
        ("isEnabled", None), ("isEnabled", "yes"), ("fromDate", "tomorrow"), ("toDate", "2026-01-01T00:00:00+01:00"),
        ("subject", 7), ("subject", "x" * 501), ("subject", "two\nlines"), ("textBody", ["x"]),
        ("textBody", "x" * 65_537), ("htmlBody", "x" * 65_537), ("id", "other"), ("unknown", 1),
    ):  # fmt: skip
        answer = await client.one("VacationResponse/set", update={"singleton": {name: value}})
        refused = answer["notUpdated"]["singleton"]
        assert (refused["type"], refused["properties"]) == ("invalidProperties", [name]), (name, value)
    assert (await client.one("VacationResponse/get", ids=None))["state"] == "0"


async def test_it_answers_who_writes(site: Site) -> None:
    client = _client(site)
    await client.one("VacationResponse/set", update={"singleton": {"isEnabled": True, "textBody": "I am away."}})
    await site.house.receive(
        b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n"
    )
    await site.house.settled()
    assert len(await site.house.rows("SELECT id FROM auto_letter")) == 1


async def test_another_account_and_who_may_not_send_cannot_switch_it_on(site: Site) -> None:
    client, other = _client(site), _client(site, "b1")
    client.account_id = other.account_id
    assert await client.fails("VacationResponse/get", ids=None) == "accountNotFound"
    assert await client.fails("VacationResponse/set", update={"singleton": FULL}) == "accountNotFound"
    client = _client(site)
    client.token = await site.token("agent", site.inboxes["a1"], ALL_SCOPES - {Scope.EMAIL_SEND})
    answer = await client.one("VacationResponse/set", update={"singleton": FULL})
    assert answer["notUpdated"]["singleton"]["type"] == "forbidden"
    client.token = await site.token("agent", site.inboxes["a1"], frozenset({Scope.EMAIL_READ}))
    assert await client.fails("VacationResponse/set", update={"singleton": FULL}) == "accountReadOnly"
    without = Client(site, "a1")
    assert await without.fails("VacationResponse/get", ids=None) == "unknownMethod"

"""Mailbox/queryChanges, which the public suites ask of every server (RFC 8621 2.4, RFC 8620 5.6)."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jmap import Client
from tests.support.served import Site, served

LETTER = (
    b"From: joe@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"
)
BY_NAME = [{"property": "name"}]
ASKED: list[dict[str, Any]] = [
    {},
    {"sort": BY_NAME},
    {"sort": [{"property": "sortOrder", "isAscending": False}, *BY_NAME]},
    {"sort": BY_NAME, "sortAsTree": True},
    {"filter": {"name": "a"}, "filterAsTree": True, "sort": BY_NAME},
    {"filter": {"isSubscribed": True}, "filterAsTree": True, "sortAsTree": True, "sort": BY_NAME},
    {"filter": {"hasAnyRole": False, "parentId": None}},
    {"filter": {"operator": "NOT", "conditions": [{"name": "b"}, {"role": "inbox"}]}, "sort": BY_NAME},
]
STEPS = 60


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def applied(ids: list[str], told: dict[str, Any]) -> list[str]:
    """What a client makes of an answer: all that is removed goes first, then each comes to its place in turn."""
    kept = [each for each in ids if each not in told["removed"]]
    for one in told["added"]:
        kept.insert(one["index"], one["id"])
    return kept


async def _change(client: Client, chance: random.Random, own: list[str]) -> None:
    """One change of a client that does not look: what the server refuses stays as it is."""
    name = "".join(chance.choices("abc", k=chance.randint(1, 3)))
    parent = chance.choice([None, *own])
    kind = chance.choice(("make", "make", "rename", "move", "order", "hide", "remove"))
    if kind == "make" or not own:
        answer = await client.one(
            "Mailbox/set", create={"m": {"name": name, "parentId": parent, "sortOrder": chance.randint(0, 9)}}
        )
        own += [made["id"] for made in (answer["created"] or {}).values()]
    elif kind == "remove":
        gone = (await client.one("Mailbox/set", destroy=[chance.choice(own)]))["destroyed"] or []
        own[:] = [each for each in own if each not in gone]
    else:
        patch = {
            "rename": {"name": name}, "move": {"parentId": parent}, "order": {"sortOrder": chance.randint(0, 9)},
            "hide": {"isSubscribed": chance.random() < 0.5},
        }[kind]  # fmt: skip
        await client.one("Mailbox/set", update={chance.choice(own): patch})


async def test_a_client_that_applies_every_change_has_what_it_would_be_given_anew(site: Site) -> None:
    client, chance, own = Client(site, "a1"), random.Random(8621), list[str]()
    known = [await client.one("Mailbox/query", **asked) for asked in ASKED]
    assert all(each["canCalculateChanges"] for each in known)
    for step in range(STEPS):
        await _change(client, chance, own)
        if step % 3:
            continue  # several changes are told together
        for number, asked in enumerate(ASKED):
            before = known[number]
            told = await client.one(
                "Mailbox/queryChanges", sinceQueryState=before["queryState"], calculateTotal=True, **asked
            )
            fresh = await client.one("Mailbox/query", **asked)
            assert applied(before["ids"], told) == fresh["ids"], (step, asked)
            assert (told["oldQueryState"], told["newQueryState"]) == (before["queryState"], fresh["queryState"])
            assert told["total"] == len(fresh["ids"])
            known[number] = fresh
    assert len(own) > 5


async def test_mail_that_arrives_moves_no_mailbox(site: Site) -> None:
    client = Client(site, "a1")
    state = (await client.one("Mailbox/query"))["queryState"]
    await site.house.receive(LETTER % 1)
    await site.house.settled()
    told = await client.one("Mailbox/queryChanges", sinceQueryState=state)
    assert (told["removed"], told["added"]) == ([], [])
    assert told["newQueryState"] != state
    again = await client.one("Mailbox/queryChanges", sinceQueryState=told["newQueryState"])
    assert (again["oldQueryState"], again["newQueryState"]) == (told["newQueryState"], told["newQueryState"])


async def test_what_cannot_be_told_is_refused_by_its_name(site: Site) -> None:
    client = Client(site, "a1")
    state = (await client.one("Mailbox/query"))["queryState"]
    for since in ("", "no state", "-1", str(int(state) + 1), "9" * 30):
        assert await client.fails("Mailbox/queryChanges", sinceQueryState=since) == "cannotCalculateChanges"
    await client.one("Mailbox/set", create={name: {"name": name} for name in ("one", "two", "three")})
    asked = {"sinceQueryState": state, "sort": BY_NAME}
    assert await client.fails("Mailbox/queryChanges", maxChanges=2, **asked) == "tooManyChanges"
    assert len((await client.one("Mailbox/queryChanges", maxChanges=3, **asked))["added"]) == 3
    assert await client.fails("Mailbox/queryChanges", maxChanges=0, **asked) == "invalidArguments"
    assert await client.fails("Mailbox/queryChanges") == "invalidArguments"
    assert await client.fails("Mailbox/queryChanges", filter={"color": "red"}, **asked) == "unsupportedFilter"
    other = Client(site, "a2")
    assert await other.fails("Mailbox/queryChanges", accountId=client.account_id, **asked) == "accountNotFound"

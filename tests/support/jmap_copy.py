"""A JMAP client that keeps a copy of an account by changes alone, and what it should have in the end.

copy = Copy(client, random.Random(1)); await copy.begin(); await copy.sync(); assert copy.shown() == await whole(client)
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.jmap import Client

EMAIL = [
    "id", "threadId", "mailboxIds", "keywords", "receivedAt", "size", "hasAttachment", "subject", "preview",
    "messageId",
]  # fmt: skip
TYPES = ("Mailbox", "Email", "Thread", "Identity", "EmailSubmission")
AT_ONCE = 500
Objects = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Watched:
    """A query whose result is kept: what it asks, what came back, and the state of that."""

    asked: dict[str, Any]
    ids: list[str] = field(default_factory=list)
    state: str = ""


def queries(boxes: dict[str, str]) -> list[dict[str, Any]]:
    """What clients look at all the time."""
    asked: list[dict[str, Any]] = [
        {"filter": {"inMailbox": boxes["inbox"]}},
        {"filter": {"inMailbox": boxes["inbox"]}, "collapseThreads": True},
        {"filter": None},
        {"filter": None, "collapseThreads": True, "sort": [{"property": "receivedAt", "isAscending": True}]},
        {"filter": {"notKeyword": "$seen"}},
        {"filter": {"hasKeyword": "work"}, "collapseThreads": True},
        {"filter": {"inMailboxOtherThan": [boxes["trash"], boxes["junk"]]}, "collapseThreads": True},
        {"filter": {"inMailbox": boxes["inbox"], "notKeyword": "$seen"}, "collapseThreads": True},
        {"filter": {"inMailbox": boxes["inbox"]}, "sort": [{"property": "hasKeyword", "keyword": "$flagged"}]},
        {"filter": {"text": "apple"}, "sort": [{"property": "subject"}]},
    ]
    return asked


async def _nothing() -> None:
    """Nothing happens between two requests."""


class Copy:
    """What the client believes to be so."""

    def __init__(self, client: Client, chance: random.Random, happen: Callable[[], Awaitable[None]] = _nothing) -> None:
        self._client = client
        self._chance = chance
        self._happen = happen
        self._states: dict[str, str] = {}
        self._objects: dict[str, Objects] = {kind: {} for kind in TYPES}
        self._watched: list[Watched] = []
        self.asked_anew = 0

    async def begin(self) -> None:
        """Fetch everything once."""
        for kind in TYPES:
            self._states[kind] = (await self._client.one(f"{kind}/get", ids=[]))["state"]
        self._objects = await whole(self._client)
        for asked in queries(await self._client.mailboxes()):
            watched = Watched(asked)
            await self._ask(watched)
            self._watched.append(watched)

    async def sync(self, *, whole_way: bool = False) -> None:
        """Learn what has changed; as far as to the end, or with things happening in between."""
        for kind in self._chance.sample(TYPES, len(TYPES)):
            await self._changes(kind, whole_way=whole_way)
        for watched in self._chance.sample(self._watched, len(self._watched) if whole_way else 3):
            await self._query_changes(watched)

    def shown(self) -> dict[str, Objects]:
        """The copy."""
        return self._objects

    async def check_queries(self) -> None:
        """Every kept result is what the query finds now."""
        for watched in self._watched:
            ids = watched.ids
            fresh = Watched(watched.asked)
            await self._ask(fresh)
            assert ids == fresh.ids, watched.asked

    # -- objects ------------------------------------------------------------------------------------------------

    async def _changes(self, kind: str, *, whole_way: bool) -> None:
        while True:
            most = self._chance.choice([1, 2, 3, 7, None])
            answer = await self._client.one(f"{kind}/changes", sinceState=self._states[kind], maxChanges=most)
            told = [*answer["created"], *answer["updated"], *answer["destroyed"]]
            assert len(told) == len(set(told)), answer
            assert most is None or len(told) <= most, answer
            assert answer["oldState"] == self._states[kind]
            if not whole_way and self._chance.random() < 0.2:
                await self._happen()
            await self._fetch(kind, answer)
            self._states[kind] = answer["newState"]
            if not answer["hasMoreChanges"]:
                return
            assert told, answer

    async def _fetch(self, kind: str, answer: dict[str, Any]) -> None:
        known = self._objects[kind]
        for one in answer["destroyed"]:
            known.pop(one, None)
        properties = EMAIL if kind == "Email" else None
        if answer.get("updatedProperties") is not None:
            found = await get(self._client, kind, answer["updated"], ["id", *answer["updatedProperties"]])
            for one, told in found.items():
                assert one in known, (kind, one, "is changed, but nobody has told that it was made")
                known[one] |= told
            found = await get(self._client, kind, answer["created"], None)
        else:
            found = await get(self._client, kind, [*answer["created"], *answer["updated"]], properties)
            for one in answer["updated"]:
                assert one in known, (kind, one, "is changed, but nobody has told that it was made")
                if one not in found:
                    known.pop(one, None)
        known |= found

    # -- queries ------------------------------------------------------------------------------------------------

    async def _ask(self, watched: Watched) -> None:
        answer = await self._client.one("Email/query", **watched.asked, calculateTotal=True)
        assert answer["total"] == len(answer["ids"])
        watched.ids, watched.state = answer["ids"], answer["queryState"]

    async def _query_changes(self, watched: Watched) -> None:
        most = self._chance.choice([1, 5, None, None])
        (name, answer, _) = (
            await self._client.run(
                (
                    "Email/queryChanges",
                    {**watched.asked, "sinceQueryState": watched.state, "maxChanges": most, "calculateTotal": True},
                )
            )
        )[0]
        if name == "error":
            assert answer["type"] == ("tooManyChanges" if most else None), (watched.asked, answer)
            self.asked_anew += 1
            await self._ask(watched)
            return
        gone = set(answer["removed"])
        ids = [one for one in watched.ids if one not in gone]
        for each in sorted(answer["added"], key=lambda one: one["index"]):
            assert each["index"] <= len(ids), (watched.asked, answer)
            ids.insert(each["index"], each["id"])
        watched.ids, watched.state = ids, answer["newQueryState"]
        assert len(ids) == answer["total"], (watched.asked, answer)


async def get(client: Client, kind: str, ids: list[str], properties: list[str] | None) -> Objects:
    """Objects by their ids, as many requests as it takes."""
    found: Objects = {}
    for start in range(0, len(ids), AT_ONCE):
        answer = await client.one(f"{kind}/get", ids=ids[start : start + AT_ONCE], properties=properties)
        found |= {each["id"]: each for each in answer["list"]}
    return found


async def whole(client: Client) -> dict[str, Objects]:
    """Everything, fetched without any memory."""
    ids = (await client.one("Email/query", limit=1000))["ids"]
    assert len(ids) < 1000
    emails = await get(client, "Email", ids, EMAIL)
    threads = sorted({each["threadId"] for each in emails.values()})
    return {
        "Email": emails,
        "Thread": await get(client, "Thread", threads, None),
        **{
            kind: {each["id"]: each for each in (await client.one(f"{kind}/get", ids=None))["list"]}
            for kind in ("Mailbox", "Identity", "EmailSubmission")
        },
    }

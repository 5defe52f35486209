"""Email/query and Email/queryChanges against an evaluation of the same filters by hand (RFC 8621 4.4, 4.5)."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jmap import Client
from tests.support.served import Site, served

WORDS = ("apple", "bread", "cedar", "delta", "ember", "fjord")
KEYWORDS = ("$seen", "$flagged", "$draft", "later", "work")
PEOPLE = ("ann@remote.test", "bob@remote.test", "cleo@local.test")
ROUNDS = 60


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _letter(chance: random.Random, number: int) -> bytes:
    parent = f"In-Reply-To: <{chance.randrange(number)}@x.test>\r\n" if number and chance.random() < 0.5 else ""
    subject = f"{'Re: ' if parent else ''}thread"
    files = chance.random() < 0.3
    body = " ".join(chance.choices(WORDS, k=3))
    head = (
        f"From: {chance.choice(WORDS).title()} <{chance.choice(PEOPLE)}>\r\nTo: {chance.choice(PEOPLE)}\r\n"
        f"Cc: {chance.choice(PEOPLE)}\r\nSubject: {subject}\r\nMessage-ID: <{number}@x.test>\r\n{parent}"
        f"X-Colour: {chance.choice(WORDS)}\r\nDate: Thu, 30 Oct 2014 {chance.randrange(10, 24)}:12:00 +0000\r\n"
        "MIME-Version: 1.0\r\n"
    )
    if not files:
        return f"{head}\r\n{body}\r\n".encode()
    return (
        f"{head}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\n{body}\r\n--q\r\n"
        f"Content-Type: a/b; name=f.bin\r\nContent-Disposition: attachment\r\n\r\n{'x' * chance.randrange(300)}\r\n"
        "--q--\r\n"
    ).encode()


async def _filled(site: Site, client: Client, chance: random.Random, count: int) -> dict[str, str]:
    boxes = await client.mailboxes()
    made = await client.one("Mailbox/set", create={"m": {"name": "Mine"}})
    boxes["Mine"] = made["created"]["m"]["id"]
    emails: dict[str, Any] = {}
    for number in range(count):
        answer = await site.call(
            "POST", f"/jmap/upload/{client.account_id}", client.token, data=_letter(chance, number)
        )
        emails[f"e{number}"] = {
            "blobId": answer.json["blobId"],
            "mailboxIds": dict.fromkeys(chance.sample(list(boxes.values()), chance.randint(1, 2)), True),
            "keywords": dict.fromkeys(chance.sample(KEYWORDS, chance.randint(0, 3)), True),
            "receivedAt": f"2020-01-{chance.randint(1, 28):02}T00:00:{chance.randint(0, 59):02}Z",
        }
    answer = await client.one("Email/import", emails=emails)
    assert answer["notCreated"] is None, answer
    return boxes


async def _everything(client: Client) -> list[dict[str, Any]]:
    ids = (await client.one("Email/changes", sinceState="0"))["created"]
    properties = [
        "threadId", "mailboxIds", "keywords", "size", "receivedAt", "sentAt", "from", "to", "cc", "subject",
        "hasAttachment", "bodyValues", "textBody", "header:X-Colour:asText",
    ]  # fmt: skip
    found = await client.one("Email/get", ids=ids, properties=properties, fetchTextBodyValues=True)
    return list(found["list"])


def _condition(chance: random.Random, boxes: dict[str, str], emails: list[dict[str, Any]]) -> dict[str, Any]:
    some = chance.choice(emails)
    return chance.choice(
        [
            {"inMailbox": chance.choice([*boxes.values()])},
            {"inMailboxOtherThan": chance.sample([*boxes.values()], 2)},
            {"before": some["receivedAt"]},
            {"after": some["receivedAt"]},
            {"minSize": some["size"]},
            {"maxSize": some["size"]},
            {"hasKeyword": chance.choice(KEYWORDS)},
            {"notKeyword": chance.choice(KEYWORDS)},
            {"allInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"someInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"noneInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"hasAttachment": chance.random() < 0.5},
            {"body": chance.choice(WORDS)},
            {"text": chance.choice(WORDS)},
            {"from": chance.choice(PEOPLE)},
            {"from": chance.choice(WORDS)},
            {"to": chance.choice(PEOPLE)},
            {"cc": chance.choice(PEOPLE)},
            {"subject": "thread"},
            {"header": ["X-Colour", chance.choice(WORDS)]},
            {"header": ["X-Colour"]},
            {"hasKeyword": "never-used"},
            {"body": chance.choice(WORDS), "hasAttachment": True},
        ]
    )


def _filter(chance: random.Random, boxes: dict[str, str], emails: list[dict[str, Any]], depth: int = 2) -> Any:
    if depth == 0 or chance.random() < 0.5:
        return _condition(chance, boxes, emails)
    parts = [_filter(chance, boxes, emails, depth - 1) for _ in range(chance.randint(0, 3))]
    return {"operator": chance.choice(["AND", "OR", "NOT"]), "conditions": parts}


def _matches(one: dict[str, Any], asked: Any, emails: list[dict[str, Any]]) -> bool:
    if asked is None:
        return True
    if "operator" in asked:
        found = [_matches(one, each, emails) for each in asked["conditions"]]
        return {"AND": all(found), "OR": any(found), "NOT": not any(found)}[asked["operator"]]
    return all(_meets(one, name, value, emails) for name, value in asked.items())


def _meets(one: dict[str, Any], name: str, value: Any, emails: list[dict[str, Any]]) -> bool:
    thread = [value in each["keywords"] for each in emails if each["threadId"] == one["threadId"]] if isinstance(
        value, str
    ) else []  # fmt: skip
    text = " ".join(each["value"] for each in one["bodyValues"].values())

    def people(kind: str) -> str:
        return " ".join(f"{each['name'] or ''} {each['email']}".lower() for each in one[kind] or ())

    match name:
        case "inMailbox":
            return value in one["mailboxIds"]
        case "inMailboxOtherThan":
            return bool(set(one["mailboxIds"]) - set(value))
        case "before":
            return bool(one["receivedAt"] < value)
        case "after":
            return bool(one["receivedAt"] >= value)
        case "minSize":
            return bool(one["size"] >= value)
        case "maxSize":
            return bool(one["size"] < value)
        case "hasKeyword":
            return value in one["keywords"]
        case "notKeyword":
            return value not in one["keywords"]
        case "allInThreadHaveKeyword":
            return all(thread)
        case "someInThreadHaveKeyword":
            return any(thread)
        case "noneInThreadHaveKeyword":
            return not any(thread)
        case "hasAttachment":
            return bool(one["hasAttachment"] == value)
        case "body":
            return value in text
        case "text":
            return value in f"{text} {people('from')} {people('to')} {people('cc')} {one['subject']}"
        case "subject":
            return value in one["subject"].lower()
        case "header":
            colour = one["header:X-Colour:asText"]
            return colour is not None and (len(value) == 1 or value[1] in colour)
        case _:
            return value in people(name)


def _sorted(found: list[dict[str, Any]], sort: list[dict[str, Any]], emails: list[dict[str, Any]]) -> list[Any]:
    def keys(one: dict[str, Any], each: dict[str, Any]) -> Any:
        thread = [each.get("keyword") in other["keywords"] for other in emails if other["threadId"] == one["threadId"]]
        match each["property"]:
            case "hasKeyword":
                return each["keyword"] in one["keywords"]
            case "allInThreadHaveKeyword":
                return all(thread)
            case "someInThreadHaveKeyword":
                return any(thread)
            case "from" | "to" as kind:
                person = (one[kind] or [{"name": "", "email": ""}])[0]
                return (person["name"] or person["email"]).casefold()
            case "subject":
                return "thread"
            case name:
                return one[name]

    for each in reversed(sort):
        found.sort(key=lambda one, by=each: keys(one, by), reverse=not each.get("isAscending", True))  # type: ignore[misc]
    return [tuple(str(keys(one, each)) for each in sort) for one in found]


SORTS: tuple[list[dict[str, Any]], ...] = (
    [{"property": "receivedAt", "isAscending": False}],
    [{"property": "receivedAt"}],
    [{"property": "size", "isAscending": False}],
    [{"property": "sentAt"}],
    [{"property": "hasKeyword", "keyword": "$flagged", "isAscending": False}, {"property": "receivedAt"}],
    [{"property": "someInThreadHaveKeyword", "keyword": "later"}, {"property": "size"}],
    [{"property": "allInThreadHaveKeyword", "keyword": "work"}],
    [{"property": "from"}, {"property": "receivedAt", "isAscending": False}],
    [{"property": "to", "isAscending": False}],
    [{"property": "subject"}, {"property": "size"}],
)


async def test_every_query_finds_what_a_look_at_every_message_finds(site: Site) -> None:
    chance = random.Random(8621)
    client = Client(site, "a1")
    boxes = await _filled(site, client, chance, 50)
    emails = await _everything(client)
    by_id = {each["id"]: each for each in emails}
    for _ in range(ROUNDS):
        asked, sort = _filter(chance, boxes, emails), chance.choice(SORTS)
        collapses = chance.random() < 0.4
        answer = await client.one(
            "Email/query", filter=asked, sort=sort, collapseThreads=collapses, calculateTotal=True
        )
        expected = [each for each in emails if _matches(each, asked, emails)]
        keys = _sorted(expected, sort, emails)
        found = [by_id[each] for each in answer["ids"]]
        assert answer["total"] == len(found)
        if collapses:
            assert {each["threadId"] for each in found} == {each["threadId"] for each in expected}, asked
            assert len({each["threadId"] for each in found}) == len(found)
            continue
        assert {each["id"] for each in found} == {each["id"] for each in expected}, asked
        assert _sorted(list(found), sort, emails) == keys, (asked, sort)
        whole = answer["ids"]
        assert _sorted([*found], sort, emails) == _keys_in_place(found, sort, emails), (asked, sort)
        if len(whole) > 3:
            anchored = await client.one(
                "Email/query", filter=asked, sort=sort, anchor=whole[2], anchorOffset=-1, limit=2
            )
            assert (anchored["position"], anchored["ids"]) == (1, whole[1:3])
            last = await client.one("Email/query", filter=asked, sort=sort, position=-2)
            assert (last["position"], last["ids"]) == (len(whole) - 2, whole[-2:])
            page = await client.one("Email/query", filter=asked, sort=sort, position=1, limit=2)
            assert page["ids"] == whole[1:3]


def _keys_in_place(found: list[dict[str, Any]], sort: list[dict[str, Any]], emails: list[dict[str, Any]]) -> list[Any]:
    return [_sorted([one], sort, emails)[0] for one in found]


async def test_a_result_with_its_changes_made_to_it_is_the_new_result(site: Site) -> None:
    chance = random.Random(5)
    client = Client(site, "a1")
    boxes = await _filled(site, client, chance, 30)
    queries: list[dict[str, Any]] = [
        {"filter": {"inMailbox": boxes["inbox"]}},
        {"filter": {"inMailbox": boxes["Mine"]}, "collapseThreads": True},
        {"filter": None, "sort": [{"property": "size"}]},
        {"filter": {"notKeyword": "$seen"}, "collapseThreads": True},
        {"filter": {"operator": "OR", "conditions": [{"hasKeyword": "later"}, {"hasAttachment": True}]}},
    ]
    known = [await client.one("Email/query", **each) for each in queries]
    assert all(each["canCalculateChanges"] for each in known)
    for _ in range(15):
        emails = await _everything(client)
        await _disturb(client, chance, boxes, emails)
        for number, asked in enumerate(queries):
            delta = await client.one(
                "Email/queryChanges", sinceQueryState=known[number]["queryState"], calculateTotal=True, **asked
            )
            ids = [each for each in known[number]["ids"] if each not in set(delta["removed"])]
            for each in delta["added"]:
                ids.insert(each["index"], each["id"])
            known[number] = await client.one("Email/query", **asked)
            assert ids == known[number]["ids"], asked
            assert delta["total"] == len(ids)
            assert delta["newQueryState"] == known[number]["queryState"]


async def _disturb(client: Client, chance: random.Random, boxes: dict[str, str], emails: list[dict[str, Any]]) -> None:
    for _ in range(chance.randint(0, 3)):
        one = chance.choice(emails)["id"]
        patch: dict[str, Any] = chance.choice(
            [
                {f"keywords/{chance.choice(KEYWORDS)}": chance.choice([True, None])},
                {"mailboxIds": {chance.choice([*boxes.values()]): True}},
            ]
        )
        await client.one("Email/set", update={one: patch})
    if chance.random() < 0.4 and len(emails) > 10:
        await client.one("Email/set", destroy=[chance.choice(emails)["id"]])
    if chance.random() < 0.5:
        answer = await client.site.call(
            "POST", f"/jmap/upload/{client.account_id}", client.token, data=_letter(chance, chance.randint(1, 60))
        )
        new = {"blobId": answer.json["blobId"], "mailboxIds": {chance.choice([*boxes.values()]): True}}
        await client.one("Email/import", emails={"n": new})


async def test_what_cannot_be_asked_is_refused_by_its_name(site: Site) -> None:
    client = Client(site, "a1")
    wide = {"operator": "OR", "conditions": [{"hasKeyword": "a"}] * 10_000}
    for arguments, kind in (
        ({"filter": {"colour": "red"}}, "unsupportedFilter"),
        ({"filter": wide}, "unsupportedFilter"),
        ({"filter": {"before": "yesterday"}}, "invalidArguments"),
        ({"filter": {"operator": "XOR", "conditions": []}}, "invalidArguments"),
        ({"filter": []}, "invalidArguments"),
        ({"sort": [{"property": "colour"}]}, "unsupportedSort"),
        ({"sort": [{"property": "hasKeyword"}]}, "invalidArguments"),
        ({"sort": [{"property": "size", "collation": "i;klingon"}]}, "unsupportedSort"),
        ({"filter": {"before": "2024-05-06T07:08:09.1234567890Z"}}, "invalidArguments"),
        ({"limit": -1}, "invalidArguments"),
        ({"position": "0"}, "invalidArguments"),
        ({"anchor": "msg_0000000000000"}, "anchorNotFound"),
        ({"anchor": "nobody"}, "anchorNotFound"),
        ({"colour": 1}, "invalidArguments"),
    ):
        assert await client.fails("Email/query", **arguments) == kind, arguments
    state = (await client.one("Email/query"))["queryState"]
    for since in ("-1", "x", str(int(state) + 1), "99999999999999999999999"):
        assert await client.fails("Email/queryChanges", sinceQueryState=since) == "cannotCalculateChanges"
    thread = {"someInThreadHaveKeyword": "a"}
    assert await client.fails("Email/queryChanges", sinceQueryState=state, filter=thread) == "cannotCalculateChanges"
    text = '{"using":["%s"],"methodCalls":[["Email/query",%s,"0"]]}'
    nested = '{"operator":"NOT","conditions":[' * 10_000 + "]}" * 10_000
    body = text % ("urn:ietf:params:jmap:mail", '{"filter":' + nested + "}")
    answer = await site.call(
        "POST", "/jmap/api", client.token, data=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status == 400
    assert answer.json["type"] == "urn:ietf:params:jmap:error:notJSON"

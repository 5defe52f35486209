"""Nobody learns of another's things by JMAP: every method, another's ids wherever an id may stand, every kind of login.

CASES says for each method that is served where ids stand in its arguments; a method without a row fails.
"""

import copy
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailserver.entities import identifiers
from mailserver.entities.access import Scope
from mailserver.entities.identifiers import Kind
from mailserver.jmap import methods
from tests.support.jmap import Client
from tests.support.served import Site, served

SECRET = "Zebra"  # it stands in everything that is a1's
WITHOUT_ACCOUNT = {"Core/echo", "PushSubscription/get", "PushSubscription/set"}
NEVER_TOLD = {"cannotCalculateChanges"}  # what a client is answered that asks for the changes of a short list
LETTER = {"textBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": "x"}}}
WORDS = {"text": SECRET}
# `$name` is an id of the thing of that name; `$own_name` one of the caller's own; `$second` an account of the caller
CASES: dict[str, list[dict[str, Any]]] = {
    "Core/echo": [{"id": "$email"}],
    "PushSubscription/get": [{"ids": ["$push"]}, {"ids": None}],
    "PushSubscription/set": [
        {"update": {"$push": {"types": ["Email"]}}},
        {"update": {"$push": {"verificationCode": "x"}}},
        {"destroy": ["$push"]},
    ],
    "Blob/copy": [{"accountId": "$second", "fromAccountId": "$account", "blobIds": ["$blob"]}],
    "Blob/get": [{"ids": ["$blob"], "properties": ["data", "size", "digest:sha-256"]}, {"ids": ["$blob-1"]}],
    "Blob/lookup": [{"typeNames": ["Email", "Mailbox", "Thread"], "ids": ["$blob"]}],
    "Blob/upload": [{"create": {"b": {"data": [{"blobId": "$blob"}]}}}],
    "Mailbox/get": [{"ids": ["$mailbox"]}, {"ids": None}],
    "Mailbox/changes": [{"sinceState": "0"}, {"sinceState": "$state"}],
    "Mailbox/query": [{}, {"filter": {"parentId": "$mailbox"}}, {"filter": {"name": SECRET}}],
    "Mailbox/queryChanges": [{"sinceQueryState": "0", "upToId": "$mailbox"}],
    "Mailbox/set": [
        {"create": {"m": {"name": "x", "parentId": "$mailbox"}}},
        {"update": {"$mailbox": {"name": "y"}}},
        {"update": {"$own_mailbox": {"parentId": "$mailbox"}}},
        {"destroy": ["$mailbox"], "onDestroyRemoveEmails": True},
    ],
    "Thread/get": [{"ids": ["$thread"]}],
    "Thread/changes": [{"sinceState": "0"}, {"sinceState": "$state"}],
    "Email/get": [{"ids": ["$email"]}, {"ids": ["$email"], "properties": ["subject", "header:Subject"]}],
    "Email/changes": [{"sinceState": "0"}, {"sinceState": "$state"}],
    "Email/query": [
        {}, {"filter": WORDS}, {"filter": {"inMailbox": "$mailbox"}}, {"anchor": "$email"},
        {"filter": {"inMailbox": "$mailbox"}, "collapseThreads": True, "calculateTotal": True},
        {"filter": {"inMailboxOtherThan": ["$mailbox"]}, "calculateTotal": True},
        {"filter": {"inMailbox": "$mailbox"}, "sort": [{"property": "subject"}]},
        {"filter": {"operator": "AND", "conditions": [{"inMailbox": "$mailbox"}, WORDS]}},
        {"filter": {"operator": "NOT", "conditions": [{"inMailbox": "$mailbox"}]}},
        {"filter": {"header": ["Subject", SECRET]}}, {"filter": {"hasKeyword": "zebra"}},
    ],
    "Email/queryChanges": [
        {"sinceQueryState": "0", "upToId": "$email"},
        {"sinceQueryState": "0", "filter": {"inMailbox": "$mailbox"}, "calculateTotal": True},
        {"sinceQueryState": "0", "filter": {"inMailbox": "$mailbox"}, "collapseThreads": True},
    ],
    "SearchSnippet/get": [{"filter": WORDS, "emailIds": ["$email"]}],
    "Email/set": [
        {"create": {"e": {**LETTER, "mailboxIds": {"$mailbox": True}}}},
        {"create": {"e": {**LETTER, "mailboxIds": {"$own_mailbox": True, "$mailbox": True}}}},
        {"create": {"e": {**LETTER, "mailboxIds": {"$own_mailbox": True}, "attachments": [{"blobId": "$blob"}]}}},
        {"update": {"$email": {"keywords/$seen": True}}},
        {"update": {"$own_email": {"mailboxIds": {"$mailbox": True}}}},
        {"update": {"$email": {"mailboxIds": {"$own_mailbox": True}}}},
        {"destroy": ["$email"]},
    ],
    "Email/copy": [
        {"accountId": "$second", "fromAccountId": "$account",
         "create": {"c": {"id": "$email", "mailboxIds": {"$second_mailbox": True}}}},
        {"accountId": "$second", "fromAccountId": "$account", "onSuccessDestroyOriginal": True,
         "create": {"c": {"id": "$email", "mailboxIds": {"$mailbox": True}}}},
    ],
    "Email/import": [
        {"emails": {"i": {"blobId": "$blob", "mailboxIds": {"$own_mailbox": True}}}},
        {"emails": {"i": {"blobId": "$own_blob", "mailboxIds": {"$mailbox": True}}}},
    ],
    "Email/parse": [{"blobIds": ["$blob"], "fetchAllBodyValues": True}],
    "Identity/get": [{"ids": ["$identity"]}, {"ids": None}],
    "Identity/changes": [{"sinceState": "0"}],
    "Identity/set": [
        {"update": {"$identity": {"name": "y"}}},
        {"create": {"i": {"email": "agent@local.test", "name": "x"}}},
        {"destroy": ["$identity"]},
    ],
    "EmailSubmission/get": [{"ids": ["$submission"]}, {"ids": None}],
    "EmailSubmission/changes": [{"sinceState": "0"}],
    "EmailSubmission/query": [
        {}, {"filter": {"identityIds": ["$identity"]}}, {"filter": {"emailIds": ["$email"]}},
        {"filter": {"threadIds": ["$thread"]}},
    ],
    "EmailSubmission/queryChanges": [{"sinceQueryState": "0", "upToId": "$submission"}],
    "EmailSubmission/set": [
        {"create": {"s": {"emailId": "$email", "identityId": "$identity"}}},
        {"create": {"s": {"emailId": "$email", "identityId": "$own_identity"}}},
        {"create": {"s": {"emailId": "$own_email", "identityId": "$identity"}}},
        {"update": {"$submission": {"undoStatus": "canceled"}}, "onSuccessDestroyEmail": ["$submission"]},
        {"update": {"$submission": {}}, "onSuccessUpdateEmail": {"$submission": {"keywords/x": True}}},
        {"destroy": ["$submission"]},
    ],
    "VacationResponse/get": [{"ids": ["singleton"]}, {"ids": None}],
    "VacationResponse/set": [{"update": {"singleton": {"textBody": "away"}}}],
    "SieveScript/get": [{"ids": ["$script"]}, {"ids": None}],
    "SieveScript/query": [{}, {"filter": {"name": SECRET}}],
    "SieveScript/set": [
        {"update": {"$script": {"name": "y"}}},
        {"create": {"s": {"name": "x", "blobId": "$blob"}}},
        {"onSuccessActivateScript": "$script"},
        {"destroy": ["$script"]},
    ],
    "SieveScript/validate": [{"blobId": "$blob"}],
    "Quota/get": [{"ids": None}],
    "Quota/changes": [{"sinceState": "$state"}],
    "Quota/query": [{}],
    "Quota/queryChanges": [{"sinceQueryState": "0"}],
}  # fmt: skip
TABLES = (
    "message", "message_data", "placement", "folder", "thread", "message_label", "label", "identity",
    "email_submission", "sieve_script", "queued", "delivery", "upload", "draft", "tombstone", "push_subscription",
    "vacation_response",
)  # fmt: skip
Case = tuple[str, dict[str, Any]]


def cases() -> list[Case]:
    """Every request, those that take things away at the end."""
    every = [(name, given) for name, rows in CASES.items() for given in rows]
    return sorted(every, key=lambda each: "destroy" in each[1] or "onSuccessDestroyOriginal" in each[1])


def filled(value: Any, ids: dict[str, str]) -> Any:
    """A case with ids in the place of names."""
    if isinstance(value, dict):
        return {filled(key, ids): filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    if isinstance(value, str) and value.startswith("$"):
        name, dash, rest = value[1:].partition("-")
        return ids[name] + dash + rest if name in ids else value
    return value


@dataclass(slots=True)
class Stage:
    """a1's things by their names, and what each outsider has of its own."""

    site: Site
    things: dict[str, str]

    async def ask(self, token: str, case: Case, ids: dict[str, str]) -> tuple[list[Any], str]:
        """The answers to a case, and the same as text with its ids turned into their names."""
        name, given = case
        arguments = filled(copy.deepcopy(given), ids)
        if name not in WITHOUT_ACCOUNT:
            arguments = {"accountId": ids["own_account"], **arguments}
        using = sorted({each.capability for each in methods.known().values()})
        body = {"using": using, "methodCalls": [[name, arguments, "0"]]}
        answer = await self.site.call("POST", "/jmap/api", token, json=body)
        assert answer.status == 200, (case, answer.content)
        answers = answer.json["methodResponses"]
        text = json.dumps(answers, sort_keys=True)
        named = {what: one for what, one in ids.items() if what != "state"}
        for what, one in sorted(named.items(), key=lambda each: -len(each[1])):
            text = text.replace(one, f"${what}")
        return answers, text

    async def rows(self) -> dict[str, list[Any]]:
        """What is there of a1, and of everybody."""
        return {table: await self.site.house.rows(f"SELECT * FROM {table}") for table in TABLES}


async def _own(site: Site, name: str, subject: str) -> dict[str, str]:
    """What an inbox has: a message in its Inbox, a folder, an identity."""
    client = Client(site, name, [each.capability for each in methods.known().values()])
    raw = (
        f"From: Ann <ann@remote.test>\r\nTo: x@local.test\r\nSubject: {subject}\r\nMessage-ID: <{name}@x.test>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\n"
        f"{subject} {name}\r\n--q--\r\n"
    )
    await site.house.receive(raw.encode(), [site.inboxes[name].address])
    await site.house.settled()
    (email,) = (await client.one("Email/query"))["ids"]
    shown = (await client.one("Email/get", ids=[email], properties=["threadId", "blobId"]))["list"][0]
    boxes = await client.mailboxes()
    identity = (await client.one("Identity/get", ids=None))["list"][0]["id"]
    return {
        "account": client.account_id, "email": email, "thread": shown["threadId"], "blob": shown["blobId"],
        "mailbox": boxes["inbox"], "identity": identity,
    }  # fmt: skip


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with served(tmp_path) as site:
        opened = Stage(site, await _own(site, "a1", f"{SECRET} crossing"))
        for name in ("a2", "b1"):
            own = await _own(site, name, "Plain")
            opened.things |= {f"{name} {what}": one for what, one in own.items()}
        await _furnish(site, opened.things)
        yield opened


async def _furnish(site: Site, things: dict[str, str]) -> None:
    """The rest that a1 has: a folder, a label, a script, a submission, an identity, and a push of its session."""
    client = Client(site, "a1", [each.capability for each in methods.known().values()])
    client.token = site.tokens["a session"]
    box = await client.one("Mailbox/set", create={"m": {"name": f"{SECRET} box"}})
    things["mailbox"] = box["created"]["m"]["id"]
    patch = {f"mailboxIds/{things['mailbox']}": True, "keywords/zebra": True}
    assert (await client.one("Email/set", update={things["email"]: patch}))["updated"]
    made = await client.one("Identity/set", create={"i": {"email": "agent+z@local.test", "name": SECRET}})
    things["identity"] = made["created"]["i"]["id"]
    draft = {
        **LETTER, "from": [{"email": "agent@local.test"}], "to": [{"email": "z@remote.test"}], "subject": SECRET,
        "mailboxIds": {things["mailbox"]: True}, "messageId": ["draft@x.test"],
    }  # fmt: skip
    email = (await client.one("Email/set", create={"d": draft}))["created"]["d"]["id"]
    held = {"mailFrom": {"email": "agent@local.test", "parameters": {"HOLDFOR": "3600"}}}
    envelope = {**held, "rcptTo": [{"email": "z@remote.test"}]}
    sent = {"emailId": email, "identityId": things["identity"], "envelope": envelope}
    things["submission"] = (await client.one("EmailSubmission/set", create={"s": sent}))["created"]["s"]["id"]
    script = await client.one("Blob/upload", create={"b": {"data": [{"data:asText": f"# {SECRET}\r\nkeep;\r\n"}]}})
    named = {"name": f"{SECRET} script", "blobId": script["created"]["b"]["id"]}
    things["script"] = (await client.one("SieveScript/set", create={"s": named}))["created"]["s"]["id"]
    things["state"] = (await client.one("Email/get", ids=[]))["state"]
    push = {"deviceClientId": SECRET, "url": "https://push.remote.test/zebra", "types": None}
    answer = (await client.post({
        "using": client.using, "methodCalls": [["PushSubscription/set", {"create": {"p": push}}, "0"]],
    })).json["methodResponses"][0][1]  # fmt: skip
    things["push"] = answer["created"]["p"]["id"]


UNKNOWN = {
    "account": identifiers.encode(Kind.INBOX, 7), "email": identifiers.encode(Kind.MESSAGE, 7),
    "thread": identifiers.encode(Kind.THREAD, 7), "blob": "B" + "0" * 64,
    "mailbox": identifiers.encode(Kind.FOLDER, 7), "identity": identifiers.encode(Kind.IDENTITY, 7),
    "submission": identifiers.encode(Kind.SUBMISSION, 7), "script": identifiers.encode(Kind.SIEVE_SCRIPT, 7),
    "push": identifiers.encode(Kind.PUSH_SUBSCRIPTION, 7),
}  # fmt: skip
FOREIGN = tuple(UNKNOWN)


def outsider(stage: Stage, name: str) -> dict[str, str]:
    """What an outsider has of its own, by the names of CASES."""
    own = {what.removeprefix(f"{name} "): one for what, one in stage.things.items() if what.startswith(f"{name} ")}
    return {
        **{f"own_{what}": one for what, one in own.items()}, "second": own["account"],
        "second_mailbox": own["mailbox"], "state": "1",
    }  # fmt: skip


def test_every_method_has_a_row() -> None:
    assert set(CASES) == set(methods.known())


async def test_every_case_works_for_its_owner(stage: Stage) -> None:
    """Else nothing that follows would mean anything."""
    mine = {name: stage.things[name] for name in (*FOREIGN, "state")}
    own = {f"own_{name}": stage.things[name] for name in ("account", "email", "mailbox", "identity", "blob")}
    second = {"second": stage.things["a2 account"], "second_mailbox": stage.things["a2 mailbox"]}
    for case in cases():
        answers, text = await stage.ask(stage.site.tokens["a session"], case, {**mine, **own, **second})
        kind, body, _ = answers[0]
        assert kind == case[0] or body["type"] in NEVER_TOLD, (case, answers)
        if case[0].endswith("/get") and "ids" in case[1] and case[1]["ids"]:
            assert body["list"], (case, text)
            assert not body["notFound"], (case, text)


@pytest.mark.parametrize("login", ["b1", "b session", "b key", "a2"])
async def test_another_s_ids_are_the_same_as_nobody_s(stage: Stage, login: str) -> None:
    own = outsider(stage, login if login == "a2" else "b1")
    foreign = {name: stage.things[name] for name in FOREIGN}
    before = await _of_a1(stage)
    for case in cases():
        answers = []
        for ids in (foreign, UNKNOWN):
            found, text = await stage.ask(stage.site.tokens[login], case, {**own, **ids})
            answers.append(text)
            assert not any(f"${name}" in text and f"${name}" not in json.dumps(case[1]) for name in FOREIGN), (
                case,
                text,
            )
            whole = json.dumps(found)
            assert SECRET not in whole or SECRET in json.dumps(case[1]), (login, case, whole)
            assert "zebra" not in whole.lower() or "zebra" in json.dumps(case[1]).lower(), (login, case, whole)
        assert _still(answers[0]) == _still(answers[1]), (login, case)
    assert await _of_a1(stage) == before


@pytest.mark.parametrize("login", ["b1", "b session", "b key", "a2"])
async def test_another_s_account_is_the_same_as_nobody_s(stage: Stage, login: str) -> None:
    own = outsider(stage, login if login == "a2" else "b1")
    before = await _of_a1(stage)
    foreign = {name: stage.things[name] for name in FOREIGN}
    for case in cases():
        if case[0] in WITHOUT_ACCOUNT:
            continue
        for account in (stage.things["account"], UNKNOWN["account"]):
            ids = {**own, **foreign, "own_account": account, "second": account}
            answers, _ = await stage.ask(stage.site.tokens[login], case, ids)
            assert answers == [["error", {"type": "accountNotFound"}, "0"]] or answers == [
                ["error", {"type": "fromAccountNotFound"}, "0"]
            ], (login, case, answers)
    assert await _of_a1(stage) == before


async def test_a_token_that_may_read_changes_nothing(stage: Stage) -> None:
    token = await stage.site.token("agent", stage.site.inboxes["a1"], frozenset({Scope.EMAIL_READ}))
    mine = {name: stage.things[name] for name in (*FOREIGN, "state")}
    own = {f"own_{name}": stage.things[name] for name in ("account", "email", "mailbox", "identity", "blob")}
    second = {"second": stage.things["a2 account"], "second_mailbox": stage.things["a2 mailbox"]}
    before = await stage.rows()
    for case in cases():
        if case[0].startswith("PushSubscription/"):
            continue  # a login's own, whatever else it may do
        await stage.ask(token, case, {**mine, **own, **second})
    assert await stage.rows() == before


@pytest.mark.parametrize("login", ["expired", "revoked", None])
async def test_without_a_login_nothing_is_answered(stage: Stage, login: str | None) -> None:
    token = stage.site.tokens[login] if login else None
    answer = await stage.site.call("POST", "/jmap/api", token, json={"using": [], "methodCalls": []})
    assert answer.status == 401


async def test_another_s_bytes_are_not_downloaded(stage: Stage) -> None:
    for login, account in (("b1", "b1 account"), ("a2", "a2 account"), ("b session", "b1 account"), ("b1", "account")):
        bodies = []
        for blob in (stage.things["blob"], UNKNOWN["blob"]):
            where = f"/jmap/download/{stage.things[account]}/{blob}/x.eml"
            answer = await stage.site.call("GET", where, stage.site.tokens[login])
            bodies.append((answer.status, answer.content.replace(blob.encode(), b"")))
        assert bodies[0] == bodies[1], login
        assert bodies[0][0] == 404


def _still(text: str) -> str:
    """An answer without what two requests differ in by themselves: what was made, and states behind it."""
    answers = json.loads(text)
    for _, body, _ in answers:
        for name in ("oldState", "newState", "state", "oldQueryState", "newQueryState", "queryState"):
            body.pop(name, None)
        for made in (body.get("created") or {}).values() if isinstance(body.get("created"), dict) else ():
            made.clear()
    return json.dumps(answers, sort_keys=True)


async def _of_a1(stage: Stage) -> dict[str, list[Any]]:
    """The rows in which a1's inbox or its things stand."""
    inbox = stage.site.inboxes["a1"].id
    numbers = {inbox}
    for name, kind in (
        ("email", Kind.MESSAGE), ("mailbox", Kind.FOLDER), ("thread", Kind.THREAD), ("identity", Kind.IDENTITY),
        ("submission", Kind.SUBMISSION), ("script", Kind.SIEVE_SCRIPT), ("push", Kind.PUSH_SUBSCRIPTION),
    ):  # fmt: skip
        numbers.add(identifiers.decode(kind, stage.things[name]))
    rows = await stage.rows()
    return {table: [row for row in some if numbers & set(row)] for table, some in rows.items()}

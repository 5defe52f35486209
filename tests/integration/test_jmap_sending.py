"""What JMAP clients hand over, at the real process: it leaves by SMTP, and what becomes of it is told."""

import asyncio
import smtplib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import dkim
import pytest

from mailserver.mail import headers
from tests.support.remote import Remote
from tests.support.server import Server, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = "@ 60 SOA ns.remote.test. x. 1 60 60 60 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n@ 60 MX 10 mx\nmx 60 A 127.0.0.1\n"
USING = [f"urn:ietf:params:jmap:{name}" for name in ("core", "mail", "submission")]
OWN = "agent@local.test"


class Account:
    """A JMAP client of the first inbox."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._account_id = ""
        self.identity = ""
        self.boxes: dict[str, str] = {}

    async def open(self) -> None:
        async with self._session.get("/.well-known/jmap") as answer:
            self._account_id = (await answer.json())["primaryAccounts"][USING[1]]
        self.identity = (await self.one("Identity/get", ids=None))["list"][0]["id"]
        self.boxes = {each["role"]: each["id"] for each in (await self.one("Mailbox/get", ids=None))["list"]}

    async def run(self, name: str, **arguments: Any) -> list[Any]:
        call = [name, {"accountId": self._account_id, **arguments}, "0"]
        async with self._session.post("/jmap/api", json={"using": USING, "methodCalls": [call]}) as answer:
            assert answer.status == 200, await answer.text()
            return list((await answer.json())["methodResponses"])

    async def one(self, name: str, **arguments: Any) -> dict[str, Any]:
        answers = await self.run(name, **arguments)
        assert answers[0][0] == name, answers
        return dict(answers[0][1])

    async def draft(self, *to: str, **more: Any) -> str:
        given = {
            "mailboxIds": {self.boxes["drafts"]: True}, "keywords": {"$draft": True},
            "from": [{"name": "Agent", "email": OWN}], "to": [{"name": None, "email": each} for each in to],
            "subject": "Hello", "textBody": [{"partId": "t", "type": "text/plain"}],
            "bodyValues": {"t": {"value": "Hello there.\n"}}, **more,
        }  # fmt: skip
        answer = await self.one("Email/set", create={"d": given})
        assert answer["created"], answer
        return str(answer["created"]["d"]["id"])

    async def submit(self, email: str, **more: Any) -> dict[str, Any]:
        answer = await self.one(
            "EmailSubmission/set", create={"s": {"emailId": email, "identityId": self.identity, **more}}
        )
        assert answer["created"], answer
        return dict(answer["created"]["s"])

    async def get(self, submission_id: str) -> dict[str, Any]:
        return dict((await self.one("EmailSubmission/get", ids=[submission_id]))["list"][0])

    async def settled(self, submission_id: str, recipient: str) -> dict[str, Any]:
        """What became of one recipient, as soon as it is known."""

        async def known() -> dict[str, Any] | None:
            found = (await self.get(submission_id))["deliveryStatus"][recipient]
            return dict(found) if found["delivered"] != "queued" else None

        return dict(await until(known))

    async def reports(self, submission_id: str, count: int) -> list[str]:
        """The reports about it, once there are so many."""

        async def told() -> list[str] | None:
            found = list((await self.get(submission_id))["dsnBlobIds"])
            return found if len(found) >= count else None

        return list(await until(told))

    async def state(self) -> str:
        return str((await self.one("EmailSubmission/get", ids=[]))["state"])

    async def download(self, blob_id: str) -> bytes:
        async with self._session.get(f"/jmap/download/{self._account_id}/{blob_id}/x") as answer:
            assert answer.status == 200
            return await answer.read()


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with Remote() as opened:
        yield opened


@pytest.fixture
async def server(tmp_path: Path, remote: Remote) -> AsyncIterator[Server]:
    async with (
        NameServer("remote.test.", ZONE) as names,
        running_server(
            tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], queue__remote_port=remote.port,
            queue__retry_seconds=[1],
        ) as running,
    ):  # fmt: skip
        yield running


@pytest.fixture
async def account(server: Server) -> AsyncIterator[Account]:
    async with server.session() as session:
        opened = Account(session)
        await opened.open()
        yield opened


def _envelope(*recipients: str, **parameters: str) -> dict[str, Any]:
    return {
        "mailFrom": {"email": OWN, "parameters": parameters or None},
        "rcptTo": [{"email": each, "parameters": None} for each in recipients],
    }


async def test_it_leaves_signed_without_bcc_and_the_reply_is_told(
    server: Server, remote: Remote, account: Account
) -> None:
    remote.answers("RCPT TO:<gone@remote.test>", "550 5.1.1 No such user", always=True)
    email = await account.draft("b@remote.test", "gone@remote.test", bcc=[{"name": None, "email": "hid@remote.test"}])
    state = await account.state()
    made = await account.submit(email)
    assert (await account.settled(made["id"], "b@remote.test"))["delivered"] == "unknown"
    hidden = await account.settled(made["id"], "hid@remote.test")
    assert hidden["smtpReply"].startswith("250 2.0.0")
    gone = await account.settled(made["id"], "gone@remote.test")
    assert (gone["delivered"], gone["smtpReply"]) == ("no", "550 5.1.1 No such user")
    assert made["id"] in (await account.one("EmailSubmission/changes", sinceState=state))["created"]
    await until(lambda: len(remote.messages) == 2)
    records = {row["name"]: row["value"] for row in await server.command("dns", "show", "local.test")}
    for message in remote.messages:
        head, _ = headers.split(message.content)
        assert head.count("bcc") == 0
        assert b"hid@remote.test" not in message.content
        assert dkim.verify(
            message.content, dnsfunc=lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode()
        )
    kept = (await account.one("Email/get", ids=[email], properties=["bcc"]))["list"][0]
    assert kept["bcc"] == [{"name": None, "email": "hid@remote.test"}]


async def test_a_report_of_ours_and_one_that_came_back_are_blobs_of_the_submission(
    server: Server, remote: Remote, account: Account
) -> None:
    remote.answers("RCPT TO:<gone@remote.test>", "550 5.1.1 No such user", always=True)
    made = await account.submit(await account.draft("gone@remote.test", "b@remote.test"))
    await account.settled(made["id"], "gone@remote.test")
    await account.settled(made["id"], "b@remote.test")
    reports = await account.reports(made["id"], 1)
    raw = await account.download(reports[0])
    assert b"multipart/report" in raw
    assert b"gone@remote.test" in raw
    state = await account.state()
    await asyncio.to_thread(_bounce, server, remote.messages[0].mail.partition("<")[2].partition(">")[0])
    reports = await account.reports(made["id"], 2)
    assert b"The mailbox is full for good" in await account.download(reports[1])

    async def is_refused() -> bool:
        return bool((await account.settled(made["id"], "b@remote.test"))["delivered"] == "no")

    await until(is_refused)
    assert (await account.one("EmailSubmission/changes", sinceState=state))["updated"] == [made["id"]]
    state = await account.state()
    inbox = await account.one("Email/query", filter={"inMailbox": account.boxes["inbox"]})
    await account.one("Email/set", destroy=inbox["ids"])
    assert (await account.get(made["id"]))["dsnBlobIds"] == []
    assert (await account.one("EmailSubmission/changes", sinceState=state))["updated"] == [made["id"]]


def _bounce(server: Server, return_path: str) -> None:
    raw = (
        "From: mailer-daemon@remote.test\r\nTo: <x>\r\nSubject: Failed\r\nMessage-ID: <dsn@remote.test>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nThe mailbox is full for good.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.remote.test\r\n\r\n"
        "Final-Recipient: rfc822; b@remote.test\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        "Diagnostic-Code: smtp; 552 5.2.2 Full\r\n\r\n--b--\r\n"
    )
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail("", [return_path], raw)


async def test_a_delayed_one_leaves_at_its_time_and_one_taken_back_never_does(remote: Remote, account: Account) -> None:
    email = await account.draft("b@remote.test")
    begun = time.time()
    late = await account.submit(email, envelope=_envelope("b@remote.test", HOLDFOR="6"))
    back = await account.submit(email, envelope=_envelope("c@remote.test", HOLDFOR="6"))
    assert (late["undoStatus"], back["undoStatus"]) == ("pending", "pending")
    sent_at = datetime.fromisoformat(late["sendAt"]).astimezone(UTC).timestamp()
    assert begun + 4 < sent_at < begun + 40
    answer = await account.one("EmailSubmission/set", update={back["id"]: {"undoStatus": "canceled"}})
    assert answer["updated"] == {back["id"]: None}
    state = await account.state()
    assert (await account.settled(late["id"], "b@remote.test"))["delivered"] == "unknown"
    assert time.time() >= begun + 5.5
    assert (await account.get(late["id"]))["undoStatus"] == "final"
    assert late["id"] in (await account.one("EmailSubmission/changes", sinceState=state))["updated"]
    await asyncio.sleep(2)
    assert [message.recipients for message in remote.messages] == [[remote.messages[0].recipients[0]]]
    assert "c@remote.test" not in "".join(remote.commands)
    refused = await account.one("EmailSubmission/set", update={late["id"]: {"undoStatus": "canceled"}})
    assert refused["notUpdated"][late["id"]]["type"] == "cannotUnsend"


async def test_what_is_destroyed_meanwhile_is_sent_all_the_same(remote: Remote, account: Account) -> None:
    email = await account.draft("b@remote.test", subject="Burn after sending")
    answers = await account.run(
        "EmailSubmission/set",
        create={
            "s": {"emailId": email, "identityId": account.identity, "envelope": _envelope("b@remote.test", HOLDFOR="3")}
        },
        onSuccessDestroyEmail=["#s"],
    )
    made = answers[0][1]["created"]["s"]
    assert answers[1][1]["destroyed"] == [email]
    assert (await account.settled(made["id"], "b@remote.test"))["delivered"] == "unknown"
    assert b"Burn after sending" in remote.messages[0].content
    assert (await account.get(made["id"]))["emailId"] == email


async def test_a_crash_loses_no_submission_and_sends_none_twice(
    server: Server, remote: Remote, account: Account
) -> None:
    remote.answers("RCPT TO", "451 4.2.1 Later", "451 4.2.1 Later")
    made = await account.submit(await account.draft("b@remote.test"))
    soon, later = [
        await account.submit(await account.draft(to), envelope=_envelope(to, HOLDFOR=seconds))
        for to, seconds in (("c@remote.test", "3"), ("d@remote.test", "3600"))
    ]
    await server.kill()
    await server.start()
    assert (await account.get(later["id"]))["undoStatus"] == "pending"
    taken = await account.one("EmailSubmission/set", update={later["id"]: {"undoStatus": "canceled"}})
    assert taken["updated"] == {later["id"]: None}
    assert (await account.settled(made["id"], "b@remote.test"))["delivered"] == "unknown"
    assert (await account.settled(soon["id"], "c@remote.test"))["delivered"] == "unknown"
    named = [recipient.partition("<")[2].partition(">")[0] for each in remote.messages for recipient in each.recipients]
    assert sorted(named) == ["b@remote.test", "c@remote.test"]


async def test_suppressed_recipients_are_told_at_once_and_never_tried(remote: Remote, account: Account) -> None:
    remote.answers("RCPT TO:<gone@remote.test>", "550 5.1.1 No such user", always=True)
    first = await account.submit(await account.draft("gone@remote.test"))
    await account.settled(first["id"], "gone@remote.test")
    tried = len([each for each in remote.commands if "gone@remote.test" in each])
    second = await account.submit(await account.draft("gone@remote.test", "b@remote.test"))
    found = (await account.get(second["id"]))["deliveryStatus"]["gone@remote.test"]
    assert (found["delivered"], found["smtpReply"]) == ("no", "550 5.7.1 The address is on the suppression list")
    await account.settled(second["id"], "b@remote.test")
    assert len([each for each in remote.commands if "gone@remote.test" in each]) == tried


async def test_wishes_of_the_envelope_go_out_as_smtp_says_them(remote: Remote, account: Account) -> None:
    email = await account.draft("b@remote.test")
    envelope = {
        "mailFrom": {"email": OWN, "parameters": {"ENVID": "one two=3", "RET": "HDRS"}},
        "rcptTo": [
            {"email": "b@remote.test", "parameters": {"NOTIFY": "success,FAILURE", "ORCPT": "rfc822;B+x@remote.test"}}
        ],
    }
    made = await account.submit(email, envelope=envelope)
    assert (await account.get(made["id"]))["envelope"] == envelope
    await account.settled(made["id"], "b@remote.test")
    sent = [each for each in remote.commands if each.startswith(("MAIL", "RCPT"))]
    assert "ENVID=one+20two+3D3" in sent[0].split()
    assert {"NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;B+2Bx@remote.test"} <= set(sent[1].split())
    for parameters, own in (
        ({"ENVID": "x\u00e9"}, {}), ({"ENVID": "y" * 101}, {}), ({"RET": "ALL"}, {}), ({}, {"NOTIFY": "NEVER SIZE=1"}),
        ({}, {"NOTIFY": "NEVER,DELAY"}), ({}, {"ORCPT": "nobody"}), ({"HOLDFOR": "0" * 12 + "9" * 400}, {}),
        ({"HOLDFOR": "-1"}, {}), ({"HOLDFOR": None}, {}), ({"HOLDUNTIL": "soon"}, {}),
    ):  # fmt: skip
        given = {
            "mailFrom": {"email": OWN, "parameters": parameters},
            "rcptTo": [{"email": "b@remote.test", "parameters": own}],
        }
        answer = await account.one(
            "EmailSubmission/set", create={"s": {"emailId": email, "identityId": account.identity, "envelope": given}}
        )
        assert answer["notCreated"]["s"]["type"] == "invalidProperties", (parameters, own)

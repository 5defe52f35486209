"""A script at the open port: mail is filed, passed on, refused and answered, and a kill loses and doubles nothing."""

import asyncio
import smtplib
from contextlib import AsyncExitStack

import pytest

from tests.support import database_file
from tests.support.remote import Remote
from tests.support.server import CommandFailed, Server, environment
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = """
@ 60 SOA ns.test. x.test. 1 60 60 60 60
remote.test. 60 MX 10 mx.remote.test.
mx.remote.test. 60 A 127.0.0.1
"""
RAW = (
    "From: Ann <a@remote.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@remote.test>\r\n\r\nHi.\r\n"
)
SCRIPT = """
require ["fileinto", "mailbox", "copy", "reject", "vacation", "variables"];
if header :matches "subject" "file-*" { fileinto :create "Lists/${1}"; }
elsif header :is "subject" "on" { redirect "far@remote.test"; }
elsif header :is "subject" "no" { reject "We are closed."; }
else { vacation :days 1 :subject "Away" "Back in May."; }
"""


class World:
    def __init__(self, server, remote):
        self.server, self.remote = server, remote

    async def send(self, subject, *to):
        to = to or ("agent@local.test",)

        def post():
            with smtplib.SMTP(*self.server.smtp, local_hostname="mx.remote.test", timeout=60) as client:
                client.sendmail("a@remote.test", list(to), RAW.format(subject=subject, to=to[0]))

        await asyncio.to_thread(post)

    async def script(self, text, inbox="agent@local.test", name="main"):
        path = self.server.directory / "script"
        path.write_text(text)
        return await self.server.command("sieve", "put", inbox, name, str(path), "--activate")

    async def outside(self, count):
        await until(lambda: len(self.remote.messages) >= count)
        await asyncio.sleep(0.3)  # nothing more follows
        return self.remote.messages


@pytest.fixture
async def world(tmp_path):
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer(".", ZONE))
        remote = await stack.enter_async_context(Remote())
        server = Server(
            tmp_path,
            environment(
                tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], queue__remote_port=remote.port,
                authentication__verify=False, filter__enabled=False,
            ),
        )  # fmt: skip
        await server.bootstrap()
        await server.start()
        stack.push_async_callback(server.stop)
        yield World(server, remote)


async def test_a_script_files_passes_on_refuses_and_answers(world):
    made = await world.script(SCRIPT)
    assert made["active"]
    await world.send("file-python")
    await world.send("on")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        await world.send("no")
    assert refused.value.smtp_code == 550
    assert b"We are closed." in refused.value.smtp_error
    for _ in range(2):
        await world.send("hello")
    sent = await world.outside(2)
    assert len(sent) == 2
    by_recipient = {one.recipients[0]: one for one in sent}
    forwarded = next(one for recipient, one in by_recipient.items() if "far@remote.test" in recipient)
    answer = next(one for recipient, one in by_recipient.items() if "a@remote.test" in recipient)
    assert "SRS0=" in forwarded.mail
    assert "<>" in answer.mail
    assert b"Subject: Away" in answer.content
    assert b"Auto-Submitted: auto-replied" in answer.content
    assert b"In-Reply-To: <hello@remote.test>" in answer.content
    assert b"DKIM-Signature" in answer.content
    await until(lambda: len(placed(world)) >= 3)
    assert placed(world) == [("file-python", "python"), ("hello", "Inbox"), ("hello", "Inbox")]


def placed(world):
    """The subject of each message, and the folder that it lies in."""
    with database_file.reading(world.server.directory / "data") as database:
        return database.execute(
            "SELECT d.subject, f.name FROM placement p JOIN folder f ON f.id = p.folder_id "
            "JOIN message_data d ON d.message_id = p.message_id ORDER BY d.message_id"
        ).fetchall()


async def test_one_of_two_who_refuses_is_told_of_in_a_report(world):
    (world.server.directory / "secret").write_text("correct horse battery")
    await world.server.command(
        "inbox", "add", "other@local.test", "--password-file", str(world.server.directory / "secret")
    )
    await world.script('require "ereject"; ereject "Not me.";')
    await world.send("both", "agent@local.test", "other@local.test")
    (report,) = await world.outside(1)
    assert "<>" in report.mail
    assert b"Not me." in report.content
    assert b"report-type=delivery-status" in report.content


async def test_an_answer_survives_a_kill_and_is_given_once(world):
    await world.script('require "vacation"; vacation "Back in May.";')
    world.remote.answers("RCPT TO:<a@remote.test>", "451 4.2.1 later", always=True)
    for number in range(3):
        await world.send(f"hello{number}")
        await world.server.kill()
        await world.server.start()
    await asyncio.sleep(1)
    assert world.remote.messages == []
    queued = await world.server.command("queue", "list")
    assert [row["recipient"] for row in queued] == ["a@remote.test"]
    verified = await world.server.command("verify")
    assert not verified.get("missing"), verified


async def test_scripts_are_kept_shown_and_taken_away(world):
    server = world.server
    await world.script("keep;")
    await world.script("discard;", name="other")
    rows = await server.command("sieve", "list", "agent@local.test")
    assert [(row["name"], row["active"]) for row in rows] == [("main", False), ("other", True)]
    assert (await server.command("sieve", "get", "agent@local.test", "main"))["content"] == "keep;"
    with pytest.raises(CommandFailed, match="active"):
        await server.command("sieve", "rm", "agent@local.test", "other")
    assert not any(row["active"] for row in await server.command("sieve", "activate", "agent@local.test"))
    assert (await server.command("sieve", "rm", "agent@local.test", "other"))["removed"]
    with pytest.raises(CommandFailed, match=r"Line 2: The string"):
        await world.script('keep;\nredirect "x')

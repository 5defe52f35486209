"""The whole life of a server: set up, looked at, used, filled, backed up, lost, restored, a week of queue."""

import asyncio
import glob
import imaplib
import json
import os
import shutil
import signal
import smtplib
import ssl
from contextlib import AsyncExitStack
from email.message import EmailMessage

import pytest

from tests.support import dovecot, installed, knot, unbound, waiting
from tests.support.dovecot import Dovecot
from tests.support.installed import DOMAIN, OWNER, Zone
from tests.support.remote import Remote
from tests.support.server import PASSWORD, Server

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
IMPORTED = 90
ALL = "folders and messages"

pytestmark = [
    pytest.mark.skipif(bool(knot.missing()), reason=str(knot.missing())),
    pytest.mark.skipif(bool(unbound.missing()), reason=str(unbound.missing())),
    pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing())),
    pytest.mark.skipif(not FAKETIME, reason="faketime is not installed"),
    pytest.mark.timeout(600),
]


def letter(sender, to, subject):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content(f"About {subject}.")
    return message


def receive(server, subject):
    """Somebody writes to us."""
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.send_message(letter("friend@remote.test", OWNER, subject))


def submit(server, to, subject):
    """The owner writes to somebody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(*server.submission, timeout=60) as client:
        client.starttls(context=context)
        client.login(OWNER, PASSWORD)
        client.send_message(letter(OWNER, to, subject))


class Life:
    """A machine, and the same one again elsewhere."""

    def __init__(self, machine):
        self.machine = machine
        self.days = 0

    async def run(self, *arguments):
        """A command's document."""
        config = self.machine.config
        code, stdout, stderr = await self.machine.run("--config", str(config), "--json", *arguments)
        assert code == 0, stderr
        return json.loads(stdout)

    async def started(self):
        """The server, at its day."""
        environment = {**self.machine.environment, "MAILSERVER_CONFIG": str(self.machine.config), **self._clock()}
        server = Server(self.machine.root.parent, environment)
        await server.start()
        return server

    def _clock(self):
        if not self.days:
            return {}
        return {"LD_PRELOAD": FAKETIME, "FAKETIME": f"+{self.days}d"}

    async def queue(self):
        """The state of each recipient, and how often it was tried."""
        return {row["recipient"]: (row["state"], row["attempts"]) for row in await self.run("queue", "list")}

    async def holdings(self):
        """What the owner's inbox holds."""
        (row,) = [row for row in await self.run("inbox", "list") if row["address"] == OWNER]
        return row["messages"], row["used_bytes"]

    async def until(self, condition):
        """Wait for something that becomes true, which commands are asked about."""
        await waiting.until(condition, 120)


@pytest.fixture
def account():
    """Where the owner's mail was before."""
    server = Dovecot(["owner"])
    for number in range(IMPORTED):
        content = f"From: a{number}@remote.test\nMessage-ID: <{number}@remote.test>\nSubject: old {number}\n\nText\n"
        server.fill(
            "owner", ("", ".Gesendet", ".Work")[number % 3], number, content.encode(), "S", 1_600_000_000 + number
        )
    server.start()
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.login("owner", dovecot.PASSWORD)
        assert client.select()[1] == [b"30"]
    yield server
    server.close()


async def test_the_whole_life_of_a_server(tmp_path, account):
    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(Remote())
        for who in ("slow", "never"):
            remote.answers(f"RCPT TO:<{who}@", "451 4.2.1 not now", always=True)
        settings = installed.certified(tmp_path / "certificates")
        settings |= installed.listening(
            health__addresses=["127.0.0.1"], health__signed_name=DOMAIN, queue__smarthost=f"127.0.0.1:{remote.port}"
        )
        life = Life(installed.bare(tmp_path / "first", **settings))

        # Set up, and looked at.
        code, _, stderr = await life.machine.setup()
        assert code == 0, stderr
        _, snippet, _ = await life.machine.run("--config", str(life.machine.config), "dns", "zone", DOMAIN)
        _, resolver = await stack.enter_async_context(Zone(tmp_path / "dns", snippet).served())
        life.machine.environment["MAILSERVER_DNS__NAMESERVERS"] = json.dumps([resolver.address])
        server = await life.started()
        stack.push_async_callback(server.kill)
        code, rows = await life.machine.doctor()
        assert not [row for row in rows if row["status"] == "failed"]
        assert code == 0

        # Mail comes in and goes out; old mail moves here.
        await asyncio.to_thread(receive, server, "welcome")
        for who in ("soon", "slow", "never"):
            await asyncio.to_thread(submit, server, f"{who}@remote.test", f"to {who}")
        password = tmp_path / "other"
        password.write_text(dovecot.PASSWORD + "\n")
        brought = await life.run(
            "import", "imap", "127.0.0.1", "--port", str(account.port), "--no-tls", "--user", "owner",
            "--password-file", str(password), "--inbox", OWNER,
        )  # fmt: skip
        assert brought["imported"] == IMPORTED

        async def is_sent():
            return len(remote.messages) == 1 and set(await life.queue()) == {"slow@remote.test", "never@remote.test"}

        await life.until(is_sent)
        (sent,) = remote.messages
        assert "<soon@remote.test>" in sent.recipients[0]
        assert sent.content.count(b"DKIM-Signature:") == 2
        token = await life.run("token", "create", "--inbox", OWNER, "--scopes", "email:read")
        held = await life.holdings()
        assert held[0] == IMPORTED + 4

        # Days go by, and the queue tries again.
        for _ in range(1):
            assert await server.stop() == 0
            before, life.days = await life.queue(), life.days + 1
            server = await life.started()
            stack.push_async_callback(server.kill)

            async def is_tried(before=before):
                now = await life.queue()
                return all(now[who][1] > before[who][1] for who in before)

            await life.until(is_tried)

        async def is_told():  # that mail waits, of both messages
            return (await life.holdings())[0] == held[0] + 2

        await life.until(is_told)

        # A backup while it runs; then the disk is gone, and the server is put back elsewhere.
        backup = await life.run("backup", str(tmp_path / "backup"))
        kept = await life.holdings()
        assert (backup["messages"], backup["queued"] > 0, backup["missing"]) == (kept[0], True, 0)
        waiting = await life.queue()
        os.kill(server.pid, signal.SIGKILL)
        await server.kill()
        shutil.rmtree(life.machine.root)

        life.machine = installed.bare(tmp_path / "second", **settings)
        life.machine.environment["MAILSERVER_DNS__NAMESERVERS"] = json.dumps([resolver.address])
        data, outside = life.machine.data, life.machine.data / "outside" / "config.toml"
        code, _, stderr = await life.machine.run("restore", str(tmp_path / "backup"), MAILSERVER_DATA_DIR=str(data))
        assert code == 0, stderr
        life.machine.config.parent.mkdir(parents=True)
        life.machine.config.write_text(outside.read_text().replace(str(tmp_path / "first"), str(tmp_path / "second")))
        assert (await life.run("verify", "--deep"))["ok"]
        assert await life.queue() == waiting
        assert await life.holdings() == kept

        # The restored one goes on: what was slow arrives, what never does comes back, and everybody gets in.
        remote.forget_rules()
        remote.answers("RCPT TO:<never@", "451 4.2.1 not now", always=True)
        while "never@remote.test" in await life.queue():
            assert life.days < 8
            before, life.days = (await life.queue())["never@remote.test"][1], life.days + 1
            server = await life.started()
            stack.push_async_callback(server.kill)

            async def is_done(before=before):
                now = await life.queue()
                return "slow@remote.test" not in now and now.get("never@remote.test", ("", before + 1))[1] > before

            await life.until(is_done)
            assert await server.stop() == 0
        assert life.days >= 4
        assert [one.recipients[0].partition("<")[2].partition("@")[0] for one in remote.messages] == ["soon", "slow"]

        server = await life.started()
        stack.push_async_callback(server.kill)
        await asyncio.to_thread(receive, server, "still here")
        server.account = {"agent_token": token["token"]}

        async def is_all_there():
            rows = await life.run("inbox", "list")
            return any(row["messages"] >= kept[0] + 2 for row in rows)  # a bounce, and the last letter

        await life.until(is_all_there)
        assert await life.run("verify")
        code, rows = await life.machine.doctor("--only", "queue", "--only", "database", "--only", "files")
        assert [row for row in rows if row["status"] == "failed"] == []
        assert await server.stop() == 0

"""What the real process promises beside the plain way of a message: reports, waits, routes, verbs, ends."""

import asyncio
import contextlib
import email
import json
import smtplib
import socket
import ssl

import pytest

from tests.support import database_file, smtp_services
from tests.support.remote import EXTENSIONS, Remote
from tests.support.server import PASSWORD, Server, environment, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = "@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\nremote 60 MX 10 mx.remote\nmx.remote 60 A 127.0.0.1\n"
WITHOUT_DSN = tuple(word for word in EXTENSIONS if word != "DSN")
LETTER = b"From: agent@local.test\r\nTo: bob@remote.test\r\nSubject: %s\r\n\r\nHello.\r\n"


class World:
    """The appliance, one other server, and the inbox of agent@local.test."""

    def __init__(self, server, remote, gent):
        self.server, self.remote, self.gent = server, remote, gent

    async def submit(self, *recipients, subject=b"letter", mail=(), rcpt=(), sender="agent@local.test", content=None):
        await asyncio.to_thread(self._submit, recipients, subject, mail, rcpt, sender, content)

    def _submit(self, recipients, subject, mail, rcpt, sender, content):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP_SSL(*self.server.submissions, timeout=60, context=context) as client:
            client.login("agent@local.test", PASSWORD)
            assert client.sendmail(sender, recipients, content or LETTER % subject, mail, rcpt) == {}

    async def receive(self, *recipients, content=b"Subject: in\r\n\r\nx\r\n", sender="a@elsewhere.test"):
        def send():
            with smtplib.SMTP(*self.server.smtp, timeout=60) as client:
                assert client.sendmail(sender, recipients, content) == {}

        await asyncio.to_thread(send)

    async def inbox(self, **query):
        async with self.gent.get("/v1/messages/", params={"folder": "inbox", **query}) as answer:
            return (await answer.json())["results"]

    async def raw(self, row):
        async with self.server.session(self.server.account["api_key"]) as agentry:
            answer = await (await agentry.get(f"/agent/v0/messages/{row['id']}/raw")).json()
        link = answer["download_url"].replace("https://mail.local.test", self.server.http)
        async with self.gent.get(link) as answer:
            return await answer.read()

    async def report(self):
        """The only message in the inbox, as a report: its status parts and the whole."""
        (row,) = await until(self.inbox)
        whole = email.message_from_bytes(await self.raw(row))
        assert whole.get_content_type() == "multipart/report", row
        assert whole.get_param("report-type") == "delivery-status"
        assert whole["Return-Path"] == "<>"
        assert whole["Auto-Submitted"].startswith("auto-")
        text, status, _ = whole.get_payload()
        assert text.get_content_type() == "text/plain"
        return status.get_payload(), whole

    async def queued(self, *options):
        return await self.server.command("queue", "list", *options)

    async def finished(self, *states):
        """The deliveries, once there are some and each is in one of these states."""

        async def ended():
            rows = await self.queued("--all")
            return rows if rows and all(row["state"] in states for row in rows) else None

        return await until(ended)


@contextlib.asynccontextmanager
async def world(directory, remote=None, **settings):
    async with remote or Remote() as outside, NameServer("test.", ZONE) as names:
        chosen = {
            "dns__nameservers": [f"127.0.0.1:{names.port}"], "queue__remote_port": outside.port,
            "queue__retry_seconds": [1], "queue__retry_jitter": 0,
        } | settings  # fmt: skip
        async with running_server(directory, **chosen) as server, server.session() as gent:
            yield World(server, outside, gent)
        assert "Traceback" not in server.log


async def test_success_is_reported_for_a_server_that_does_not_report_itself(tmp_path):
    async with world(tmp_path, Remote(WITHOUT_DSN)) as here:
        options = ("NOTIFY=SUCCESS", "ORCPT=rfc822;Bob+2Bx@remote.test")
        await here.submit("bob@remote.test", mail=("RET=HDRS", "ENVID=order-7"), rcpt=options)
        (message, recipient), whole = await here.report()
        assert message["Original-Envelope-Id"] == "order-7"
        assert recipient["Action"] == "relayed"
        assert recipient["Original-Recipient"] == "rfc822;Bob+x@remote.test"
        assert recipient["Status"].startswith("2.")
        assert whole.get_payload()[2].get_content_type() == "text/rfc822-headers"


async def test_a_server_that_reports_itself_is_asked_to(tmp_path):
    async with world(tmp_path) as here:
        await here.submit("bob@remote.test", mail=("RET=FULL", "ENVID=order-8"), rcpt=("NOTIFY=SUCCESS,DELAY",))
        await until(lambda: asyncio.sleep(0, here.remote.messages))
        (message,) = here.remote.messages
        assert {"RET=FULL", "ENVID=order-8"} <= set(message.mail.split())
        assert "NOTIFY=SUCCESS,DELAY" in message.recipients[0].split()
        await asyncio.sleep(0.5)
        assert await here.inbox() == []


async def test_success_at_home_is_delivered_and_never_is_never(tmp_path):
    async with world(tmp_path) as here:
        here.remote.answers("RCPT TO:<bob@", "550 5.1.1 nobody", always=True)
        await here.submit("bob@remote.test", subject=b"quiet", rcpt=("NOTIFY=NEVER",))
        await here.finished("failed")
        await here.submit("agent+x@local.test", subject=b"home", rcpt=("NOTIFY=SUCCESS",))
        rows = await until(lambda: two(here))
        assert {row["subject"] for row in rows} >= {"home"}
        (report,) = [row for row in rows if row["subject"] != "home"]
        parts = email.message_from_bytes(await here.raw(report)).get_payload()[1].get_payload()
        assert parts[1]["Action"] == "delivered"
        assert parts[1]["Final-Recipient"].endswith("agent+x@local.test")


async def two(here):
    rows = await here.inbox()
    return rows if len(rows) >= 2 else None


async def test_a_delay_is_told_once_and_only_to_whom_it_matters(tmp_path):
    async with world(tmp_path, queue__delay_notice_seconds=1.5) as here:
        here.remote.answers("RCPT TO:<", "450 4.2.1 later", always=True)
        await here.submit("bob@remote.test")
        await here.submit("carol@remote.test", rcpt=("NOTIFY=FAILURE",))
        (_, recipient), _ = await here.report()
        assert recipient["Action"] == "delayed"
        assert recipient["Status"].startswith("4.")
        assert "bob@remote.test" in recipient["Final-Recipient"]
        assert "450 4.2.1 later" in recipient["Diagnostic-Code"]
        assert recipient["Will-Retry-Until"]
        await asyncio.sleep(3.5)
        assert len(await here.inbox()) == 1


async def test_what_expires_is_reported_to_its_sender_and_to_nobody_without_one(tmp_path):
    async with world(tmp_path, queue__lifetime_seconds=2) as here:
        here.remote.answers("RCPT TO:<", "450 4.2.1 later", always=True)
        await here.submit("bob@remote.test")
        await here.submit("carol@remote.test", sender="")
        await here.finished("failed")
        (_, recipient), whole = await here.report()
        assert recipient["Action"] == "failed"
        assert recipient["Status"] == "5.4.7"
        assert "bob@remote.test" in recipient["Final-Recipient"]
        assert "Subject: letter" in whole.get_payload()[2].get_payload()
        await asyncio.sleep(0.5)
        assert len(await here.inbox()) == 1
        async with here.gent.get("/v1/messages/suppressed/") as answer:
            assert await answer.json() == []


async def test_the_smarthost_gets_everything_after_our_login(tmp_path):
    words = ("PIPELINING", "8BITMIME", "AUTH PLAIN LOGIN")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    smtp_services.make_certificate(tmp_path)
    context.load_cert_chain(tmp_path / "server.pem")
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    async with Remote(words, context) as relay:
        more = {
            "queue__smarthost": f"127.0.0.1:{relay.port}", "queue__smarthost_user": "mail.local.test",
            "queue__smarthost_password_file": str(secret),
        }  # fmt: skip
        async with world(tmp_path / "server", **more) as here:
            await here.submit("bob@anywhere.example")
            await until(lambda: asyncio.sleep(0, relay.messages))
            assert here.remote.messages == []
            assert "hunter2" not in here.server.log
        (message,) = relay.messages
        assert message.tls
        assert message.login[0].startswith("AUTH PLAIN ")
        relay.answers("AUTH", "535 5.7.8 no", always=True)
        async with world(tmp_path / "other", **more) as here:
            await here.submit("bob@anywhere.example")
            (row,) = await until(lambda: tried(here))
            assert row["state"] == "queued"
            assert row["last_reply"].startswith("535")


async def tried(here):
    rows = await here.queued()
    return rows if rows and all(row["last_reply"] for row in rows) else None


async def test_lists_aliases_tags_catch_alls_and_postmaster_reach_whom_they_should(tmp_path):
    async with world(tmp_path) as here:
        for name in ("one", "two"):
            path = tmp_path / f"password-{name}"
            path.write_text(PASSWORD)
            await here.server.command("inbox", "add", f"{name}@local.test", "--password-file", str(path))
        await here.server.stop()
        with database_file.writing(tmp_path / "data") as database:  # as pages to come will make them
            (tenant,) = database.execute("SELECT tenant_id FROM inbox").fetchone()
            ids = dict(database.execute("SELECT address, id FROM inbox"))
            database.execute("INSERT INTO distribution_list VALUES (1, ?, 'all@local.test', 'All', 1, 1)", [tenant])
            for number, name in enumerate(("agent", "one", "two")):
                database.execute("INSERT INTO list_member VALUES (1, ?, ?, 1)", [ids[f"{name}@local.test"], number])
            database.execute("INSERT INTO alias VALUES ('sales@local.test', ?, ?, 1)", [tenant, ids["one@local.test"]])
            database.execute("UPDATE domain SET catch_all_inbox_id = ?", [ids["two@local.test"]])
        await here.server.start()
        async with here.server.session() as here.gent:
            await here.receive("all@local.test", "one@local.test", "sales@local.test", content=letter("everybody"))
            await here.receive("Sales@local.test", content=letter("alias"))
            await here.receive("sales+tag@local.test", content=letter("tagged alias"))
            await here.receive("two+tag@local.test", content=letter("tag"))
            await here.receive("whoever@local.test", content=letter("catch-all"))
            await here.receive("PostMaster@local.test", content=letter("postmaster"))
            await here.receive("abuse+x@local.test", content=letter("abuse"))
            await here.receive("postmaster", content=letter("bare postmaster"))
            expected = {
                "agent": ["abuse", "bare postmaster", "everybody", "postmaster"],
                "one": ["alias", "everybody", "tagged alias"], "two": ["catch-all", "everybody", "tag"],
            }  # fmt: skip

            async def sorted_out():
                return held(tmp_path) == expected

            with contextlib.suppress(TimeoutError):
                await until(sorted_out)
            assert held(tmp_path) == expected


def letter(subject):
    return f"From: a@elsewhere.test\r\nSubject: {subject}\r\n\r\nx\r\n".encode()


def held(directory):
    """The subjects in each inbox."""
    found = {}
    with database_file.reading(directory / "data") as database:
        for address, subject in database.execute(
            "SELECT i.address, d.subject FROM message m JOIN message_data d ON d.message_id = m.id "
            "JOIN inbox i ON i.id = m.inbox_id ORDER BY d.subject"
        ):
            found.setdefault(address.partition("@")[0], []).append(subject)
    return found


async def test_the_operator_holds_releases_retries_and_drops(tmp_path):
    async with world(tmp_path, queue__retry_seconds=[600]) as here:
        here.remote.answers("RCPT TO:<", *["450 4.2.1 later"] * 3)
        for name in ("held", "retried", "dropped"):
            await here.submit(f"{name}@remote.test")
        rows = await until(lambda: three(here))
        ids = {row["recipient"].partition("@")[0]: row["id"] for row in rows}
        verb = here.server.command
        assert await verb("queue", "hold", ids["held"]) == {"ids": [ids["held"]]}
        assert await verb("queue", "hold", ids["held"]) == {"ids": []}
        assert await verb("queue", "drop", "--yes", ids["dropped"]) == {"ids": [ids["dropped"]]}
        assert await verb("queue", "drop", "--yes", ids["dropped"]) == {"ids": []}
        assert await verb("queue", "retry", *ids.values()) == {"ids": [ids["retried"]]}

        async def one():  # an outcome is written down behind the delivery
            rows = await here.queued()
            return rows if len(rows) == 1 else None

        (waiting,) = await until(one)
        assert [message.recipients[0][9:-1] for message in here.remote.messages] == ["retried@remote.test"]
        assert (waiting["id"], waiting["state"], waiting["next_attempt_at"]) == (ids["held"], "held", None)
        await here.server.stop()
        await here.server.start()
        assert await verb("queue", "release", ids["held"]) == {"ids": [ids["held"]]}
        await here.finished("delivered", "dropped")
        assert len(here.remote.messages) == 2
        shown = await verb("queue", "show", ids["held"])
        assert [one["result"] for one in shown["tried"]] == ["deferred", "delivered"]
        async with here.server.session() as gent, gent.get("/v1/messages/", params={"folder": "inbox"}) as answer:
            assert (await answer.json())["results"] == []  # nobody is told of what was dropped


async def three(here):
    rows = await tried(here)
    return rows if rows and len(rows) == 3 else None


async def test_binary_content_by_bdat_is_handed_out_as_it_came(tmp_path):
    octets = bytes(range(256)) * 300 + b"\r\n.\r\n\n\r\0"
    head = b"From: a@elsewhere.test\r\nSubject: binary\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream;"
    content = head + b" name=all.bin\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets

    def send(address):
        with socket.create_connection(address, timeout=60) as client, client.makefile("rb") as replies:
            replies.readline()
            client.sendall(b"EHLO peer.test\r\n")
            while replies.readline()[3:4] == b"-":
                pass
            client.sendall(b"MAIL FROM:<a@elsewhere.test> BODY=BINARYMIME\r\nRCPT TO:<agent@local.test>\r\n")
            chunks = [content[start : start + 7001] for start in range(0, len(content), 7001)]
            for chunk in chunks:
                client.sendall(b"BDAT %d\r\n" % len(chunk) + chunk)
            client.sendall(b"BDAT 0 LAST\r\n")
            return [replies.readline()[:3] for _ in range(len(chunks) + 3)]

    async with world(tmp_path) as here:
        assert set(await asyncio.to_thread(send, here.server.smtp)) == {b"250"}
        (row,) = await until(here.inbox)
        assert (await here.raw(row)).endswith(content)
        shown = await (await here.gent.get(f"/v1/messages/{row['id']}/")).json()
        (attachment,) = shown["attachments"]
        assert (attachment["name"], attachment["size"]) == ("all.bin", len(octets))
        async with here.gent.get(f"/v1/messages/blobs/{attachment['blob_id']}/") as answer:
            assert await answer.read() == octets


async def test_requiretls_comes_back_where_the_other_server_cannot_keep_it(tmp_path):
    async with world(tmp_path) as here:
        await here.submit("bob@remote.test", mail=("REQUIRETLS",))
        (_, recipient), _ = await here.report()
        assert recipient["Status"] == "5.7.30"
        assert here.remote.messages == []
        (row,) = await here.queued("--all")
        assert row["state"] == "failed"
        async with here.gent.get("/v1/messages/suppressed/") as answer:
            assert await answer.json() == []


BOUNCE = """From: mailer-daemon@remote.test
To: {to}
Subject: failed
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It failed.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.remote.test

Final-Recipient: rfc822; bob@remote.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 gone

--b
Content-Type: text/rfc822-headers

{head}
--b--
"""


async def test_a_report_that_comes_back_days_later_is_attributed(tmp_path):
    async with world(tmp_path) as here:
        form = {"to": [{"email": "bob@remote.test"}], "subject": "late", "text_body": "x"}
        assert (await here.gent.post("/v1/messages/", json=form)).status == 201
        await here.finished("delivered")
        (message,) = here.remote.messages
        sender = message.mail.partition("<")[2].partition(">")[0]
        assert sender.startswith("b+")
        head = message.content.partition(b"\r\n\r\n")[0].decode()
        bounce = BOUNCE.format(to=sender, head=head).replace("\r\n", "\n").replace("\n", "\r\n")
        await here.receive(sender, content=bounce.encode(), sender="")

        async def suppressed():
            return await (await here.gent.get("/v1/messages/suppressed/")).json()

        (entry,) = await until(suppressed)
        assert entry["address"] == "bob@remote.test"
        (row,) = await here.queued("--all")
        assert row["state"] == "failed"
        again = await here.gent.post("/v1/messages/", json=form)
        assert (await again.json())["suppressed"] == ["bob@remote.test"]


async def test_mail_that_loops_is_stopped(tmp_path):
    hops = b"Received: from a by b; Sat, 21 Nov 2026 09:00:00 +0000\r\n" * 60
    async with world(tmp_path) as here:
        for head in (hops, b"Delivered-To: agent@local.test\r\n"):
            with pytest.raises(smtplib.SMTPDataError) as refused:
                await here.receive("agent@local.test", content=head + b"Subject: loop\r\n\r\nx\r\n")
            assert refused.value.smtp_code == 554
            assert refused.value.smtp_error.startswith(b"5.4.6")
        await asyncio.sleep(0.3)
        assert await here.inbox() == []


CRASH = """
import asyncio, os
create_task = asyncio.TaskGroup.create_task
async def crash(coroutine):
    coroutine.close()
    while not os.path.exists({now!r}):
        await asyncio.sleep(0.02)
    raise RuntimeError("planted")
def planted(self, coroutine, **more):
    is_it = coroutine.__qualname__ == {name!r}
    return create_task(self, crash(coroutine) if is_it else coroutine, **more)
asyncio.TaskGroup.create_task = planted
"""


@pytest.mark.parametrize("name", ["Stage.run", "Runner.run", "Ledger.run_forever", "LoopLag.run"])
async def test_a_task_that_crashes_ends_the_process_and_says_so(tmp_path, name):
    hook = tmp_path / "hook"
    hook.mkdir()
    now = tmp_path / "now"
    (hook / "sitecustomize.py").write_text(CRASH.format(name=name, now=str(now)))
    server = Server(tmp_path, environment(tmp_path))
    await server.bootstrap()
    server.environment["PYTHONPATH"] = str(hook)
    await server.start()
    now.touch()
    async with asyncio.timeout(60):
        code = await server.process.wait()
    assert code not in (0, None)
    assert "planted" in server.log
    last = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")][-1]
    assert last["level"] in ("error", "critical"), last
    del server.environment["PYTHONPATH"]
    async with running_server(tmp_path, bootstrap=False):
        pass

"""Submissions with wishes, and those that send or guess too much, at the real process."""

import asyncio
import contextlib
import datetime as dt
import email
import re
import smtplib
import ssl
import time

import pytest

from tests.support.remote import EXTENSIONS, Remote
from tests.support.server import PASSWORD, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

REMOTE = "@ 60 SOA ns.remote.test. x. 1 60 60 60 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n@ 60 MX 10 mx\nmx 60 A 127.0.0.1\n"
MESSAGE = "From: agent@local.test\r\nTo: bob@remote.test\r\nSubject: Later\r\n\r\nHello.\r\n"


@pytest.fixture
async def remote():
    async with Remote((*EXTENSIONS, "DELIVERBY 1", "MT-PRIORITY")) as server:
        yield server


@contextlib.asynccontextmanager
async def appliance(directory, remote, **settings):
    async with NameServer("remote.test.", REMOTE) as names:
        chosen = {
            "dns__nameservers": [f"127.0.0.1:{names.port}"], "queue__remote_port": remote.port,
            "limits__login_delay_seconds": 0,
        } | settings  # fmt: skip
        async with running_server(directory, **chosen) as server:
            yield server


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextlib.contextmanager
def client(server, source="127.0.0.1"):
    with smtplib.SMTP(*server.submission, timeout=60, source_address=(source, 0)) as found:
        found.starttls(context=trusting())
        found.login("agent@local.test", PASSWORD)
        yield found


def submit(server, *options, to="bob@remote.test"):
    with client(server) as found:
        found.sendmail("agent@local.test", [to], MESSAGE, mail_options=options)


def replies(server, *options):
    """What MAIL with each of the options gets."""
    found = []
    with client(server) as session:
        for option in options:
            found.append(session.docmd("MAIL", f"FROM:<agent@local.test> {option}"))
            session.rset()
    return [(code, text.decode()) for code, text in found]


async def inbox(server):
    async with server.session() as gent, gent.get("/v1/messages/", params={"folder": "inbox"}) as answer:
        return (await answer.json())["results"]


async def test_submissions_are_offered_wishes_and_strangers_are_not(tmp_path, remote):
    async with appliance(tmp_path, remote) as server:

        def ask():
            with client(server) as session:
                session.ehlo()
                offered = dict(session.esmtp_features)
            with smtplib.SMTP(*server.smtp, timeout=60) as stranger:
                stranger.ehlo()
                refused = stranger.docmd("MAIL", "FROM:<x@remote.test> HOLDFOR=60")[0]
                return offered, dict(stranger.esmtp_features), refused

        offered, to_strangers, refused = await asyncio.to_thread(ask)
        seconds, latest = offered["futurerelease"].split()
        assert seconds == "2592000"
        ahead = dt.datetime.fromisoformat(latest) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(days=29, hours=23, minutes=58) < ahead <= dt.timedelta(days=30)
        assert offered["deliverby"].strip() == "60"
        assert "mt-priority" in offered
        assert not {"futurerelease", "deliverby", "mt-priority"} & set(to_strangers)
        assert refused == 555
        answers = await asyncio.to_thread(
            replies, server,
            "HOLDFOR=2592000", f"HOLDUNTIL={latest}", "HOLDFOR=2592120", "HOLDUNTIL=2999-01-01T00:00:00Z",
            "HOLDFOR=1 HOLDUNTIL=2026-11-21T10:00:00Z", "HOLDFOR=x", "BY=60;R", "BY=59;R", "BY=0;R", "BY=-5;N",
            "BY=600;R HOLDFOR=600", "BY=600;R HOLDFOR=500", "MT-PRIORITY=-9", "MT-PRIORITY=10",
        )  # fmt: skip
        codes = [f"{code} {text.split()[0]}" for code, text in answers]
        fine, wrong = "250 2.1.0", "501 5.5.4"
        assert codes == [
            fine, fine, wrong, wrong, wrong, wrong, fine, "555 5.5.4", wrong, fine, wrong, fine, fine, wrong,
        ]  # fmt: skip


async def test_a_held_message_waits_over_a_restart_and_goes_out_on_time(tmp_path, remote):
    async with appliance(tmp_path, remote) as server:
        began_at = time.time()
        await asyncio.to_thread(submit, server, "HOLDFOR=9", "MT-PRIORITY=3")
        await server.stop()
        (row,) = await server.command("queue", "list")
        assert 8_000 < row["next_attempt_at"] - began_at * 1000 < 39_000
        assert row["attempts"] == 0
        assert row["expires_at"] - row["next_attempt_at"] == 5 * 86_400_000
        assert remote.messages == []
        await server.start()
        (message,) = await until(lambda: remote.messages)
        assert time.time() - began_at >= 9
        assert "MT-PRIORITY=3" in message.mail
        assert "HOLD" not in message.mail
        assert b"Subject: Later" in message.content


async def test_what_cannot_be_there_in_time_comes_back_in_time(tmp_path, remote):
    remote.answers("RCPT TO", "451 4.2.1 later", always=True)
    settings = {"limits__soonest_by_seconds": 1, "queue__retry_seconds": [1]}
    async with appliance(tmp_path, remote, **settings) as server:
        began_at = time.time()
        await asyncio.to_thread(submit, server, "BY=8;R")

        async def reported():
            return await inbox(server)

        (row,) = await until(reported)
        key = server.account["api_key"]
        assert time.time() - began_at >= 8
        async with server.session(key) as agentry, agentry.get(f"/agent/v0/messages/{row['id']}/raw") as answer:
            link = (await answer.json())["download_url"].replace("https://mail.local.test", server.http)
        async with server.session() as gent, gent.get(link) as answer:
            raw = await answer.read()
        report = email.message_from_bytes(raw)
        about = report.get_payload(1).get_payload()
        assert about[0]["Deliver-By-Date"]
        assert about[1]["Status"] == "5.4.7"
        tried = [int(re.search(r"BY=(\d+);R", command)[1]) for command in remote.commands if command.startswith("MAIL")]
        assert tried
        assert tried == sorted(tried, reverse=True)
        assert max(tried) <= 8
        number = len(tried)
        await asyncio.sleep(1.5)
        assert len([command for command in remote.commands if command.startswith("MAIL")]) == number


async def test_one_budget_for_all_doors(tmp_path, remote):
    async with appliance(tmp_path, remote, limits__messages_per_inbox_per_hour=2) as server:
        await asyncio.to_thread(submit, server)
        form = {"to": [{"email": "bob@remote.test"}], "subject": "x", "text_body": "x"}
        async with server.session() as gent:
            async with gent.post("/v1/messages/", json=form) as answer:
                assert answer.status == 201
            async with gent.post("/v1/messages/", json=form) as answer:
                assert answer.status == 429
                assert "2 messages an hour" in await answer.text()
        ((code, text),) = await asyncio.to_thread(replies, server, "")
        assert (code, text) == (450, "4.7.1 Your login has sent as much as it may for now, try again later")


async def test_who_guesses_passwords_is_sent_away_and_the_owner_is_not_even_after_a_restart(tmp_path, remote):
    settings = {"limits__login_failures_per_loopback_address": 3, "limits__login_failures_per_account": 6}
    async with appliance(tmp_path, remote, **settings) as server:

        def guess(source):
            with smtplib.SMTP(*server.submission, timeout=60, source_address=(source, 0)) as session:
                session.starttls(context=trusting())
                with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
                    session.login("agent@local.test", "wrong", initial_response_ok=True)
                return caught.value.smtp_code

        def greeted(source):
            try:
                with smtplib.SMTP(*server.submission, timeout=60, source_address=(source, 0)) as session:
                    return session.noop()[0]
            except (smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected) as error:
                return getattr(error, "smtp_code", 0)

        def logs_in(source):
            try:
                with client(server, source):
                    return 235
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_code

        # smtplib tries PLAIN, then LOGIN: two failures a session.
        assert await asyncio.to_thread(logs_in, "127.0.0.1") == 235
        for source in ("127.0.0.2", "127.0.0.2"):
            assert await asyncio.to_thread(guess, source) in (535, 454)
        assert await asyncio.to_thread(greeted, "127.0.0.2") == 421
        assert await asyncio.to_thread(greeted, "127.0.0.3") == 250
        for source in ("127.0.0.3", "127.0.0.4"):
            await asyncio.to_thread(guess, source)
        assert await asyncio.to_thread(logs_in, "127.0.0.5") == 454  # the account is guarded
        assert await asyncio.to_thread(logs_in, "127.0.0.1") == 235
        assert server.log.count('"accounts.login.failed"') >= 6
        # What the comment in the configuration tells fail2ban.
        assert re.search(r'"peer":\s*"127\.0\.0\.2",\s*"event":\s*"accounts\.login\.failed"', server.log)
        await server.stop()
        await server.start()
        for source in ("127.0.0.6", "127.0.0.7", "127.0.0.8"):
            await asyncio.to_thread(guess, source)
        assert await asyncio.to_thread(logs_in, "127.0.0.9") == 454
        assert await asyncio.to_thread(logs_in, "127.0.0.1") == 235

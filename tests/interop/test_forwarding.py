"""Forwarding between real servers: Postfix takes what we pass on and bounces it, dkimpy believes the seal."""

import asyncio
import email
import email.policy
import re
import smtplib
from contextlib import AsyncExitStack

import dkim as dkimpy
import pytest

from tests.support import postfix
from tests.support.ports import free_port
from tests.support.postfix import Postfix
from tests.support.remote import Remote
from tests.support.server import Server, environment
from tests.support.waiting import until
from tests.support.zone import NameServer

MISSING = postfix.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
ZONE = """
@ 60 SOA ns.test. x.test. 1 60 60 60 60
remote.test. 60 MX 10 mx.remote.test.
mx.remote.test. 60 A 127.0.0.1
author.test. 60 MX 10 mx.author.test.
author.test. 60 TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.author.test. 60 TXT "v=DMARC1; p=none"
mx.author.test. 60 A 127.0.0.2
local.test. 60 MX 10 mail.local.test.
local.test. 60 TXT "v=spf1 ip4:127.0.0.1 -all"
mail.local.test. 60 A 127.0.0.1
"""
RAW = (
    b"From: Alice <alice@author.test>\r\nTo: agent@local.test\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n"
    b"Message-ID: <m%d@author.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHello J\xc3\xb6rg.\r\n.dot\r\n"
)


class World:
    """Our appliance; Postfix at remote.test, which forwards nothing; and the author's own server."""

    def __init__(self, server, outside, author, names):
        self.server, self.outside, self.author, self.names = server, outside, author, names

    def box(self, user):
        return self.outside.delivered(user)

    async def write(self, number=1, to="agent@local.test", sender="alice@author.test"):
        def send():
            with smtplib.SMTP(*self.server.smtp, local_hostname="mx.author.test", timeout=60) as client:
                client.sendmail(sender, [to], RAW % number, ["BODY=8BITMIME"])

        await asyncio.to_thread(send)

    async def records(self):
        return {row["name"]: row["value"] for row in await self.server.command("dns", "show", "local.test")}


@pytest.fixture
async def world(tmp_path):
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer(".", ZONE))
        smtp_port, remote_port = free_port(), free_port()
        server = Server(
            tmp_path,
            environment(
                tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], smtp__mx_listen=[f"127.0.0.1:{smtp_port}"],
                queue__remote_port=remote_port,
            ),
        )  # fmt: skip
        await server.bootstrap()
        (tmp_path / "postfix").mkdir()
        (tmp_path / "postfix" / "boxes").write_text("bob@remote.test bob/\ngone@remote.test gone/\n")
        settings = {
            "virtual_mailbox_domains": "remote.test",
            "virtual_mailbox_maps": f"texthash:{tmp_path}/postfix/boxes",
            "virtual_mailbox_base": f"{tmp_path}/postfix/mail",
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "transport_maps": f"inline:{{{{gone@remote.test=gone:}}, {{local.test=smtp:[127.0.0.1]:{smtp_port}}}}}",
            "smtpd_recipient_restrictions": "permit_mynetworks,reject",
        }
        (tmp_path / "postfix" / "gone").write_text("#!/bin/sh\nexit 67\n")  # EX_NOUSER
        (tmp_path / "postfix" / "gone").chmod(0o755)
        services = [f"gone unix - n n - - pipe user=nobody argv={tmp_path}/postfix/gone"]
        outside = Postfix(tmp_path / "postfix", settings, services, port=remote_port)
        await stack.enter_async_context(outside)
        author = await stack.enter_async_context(Remote(host="127.0.0.2", port=remote_port))
        await server.start()
        stack.push_async_callback(server.stop)
        yield World(server, outside, author, names)


async def test_postfix_gets_what_we_forward_and_dkimpy_believes_our_seal(world):
    await world.server.command("forward", "add", "agent@local.test", "bob@remote.test")
    await world.write()
    (raw,) = await until(lambda: world.box("bob"))
    raw = raw.replace(b"\n", b"\r\n") if b"\r\n" not in raw else raw
    message = email.message_from_bytes(raw, policy=email.policy.default)
    path = message["Return-Path"].strip("<>")
    assert re.fullmatch(r"SRS0=[a-z2-7]{8}=[a-z2-7]{2}=author\.test=alice@local\.test", path)
    assert raw.endswith(RAW % 1)
    assert "DKIM-Signature" not in message
    records = await world.records()

    def record(name, timeout=5):
        return records.get(name.decode().removesuffix("."), "").encode()

    verdict, found, why = dkimpy.arc_verify(raw, dnsfunc=record)
    assert verdict == b"pass", why
    assert b"dmarc=pass" in found[0]["aar-value"]
    assert b"spf=pass" in found[0]["aar-value"]


async def test_a_bounce_of_postfix_comes_back_to_the_author(world):
    await world.server.command("forward", "add", "agent@local.test", "gone@remote.test")
    await world.write(2)
    await until(lambda: world.author.messages, 60)
    (back,) = world.author.messages
    assert back.mail.startswith("MAIL FROM:<>")
    assert back.recipients[0].startswith("RCPT TO:<alice@author.test>")
    report = email.message_from_bytes(back.content, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert b"MAILER-DAEMON" in back.content
    assert b"<m2@author.test>" in back.content
    (row,) = await world.server.command("forward", "list")
    assert (row["enabled"], row["failures"]) == (True, 1)


async def test_a_refusal_of_postfix_is_reported_to_the_author_by_us(world):
    await world.server.command("forward", "add", "agent@local.test", "nobody@remote.test", "--no-copy")
    await world.write(3)
    await until(lambda: world.author.messages)
    (back,) = world.author.messages
    assert back.mail.startswith("MAIL FROM:<>")
    assert b"mailer-daemon@mail.local.test" in back.content
    assert b"550" in back.content


async def test_what_postfix_sends_back_ends_there(world):
    """remote.test forwards bob's mail to us: the second time it is a loop, and nobody gets it twice."""
    await world.server.command("forward", "add", "agent@local.test", "bob@remote.test", "--no-copy")
    aliases = "virtual_alias_maps = inline:{{bob@remote.test=agent@local.test}}\n"
    with (world.outside.config / "main.cf").open("a") as file:
        file.write(aliases)
    await asyncio.to_thread(world.outside.run, "postfix", "-c", str(world.outside.config), "reload")
    await world.write(4)
    await until(lambda: world.author.messages, 60)
    (back,) = world.author.messages
    assert b"5.4.6" in back.content
    assert world.box("bob") == []
    async with world.server.session() as gent:
        shown = await (await gent.get("/v1/messages/", params={"folder": "inbox"})).json()
    assert shown["results"] == []

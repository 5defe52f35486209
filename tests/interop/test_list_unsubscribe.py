"""RFC 8058 4: List-Unsubscribe and List-Unsubscribe-Post are signed, by whichever door the message came."""

import asyncio
import smtplib
import ssl
import urllib.parse

import pytest

from mailserver.mail import results
from tests.support import opendkim
from tests.support.milter import Milter
from tests.support.opendkim import OpenDkim
from tests.support.remote import Remote
from tests.support.server import PASSWORD, Server, environment
from tests.support.waiting import until
from tests.support.zone import NameServer

MISSING = opendkim.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
LEAVE = "<https://lists.local.test/leave/1>, <mailto:leave@local.test>"
ONE_CLICK = "List-Unsubscribe=One-Click"
FIELDS = {"List-Unsubscribe": LEAVE, "List-Unsubscribe-Post": ONE_CLICK}
ZONE = (
    "@ 60 SOA ns.test. x. 1 60 60 60 60\n@ 60 NS ns.test.\nns 60 A 127.0.0.1\n"
    "remote 60 MX 10 mx.remote\nmx.remote 60 A 127.0.0.1\n"
)


@pytest.fixture
async def world(tmp_path):
    """The appliance, the remote server that takes its mail, and OpenDKIM with a resolver that finds our keys."""
    async with Remote() as remote:
        server = Server(tmp_path / "appliance", environment(tmp_path / "appliance", queue__remote_port=remote.port))
        server.directory.mkdir()
        await server.bootstrap()
        keys = [one for one in await server.command("dns", "show", "local.test") if "_domainkey" in one["name"]]
        lines = "".join(
            f"{key['name']}. 60 TXT "
            + " ".join(f'"{key["value"][at : at + 250]}"' for at in range(0, len(key["value"]), 250))
            + "\n"
            for key in keys
        )
        async with NameServer("test.", ZONE + lines) as names:
            server.environment["MAILSERVER_DNS__NAMESERVERS"] = f'["127.0.0.1:{names.port}"]'
            await server.start()
            async with OpenDkim(tmp_path / "opendkim", f"127.0.0.1:{names.port}", ["test"]) as verifier:
                yield server, remote, verifier
            await server.stop()


def submit(server, fields):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with smtplib.SMTP_SSL(*server.submissions, timeout=60, context=context) as client:
        client.login("agent@local.test", PASSWORD)
        text = f"From: agent@local.test\r\nTo: bob@remote.test\r\nSubject: News\r\n{head}\r\nNews.\r\n"
        client.sendmail("agent@local.test", ["bob@remote.test"], text)


def receive(server):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        text = "From: bob@remote.test\r\nTo: agent@local.test\r\nSubject: News?\r\n\r\nPlease.\r\n"
        client.sendmail("bob@remote.test", ["agent@local.test"], text)


async def by_api(server, fields):
    """As an answer, where clients of AgentMail may set fields of their own."""
    await asyncio.to_thread(receive, server)
    async with server.session(server.account["api_key"]) as agentry:

        async def there():
            async with agentry.get("/agent/v0/messages") as answer:
                return (await answer.json())["messages"]

        rows = await until(there)
        path = f"/agent/v0/messages/{urllib.parse.quote(rows[0]['message_id'])}/reply"
        async with agentry.post(path, json={"text": "News.", "headers": fields}) as answer:
            assert answer.status == 200, await answer.text()


async def received(remote):
    await until(lambda: remote.messages)
    return remote.messages.pop().content


async def judged(verifier, raw):
    async with Milter(verifier.port) as milter:
        added = await milter.show(raw)
    return next(
        (claim.result for claim in results.parse(added.partition(b":")[2]).claims if claim.method == "dkim"), "none"
    )


def signed_names(raw):
    """The names in h= of each signature."""
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b"").replace(b"\r\n ", b"")
    found = []
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"dkim-signature:"):
            tags = dict(tag.strip().split(b"=", 1) for tag in line.partition(b":")[2].split(b";") if tag.strip())
            found.append([name.strip().lower() for name in tags[b"h"].split(b":")])
    return found


@pytest.mark.parametrize("door", ["api", "submission"])
async def test_a_way_out_of_a_list_is_signed_and_nobody_may_change_it(world, door):
    server, remote, verifier = world
    if door == "api":
        await by_api(server, FIELDS)
    else:
        await asyncio.to_thread(submit, server, FIELDS)
    raw = await received(remote)
    assert f"List-Unsubscribe: {LEAVE}".encode() in raw.replace(b"\r\n ", b" ")
    assert f"List-Unsubscribe-Post: {ONE_CLICK}".encode() in raw
    signatures = signed_names(raw)
    assert signatures
    for names in signatures:
        assert names.count(b"list-unsubscribe") == 2  # the field, and that there is no other
        assert names.count(b"list-unsubscribe-post") == 2
    assert await judged(verifier, raw) == "pass"
    assert await judged(verifier, raw.replace(b"leave/1", b"leave/2")) == "fail"
    assert await judged(verifier, raw.replace(b"One-Click", b"Two-Clicks")) == "fail"
    assert (
        await judged(
            verifier, raw.replace(b"\r\nSubject: ", b"\r\nList-Unsubscribe: <https://evil.test/>\r\nSubject: ")
        )
        == "fail"
    )

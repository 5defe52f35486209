"""Those who send too much, guess, or do not wait: over real sockets, from several addresses of this machine."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from mailserver.smtp import conduct
from mailserver.smtp.limits import SmtpLimits
from tests.support import smtp_services
from tests.support.dialog import Dialog
from tests.support.smtp_services import FakeServices
from tests.support.waiting import until

HELLO = b"EHLO mx.remote.test\r\n"
MESSAGE = b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nDATA\r\n"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def steep(monkeypatch):
    """The first answer that waits does so for as long as any may: clearly longer than a busy machine takes."""
    monkeypatch.setattr(conduct, "STEP_SECONDS", 3_600.0)


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def running(services=None, **limits):
    clock = limits.pop("clock", None) or Time()
    more = {"mx": limits.pop("mx")} if "mx" in limits else {}
    return smtp_services.running(None, SmtpLimits(**limits), services, clock=clock, **more)


@asynccontextmanager
async def connected(server, source="127.0.0.1", greeting="220", address=None):
    async with await Dialog.connect(address or server.mx, source=source) as client:
        await client.expect(greeting)
        yield client


async def send(client, reply="250 2.0.0"):
    await client.send(MESSAGE)
    for expected in ("250", "250", "354"):
        await client.expect(expected)
    await client.command("x\r\n.", reply)


async def test_messages_of_one_address_are_counted_over_connections_and_those_of_another_are_not():
    clock = Time()
    async with running(messages_per_loopback_address_per_hour=2, clock=clock) as server:
        for _ in range(2):
            async with connected(server, "127.0.0.2") as client:
                await client.command("EHLO mx.remote.test", "250")
                await send(client)
        async with connected(server, "127.0.0.2") as client, connected(server, "127.0.0.3") as other:
            await client.command("EHLO mx.remote.test", "250")
            await client.command("MAIL FROM:<a@remote.test>", "450 4.7.1")
            await other.command("EHLO mx.remote.test", "250")
            await send(other)
            clock.now += 4300
            await send(client)


async def test_recipients_of_one_address_are_counted():
    async with running(recipients_per_loopback_address_per_hour=3) as server, connected(server, "127.0.0.2") as client:
        await client.command("EHLO mx.remote.test", "250")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        for _ in range(3):
            await client.command("RCPT TO:<agent@local.test>", "250")
        await client.command("RCPT TO:<agent@local.test>", "450 4.7.1")
        await client.command("DATA", "354")
        await client.command("x\r\n.", "250 2.0.0")
        assert len(server.services.accepted[0].envelope.recipients) == 3


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
async def test_ipv6_is_counted_as_well():
    async with running(messages_per_loopback_address_per_hour=1, mx=("[::1]:0", "127.0.0.1:0")) as server:
        six, four = server.listeners.addresses["smtp"]
        for address, source in ((six, "::1"), (four, "127.0.0.1")):
            async with connected(server, source, address=address) as client:
                await client.command("EHLO mx.remote.test", "250")
                await send(client)
                await client.command("MAIL FROM:<a@remote.test>", "450 4.7.1")


async def test_who_asks_for_many_unknown_recipients_waits_longer_and_is_sent_away_for_an_hour(steep):
    clock = Time()
    limits = {
        "unknown_recipients_per_loopback_address_per_hour": 4, "tarpit_errors": 2, "loopback_tarpit_seconds": 3.0,
    }  # fmt: skip
    now = asyncio.get_running_loop().time
    async with running(clock=clock, **limits) as server:
        waits = []
        for _ in range(2):  # the count outlives the connection
            async with connected(server, "127.0.0.2") as client:
                await client.command("EHLO mx.remote.test", "250")
                await client.command("MAIL FROM:<a@remote.test>", "250")
                for _ in range(2):
                    began_at = now()
                    await client.command("RCPT TO:<nobody@local.test>", "550 5.1.1")
                    waits.append(now() - began_at)
        assert max(waits[:2]) < 2.9
        assert min(waits[2:]) >= 2.99
        async with connected(server, "127.0.0.2") as client, connected(server, "127.0.0.3") as other:
            await client.command("EHLO mx.remote.test", "250")
            await client.command("MAIL FROM:<a@remote.test>", "250")
            await client.command("RCPT TO:<nobody@local.test>", "421 4.7.0")
            assert await client.is_closed()
            await other.command("EHLO mx.remote.test", "250")
            await other.command("MAIL FROM:<a@remote.test>", "250")
            await other.command("RCPT TO:<nobody@local.test>", "550 5.1.1")
        async with connected(server, "127.0.0.2", "421 4.7.0") as client:
            assert await client.is_closed()
        clock.now += 4300
        async with connected(server, "127.0.0.2") as client:
            await client.command("EHLO mx.remote.test", "250")
            await send(client)


async def test_a_known_recipient_is_told_at_once_whatever_memory_says(steep):
    """`slownobody` is unknown only after a lookup: the reply of a task is held back as well."""
    async with running(tarpit_errors=0, loopback_tarpit_seconds=3.0) as server, connected(server) as client:
        now = asyncio.get_running_loop().time
        await client.command("EHLO mx.remote.test", "250")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        began_at = now()
        await client.command("RCPT TO:<slownobody@local.test>", "550 5.1.1")
        assert now() - began_at >= 2.99
        began_at = now()
        await client.command("RCPT TO:<agent@local.test>", "250")
        assert now() - began_at < 2.9


async def test_errors_are_answered_ever_later_and_nobody_else_waits(steep):
    limits = {"tarpit_errors": 1, "loopback_tarpit_seconds": 3.0}
    async with running(**limits) as server, connected(server) as client, connected(server, "127.0.0.2") as other:
        now = asyncio.get_running_loop().time
        await client.command("WHAT", "500")
        began_at = now()
        await client.send(b"WHAT\r\nNOOP\r\n")  # what comes behind it waits as well
        for _ in range(20):
            await other.command("NOOP", "250")
        assert now() - began_at < 2.9
        await client.expect("500")
        assert now() - began_at >= 2.99
        await client.expect("250")
        assert now() - began_at < 5.9


async def test_who_waits_in_the_tarpit_is_told_when_the_server_stops(steep):
    async with running(tarpit_errors=0, loopback_tarpit_seconds=60.0) as server, connected(server) as client:
        await client.send(b"WHAT\r\n")
        async with connected(server) as other:
            await other.command("NOOP", "250")  # what came before it has been read
        await server.listeners.drain(30.0)
        await client.expect("500")
        await client.expect("421 4.3.2")
        assert await client.is_closed()


async def test_who_leaves_the_tarpit_leaves_nothing_behind(steep):
    async with running(tarpit_errors=0, loopback_tarpit_seconds=300.0) as server:
        async with connected(server) as client:
            await client.send(b"WHAT\r\nWHAT\r\n" * 20)
            await asyncio.sleep(0.05)
        await until(lambda: not server.listeners.open_connections)


async def test_who_speaks_before_the_greeting_is_refused():
    async with running(loopback_greeting_delay_seconds=1.0) as server:
        async with await Dialog.connect(server.mx) as client:
            await client.send(HELLO)
            await client.expect("554 5.5.1")
            assert await client.is_closed()
        async with await Dialog.connect(server.mx) as client:
            await client.send(b"x" * 100_000)
            await client.expect("554 5.5.1")
        async with connected(server) as client:
            await client.command("EHLO mx.remote.test", "250")
            await send(client)
        assert server.services.accepted[0].envelope.peer.signs == ()


async def test_or_only_marked():
    async with running(loopback_greeting_delay_seconds=1.0, refuse_early_talkers=False) as server:
        async with await Dialog.connect(server.mx) as client:
            await client.send(HELLO)
            await client.expect("220")
            await client.expect("250")
            await send(client)
        assert server.services.accepted[0].envelope.peer.signs == ("early-talker",)


async def test_submission_ports_greet_at_once():
    async with running(loopback_greeting_delay_seconds=300.0) as server:
        client = await Dialog.connect(server.submission)
        await client.expect("220")
        await client.close()


async def test_a_peer_that_is_greeted_late_may_go_first_and_the_server_may_stop():
    async with running(loopback_greeting_delay_seconds=1.0) as server:
        client = await Dialog.connect(server.mx)
        await client.close()
        client = await Dialog.connect(server.mx)
        await until(lambda: server.listeners.open_connections == 1)
        await server.listeners.drain(30.0)
        await client.expect("421 4.3.2")
        assert await client.is_closed()
        await client.close()
        await asyncio.sleep(1.1)  # nothing comes of a greeting that was due
        assert server.listeners.open_connections == 0


@pytest.mark.parametrize(
    ("helo", "sign"),
    [
        ("mx.remote.test", None),
        ("mx.local.test", "helo-is-ours"),
        ("MX.LOCAL.TEST", "helo-is-ours"),
        ("[192.0.2.1]", "helo-is-address"),
        ("[IPv6:2001:db8::1]", "helo-is-address"),
        ("192.0.2.1", "helo-is-address"),
        ("localhost", "helo-not-a-name"),
        ("what_is-this", "helo-not-a-name"),
    ],
)
async def test_what_a_peer_calls_itself_is_marked_and_never_refused(helo, sign):
    async with running() as server, connected(server) as client:
        await client.command(f"HELO {helo}", "250")
        await send_slowly(client)
        assert server.services.accepted[0].envelope.peer.signs == ((sign,) if sign else ())


async def send_slowly(client):
    for command, reply in (
        ("MAIL FROM:<a@remote.test>", "250"), ("RCPT TO:<agent@local.test>", "250"), ("DATA", "354"), ("x\r\n.", "250"),
    ):  # fmt: skip
        await client.command(command, reply)


@pytest.mark.parametrize(
    "packets",
    [
        [HELLO + b"MAIL FROM:<a@remote.test>\r\n", b"RCPT TO:<agent@local.test>\r\n", b"DATA\r\n", b"x\r\n.\r\n"],
        [HELLO, MESSAGE + b"x\r\n.\r\n"],
        [HELLO, b"MAIL FROM:<a@remote.test>\r\n", b"RCPT TO:<agent@local.test>\r\n", b"DATA\r\nx\r\n.\r\n"],
        [b"HELO mx.remote.test\r\n", b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\n", b"DATA\r\n",
         b"x\r\n.\r\n"],
    ],
    ids=["behind EHLO", "everything", "behind DATA", "without EHLO"],
)  # fmt: skip
async def test_who_does_not_wait_for_answers_that_decide_is_marked(packets):
    async with running() as server, connected(server) as client:
        for packet in packets:
            await client.send(packet)
            await asyncio.sleep(0.03)
        while not server.services.accepted:
            await asyncio.sleep(0.001)
        assert server.services.accepted[0].envelope.peer.signs == ("unauthorised-pipelining",)


async def test_pipelining_as_it_is_offered_is_no_sign():
    async with running() as server, connected(server) as client:
        await client.command("EHLO mx.remote.test", "250")
        await send(client)
        await client.send(b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nBDAT 3 LAST\r\nx\r\nQUIT\r\n")
        for reply in ("250", "250", "250 2.0.0", "221"):
            await client.expect(reply)
        assert [one.envelope.peer.signs for one in server.services.accepted] == [(), ()]


async def test_an_address_that_is_banned_is_sent_away_from_submission_and_not_from_port_25(tmp_path):
    certificate = smtp_services.make_certificate(tmp_path)
    services = FakeServices(banned={"127.0.0.2"})
    async with smtp_services.running(certificate, SmtpLimits(), services) as server:
        async with await Dialog.connect(server.submission, source="127.0.0.2") as client:
            await client.expect("421 4.7.0")
            assert await client.is_closed()
        with pytest.raises((ConnectionError, OSError)):
            await Dialog.connect(server.submissions, certificate.trust, source="127.0.0.2")
        async with await Dialog.connect(server.submissions, certificate.trust, source="127.0.0.3") as client:
            await client.expect("220")
        async with connected(server, "127.0.0.2") as client:
            await client.command("EHLO mx.remote.test", "250")
            await send(client)
        assert server.listeners.open_connections <= 1

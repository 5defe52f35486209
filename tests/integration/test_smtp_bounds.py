"""Bounds and endings: errors, junk, slow and many clients, draining."""

import asyncio

import pytest
import uvloop

from mailserver.smtp.limits import SmtpLimits
from tests.support import smtp_services
from tests.support.dialog import Dialog
from tests.support.smtp_services import FakeServices
from tests.support.waiting import until

BEGIN = b"EHLO remote.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nDATA\r\n"


def running(services=None, **limits):
    return smtp_services.running(None, SmtpLimits(**limits), services)


async def connect(server):
    client = await Dialog.connect(server.mx)
    await client.expect("220")
    return client


async def begin(client):
    await client.send(BEGIN)
    for reply in ("250", "250", "250", "354"):
        await client.expect(reply)


async def test_too_many_errors_end_the_connection():
    async with running(errors=3) as server, await connect(server) as client:
        await client.command("WHAT", "500")
        await client.command("WHAT", "500")
        await client.command("WHAT", "500")
        await client.expect("421 4.7.0")
        assert await client.is_closed()


async def test_an_accepted_message_forgives_errors_and_junk():
    async with running(errors=3, junk_commands=3) as server, await connect(server) as client:
        for _ in range(3):
            await client.command("WHAT", "500")
            await client.command("NOOP", "250")
            await client.command("VRFY x", "252")
            await client.send(BEGIN[len(b"EHLO remote.test\r\n") :] if server.services.accepted else BEGIN)
            for reply in ("250", "250", "354") if server.services.accepted else ("250", "250", "250", "354"):
                await client.expect(reply)
            await client.command("x\r\n.", "250 2.0.0 Queued")


async def test_temporary_troubles_of_ours_are_not_held_against_the_peer():
    async with running(errors=2) as server, await connect(server) as client:
        server.services.has_room = False
        await client.command("EHLO remote.test", "250")
        for _ in range(5):
            await client.command("MAIL FROM:<a@remote.test>", "452 4.3.1")


async def test_too_much_junk_ends_the_connection():
    async with running(junk_commands=5) as server, await connect(server) as client:
        for command in ("NOOP", "RSET", "VRFY x", "HELP", "EXPN x"):
            await client.command(command, "502" if "EXPN" in command else "2")
        await client.command("NOOP", "421 4.7.0")
        assert await client.is_closed()


async def test_a_flood_of_ehlo_is_junk():
    async with running(junk_commands=5) as server, await connect(server) as client:
        for _ in range(6):
            await client.command("EHLO x", "250")
        await client.command("EHLO x", "421 4.7.0")


async def test_too_many_recipients_are_put_off_and_then_end_the_connection():
    async with running(recipients=3, errors=2) as server, await connect(server) as client:
        await client.command("EHLO remote.test", "250")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        for _ in range(3):
            await client.command("RCPT TO:<agent@local.test>", "250")
        for _ in range(3):
            await client.command("RCPT TO:<agent@local.test>", "452 4.5.3")
        await client.command("DATA", "354")
        await client.command("x\r\n.", "250 2.0.0")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        for _ in range(3):
            await client.command("RCPT TO:<agent@local.test>", "250")
        for _ in range(3):
            await client.command("RCPT TO:<agent@local.test>", "452 4.5.3")
        await client.command("RCPT TO:<agent@local.test>", "421 4.7.0")


async def test_too_many_messages_in_a_session_end_it():
    async with running(messages_per_session=2) as server, await connect(server) as client:
        await client.command("EHLO remote.test", "250")
        for _ in range(2):
            await client.command("MAIL FROM:<a@remote.test>", "250")
            await client.command("RSET", "250")
        await client.command("MAIL FROM:<a@remote.test>", "421 4.5.3")


async def test_an_idle_peer_is_told_and_closed():
    async with running(idle_seconds=1.0) as server, await connect(server) as client:
        for _ in range(12):
            await asyncio.sleep(0.1)
            await client.command("NOOP", "250")
        await client.expect("421 4.4.2")
        assert await client.is_closed()


async def test_a_drip_of_data_is_cut_after_the_total_time():
    async with running(idle_seconds=5.0, data_seconds=0.2) as server, await connect(server) as client:
        began_at = asyncio.get_running_loop().time()
        await begin(client)

        async def drip():
            while True:
                await client.send(b"x\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await client.expect("421 4.4.2")
        assert asyncio.get_running_loop().time() - began_at >= 0.2
        dripping.cancel()
        with pytest.raises((asyncio.CancelledError, ConnectionError)):
            await dripping
        assert server.services.discarded == 1
        assert server.services.accepted == []


async def test_a_drip_of_one_command_is_idle_no_more_than_the_session_lasts():
    async with running(idle_seconds=60.0, session_seconds=1.0) as server, await connect(server) as client:
        for letter in "NOOP anything":
            await client.send(letter.encode())
            await asyncio.sleep(0.01)
        await client.expect("421 4.4.2")
        assert await client.is_closed()


async def test_a_message_under_way_outlasts_the_session():
    async with running(session_seconds=1.0) as server, await connect(server) as client:
        await begin(client)
        await asyncio.sleep(1.1)
        await client.command("x\r\n.", "250 2.0.0")
        await client.expect("421 4.4.2")


async def test_one_address_may_hold_only_so_many_connections():
    async with running(connections_per_loopback_address=2) as server:
        first, second = await connect(server), await connect(server)
        third = await Dialog.connect(server.mx)
        await third.expect("421 4.7.0")
        assert await third.is_closed()
        await first.command("QUIT", "221")
        await first.close()
        while server.listeners.open_connections > 1:
            await asyncio.sleep(0.001)
        fourth = await connect(server)
        value = server.registry.get_sample_value
        assert value("mailserver_smtp_connections_total", {"listener": "smtp", "result": "refused"}) == 1
        for client in (second, third, fourth):
            await client.close()


async def test_all_together_may_be_only_so_many():
    async with running(connections=1) as server:
        first = await connect(server)
        second = await Dialog.connect(server.submission)
        await second.expect("421 4.3.2")
        await first.close()
        await second.close()


async def test_a_peer_that_does_not_read_its_replies_is_not_read_either():
    async with running(junk_commands=10**9, idle_seconds=0.5) as server:
        _, writer = await asyncio.open_connection(*server.mx.split(":"), limit=1024)
        writer.transport.pause_reading()
        sent = 0

        async def flood():
            nonlocal sent
            while sent < 100_000_000:
                writer.write(b"HELP\r\n" * 2000)
                await writer.drain()
                sent += 12_000

        with pytest.raises((TimeoutError, ConnectionError)):
            await asyncio.wait_for(flood(), 2.0)
        assert sent < 20_000_000
        writer.transport.abort()


async def test_many_commands_in_one_packet_leave_others_their_turn():
    async with running(junk_commands=10**9) as server, await connect(server) as client, await connect(server) as other:
        await client.send(b"NOOP\r\n" * 20_000)
        await asyncio.sleep(0)
        began_at = asyncio.get_running_loop().time()
        await other.command("NOOP", "250")
        assert asyncio.get_running_loop().time() - began_at < 5
        for _ in range(20_000):
            await client.expect("250")


async def test_a_slow_lookup_of_one_peer_holds_up_nobody_else():
    services = FakeServices(route_gate=asyncio.Event())
    async with running(services) as server, await connect(server) as client, await connect(server) as other:
        await client.send(b"EHLO remote.test\r\nMAIL FROM:<>\r\nRCPT TO:<slow@local.test>\r\nNOOP\r\n")
        await client.expect("250")
        await client.expect("250 2.1.0")
        await begin(other)
        await other.command("x\r\n.", "250 2.0.0 Queued")
        services.route_gate.set()
        await client.expect("250 2.1.5")
        await client.expect("250 2.0.0 Ok")


async def test_draining_says_421_to_idle_peers_and_takes_no_new_ones():
    async with running() as server:
        idle, begun = await connect(server), await connect(server)
        await begun.command("EHLO remote.test", "250")
        await begun.command("MAIL FROM:<>", "250")
        address = server.mx
        await server.listeners.drain(5.0)
        for client in (idle, begun):
            await client.expect("421 4.3.2")
            assert await client.is_closed()
            await client.close()
        with pytest.raises(ConnectionRefusedError):
            await Dialog.connect(address)


async def test_draining_finishes_what_is_in_hand():
    services = FakeServices(gate=asyncio.Event())
    async with running(services) as server:
        storing, sending = await connect(server), await connect(server)
        await begin(storing)
        await storing.send(b"x\r\n.\r\n")
        await begin(sending)
        while not services.accepting:
            await asyncio.sleep(0.001)
        draining = asyncio.create_task(server.listeners.drain(60.0))
        await asyncio.sleep(0.05)
        assert not draining.done()
        await sending.send(b"y\r\n.\r\n")
        services.gate.set()
        for client in (storing, sending):
            await client.expect("250 2.0.0 Queued")
            await client.expect("421 4.3.2")
            assert await client.is_closed()
            await client.close()
        await draining
        assert len(services.accepted) == 2


async def test_draining_gives_up_at_its_deadline():
    services = FakeServices(gate=asyncio.Event())
    async with running(services) as server:
        storing, sending = await connect(server), await connect(server)
        await begin(storing)
        await storing.send(b"x\r\n.\r\n")
        await begin(sending)
        await sending.send(b"half")
        while not services.accepting:
            await asyncio.sleep(0.001)
        began_at = asyncio.get_running_loop().time()
        await server.listeners.drain(0.2)
        assert asyncio.get_running_loop().time() - began_at < 30
        for client in (storing, sending):
            await client.expect("421 4.3.2")
            await client.close()
        assert services.accepted == []
        assert services.discarded == 1


async def test_a_flush_under_way_is_over_before_its_message_is_given_up():
    services = FakeServices(spool_bytes=1, flush_gate=asyncio.Event())
    async with running(services) as server:
        client = await connect(server)
        await begin(client)
        await client.send(b"half\r\n and more\r\n")
        while not services.flushes:
            await asyncio.sleep(0.001)
        draining = asyncio.create_task(server.listeners.drain(0.05))
        await client.expect("421 4.3.2")
        assert services.discarded == 0
        services.flush_gate.set()
        await draining
        await until(lambda: services.discarded)
        assert services.discarded == 1
        await client.close()


def test_all_of_it_runs_on_uvloop_too():
    async def main():
        async with running() as server, await connect(server) as client:
            await begin(client)
            await client.command("x\r\n.", "250 2.0.0 Queued")
            await client.command("NOOP\n", "500 5.5.2")
            assert await client.is_closed()
            assert server.services.accepted[0].content == b"x\r\n"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_tls_and_logins_run_on_uvloop_too(tmp_path):
    certificate = smtp_services.make_certificate(tmp_path)

    async def main():
        async with smtp_services.running(certificate) as server:
            for address, tls in ((server.submission, None), (server.submissions, certificate.trust)):
                async with await Dialog.connect(address, tls) as client:
                    await client.expect("220")
                    if not tls:
                        await client.send(b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n")
                        await client.expect("250")
                        await client.expect("220")
                        await client.start_tls(certificate.trust)
                    await client.command("EHLO laptop.test", "250")
                    await client.command("AUTH LOGIN", "334")
                    await client.command("YWdlbnRAbG9jYWwudGVzdA==", "334")
                    await client.command("Y29ycmVjdCBob3JzZQ==", "235")
                    await client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@remote.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
                    for reply in ("250", "250", "354", "250 2.0.0 Queued", "221"):
                        await client.expect(reply)
            async with await Dialog.connect(server.submissions) as client:
                await client.send(b"EHLO plain.test\r\n")
                await client.reader.read()
            while server.listeners.open_connections:
                await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

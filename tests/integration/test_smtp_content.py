"""Content: DATA, BDAT, smuggling, size, spooling."""

import asyncio
import gc
import resource
import socket
import struct

import pytest

from mailserver.entities import errors
from mailserver.smtp.limits import SmtpLimits
from tests.support import smtp_services
from tests.support.dialog import Dialog
from tests.support.smtp_services import FakeServices

BEGIN = b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\n"


@pytest.fixture
def services():
    return FakeServices()


@pytest.fixture
async def server(services):
    async with smtp_services.running(None, SmtpLimits(message_bytes=20_000, line_bytes=2_000), services) as running:
        yield running


@pytest.fixture
async def client(server):
    async with await Dialog.connect(server.mx) as dialog:
        await dialog.expect("220")
        await dialog.command("EHLO remote.test", "250")
        yield dialog


async def begin(client, extra=b""):
    await client.send(BEGIN + extra)
    await client.expect("250 2.1.0")
    await client.expect("250 2.1.5")


def reset(client):
    """Close so that the server sees it at once, not as the end of what we say."""
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


async def data(client, content, reply):
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    await client.send(content)
    return await client.expect(reply)


ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n\r\n.\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\n\n.\n\n",
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cut", [False, True])
async def test_no_other_end_than_crlf_dot_crlf_ends_a_message(server, client, end, cut):
    smuggled = b"MAIL FROM:<admin@local.test>\r\nRCPT TO:<agent@local.test>\r\nDATA\r\nFrom: admin\r\n\r\nx"
    content = b"Subject: x\r\n\r\nhi" + end + smuggled + b"\r\n.\r\n"
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    if cut:
        for one in content:
            await client.send(bytes([one]))
            await asyncio.sleep(0)
    else:
        await client.send(content)
    await client.expect("550 5.6.11")
    await client.command("NOOP", "250 2.0.0 Ok")
    assert server.services.accepted == []
    assert server.services.discarded == 1


async def test_nul_and_long_lines_are_refused(server, client):
    await data(client, b"a\0b\r\n.\r\n", "550 5.6.0")
    await data(client, b"x" * 2001 + b"\r\n.\r\n", "550 5.6.0")
    await data(client, b"x" * 2000 + b"\r\n.\r\n", "250 2.0.0")
    assert len(server.services.accepted) == 1


async def test_a_message_over_the_limit_is_refused_after_its_end(server, client):
    await data(client, (b"x" * 998 + b"\r\n") * 30 + b".\r\n", "552 5.3.4")
    await data(client, (b"x" * 998 + b"\r\n") * 20 + b".\r\n", "250 2.0.0")
    assert len(server.services.accepted[0].content) == 20_000


async def test_a_message_without_end_is_given_up(server, client):
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    chunk = (b"x" * 998 + b"\r\n") * 1000
    try:
        for _ in range(60):
            await client.send(chunk)
    except ConnectionError:
        pass
    await client.expect("552 5.3.4")
    assert await client.is_closed()


@pytest.mark.parametrize(
    ("failure", "reply"),
    [
        (errors.MessageLoop(), "554 5.4.6"),
        (errors.MessageRefused("spam score 11"), "550 5.7.1"),
        (errors.TooLarge(), "552 5.3.4"),
        (errors.StoreFull(), "452 4.3.1"),
        (errors.StoreUnavailable("disk sda1"), "451 4.3.0"),
        (errors.Invalid("no From"), "550 5.6.0"),
        (RuntimeError("db password=hunter2 lost"), "451 4.3.0 Local error, try again later"),
        (OSError(28, "No space left"), "451 4.3.0"),
    ],
)
@pytest.mark.parametrize("where", ["accept_fails", "add_fails", "begin_fails", "flush_fails"])
async def test_a_refusal_is_its_reply_and_never_its_text(server, client, failure, reply, where):
    setattr(server.services, where, failure)
    server.services.spool_bytes = 5
    await begin(client)
    await client.send(b"DATA\r\n")
    if where != "begin_fails":
        await client.expect("354")
        await client.send(b"Subject: x\r\n\r\n")
        await asyncio.sleep(0.01)
        await client.send(b"body\r\n.\r\n")
    said = await client.expect(reply)
    assert "hunter2" not in said
    assert "score" not in said
    await client.command("RSET", "250 2.0.0")
    setattr(server.services, where, None)
    await data(client, b"fine\r\n.\r\n", "250 2.0.0 Queued")


async def test_bdat_carries_a_message_in_chunks(server, client):
    await begin(client, b"BDAT 6\r\nabc\r\nd")
    await client.expect("250 2.0.0 6 octets")
    await client.send(b"BDAT 0\r\n")
    await client.expect("250 2.0.0 0 octets")
    await client.send(b"BDAT 7 last\r\nef\r\n.\r\n")
    await client.expect("250 2.0.0 Queued")
    await begin(client, b"BDAT 2\r\nabBDAT 0 LAST\r\n")
    await client.expect("250 2.0.0 2 octets")
    await client.expect("250 2.0.0 Queued")
    assert [message.content for message in server.services.accepted] == [b"abc\r\ndef\r\n.\r\n", b"ab"]


async def test_binarymime_needs_bdat_and_is_kept_as_it_is(server, client):
    await client.play("""
        C: MAIL FROM:<a@remote.test> BODY=BINARYMIME
        S: 250
        C: RCPT TO:<agent@local.test>
        S: 250
        C: DATA
        S: 503 5.5.1
    """)
    binary = bytes(range(256)) * 4
    await client.send(b"BDAT 1024 LAST\r\n" + binary)
    await client.expect("250 2.0.0 Queued")
    assert server.services.accepted[0].content == binary
    assert server.services.accepted[0].envelope.body == "BINARYMIME"


async def test_bdat_checks_lines_unless_they_are_binary(server, client):
    for content in (b"a\nb", b"a\rb", b"a\0b"):
        await begin(client, b"BDAT 3 LAST\r\n" + content)
        await client.expect("550 5.6.")
    await begin(client, b"BDAT 2\r\na\rBDAT 2 LAST\r\n\nb")
    await client.expect("250 2.0.0 2 octets")
    await client.expect("250 2.0.0 Queued")
    assert server.services.accepted[0].content == b"a\r\nb"


async def test_refused_chunks_are_read_and_never_taken_for_commands(server, client):
    await client.send(b"BDAT 6\r\nQUIT\r\n")
    await client.expect("503 5.5.1")
    await client.send(b"MAIL FROM:<a@remote.test>\r\nBDAT 6 LAST\r\nQUIT\r\n")
    await client.expect("250 2.1.0")
    await client.expect("503 5.5.1")
    await client.send(b"RSET\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<nobody@local.test>\r\nBDAT 6 LAST\r\nQUIT\r\n")
    for reply in ("250 2.0.0", "250 2.1.0", "550 5.1.1", "554 5.5.1"):
        await client.expect(reply)
    server.services.begin_fails = errors.StoreFull()
    await client.send(b"RSET\r\n" + BEGIN + b"BDAT 6 LAST\r\nQUIT\r\n")
    for reply in ("250 2.0.0", "250 2.1.0", "250 2.1.5", "452 4.3.1"):
        await client.expect(reply)
    await client.command("NOOP", "250 2.0.0")


async def test_nothing_but_bdat_or_rset_follows_bdat(server, client):
    await begin(client, b"BDAT 3\r\nabc")
    await client.expect("250 2.0.0 3 octets")
    await client.play("""
        C: DATA
        S: 503 5.5.1
        C: RCPT TO:<agent@local.test>
        S: 503 5.5.1
        C: MAIL FROM:<>
        S: 503 5.5.1
        C: RSET
        S: 250 2.0.0
        C: MAIL FROM:<>
        S: 250 2.1.0
    """)
    assert server.services.discarded == 1


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("BDAT", "501 5.5.4"),
        ("BDAT x", "501 5.5.4"),
        ("BDAT 5 FIRST", "501 5.5.4"),
        ("BDAT -1", "501"),
        ("BDAT 99999999", "552 5.3.4"),
    ],
)
async def test_a_chunk_of_no_known_size_ends_the_connection(client, command, reply):
    await begin(client)
    await client.command(command, reply)
    assert await client.is_closed()


async def test_a_message_too_big_in_chunks_is_refused(server, client):
    await begin(client, b"BDAT 15000\r\n" + b"x\r\n" * 5000)
    await client.expect("250 2.0.0")
    await client.send(b"BDAT 15000\r\n" + b"x\r\n" * 5000)
    await client.expect("552 5.3.4")
    await client.command("BDAT 0 LAST", "503 5.5.1")


async def test_a_client_that_goes_during_accept_does_not_stop_it(server, client):
    server.services.gate = asyncio.Event()
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    await client.send(b"x\r\n.\r\n")
    while not server.services.accepting:
        await asyncio.sleep(0.001)
    reset(client)
    while server.listeners.open_connections:
        await asyncio.sleep(0.001)
    server.services.gate.set()
    while not server.services.accepted:
        await asyncio.sleep(0.001)
    assert server.services.accepted[0].content == b"x\r\n"


async def test_a_client_that_goes_during_data_leaves_nothing(server, client):
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    await client.send(b"half a mess")
    while not server.services.total:
        await asyncio.sleep(0.001)
    reset(client)
    while not server.services.discarded:
        await asyncio.sleep(0.001)
    assert server.services.accepted == []


async def test_messages_of_many_connections_are_accepted_together(server):
    server.services.gate = asyncio.Event()
    clients = [await Dialog.connect(server.mx) for _ in range(20)]
    for client in clients:
        await client.send(b"EHLO remote.test\r\n" + BEGIN + b"DATA\r\nx\r\n.\r\n")
    while server.services.most_accepting < 20:
        await asyncio.sleep(0.001)
    server.services.gate.set()
    for client in clients:
        for reply in ("220", "250", "250", "250", "354", "250 2.0.0 Queued"):
            await client.expect(reply)
        await client.close()


async def test_50_mb_pass_through_with_flat_memory():
    services = FakeServices(spool_bytes=262_144, keeps=False, flush_seconds=0.001)
    line = b"x" * 76 + b"\r\n"
    block = line * 6_722  # about 512 KB
    async with (
        smtp_services.running(None, SmtpLimits(), services) as server,
        await Dialog.connect(server.mx) as client,
    ):
        await client.expect("220")
        await client.command("EHLO remote.test", "250")
        await begin(client, b"DATA\r\n")
        await client.expect("354")
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(99):
            await client.send(block)
        await client.send(b".\r\n")
        await client.expect("250 2.0.0 Queued")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert services.total == len(block) * 99
    assert services.flushes > 100
    assert services.most_held <= 262_144 + 300_000
    assert services.largest_chunk <= 600_000
    assert grown < 12_288  # KB


async def test_what_arrives_while_the_spool_is_flushed_waits(server, client, services):
    services.spool_bytes = 10
    services.flush_seconds = 0.01
    content = b"".join(b"line %d\r\n" % number for number in range(400))
    await begin(client, b"DATA\r\n")
    await client.expect("354")
    for at in range(0, len(content), 500):
        await client.send(content[at : at + 500])
        await asyncio.sleep(0.002)
    await client.send(b".\r\nNOOP\r\n")
    await client.expect("250 2.0.0 Queued")
    await client.expect("250 2.0.0 Ok")
    assert services.accepted[0].content == content

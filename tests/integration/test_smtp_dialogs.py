"""Port 25, line by line (RFC 5321)."""

import asyncio

import pytest

from mailserver.mail.address import Address
from mailserver.smtp.limits import SmtpLimits
from tests.support import smtp_services
from tests.support.dialog import Dialog


@pytest.fixture
async def server():
    async with smtp_services.running(None) as running:
        yield running


@pytest.fixture
async def client(server):
    async with await Dialog.connect(server.mx) as dialog:
        await dialog.expect("220 mx.local.test ESMTP")
        yield dialog


async def test_a_message_is_received(server, client):
    await client.play("""
        C: EHLO remote.test
        S: 250 HELP
        C: MAIL FROM:<bob@remote.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=QQ1
        S: 250 2.1.0
        C: RCPT TO:<agent@local.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Agent@local.test
        S: 250 2.1.5
        C: RCPT TO:<nobody@local.test>
        S: 550 5.1.1
        C: DATA
        S: 354
        C: Subject: x
        C:
        C: ..dot
        C: .
        S: 250 2.0.0 Queued as que_1
        C: QUIT
        S: 221 2.0.0
    """)
    assert await client.is_closed()
    (message,) = server.services.accepted
    assert message.content == b"Subject: x\r\n\r\n.dot\r\n"
    envelope = message.envelope
    assert envelope.sender == Address("bob", "remote.test")
    assert [str(one.address) for one in envelope.recipients] == ["agent@local.test"]
    assert envelope.recipients[0].notify == "SUCCESS,DELAY"
    assert envelope.recipients[0].orcpt == "rfc822;Agent@local.test"
    assert (envelope.body, envelope.ret, envelope.envid, envelope.declared_size) == ("8BITMIME", "HDRS", "QQ1", 100)
    assert (envelope.peer.address, envelope.peer.helo, envelope.peer.esmtp) == ("127.0.0.1", "remote.test", True)
    assert envelope.protocol == "ESMTP"


async def test_ehlo_offers_what_works_and_nothing_that_needs_tls(client):
    await client.send(b"EHLO remote.test\r\n")
    lines = (await client.reply()).splitlines()
    assert lines[0] == "250-mx.local.test"
    assert {line[4:] for line in lines[1:]} == {
        "PIPELINING",
        "SIZE 52428800",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "LIMITS RCPTMAX=1000 MAILMAX=10000",
        "HELP",
    }


async def test_commands_out_of_order_are_refused_and_change_nothing(server, client):
    await client.play("""
        C: MAIL FROM:<a@remote.test>
        S: 503 5.5.1
        C: RCPT TO:<agent@local.test>
        S: 503 5.5.1
        C: DATA
        S: 503 5.5.1
        C: HELO remote.test
        S: 250 mx.local.test
        C: DATA
        S: 503 5.5.1
        C: RCPT TO:<agent@local.test>
        S: 503 5.5.1
        C: MAIL FROM:<>
        S: 250 2.1.0
        C: MAIL FROM:<b@remote.test>
        S: 503 5.5.1
        C: DATA
        S: 503 5.5.1
        C: RCPT TO:<nobody@local.test>
        S: 550 5.1.1
        C: DATA
        S: 554 5.5.1
        C: RCPT TO:<agent@local.test>
        S: 250 2.1.5
        C: DATA now
        S: 501 5.5.4
        C: DATA
        S: 354
        C: .
        S: 250 2.0.0
        C: RCPT TO:<agent@local.test>
        S: 503 5.5.1
    """)
    assert server.services.accepted[0].envelope.sender is None
    assert server.services.accepted[0].content == b""
    assert server.services.accepted[0].envelope.protocol == "SMTP"


async def test_the_minimum_implementation_answers(client):
    await client.play("""
        C: NOOP anything at all
        S: 250 2.0.0
        C: VRFY agent
        S: 252 2.0.0
        C: VRFY
        S: 501 5.5.4
        C: EXPN team
        S: 502 5.5.1
        C: HELP
        S: 214 2.0.0
        C: HELP MAIL
        S: 214 2.0.0
        C: RSET
        S: 250 2.0.0
        C: RSET now
        S: 501 5.5.4
        C: TURN
        S: 502 5.5.1
        C: ETRN x
        S: 502 5.5.1
        C: SEND FROM:<a@b>
        S: 502 5.5.1
        C: WHAT
        S: 500 5.5.2
        C:
        S: 500 5.5.2
        C: EHLO
        S: 501 5.5.4
        C: HELO two words
        S: 501 5.5.4
        C: quit now
        S: 501 5.5.4
        C: qUiT
        S: 221 2.0.0
    """)


async def test_auth_and_starttls_are_not_for_port_25_without_a_certificate(client):
    await client.play("""
        C: EHLO remote.test
        S: 250
        C: AUTH PLAIN AGEAYg==
        S: 502 5.5.1
        C: STARTTLS
        S: 502 5.5.1
    """)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:a@remote.test", "501 5.1.7"),
        ("MAIL FROM:<a@remote.test", "501 5.1.7"),
        ("MAIL", "501 5.1.7"),
        ("MAIL TO:<a@b.test>", "501 5.1.7"),
        ("MAIL FROM:<postmaster>", "501 5.1.7"),
        ("MAIL FROM:<a@remote.test> SIZE=52428801", "552 5.3.4"),
        ("MAIL FROM:<a@remote.test> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<a@remote.test> SIZE=1 SIZE=1", "501 5.5.4"),
        ("MAIL FROM:<a@remote.test> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<a@remote.test> NOVELTY=1", "555 5.5.4"),
        ("MAIL FROM:<a@remote.test> AUTH=<>", "555 5.5.4"),
        ("MAIL FROM:<a@remote.test> REQUIRETLS", "555 5.5.4"),
        ("MAIL FROM:<ä@remote.test>", "553 5.6.7"),
        ("MAIL FROM:<ä@remote.test> SMTPUTF8", "250 2.1.0"),
        ("MAIL FROM:<@x.test,@y.test:a@remote.test>", "250 2.1.0"),
        ("mail from: <a@remote.test>   ", "250 2.1.0"),
        ('MAIL FROM:<"a b"@remote.test>', "250 2.1.0"),
        ("MAIL FROM:<a@[192.0.2.1]>", "250 2.1.0"),
    ],
)
async def test_mail_reads_its_argument(client, command, reply):
    await client.command("EHLO remote.test", "250")
    await client.command(command, reply)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("RCPT TO:<Postmaster>", "250 2.1.5"),
        ("RCPT TO:<agent@LOCAL.test>", "250 2.1.5"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:agent@local.test", "501 5.1.3"),
        ("RCPT TO:<agent@local.test> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        ("RCPT TO:<agent@local.test> SIZE=1", "555 5.5.4"),
        ("RCPT TO:<ä@local.test>", "553 5.6.7"),
        ("RCPT TO:<a@remote.test>", "550 5.7.1"),
        ("RCPT TO:<@local.test:a@remote.test>", "550 5.7.1"),
        ("RCPT TO:<a%remote.test@other.test>", "550 5.7.1"),
        ("RCPT TO:<slow@local.test>", "250 2.1.5"),
        ("RCPT TO:<slownobody@local.test>", "550 5.1.1"),
        ("RCPT TO:<slowfull@local.test>", "452 4.2.2"),
        ("RCPT TO:<slowlater@local.test>", "451 4.3.0"),
        ("RCPT TO:<slowexplode@local.test>", "451 4.3.0 Local error"),
        ("RCPT TO:<explode@local.test>", "451 4.3.0 Local error"),
    ],
)
async def test_rcpt_decides_at_once_or_after_a_look(client, command, reply):
    await client.command("EHLO remote.test", "250")
    await client.command("MAIL FROM:<>", "250")
    await client.command(command, reply)
    await client.command("RCPT TO:<agent@local.test>", "250 2.1.5")


async def test_parameters_need_ehlo(client):
    await client.play("""
        C: HELO remote.test
        S: 250
        C: MAIL FROM:<a@remote.test> SIZE=1
        S: 555 5.5.4
        C: MAIL FROM:<a@remote.test>
        S: 250
        C: RCPT TO:<agent@local.test> NOTIFY=NEVER
        S: 555 5.5.4
    """)


async def test_rset_and_ehlo_forget_the_transaction(client):
    for forget in ("RSET", "EHLO again.test", "HELO again.test"):
        await client.command("EHLO remote.test", "250")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        await client.command("RCPT TO:<agent@local.test>", "250")
        await client.command(forget, "250")
        await client.command("RCPT TO:<agent@local.test>", "503 5.5.1")


@pytest.mark.parametrize(
    "line", [b"EHLO a\x00b", b"EHLO \xff", b"MAIL FROM:<a\x01@b.test>", b"NOOP \x1b[2J", b"NOOP\tx", b"\xf0"]
)
async def test_control_bytes_and_bad_utf8_are_refused(client, line):
    await client.send(line + b"\r\n")
    await client.expect("500 5.5.2")
    await client.command("NOOP", "250 2.0.0")


@pytest.mark.parametrize(
    "sent",
    [
        b"EHLO a\n",
        b"NOOP\nNOOP\r\n",
        b"NOOP\rNOOP\r\n",
        b"NOOP\r\r\n",
        b"MAIL FROM:<a@b.test>\nRCPT TO:<agent@local.test>\n",
    ],
)
async def test_a_bare_line_end_in_a_command_ends_the_connection(client, sent):
    await client.send(sent)
    await client.expect("500 5.5.2")
    assert await client.is_closed()


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\n", b"Host: mx\r\n"])
async def test_http_is_shown_the_door(client, sent):
    await client.send(sent)
    await client.expect("221 2.7.0")
    assert await client.is_closed()


async def test_long_commands_are_refused_and_the_next_is_heard(client):
    await client.command("NOOP " + "x" * 505, "250 2.0.0")
    await client.command("NOOP " + "x" * 506, "500 5.5.2")
    await client.command("EHLO remote.test", "250")
    await client.command("MAIL FROM:<a@remote.test> ENVID=" + "+41" * 30 + " " * 1500, "250")
    await client.command("MAIL FROM:<" + "a" * 2048 + "@remote.test>", "500 5.5.2")
    await client.send(b"NOOP " + b"x" * 50_000)
    await client.expect("500 5.5.2")
    await client.send(b"y" * 50_000 + b"\r")
    await client.send(b"\nNOOP\r\n")
    await client.expect("250 2.0.0")


async def test_a_line_without_end_is_given_up(client):
    try:
        for _ in range(300):
            await client.send(b"x" * 8192)
    except ConnectionError:
        pass
    await client.expect("500 5.5.2")
    await client.expect("421 4.7.0")
    assert await client.is_closed()


SESSION = (
    b"EHLO remote.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nRCPT TO:<slow@local.test>\r\n"
    b"RCPT TO:<slownobody@local.test>\r\nRCPT TO:<two@local.test>\r\nDATA\r\nSubject: 1\r\n\r\none\r\n.\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<agent@local.test>\r\nDATA\r\n.\r\nNOOP\r\n"
    b"MAIL FROM:<b@remote.test>\r\nRCPT TO:<agent@local.test>\r\nBDAT 5\r\n12345BDAT 3 LAST\r\nNOOQUIT\r\n"
)
CODES = ["250", "250 2.1.0", "250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354", "250 2.0.0 Queued as que_1"]
CODES += ["250 2.1.0", "250 2.1.5", "354", "250 2.0.0 Queued as que_2", "250 2.0.0"]
CODES += ["250 2.1.0", "250 2.1.5", "250 2.0.0 5 octets", "250 2.0.0 Queued as que_3", "221 2.0.0"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_a_pipelined_session_is_the_same_however_it_is_cut(server, client, size):
    for at in range(0, len(SESSION), size):
        await client.send(SESSION[at : at + size])
        if size < 100:
            await asyncio.sleep(0)
    for code in CODES:
        await client.expect(code)
    assert await client.is_closed()
    assert [message.content for message in server.services.accepted] == [b"Subject: 1\r\n\r\none\r\n", b"", b"12345NOO"]
    assert [len(message.envelope.recipients) for message in server.services.accepted] == [3, 1, 1]


async def test_replies_to_one_packet_come_in_one_packet(server):
    reader, writer = await asyncio.open_connection(*server.mx.split(":"))
    await reader.readuntil(b"\r\n")
    writer.write(b"EHLO remote.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nNOOP\r\nDATA\r\n")
    got = await reader.read(65536)
    assert got.endswith(b"354 End the message with <CRLF>.<CRLF>\r\n")
    assert got.count(b"\r\n") > 13
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_stops_sending_still_gets_its_answers(server):
    reader, writer = await asyncio.open_connection(*server.mx.split(":"))
    writer.write(SESSION)
    writer.write_eof()
    answer = await reader.read()
    assert answer.count(b"Queued as") == 3
    assert answer.endswith(b"221 2.0.0 Bye\r\n")
    writer.close()
    await writer.wait_closed()


async def test_a_full_store_defers_at_mail(server, client):
    server.services.has_room = False
    await client.command("EHLO remote.test", "250")
    await client.command("MAIL FROM:<a@remote.test>", "452 4.3.1")
    server.services.has_room = True
    await client.command("MAIL FROM:<a@remote.test>", "250")


async def test_counters_tell_what_happened(server, client):
    await client.command("EHLO remote.test", "250")
    await client.command("MAIL FROM:<a@remote.test>", "250")
    await client.command("RCPT TO:<nobody@local.test>", "550")
    await client.command("RCPT TO:<agent@local.test>", "250")
    await client.command("DATA", "354")
    await client.command("x\r\n.", "250 2.0.0")
    await client.command("WHAT", "500")
    value = server.registry.get_sample_value
    assert value("mailserver_smtp_connections_total", {"listener": "smtp", "result": "accepted"}) == 1
    assert value("mailserver_smtp_messages_total", {"listener": "smtp", "result": "accepted"}) == 1
    assert value("mailserver_smtp_commands_total", {"command": "RCPT", "class": "5xx"}) == 1
    assert value("mailserver_smtp_commands_total", {"command": "unknown", "class": "5xx"}) == 1
    assert value("mailserver_smtp_rejections_total", {"reason": "5.1.1"}) == 1
    assert value("mailserver_smtp_sessions", {"listener": "smtp"}) == 1


async def test_both_families_can_be_listened_on():
    listeners = None
    async with smtp_services.running(None, SmtpLimits()) as running:
        listeners = running.listeners
        assert set(listeners.addresses) == {"smtp", "submission"}
    assert listeners.open_connections == 0

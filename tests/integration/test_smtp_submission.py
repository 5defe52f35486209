"""Submission: STARTTLS on 587, implicit TLS on 465, AUTH (RFC 3207, RFC 4954, RFC 5802, RFC 8314)."""

import asyncio
import base64
import ssl

import pytest
import scramp

from mailserver.smtp import scram
from mailserver.smtp.limits import SmtpLimits
from tests.support import smtp_services
from tests.support.dialog import Dialog
from tests.support.smtp_services import AGENT, PASSWORD


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return smtp_services.make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def server(certificate):
    async with smtp_services.running(certificate) as running:
        yield running


@pytest.fixture
async def client(server, certificate):
    """Inside TLS on 465, after EHLO."""
    async with await Dialog.connect(server.submissions, certificate.trust) as dialog:
        await dialog.expect("220")
        await dialog.command("EHLO laptop.test", "250")
        yield dialog


def plain(name="agent@local.test", secret=PASSWORD, authzid=""):
    return base64.b64encode(f"{authzid}\0{name}\0{secret}".encode()).decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


async def ehlo(client):
    await client.send(b"EHLO laptop.test\r\n")
    return {line[4:] for line in (await client.reply()).splitlines()}


async def test_587_offers_starttls_then_auth(server, certificate):
    async with await Dialog.connect(server.submission) as client:
        await client.expect("220")
        offered = await ehlo(client)
        assert "STARTTLS" in offered
        assert "REQUIRETLS" not in offered
        assert not any(line.startswith("AUTH") for line in offered)
        await client.command("MAIL FROM:<agent@local.test>", "530 5.7.0")
        await client.command("AUTH PLAIN " + plain(), "538 5.7.11")
        await client.command("STARTTLS now", "501 5.5.4")
        await client.command("STARTTLS", "220 2.0.0")
        await client.start_tls(certificate.trust)
        await client.command("MAIL FROM:<agent@local.test>", "503 5.5.1")
        offered = await ehlo(client)
        assert "STARTTLS" not in offered
        assert {"REQUIRETLS", "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2"} <= offered
        await client.command("STARTTLS", "503 5.5.1")
        await client.command("MAIL FROM:<agent@local.test>", "530 5.7.0")
        await client.command("AUTH PLAIN " + plain(), "235 2.7.0")
        await client.command("AUTH PLAIN " + plain(), "503 5.5.1")
        await client.play("""
            C: MAIL FROM:<agent@local.test> REQUIRETLS AUTH=<>
            S: 250 2.1.0
            C: RCPT TO:<bob@remote.test>
            S: 250 2.1.5
            C: RCPT TO:<toomany@remote.test>
            S: 450 4.7.1
            C: DATA
            S: 354
            C: x
            C: .
            S: 250 2.0.0 Queued as
        """)
    (message,) = server.services.accepted
    assert message.caller is AGENT
    assert message.envelope.require_tls
    assert message.envelope.peer.tls == "TLSv1.3"
    assert message.envelope.peer.login == "agent@local.test"
    assert message.envelope.protocol == "ESMTPSA"


async def test_what_follows_starttls_in_clear_never_counts(server, certificate):
    async with await Dialog.connect(server.submission) as client:
        await client.expect("220")
        await client.command("EHLO laptop.test", "250")
        await client.send(b"STARTTLS\r\nEHLO injected.test\r\nNOOP\r\n")
        await client.expect("220 2.0.0")
        await client.start_tls(certificate.trust)
        await client.command("VRFY x", "252")
        await client.command("AUTH PLAIN " + plain(), "503 5.5.1")


async def test_port_25_takes_mail_inside_tls_too(server, certificate):
    async with await Dialog.connect(server.mx) as client:
        await client.expect("220")
        await client.command("EHLO remote.test", "250")
        await client.command("MAIL FROM:<a@remote.test>", "250")
        await client.command("STARTTLS", "220")
        await client.start_tls(certificate.trust)
        await client.command("RCPT TO:<agent@local.test>", "503 5.5.1")
        offered = await ehlo(client)
        assert not any(line.startswith("AUTH") for line in offered)
        await client.command("AUTH PLAIN " + plain(), "502 5.5.1")
        await client.send(b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<agent@local.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
        for reply in ("250", "250", "354", "250 2.0.0 Queued", "221"):
            await client.expect(reply)
    assert server.services.accepted[0].envelope.protocol == "ESMTPS"


async def test_a_client_that_only_talks_plain_to_465_is_dropped_and_counted(server):
    async with await Dialog.connect(server.submissions) as client:
        await client.send(b"EHLO laptop.test\r\n")
        assert "\r\n" not in (await client.reader.read()).decode("latin-1")
    while server.listeners.open_connections:
        await asyncio.sleep(0.001)
    value = server.registry.get_sample_value
    assert value("mailserver_smtp_connections_total", {"listener": "submissions", "result": "tls_failed"}) == 1


async def test_a_handshake_that_never_ends_is_given_up(certificate):
    async with smtp_services.running(certificate, SmtpLimits(tls_handshake_seconds=0.1)) as server:
        async with await Dialog.connect(server.submissions) as client:
            assert await client.reader.read() == b""
        async with await Dialog.connect(server.submission) as client:
            await client.expect("220")
            await client.command("STARTTLS", "220")
            assert await client.reader.read() == b""
        while server.listeners.open_connections:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("line", ["AUTH PLAIN {}", "auth plain {}", "AUTH Plain  {}"])
async def test_plain_with_an_initial_response(client, line):
    await client.command(line.format(plain()), "235 2.7.0")


async def test_plain_by_challenge(client):
    await client.command("AUTH PLAIN", "334 ")
    await client.command(plain(), "235 2.7.0")


async def test_login_with_and_without_an_initial_response(server, certificate):
    for first in ("AUTH LOGIN", "AUTH LOGIN " + b64("agent@local.test")):
        async with await Dialog.connect(server.submissions, certificate.trust) as client:
            await client.expect("220")
            await client.command("EHLO laptop.test", "250")
            if first == "AUTH LOGIN":
                await client.command(first, "334 " + b64("Username:"))
                first = b64("agent@local.test")
            await client.command(first, "334 " + b64("Password:"))
            await client.command(b64(PASSWORD), "235 2.7.0")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("AUTH PLAIN " + plain(secret="wrong"), "535 5.7.8"),
        ("AUTH PLAIN " + plain(name="stranger@local.test"), "535 5.7.8"),
        ("AUTH PLAIN " + plain(authzid="boss@local.test"), "535 5.7.8"),
        ("AUTH PLAIN " + plain(authzid="agent@local.test"), "235 2.7.0"),
        ("AUTH PLAIN " + plain(secret=""), "535 5.7.8"),
        ("AUTH PLAIN " + plain(name="a\x1bb"), "535 5.7.8"),
        ("AUTH PLAIN " + plain(secret="x" * 2000), "535 5.7.8"),
        ("AUTH PLAIN " + plain(name="explode"), "454 4.7.0 Temporary"),
        ("AUTH PLAIN " + plain(name="flood"), "454 4.7.0 Temporary"),
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH PLAIN !!!!", "501 5.5.2"),
        ("AUTH PLAIN " + b64("just words"), "501 5.5.2"),
        ("AUTH PLAIN " + base64.b64encode(b"\0\xff\0x").decode(), "501 5.5.2"),
        ("AUTH PLAIN a b", "501 5.5.4"),
        ("AUTH", "501 5.5.4"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH XOAUTH2 abc", "501 5.5.2"),
        ("AUTH OAUTHBEARER " + b64("n,,"), "501 5.5.2"),
        ("AUTH PLAIN " + "A" * 12_288, "500 5.5.6"),
    ],
)
async def test_what_auth_answers(client, line, reply):
    said = await client.command(line, reply)
    assert "hunter2" not in said
    await client.command("NOOP", "250 2.0.0")


@pytest.mark.parametrize(
    ("mechanism", "form"),
    [
        ("OAUTHBEARER", "n,a=agent@local.test,\x01host=x\x01auth=Bearer {}\x01\x01"),
        ("XOAUTH2", "user=agent@local.test\x01auth=Bearer {}\x01\x01"),
    ],
)
async def test_a_bearer_token_logs_in_and_a_wrong_one_is_told_why_first(client, mechanism, form):
    refusal = b64('{"status":"invalid_token","schemes":"bearer","scope":"email:send"}')
    await client.command(f"AUTH {mechanism} " + b64(form.format("wrong")), f"334 {refusal}")
    await client.command(b64("\x01"), "535 5.7.8")
    await client.command(f"AUTH {mechanism}", "334 ")
    await client.command(b64(form.format(PASSWORD)), "235 2.7.0")


async def test_a_login_can_be_cancelled(client):
    await client.command("AUTH LOGIN", "334")
    await client.command("*", "501 5.7.0")
    await client.command("AUTH LOGIN", "334")
    await client.command(b64("agent@local.test"), "334")
    await client.command("*", "501 5.7.0")
    await client.command("AUTH PLAIN", "334")
    await client.command("A" * 12_290, "500 5.5.6")
    await client.command("AUTH PLAIN " + plain(), "235")


async def test_no_auth_during_a_message_or_after_helo(server, certificate, client):
    await client.command("HELO laptop.test", "250")
    await client.command("AUTH PLAIN " + plain(), "503 5.5.1")
    await client.command("EHLO laptop.test", "250")
    await client.command("AUTH PLAIN " + plain(), "235")
    await client.command("MAIL FROM:<agent@local.test>", "250")
    await client.command("AUTH PLAIN " + plain(), "503 5.5.1")


async def test_failed_logins_are_slowed_down_and_then_end_the_connection(certificate):
    limits = SmtpLimits(login_attempts=3, login_delay_seconds=0.1)
    async with smtp_services.running(certificate, limits) as server:
        async with await Dialog.connect(server.submissions, certificate.trust) as client:
            await client.expect("220")
            await client.command("EHLO laptop.test", "250")
            began_at = asyncio.get_running_loop().time()
            for _ in range(3):
                await client.command("AUTH PLAIN " + plain(secret="wrong"), "535 5.7.8")
            await client.expect("421 4.7.0")
            assert asyncio.get_running_loop().time() - began_at >= 0.3
            assert await client.is_closed()
        value = server.registry.get_sample_value
        assert value("mailserver_smtp_auth_total", {"mechanism": "PLAIN", "result": "refused"}) == 3


async def test_a_client_that_goes_in_the_middle_of_a_login_leaves_nothing(server, certificate):
    async with await Dialog.connect(server.submissions, certificate.trust) as client:
        await client.expect("220")
        await client.command("EHLO laptop.test", "250")
        await client.command("AUTH LOGIN", "334")
        client.writer.transport.abort()
    while server.listeners.open_connections:
        await asyncio.sleep(0.001)


async def test_nobody_sends_as_somebody_else(client):
    await client.command("AUTH PLAIN " + plain(), "235")
    await client.command("MAIL FROM:<boss@local.test>", "553 5.7.1")
    await client.command("MAIL FROM:<>", "250")


def scram_client(mechanisms, server_certificate=None, binding=None, name="agent@local.test", secret=PASSWORD):
    return scramp.ScramClient(mechanisms, name, secret, channel_binding=binding)


async def scram_login(client, exchange, mechanism, initial=True, change=lambda first: first):
    first = change(exchange.get_client_first())
    if initial:
        reply = await client.command(f"AUTH {mechanism} {b64(first)}", "")
    else:
        await client.command(f"AUTH {mechanism}", "334 ")
        reply = await client.command(b64(first), "")
    if not reply.startswith("334"):
        return reply
    exchange.set_server_first(base64.b64decode(reply[4:]).decode())
    reply = await client.command(b64(exchange.get_client_final()), "")
    if not reply.startswith("334"):
        return reply
    exchange.set_server_final(base64.b64decode(reply[4:]).decode())
    return await client.command("", "")


@pytest.mark.parametrize("initial", [True, False])
async def test_scram_sha_256(client, server, initial):
    said = await scram_login(client, scram_client([scram.PLAIN]), scram.PLAIN, initial)
    assert said.startswith("235 2.7.0")
    assert server.services.scram_names == ["agent@local.test"]


async def test_scram_with_odd_letters_in_the_name(client, server):
    said = await scram_login(client, scram_client([scram.PLAIN], name="a,b=c@local.test"), scram.PLAIN)
    assert said.startswith("235 2.7.0")
    assert server.services.scram_names == ["a,b=c@local.test"]


@pytest.mark.parametrize(("name", "secret"), [("agent@local.test", "wrong"), ("stranger@local.test", PASSWORD)])
async def test_scram_with_a_wrong_secret_or_name_fails_at_the_proof(client, name, secret):
    said = await scram_login(client, scram_client([scram.PLAIN], name=name, secret=secret), scram.PLAIN)
    assert said.startswith("535 5.7.8")


async def test_scram_plus_binds_the_login_to_the_certificate(client):
    shown = client.writer.get_extra_info("ssl_object")
    assert shown.version() == "TLSv1.3"
    exchange = scram_client([scram.PLUS], binding=("tls-server-end-point", shown))
    assert (await scram_login(client, exchange, scram.PLUS)).startswith("235 2.7.0")


async def test_scram_plus_over_starttls(server, certificate):
    async with await Dialog.connect(server.submission) as client:
        await client.expect("220")
        await client.command("STARTTLS", "220")
        await client.start_tls(certificate.trust)
        await client.command("EHLO laptop.test", "250")
        shown = client.writer.get_extra_info("ssl_object")
        exchange = scram_client([scram.PLUS], binding=("tls-server-end-point", shown))
        assert (await scram_login(client, exchange, scram.PLUS)).startswith("235 2.7.0")


async def test_scram_plus_binds_to_the_connection_under_tls_1_2(server, certificate):
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=certificate.der)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with await Dialog.connect(server.submissions, context) as client:
        await client.expect("220")
        await client.command("EHLO laptop.test", "250")
        unique = client.writer.get_extra_info("ssl_object").get_channel_binding("tls-unique")
        exchange = scram_client([scram.PLUS], binding=("tls-unique", unique))
        assert (await scram_login(client, exchange, scram.PLUS)).startswith("235 2.7.0")


async def test_scram_plus_from_another_connection_fails(client):
    exchange = scram_client([scram.PLUS], binding=("tls-server-end-point", b"x" * 32))
    assert (await scram_login(client, exchange, scram.PLUS)).startswith("535 5.7.8")


async def test_scram_notices_that_plus_was_taken_out_of_the_offer(client):
    def downgraded(first):
        return "y" + first[1:]

    said = await scram_login(client, scram_client([scram.PLAIN]), scram.PLAIN, change=downgraded)
    assert said.startswith("535 5.7.8")


@pytest.mark.parametrize(
    ("first", "reply"),
    [
        ("n,a=boss@local.test,n=agent@local.test,r=abc", "535 5.7.8"),
        ("p=tls-unique,,n=agent@local.test,r=abc", "535 5.7.8"),
        ("n,,r=abc", "501 5.5.2"),
        ("n,,n=agent@local.test", "501 5.5.2"),
        ("x,,n=agent@local.test,r=abc", "501 5.5.2"),
        ("n,,m=ext,n=a,r=b", "501 5.5.2"),
        ("n,,n=a=2,r=b", "501 5.5.2"),
        ("", "501 5.5.2"),
    ],
)
async def test_scram_refuses_a_first_message_that_is_none(client, first, reply):
    await client.command(f"AUTH {scram.PLAIN} {b64(first) or '='}", reply)


async def test_scram_for_oneself_by_name(client):
    exchange = scram_client([scram.PLAIN])
    header = "n,a=agent@local.test,"
    first = exchange.get_client_first().replace("n,,", header)
    reply = await client.command(f"AUTH {scram.PLAIN} {b64(first)}", "334")
    exchange.gs2_header = scram._HeaderWithName(header)
    exchange.set_server_first(base64.b64decode(reply[4:]).decode())
    reply = await client.command(b64(exchange.get_client_final()), "334")
    exchange.set_server_final(base64.b64decode(reply[4:]).decode())
    await client.command("", "235")


async def test_a_certificate_reloaded_in_place_is_shown_to_the_next_client(tmp_path, certificate):
    async with smtp_services.running(certificate) as server:
        other = smtp_services.make_certificate(tmp_path)
        fresh = smtp_services.make_certificate(tmp_path)
        assert other.der != fresh.der
        certificate.tls.context.load_cert_chain(tmp_path / "server.pem")
        async with await Dialog.connect(server.submissions, fresh.trust) as client:
            await client.expect("220")
            assert client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == fresh.der

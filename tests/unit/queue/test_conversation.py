import asyncio
import base64
import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailserver.entities.delivery import State
from mailserver.queue import tls
from mailserver.queue.conversation import Login
from mailserver.queue.routing import Smarthost
from tests.support.outgoing import MESSAGE
from tests.support.remote import CLOSE, Remote
from tests.support.zone import FakeResolver

QUEUED, DELIVERED, FAILED = State.QUEUED, State.DELIVERED, State.FAILED
PLAIN = ("SIZE 50000000", "8BITMIME")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for mx.remote.test as (path of the PEM with its key, server context)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.remote.test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.remote.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mx.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return str(path), context


async def test_a_server_without_pipelining_gets_one_command_at_a_time(parts):
    async with Remote(PLAIN) as remote, parts(port=remote.port) as out:
        for number in await out.send("a@remote.test", "b@remote.test"):
            await out.until(number, DELIVERED)
    assert [message.content for message in remote.messages] == [MESSAGE, MESSAGE]
    assert remote.connections == 1


async def test_an_old_server_is_greeted_with_helo(parts, remote):
    remote.answers("EHLO", "502 5.5.1 no such command")
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        await out.until(number, DELIVERED)
    assert "HELO mx.local.test" in remote.commands
    assert remote.messages[0].mail.endswith(">")


@pytest.mark.parametrize("words", [PLAIN, ("PIPELINING", *PLAIN)])
async def test_a_refused_recipient_does_not_spoil_the_next_message_of_the_session(parts, words):
    async with Remote(words) as remote, parts(port=remote.port) as out:
        remote.answers("RCPT TO:<a@", "550 5.1.1 no")
        a, b = await out.send("a@remote.test", "b@remote.test")
        await out.until(a, FAILED)
        await out.until(b, DELIVERED)
    assert remote.connections == 1
    assert [message.recipients for message in remote.messages] == [["RCPT TO:<b@remote.test>"]]


async def test_data_that_is_taken_without_a_recipient_is_ended_empty(parts, remote):
    remote.answers("RCPT TO:<a@", "550 5.1.1 no")
    remote.answers("DATA", "354 go on all the same")
    remote.answers(".", "554 5.5.1 nobody there")
    async with parts() as out:
        a, b = await out.send("a@remote.test", "b@remote.test")
        await out.until(a, FAILED)
        await out.until(b, DELIVERED)
    assert len(remote.messages) == 1


async def test_a_dot_at_the_beginning_of_a_line_survives(parts, remote):
    content = MESSAGE + b".\r\n..\r\n.hidden\r\n"
    async with parts() as out:
        (number,) = await out.send("a@remote.test", content=content)
        await out.until(number, DELIVERED)
    assert remote.messages[0].content == content


async def test_no_bare_line_end_leaves(parts, remote):
    async with parts() as out:
        (number,) = await out.send("a@remote.test", content=MESSAGE + b"one\n.\ntwo\r.\rthree\r\n")
        await out.until(number, DELIVERED)
    assert remote.messages[0].content == MESSAGE + b"one\r\n.\r\ntwo\r\n.\r\nthree\r\n"


async def test_blind_recipients_and_return_path_stay_at_home(parts, remote):
    private = b"Return-Path: <x@local.test>\r\nBcc: secret@remote.test,\r\n other@remote.test\r\n"
    async with parts() as out:
        (number,) = await out.send("a@remote.test", content=private + MESSAGE)
        await out.until(number, DELIVERED)
    assert remote.messages[0].content == MESSAGE


async def test_a_large_message_is_streamed_unchanged(parts, remote):
    line = b".dots and letters " * 4 + b"\r\n"
    content = MESSAGE + line * 60_000
    async with parts() as out:
        (number,) = await out.send("a@remote.test", content=content)
        await out.until(number, DELIVERED, seconds=20)
    assert remote.messages[0].content == content
    assert f"SIZE={len(content)}" in remote.messages[0].mail


async def test_a_message_that_is_too_large_bounces_before_it_is_sent(parts):
    async with Remote(("SIZE 100",)) as remote, parts(port=remote.port) as out:
        (number,) = await out.send("a@remote.test", content=MESSAGE + b"x" * 200)
        shown = await out.until(number, FAILED)
    assert shown.delivery.last_reply.startswith("552 5.3.4 ")
    assert not any(command.startswith("MAIL") for command in remote.commands)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"eight_bit": True}, "554 5.6.3"), ({"smtputf8": True}, "550 5.6.7"), ({"require_tls": True}, "550 5.7.30")],
)
async def test_what_the_server_cannot_carry_bounces_and_suppresses_nobody(parts, fields, code):
    resolver = FakeResolver(
        mx={"remote.test": [(10, "mx.remote.test")]},
        hosts={"mx.remote.test": ["127.0.0.1"]},
    )
    async with Remote(("PIPELINING",)) as remote, parts(port=remote.port, resolver=resolver) as out:
        (number,) = await out.send("a@remote.test", **fields)
        shown = await out.until(number, FAILED)
        assert await out.database.read(lambda snapshot: snapshot.all("SELECT * FROM suppression")) == []
    assert shown.delivery.last_reply.startswith(code)
    assert remote.messages == []


async def test_a_server_that_can_is_told_of_eight_bits_and_utf8(parts, remote):
    async with parts() as out:
        (number,) = await out.send("jürgen@remote.test", eight_bit=True)
        await out.until(number, DELIVERED)
    assert remote.messages[0].mail.endswith(f"SIZE={len(MESSAGE)} BODY=8BITMIME SMTPUTF8")
    assert remote.messages[0].recipients == ["RCPT TO:<jürgen@remote.test>"]


async def test_another_host_of_the_destination_may_have_what_the_first_lacks(parts):
    resolver = FakeResolver(
        mx={"remote.test": [(10, "one.remote.test"), (20, "two.remote.test")]},
        hosts={"one.remote.test": ["127.0.0.1"], "two.remote.test": ["127.0.0.2"]},
    )
    async with Remote(("PIPELINING",)) as remote:
        better = await asyncio.start_server(
            lambda reader, writer: Remote()._serve(reader, writer), "127.0.0.2", remote.port
        )
        async with parts(port=remote.port, resolver=resolver) as out:
            (number,) = await out.send("a@remote.test", eight_bit=True)
            shown = await out.until(number, DELIVERED)
        better.close()
    assert shown.delivery.last_host == "two.remote.test"


async def test_any_certificate_will_do_for_opportunistic_tls_and_the_verdict_says_so(parts, certificate):
    async with Remote(context=certificate[1]) as remote, parts(port=remote.port) as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, DELIVERED)
    assert shown.delivery.tls == "unverified TLSv1.3"
    assert remote.messages[0].tls == "TLSv1.3"


async def test_a_certificate_that_proves_the_host_is_recorded_as_verified(parts, certificate):
    contexts = tls.contexts(certificate[0])
    async with Remote(context=certificate[1]) as remote, parts(port=remote.port, contexts=contexts) as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, DELIVERED)
    assert shown.delivery.tls == "verified TLSv1.3"
    assert remote.connections == 1


async def test_a_broken_handshake_falls_back_to_clear(parts):
    useless = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # it has no certificate, so every handshake fails
    async with Remote(context=useless) as remote, parts(port=remote.port) as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, DELIVERED)
    assert shown.delivery.tls == "none"
    assert remote.connections == 3  # verified, unverified, clear


async def test_requiretls_needs_a_proven_host_and_says_so_to_the_server(parts, certificate):
    resolver = FakeResolver(
        mx={"remote.test": [(10, "mx.remote.test")]},
        hosts={"mx.remote.test": ["127.0.0.1"]},
        authentic={"remote.test"},
    )
    contexts = tls.contexts(certificate[0])
    words = ("PIPELINING", "REQUIRETLS")
    async with (
        Remote(words, certificate[1]) as remote,
        parts(port=remote.port, resolver=resolver, contexts=contexts) as out,
    ):
        (number,) = await out.send("a@remote.test", require_tls=True)
        shown = await out.until(number, DELIVERED)
    assert shown.delivery.tls == "verified TLSv1.3"
    assert remote.messages[0].mail.endswith(" REQUIRETLS")


async def test_requiretls_never_goes_over_an_unproven_connection(parts, certificate):
    resolver = FakeResolver(
        mx={"remote.test": [(10, "mx.remote.test")]},
        hosts={"mx.remote.test": ["127.0.0.1"]},
        authentic={"remote.test"},
    )
    async with Remote(("REQUIRETLS",), certificate[1]) as remote, parts(port=remote.port, resolver=resolver) as out:
        (number,) = await out.send("a@remote.test", require_tls=True)
        shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.7.5 ")
    assert remote.messages == []


async def test_words_injected_behind_starttls_are_not_believed(parts, certificate):
    async with Remote(context=certificate[1]) as remote, parts(port=remote.port) as out:
        remote.answers("STARTTLS", b"220 go\r\n250 2.0.0 injected\r\n", always=True)
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert "more than the reply" in shown.delivery.last_reply


@pytest.mark.parametrize(
    "answer",
    [
        b"x" * 5000 + b"\r\n",
        b"250-more\r\n" * 200 + b"250 end\r\n",
        b"250-one\r\n550 other\r\n",
        b"hello\r\n",
        b"99 what\r\n",
        b"250 ok\r\n" * 20_000,
        b"200 not data\r\n",
        CLOSE,
    ],
)
async def test_a_reply_that_cannot_be_one_ends_the_connection_and_defers(parts, remote, answer):
    remote.answers("DATA", answer, always=True)
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.")
    assert remote.messages == []


async def test_control_characters_of_a_peer_do_not_reach_the_record(parts, remote):
    remote.answers("RCPT", b"550 5.1.1 no \x1b[31m \x00 user\r\n")
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, FAILED)
    assert shown.delivery.last_reply == "550 5.1.1 no ?[31m ? user"


async def test_a_greeting_that_refuses_is_no_bounce(parts, remote):
    remote.answers("CONNECT", "554 5.7.1 we do not talk to you", always=True)
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply == "554 5.7.1 we do not talk to you"


async def test_a_recipient_cannot_smuggle_a_command(parts, remote):
    async with parts() as out:
        (number,) = await out.send("a@b>\r\nRCPT TO:<c@remote.test")
        shown = await out.until(number, FAILED)
    assert shown.delivery.last_reply.startswith("553 5.1.3 ")
    assert not any("c@remote.test" in command for command in remote.commands)


async def test_the_smarthost_gets_everything_after_a_login_inside_tls(parts, certificate):
    contexts = tls.contexts(certificate[0])
    words = ("PIPELINING", "AUTH PLAIN LOGIN")
    resolver = FakeResolver(hosts={"mx.remote.test": ["127.0.0.1"]})
    async with (
        Remote(words, certificate[1]) as remote,
        parts(
            resolver=resolver,
            contexts=contexts,
            login=Login("agent", "pass"),
            smarthost=Smarthost("mx.remote.test", remote.port),
        ) as out,
    ):
        (number,) = await out.send("a@anywhere.test")
        await out.until(number, DELIVERED)
    assert remote.messages[0].login == ["AUTH PLAIN " + base64.b64encode(b"\0agent\0pass").decode()]


async def test_the_smarthost_may_know_only_auth_login(parts, certificate):
    words = ("PIPELINING", "AUTH=LOGIN")
    async with (
        Remote(words, certificate[1]) as remote,
        parts(login=Login("agent", "pass"), smarthost=Smarthost("127.0.0.1", remote.port)) as out,
    ):
        (number,) = await out.send("a@anywhere.test")
        await out.until(number, DELIVERED)
    assert remote.messages[0].login[1:] == [base64.b64encode(b"agent").decode(), base64.b64encode(b"pass").decode()]


async def test_the_password_never_leaves_in_clear_and_a_refused_login_bounces_nothing(parts):
    async with (
        Remote(("AUTH PLAIN",)) as remote,
        parts(login=Login("agent", "pass"), smarthost=Smarthost("127.0.0.1", remote.port)) as out,
    ):
        (number,) = await out.send("a@anywhere.test")
        await out.until(number, QUEUED)
    assert not any(command.startswith("AUTH") for command in remote.commands)

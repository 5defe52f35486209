"""Servers that misbehave in every way that we know of, beside good ones: nobody good waits, nothing stays unsaid."""

import asyncio
import datetime as dt
import email
import json
import smtplib
import ssl
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import database_file, hostile
from tests.support.hostile import EXTENSIONS, Hostile, close, endless, reset, silence, slowly, then
from tests.support.server import PASSWORD, running_server
from tests.support.zone import NameServer

DELIVERED, QUEUED, FAILED = "delivered", "queued", "failed"
GOOD_MESSAGES = 200
GOOD_SECONDS = 50.0
GROWTH_BYTES = 64 << 20
REPLY_SECONDS = 4
STUBBORN = "a\rb\nc\r\n.\r\n..dots\r\n.\n.\r.\r\nMAIL FROM:<evil@remote.test>\n"


async def stop_reading(session):
    await session.say("354 go on")
    session.writer.transport.pause_reading()
    await asyncio.sleep(REPLY_SECONDS + 3)
    raise hostile.Leave


async def pause(session):
    await asyncio.sleep(0.2)


def without(word):
    return tuple(one for one in EXTENSIONS if not one.startswith(word))


SECURE = (*EXTENSIONS, "STARTTLS")
LF_ONLY = {word: (text + "\n").encode() for word, text in hostile.USUAL.items()} | {
    "EHLO": b"250-mx\n250-SIZE 50000000\n250 8BITMIME\n"
}
# name: (script, outcome, what `queue list` says, extensions)
CASES = {
    "no-banner": ({"CONNECT": silence}, QUEUED, "too long over the reply to the connection"),
    "banner-554": ({"CONNECT": then("554 go away", close)}, QUEUED, "554 go away"),
    "banner-421": ({"CONNECT": then("421 4.3.2 busy", close)}, QUEUED, "421 4.3.2 busy"),
    "banner-1-mb": ({"CONNECT": b"220 " + b"x" * 1_000_000 + b"\r\n"}, QUEUED, "451 4."),
    "banner-of-many-lines": ({"CONNECT": b"220-welcome\r\n" * 50_000 + b"220 mx\r\n"}, QUEUED, "451 4."),
    "banner-http": ({"CONNECT": "HTTP/1.1 400 Bad Request\r\nServer: x\r\n"}, QUEUED, "cannot be read"),
    "banner-ssh": ({"CONNECT": "SSH-2.0-OpenSSH_9.2"}, QUEUED, "cannot be read"),
    "closes-on-connect": ({"CONNECT": close}, QUEUED, "451 4.4.2"),
    "resets-on-connect": ({"CONNECT": reset}, QUEUED, "451 4.4."),
    "half-a-reply": ({"MAIL": then(b"250 2.1.0 o", silence)}, QUEUED, "too long over the reply to MAIL"),
    "half-a-multiline": ({"EHLO": then(b"250-mx\r\n250-SIZE 1", silence)}, QUEUED, "too long over the reply to EHLO"),
    "byte-by-byte": (
        {w: slowly(hostile.USUAL[w]) for w in ("CONNECT", "MAIL", "RCPT", ".")}, DELIVERED, "250 2.0.0 taken",
    ),
    "silent-after-content": ({".": silence}, QUEUED, "too long over the reply to the message"),
    "never-reads-content": ({"DATA": stop_reading}, QUEUED, "took too long over the message"),
    "250-for-data": ({"DATA": "250 2.0.0 ok"}, QUEUED, "answered DATA with 250"),
    "354-twice": ({"DATA": "354 go\r\n354 go"}, QUEUED, "451 4.5.0"),
    "354-at-the-end": ({".": "354 more"}, QUEUED, "451 4.5.0"),
    "354-for-rcpt": ({"RCPT": "354 go", "DATA": "250 ok"}, QUEUED, "answered RCPT with 354"),
    "354-for-rcpt-one-by-one": ({"RCPT": "354 go"}, QUEUED, "answered RCPT with 354", without("PIPELINING")),
    "mixed-codes": ({"RCPT": "250-one\r\n550 two"}, QUEUED, "cannot be read"),
    "mixed-codes-at-the-end": ({".": "550-one\r\n250 two"}, QUEUED, "cannot be read"),
    "lf-only": (LF_ONLY, DELIVERED, "250 2.0.0 taken"),
    "control-bytes": ({"RCPT": b"550 5.1.1 no\0 such\x1b[31m user\x07\r\n"}, FAILED, "550 5.1.1 no? such?[31m user?"),
    "latin-1": ({"RCPT": "550 5.1.1 unbekannter Empfänger\r\n".encode("latin-1")}, FAILED, "550 5.1.1 unbekannter"),
    "450-with-5": ({"RCPT": "450 5.1.1 not now"}, QUEUED, "450 5.1.1 not now"),
    "550-with-2": ({"RCPT": "550 2.1.5 fine"}, FAILED, "550 2.1.5 fine"),
    "tls-refused": ({"STARTTLS": "454 4.7.0 not now"}, DELIVERED, "250", SECURE),
    "tls-garbage": ({"STARTTLS": then("220 go", pause, b"\x16\x03\x01nonsense" * 9, close)}, DELIVERED, "250", SECURE),
    "tls-nonsense-in-handshake": ({}, DELIVERED, "250", SECURE),
    "tls-closes": ({"STARTTLS": then("220 go", close)}, DELIVERED, "250", SECURE),
    "tls-silence": ({"STARTTLS": then("220 go", silence)}, DELIVERED, "250", SECURE),
    "tls-injection": ({"STARTTLS": "220 go\r\n250 injected"}, QUEUED, "more than the reply to STARTTLS", SECURE),
    "tls-expired": ({}, DELIVERED, "250", SECURE),
    "tls-wrong-name": ({}, DELIVERED, "250", SECURE),
    "out-of-order": ({"MAIL": "354 go", "RCPT": "250 ok", "DATA": "250 ok"}, QUEUED, "answered MAIL with 354"),
    "one-reply-too-many": ({"MAIL": "250 ok\r\n250 ok"}, QUEUED, "answered DATA with 250"),
    "talks-ahead": ({"CONNECT": "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken"}, QUEUED, ""),
    "refuses-rcpt-takes-data": ({"RCPT": "550 5.1.1 no", "DATA": "354 go"}, FAILED, "550 5.1.1 no"),
    "refuses-mail-takes-data": ({"MAIL": "550 5.7.1 no", "DATA": "354 go"}, FAILED, "550 5.7.1 no"),
    "refuses-data-only": ({"DATA": "554 5.5.1 no"}, FAILED, "554 5.5.1 no"),
    "refuses-rset": ({"RCPT": "550 5.1.1 no", "RSET": "500 what"}, FAILED, "550 5.1.1 no"),
    "leaves-at-rset": ({"RCPT": "550 5.1.1 no", "RSET": close}, FAILED, "550 5.1.1 no"),
    "silent-at-quit": ({"QUIT": silence}, DELIVERED, "250"),
    "552-rcpt": ({"RCPT": "552 too many"}, QUEUED, "552 too many"),
    "552-end": ({".": "552 5.3.4 too big"}, FAILED, "552 5.3.4 too big"),
    "size-10": ({}, FAILED, "552 5.3.4", (*without("SIZE"), "SIZE 10")),
    "no-8bitmime": ({}, FAILED, "554 5.6.3", without("8BITMIME")),
    "no-smtputf8": ({}, FAILED, "550 5.6.7", without("SMTPUTF8")),
    "ehlo-502": ({"EHLO": "502 5.5.1 what?"}, DELIVERED, "250"),
    "ehlo-and-helo-550": ({"EHLO": "550 no", "HELO": "550 never"}, QUEUED, "550 never"),
    "ehlo-closes": ({"EHLO": close}, QUEUED, "451 4.4.2"),
    "code-299": ({".": "299 as you like"}, DELIVERED, "299 as you like"),
    "code-777": ({"MAIL": "777 lucky"}, QUEUED, "cannot be read"),
    "code-199": ({"MAIL": "199 low"}, QUEUED, "cannot be read"),
    "code-25": ({".": "25 short"}, QUEUED, "cannot be read"),
    "code-2500": ({".": "2500 long"}, QUEUED, "cannot be read"),
    "code-599": ({"RCPT": "599 no"}, FAILED, "599 no"),
    "no-text": ({w: t[:3] for w, t in hostile.USUAL.items()}, DELIVERED, "250"),
    "empty-lines": ({"MAIL": "\r\n\r\n"}, QUEUED, "cannot be read"),
    "endless-continuation": ({"EHLO": endless(b"250-more\r\n")}, QUEUED, "451 4."),
    "endless-line": ({"MAIL": endless(b"x" * 100)}, QUEUED, "451 4."),
    "replies-by-the-thousand": ({".": b"250 ok\r\n" * 20_000}, DELIVERED, "250"),
    "line-of-3000": ({"MAIL": "250 " + "x" * 3000}, DELIVERED, "250"),
    "line-of-9000": ({"MAIL": "250 " + "x" * 9000}, QUEUED, "too long"),
    "strange-words": ({"EHLO": b"250-mx\r\n250-SIZE banana\r\n250-\0\xff\r\n250-\r\n250 dsn\r\n"}, DELIVERED, "250"),
    "size-0": ({}, DELIVERED, "250", (*without("SIZE"), "SIZE 0")),
    "250-then-421": ({".": "250 2.0.0 taken\r\n421 bye"}, DELIVERED, "250"),
    "auth-wanted": ({"MAIL": "530 5.7.0 log in"}, QUEUED, "530 5.7.0"),
}  # fmt: skip
for stage in ("EHLO", "MAIL", "RCPT", "DATA", "."):
    word = {"EHLO": "ehlo", ".": "end"}.get(stage, stage.lower())
    CASES[f"reset-{word}"] = ({stage: reset}, QUEUED, "451 4.4.2")
    CASES[f"close-{word}"] = ({stage: close}, QUEUED, "451 4.4.2")
    CASES[f"later-{word}"] = ({stage: "450 4.2.0 later"}, QUEUED, "450 4.2.0 later")
    CASES[f"goodbye-{word}"] = ({stage: then("421 4.3.2 bye", close)}, QUEUED, "421 4.3.2 bye")
    if stage != "EHLO":
        CASES[f"never-{word}"] = ({stage: "550 5.7.1 never"}, FAILED, "550 5.7.1 never")
        alone = without("PIPELINING")
        CASES[f"never-{word}-alone"] = ({stage: "550 5.7.1 never"}, FAILED, "550 5.7.1 never", alone)


def context(directory, name, days):
    """A server's TLS, with a certificate that ends so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(end - dt.timedelta(days=90)).not_valid_after(end)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = directory / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(path)
    return found


def receivers(directory):
    servers = {name: Hostile(case[0], case[3] if len(case) > 3 else EXTENSIONS) for name, case in CASES.items()}
    servers["tls-expired"].script = {"STARTTLS": hostile.tls(context(directory, "mx.tls-expired.test", -1))}
    servers["tls-wrong-name"].script = {"STARTTLS": hostile.tls(context(directory, "elsewhere.test", 30))}

    async def nonsense(session):
        await session.say("220 go")
        await session.reader.read(1)
        session.writer.write(b"\x15\x03\x01\x00\x02\x02\x46" + b"nonsense" * 9)
        raise hostile.Leave

    servers["tls-nonsense-in-handshake"].script = {"STARTTLS": nonsense}
    return servers | {f"good{number}": Hostile({}) for number in range(10)}


def submit(server, recipient, content, options=()):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL(*server.submissions, timeout=60, context=context) as client:
        client.login("agent@local.test", PASSWORD)
        client.sendmail("agent@local.test", [recipient], content, mail_options=options)


def resident(server, name):
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) << 10


async def post(gent, recipient, subject, body):
    form = {"to": [{"email": recipient}], "subject": subject, "text_body": body}
    async with gent.post("/v1/messages/", json=form) as answer:
        assert answer.status == 201, await answer.text()


async def send_good(gent, sent):
    for number in range(GOOD_MESSAGES):
        subject = f"good {number}"
        sent[subject] = time.monotonic()
        await post(gent, f"box@good{number % 10}.test", subject, STUBBORN)


async def send_hostile(server, gent):
    for copy in ("one", "two"):
        for name in CASES:
            if name == "never-reads-content":
                content = b"From: agent@local.test\r\n\r\n" + (b"x" * 70 + b"\r\n") * 60_000
                await asyncio.to_thread(submit, server, f"{copy}@{name}.test", content)
            elif name == "no-8bitmime":
                content = "From: agent@local.test\r\nSubject: eight\r\n\r\nGrüße\r\n".encode()
                await asyncio.to_thread(submit, server, f"{copy}@{name}.test", content, ("BODY=8BITMIME",))
            elif name == "no-smtputf8":
                content = "From: agent@local.test\r\nSubject: Grüße\r\n\r\nx\r\n".encode()
                options = ("SMTPUTF8", "BODY=8BITMIME")
                await asyncio.to_thread(submit, server, f"{copy}@{name}.test", content, options)
            else:
                await post(gent, f"{copy}@{name}.test", name, STUBBORN)


async def test_good_mail_flows_beside_servers_that_misbehave_and_every_outcome_is_said(tmp_path):
    servers = receivers(tmp_path)
    async with hostile.listening(servers) as (named, port), NameServer("test.", hostile.zone(named)) as names:
        settings = {
            "dns__nameservers": [f"127.0.0.1:{names.port}"], "queue__remote_port": port,
            "queue__reply_timeout_seconds": REPLY_SECONDS, "queue__retry_seconds": [600],
            "limits__login_attempts": 50,
        }  # fmt: skip
        async with running_server(tmp_path / "server", **settings) as server, server.session() as gent:
            await post(gent, "warm@good0.test", "warm", "x")
            await arrived(servers, {"warm"}, 60)
            before = resident(server, "VmRSS")
            sent = {}
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(send_hostile(server, gent))
                tasks.create_task(send_good(gent, sent))
            came = await arrived(servers, set(sent), 100)
            rows = await settled(server, 2 * len(CASES))
            grown = resident(server, "VmHWM") - before
            wrong = [found for name in CASES for found in strayed(name, rows)]
            assert not wrong, "\n".join(wrong)
            events = published(server)
            log = server.log
    waits = sorted(came[subject] - sent[subject] for subject in sent)
    assert waits[int(len(waits) * 0.95)] < GOOD_SECONDS, waits[-20:]
    assert not {name: server.bare_line_ends for name, server in servers.items() if server.bare_line_ends}
    assert "Traceback" not in log
    for name, (_, outcome, *_) in CASES.items():
        kind = {DELIVERED: "message.delivered", QUEUED: "message.deferred", FAILED: "message.bounced"}[outcome]
        assert (f"one@{name}.test", kind) in events, name
        taken = [recipient for recipient, content, _ in servers[name].taken if content]
        if outcome == DELIVERED:
            assert sorted(taken) == [f"one@{name}.test", f"two@{name}.test"], name
        elif outcome == FAILED:
            assert not taken, name  # at the most the lone dot of RFC 2920 3.1
    assert grown < GROWTH_BYTES, grown


async def arrived(servers, subjects, seconds):
    """When each message came to a good server, every one exactly once."""
    async with asyncio.timeout(seconds):
        while True:
            found = [
                (email.message_from_bytes(content)["Subject"], at)
                for name, server in servers.items() if name.startswith("good") for _, content, at in server.taken
            ]  # fmt: skip
            if {subject for subject, _ in found} >= subjects:
                assert len(found) == len({subject for subject, _ in found})
                return dict(found)
            await asyncio.sleep(0.1)


async def settled(server, number):
    """The rows of the hostile domains, once everything was tried."""
    async with asyncio.timeout(100):
        while True:
            rows = await server.command("queue", "list", "--all")
            found = [row for row in rows if row["recipient"].startswith(("one@", "two@"))]
            if len(found) == number and all(row["last_reply"] for row in found):
                return {row["recipient"]: row for row in found}
            await asyncio.sleep(0.3)


def strayed(name, rows):
    _, outcome, said, *_ = CASES[name]
    for copy in ("one", "two"):
        row = rows[f"{copy}@{name}.test"]
        if row["state"] != outcome or said not in row["last_reply"] or not row["last_reply"].isprintable():
            yield f"{copy}@{name}: {row['state']} {row['last_reply'][:200]}, not {outcome} {said}"


def published(server):
    with database_file.reading(server.directory / "data") as database:
        return {
            (json.loads(body).get("recipient"), kind) for kind, body in database.execute("SELECT type, body FROM event")
        }

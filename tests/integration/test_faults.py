"""A disk that fails: real system calls of the real process, made to fail or watched by strace."""

import asyncio
import contextlib
import re
import shutil
import smtplib

import pytest

from tests.support.server import Server, environment
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]
HEAL_SECONDS = 5


@contextlib.asynccontextmanager
async def traced(directory, *options, **settings):
    """An appliance under strace, from its start on."""
    directory.mkdir(parents=True, exist_ok=True)
    server = Server(directory, environment(directory, **settings))
    await server.bootstrap()
    server.prefix = ("strace", "-f", "-qq", "-o", str(directory / "trace"), *options)
    await server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            assert await server.stop() == 0


def send(server, token):
    """One message on a connection of its own; its reply code."""
    content = f"From: a@elsewhere.test\r\nSubject: {token}\r\nMessage-ID: <{token}@elsewhere.test>\r\n\r\nbody\r\n"
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        try:
            client.sendmail("a@elsewhere.test", ["agent@local.test"], content)
        except smtplib.SMTPDataError as error:
            return error.smtp_code
        except smtplib.SMTPSenderRefused as error:
            return error.smtp_code
    return 250


async def stored(server, tokens):
    """Wait until exactly these are in the inbox."""
    async with server.session() as gent:

        async def there():
            async with gent.get("/v1/messages/", params={"folder": "inbox", "limit": 200}) as answer:
                found = sorted(row["subject"] for row in (await answer.json())["results"])
            return found if len(found) >= len(tokens) else None

        assert await until(there) == sorted(tokens)


async def test_every_message_is_on_the_disk_before_its_250_and_its_201(tmp_path):
    calls = "trace=pwritev2,pwritev,fdatasync,fsync,write,writev,sendmsg,sendto,rename,pwrite64"
    async with traced(tmp_path, "-s", "3000", "-e", calls) as server:
        for number in range(50):
            assert await asyncio.to_thread(send, server, f"smtp{number:03d}x") == 250
        async with server.session() as gent:
            for number in range(50):
                form = {"to": [{"email": "agent@local.test"}], "subject": f"api{number:03d}x", "text_body": "x"}
                async with gent.post("/v1/messages/", json=form) as answer:
                    assert answer.status == 201
                    await answer.read()
    lines = finished_calls((tmp_path / "trace").read_text(errors="replace"))
    for number in range(50):
        written = first(lines, 0, "pwritev", f"smtp{number:03d}x")
        synced = first(lines, written + 1, "fdatasync(")
        answered = first(lines, written, "250 2.0.0 Queued")
        assert written < synced < answered, number
    for number in range(50):
        written = first(lines, 0, "write(", f"Subject: api{number:03d}x")
        synced = first(lines, written + 1, "fsync(")
        renamed = first(lines, synced, "rename(")
        named = first(lines, renamed, "fsync(")
        committed = first(lines, named, "fdatasync(")
        answered = first(lines, written, "HTTP/1.1 201")
        assert written < synced < renamed < named < committed < answered, number


def finished_calls(text):
    """Calls in the order in which they came back; what was interrupted is joined where it ended."""
    begun, lines = {}, []
    for line in text.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
        elif call.startswith("<... "):
            lines.append(begun.pop(pid, "") + re.sub(r"^<\.\.\. \w+ resumed>", "", call))
        else:
            lines.append(call)
    return lines


def first(lines, start, *words):
    for index in range(start, len(lines)):
        if all(word in lines[index] for word in words):
            return index
    raise AssertionError(f"no call with {words} after {start}")


@pytest.mark.parametrize(
    "inject",
    [
        "fdatasync:error=EIO:when=8..12",
        "pwritev2:error=ENOSPC:when=3..6",
        "pwritev2:error=EIO:when=2..2",
        "pwritev2:error=EROFS:when=2..5",
    ],
)
async def test_a_journal_that_fails_answers_4xx_loses_nothing_and_heals(tmp_path, inject):
    async with traced(tmp_path, "-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}") as server:
        accepted, refused = [], 0
        async with asyncio.timeout(120):
            number = 0
            streak = 0
            while streak < 10:
                token = f"token{number:04d}"
                code = await asyncio.to_thread(send, server, token)
                if code == 250:
                    accepted.append(token)
                    streak += 1
                else:
                    assert 400 <= code < 500
                    refused += 1
                    streak = 0
                    await asyncio.sleep(0.3)
                number += 1
        assert refused
        assert refused < HEAL_SECONDS / 0.3 + 5
        await stored(server, accepted)
        answer = await server.command("verify", "--deep")
        assert answer["ok"], answer


@pytest.mark.parametrize(
    "inject",
    [
        "rename:error=EIO:when=3..6",
        "link:error=ENOSPC:when=1..3",
        "pwrite64:error=ENOSPC:when=60..70",
        "fsync:error=EIO:when=20..24",
        "syncfs:error=EIO:when=1..3",
    ],
)
async def test_a_store_that_fails_behind_the_journal_catches_up(tmp_path, inject):
    async with traced(tmp_path, "-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}") as server:
        accepted = []
        for number in range(30):
            token = f"token{number:04d}"
            if await asyncio.to_thread(send, server, token) == 250:
                accepted.append(token)
        assert len(accepted) > 20
        await stored(server, accepted)
        answer = await server.command("verify", "--deep")
        assert answer["ok"], answer


async def test_an_api_call_on_a_full_disk_answers_507_or_503_and_stores_nothing(tmp_path):
    inject = ("-e", "trace=fsync", "-e", "inject=fsync:error=ENOSPC:when=10..40")
    async with traced(tmp_path, *inject) as server, server.session() as gent:
        answers = []
        for number in range(40):
            form = {"to": [{"email": "agent@local.test"}], "subject": f"n{number}", "text_body": "x"}
            async with gent.post("/v1/messages/", json=form) as answer:
                answers.append(answer.status)
                await answer.read()
        assert set(answers) <= {201, 503, 507}
        assert 201 in answers
        assert set(answers) & {503, 507}
        async with gent.get("/v1/messages/", params={"folder": "sent"}) as answer:
            assert (await answer.json())["total"] == answers.count(201)


async def test_no_room_on_the_disk_refuses_mail_and_says_so(tmp_path):
    directory = tmp_path / "full"
    directory.mkdir()
    server = Server(directory, environment(directory, storage__reserve_bytes=1 << 60))
    await server.bootstrap()
    await server.start()
    try:
        async with server.session() as gent:
            await until(lambda: is_full(gent))
            assert await asyncio.to_thread(send, server, "nothing") == 452
            form = {"to": [{"email": "agent@local.test"}], "subject": "x", "text_body": "x"}
            async with gent.post("/v1/messages/", json=form) as answer:
                assert answer.status == 507
            async with gent.get("/v1/messages/") as answer:
                assert answer.status == 200
    finally:
        await server.stop()


async def is_full(gent):
    """Whether the server has looked at its disk, and says what it saw."""
    async with gent.get("/readyz") as answer:
        return answer.status == 503 and (await answer.json())["troubles"] == ["The disk is nearly full."]

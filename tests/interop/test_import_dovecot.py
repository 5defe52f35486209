"""An account moves here from a Dovecot: whole, though everything breaks off on the way, and once.

MAILSERVER_IMPORT_MESSAGES says how many messages the large account has; 20,000 take some minutes.
"""

import asyncio
import contextlib
import imaplib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import pytest_asyncio

from mailserver.mail import imap_answers
from tests.support import certificates, database_file, dovecot
from tests.support.dovecot import PASSWORD, Dovecot, Dropping
from tests.support.ports import free_port
from tests.support.server import CommandFailed, running_server
from tests.support.waiting import until

MESSAGES = int(os.environ.get("MAILSERVER_IMPORT_MESSAGES", "800"))
STARTED_AT = 1_500_000_000
FOLDERS = ("", ".Gesendet", ".Work", ".Work.&AOQ-pfel", ".Trash")
NAMES = {"": "Inbox", ".Gesendet": "Sent", ".Work": "Work", ".Work.&AOQ-pfel": "Work/äpfel", ".Trash": "Trash"}
FLAGS = ("", "S", "FS", "RS", "DS")
WORDS = {"S": "$seen", "F": "$flagged", "R": "$answered", "D": "$draft"}

pytestmark = [
    pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing())),
    pytest.mark.asyncio(loop_scope="module"),
]


def content(number):
    chance = random.Random(number)
    body = "\n".join("x" * chance.randrange(70) for _ in range(chance.randrange(60)))
    return f"From: a{number}@remote.test\nMessage-ID: <{number}@remote.test>\nSubject: {number}\n\n{body}\n".encode()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    place = tmp_path_factory.mktemp("certificate")
    authority = certificates.Authority(place)
    (place / "pair.pem").write_bytes(authority.leaf("localhost").pem)
    server = Dovecot(["anna", "berta", "carla", "gina", "moved"], (place / "pair.pem", place / "pair.pem"))
    server.authority = authority.path
    for number in range(MESSAGES):
        server.fill("anna", FOLDERS[number % 5], number, content(number), FLAGS[number % 3], STARTED_AT + number)
    for number in range(60):
        server.fill("berta", FOLDERS[number % 2], number, content(number), "S", STARTED_AT + number)
        server.fill("carla", "", number, content(number), FLAGS[number % 5], STARTED_AT + number)
    for at, number in (("", 0), ("", 1), (".Work", 1), *((".Everything", number) for number in range(3))):
        server.fill("gina", at, number, content(number), "S", STARTED_AT + number)
    server.start()
    yield server
    server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("server")
    async with running_server(place) as running:
        (place / "imap").write_text(PASSWORD + "\n")
        for name in ("berta", "carla", "dora", "gina"):
            await running.command("inbox", "add", f"{name}@local.test", "--password-file", str(place / "password"))
        yield running


def stored(server):
    """How many messages there are, read beside the server."""
    with database_file.reading(server.directory / "data") as database:
        return database.execute("SELECT COUNT(*) FROM message").fetchone()[0]


def arguments(source, server, user="anna", inbox="agent@local.test", port=None, secret="imap"):
    return (
        "import", "imap", "127.0.0.1", "--port", str(port or source.port), "--no-tls", "--user", user, "--inbox", inbox,
        "--password-file", str(server.directory / secret),
    )  # fmt: skip


async def exported(server, directory, inbox="agent@local.test"):
    """What is there, by folder: bytes with LF, the flags and the time of each message."""
    await server.command("export", "maildir", str(directory), "--inbox", inbox)
    found = {}
    for path in directory.rglob("cur/*"):
        at = str(path.parent.parent.relative_to(directory)).replace(".", "/").strip("/") or "Inbox"
        letters = path.name.partition(":2,")[2]
        found[at, path.read_bytes().replace(b"\r\n", b"\n")] = ("".join(sorted(letters)), path.stat().st_mtime)
    return found


def expected(count, folder_of, flags_of):
    names = {**NAMES, ".Work.&AOQ-pfel": "Work/&AOQ-pfel"}
    return {(names[folder_of(n)], content(n)): ("".join(sorted(flags_of(n))), STARTED_AT + n) for n in range(count)}


async def test_an_account_that_is_killed_and_broken_off_comes_over_once(source, server, tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", "--json", *arguments(source, server), env=server.environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await until(lambda: stored(server) or process.returncode is not None)
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with Dropping(source.port, 40_000, times=3) as way:
        again = await server.command(*arguments(source, server, port=way.port))
        assert way.left == 0, "it did break off"
    assert again["failed"] == 0
    assert again["there"] > 0, "it was killed behind the first messages"
    assert again["imported"] > 0, "it was killed before the last ones"
    assert again["imported"] + again["there"] == MESSAGES
    third = await server.command(*arguments(source, server))
    assert (third["imported"], third["there"]) == (0, MESSAGES)
    assert await exported(server, tmp_path / "out") == expected(
        MESSAGES, lambda n: FOLDERS[n % 5], lambda n: FLAGS[n % 3]
    )
    checked = await server.command("verify", "--deep")
    assert checked["ok"]
    assert checked["messages"] == MESSAGES == stored(server)


async def test_several_accounts_come_at_once_by_tls(source, server, tmp_path):
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(
        f"# user,password,inbox\nberta,{PASSWORD},berta@local.test\ncarla,{PASSWORD},carla@local.test\n"
    )
    answer = await server.command(
        "import", "imap", "localhost", "--port", str(source.tls_port), "--ca-file", str(source.authority),
        "--accounts", str(accounts),
    )  # fmt: skip
    assert [(each["inbox"], each["imported"], each["failed"]) for each in answer["accounts"]] == [
        ("berta@local.test", 60, 0), ("carla@local.test", 60, 0),
    ]  # fmt: skip
    assert await exported(server, tmp_path / "berta", "berta@local.test") == expected(
        60, lambda n: FOLDERS[n % 2], lambda n: "S"
    )
    with pytest.raises(CommandFailed) as unknown:
        await server.command("import", "imap", "localhost", "--port", str(source.tls_port), "--accounts", str(accounts))
    assert unknown.value.code == 69
    assert "certificate" in unknown.value.stderr.lower()


async def test_a_wrong_password_is_77_and_beside_others_1(source, server, tmp_path):
    (tmp_path / "wrong").write_text("wrong")
    with pytest.raises(CommandFailed, match="does not let berta in") as refused:
        await server.command(*arguments(source, server, "berta", secret=str(tmp_path / "wrong")))
    assert refused.value.code == 77
    (tmp_path / "accounts").write_text(f"berta,wrong,berta@local.test\ncarla,{PASSWORD},carla@local.test\n")
    with pytest.raises(CommandFailed) as mixed:
        await server.command(
            "import", "imap", "127.0.0.1", "--port", str(source.port), "--no-tls", "--accounts",
            str(tmp_path / "accounts"),
        )  # fmt: skip
    assert mixed.value.code == 1
    assert len(await exported(server, tmp_path / "carla", "carla@local.test")) == 60


async def test_a_folder_that_cannot_be_read_is_named_and_the_others_come(source, server):
    closed = source.home / "mail" / "berta" / ".Gesendet"
    closed.chmod(0)
    try:
        with pytest.raises(CommandFailed, match="Gesendet") as partly:
            await server.command(*arguments(source, server, "berta", "agent@local.test"))
    finally:
        closed.chmod(0o700)
    assert partly.value.code == 1
    whole = await server.command(*arguments(source, server, "berta", "agent@local.test"))
    assert whole["imported"] + whole["there"] == 60
    assert {row["folder"] for row in whole["folders"]} >= {"INBOX", "Gesendet"}


async def test_a_source_that_breaks_off_again_and_again_is_75_and_one_that_is_not_there_69(source, server):
    async with Dropping(source.port, 2_000, times=1_000) as way:
        with pytest.raises(CommandFailed, match="closed the connection") as dropped:
            await server.command(*arguments(source, server, port=way.port))
    assert dropped.value.code == 75
    with pytest.raises(CommandFailed) as nobody:
        await server.command(*arguments(source, server, port=free_port()))
    assert nobody.value.code == 69


async def test_what_was_deleted_here_stays_deleted_unless_it_is_asked_for_again(source, server):
    made = await server.command("token", "create", "--inbox", "dora@local.test", "--scopes", "email:read,email:delete")
    await server.command(*arguments(source, server, "carla", "dora@local.test"))
    async with server.session(made["token"]) as http:
        async with http.get("/v1/messages/", params={"limit": 1}) as answer:
            (message,) = (await answer.json())["results"]
        async with http.delete(f"/v1/messages/{message['id']}/") as answer:
            assert answer.status < 300
        async with http.delete(f"/v1/messages/{message['id']}/") as answer:  # out of Trash, for good
            assert answer.status in (200, 204, 404)
    again = await server.command(*arguments(source, server, "carla", "dora@local.test"))
    assert (again["imported"], again["there"]) == (0, 60)
    wanted = await server.command(*arguments(source, server, "carla", "dora@local.test"), "--again")
    assert (wanted["imported"], wanted["there"]) == (1, 59)


async def test_what_lies_only_in_the_folder_of_everything_goes_to_the_archive(source, server, tmp_path):
    for _ in range(2):
        await server.command(*arguments(source, server, "gina", "gina@local.test"))
    found = await exported(server, tmp_path / "out", "gina@local.test")
    assert sorted((at, raw) for at, raw in found) == sorted(
        [("Inbox", content(0)), ("Inbox", content(1)), ("Work", content(1)), ("Archive", content(2))]
    )


async def test_starttls_is_begun_before_the_password_is_said(source, server):
    wanted = ("--starttls", "--port", str(source.port), "--user", "gina", "--inbox", "gina@local.test")
    secret = ("--password-file", str(server.directory / "imap"))
    answer = await server.command(
        "import", "imap", "localhost", *wanted, *secret, "--ca-file", str(source.authority), "--again"
    )
    assert (answer["failed"], answer["imported"] + answer["there"]) == (0, 6)
    with pytest.raises(CommandFailed, match="certificate") as unknown:
        await server.command("import", "imap", "localhost", *wanted, *secret)
    assert unknown.value.code == 69
    async with without_tls() as port:
        wanted = ("--starttls", "--port", str(port), "--user", "gina", "--inbox", "gina@local.test")
        with pytest.raises(CommandFailed, match="no STARTTLS") as refused:
            await server.command("import", "imap", "localhost", *wanted, *secret)
    assert refused.value.code == 69


async def test_a_token_stands_for_the_password_and_one_that_is_over_is_77(source, server, tmp_path):
    wanted = (
        "import", "imap", "localhost", "--port", str(source.tls_port), "--ca-file", str(source.authority), "--oauth",
        "--user", "gina", "--inbox", "gina@local.test", "--password-file", str(tmp_path / "token"),
    )  # fmt: skip
    (tmp_path / "token").write_text(dovecot.token("gina", time.time() + 600))
    answer = await server.command(*wanted, "--again")
    assert (answer["failed"], answer["imported"] + answer["there"]) == (0, 6)
    (tmp_path / "token").write_text(dovecot.token("gina", time.time() - 600))
    with pytest.raises(CommandFailed, match="does not let gina in") as over:
        await server.command(*wanted)
    assert over.value.code == 77
    with pytest.raises(CommandFailed, match="no token") as shown:
        await server.command(*wanted, "--no-tls")
    assert shown.value.code == 2


@contextlib.asynccontextmanager
async def without_tls():
    """The port of a server that refuses STARTTLS."""

    async def serve(reader, writer):
        writer.write(b"* OK ready\r\n")
        line = await reader.readline()
        writer.write(b"* CAPABILITY IMAP4rev1\r\n" + line.split()[0] + b" BAD no such command\r\n")
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_what_is_exported_is_read_by_dovecot(source, server, tmp_path):
    await server.command(*arguments(source, server, "berta", "dora@local.test"))
    await server.command("export", "maildir", str(tmp_path / "moved"), "--inbox", "dora@local.test")
    shutil.copytree(tmp_path / "moved", source.home / "mail" / "moved")
    subprocess.run(["chown", "-R", "65534:65534", source.home / "mail" / "moved"], check=True)

    def look():
        client = imaplib.IMAP4("127.0.0.1", source.port)
        try:
            client.login("moved", PASSWORD)
            names = {line.decode().rpartition(' "/" ')[2] for line in client.list()[1]}
            client.select("Sent", readonly=True)
            _, rows = client.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")
            return names, [row.decode() for row in rows]
        finally:
            client.logout()

    names, rows = await asyncio.to_thread(look)
    assert {"INBOX", "Sent", "Drafts", "Junk", "Trash", "Archive"} <= names
    assert len(rows) == 30
    assert all("\\Seen" in row for row in rows)
    assert sorted(imap_answers.internal_date(re.search('INTERNALDATE "([^"]*)"', row)[1]) for row in rows) == [
        (STARTED_AT + number) * 1000 for number in range(1, 60, 2)
    ]
    assert [line for line in source.log.splitlines() if "imap(moved)" in line and "Error" in line] == []

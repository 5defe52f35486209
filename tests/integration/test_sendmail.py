"""`mailserver sendmail` stands in for /usr/sbin/sendmail."""

import asyncio
import os
import subprocess
import sys
import tempfile

import pytest

from tests.support.server import CommandFailed, running_server


@pytest.fixture
async def server(tmp_path):
    async with running_server(tmp_path, sendmail__inbox="agent@local.test") as opened:
        await opened.command("inbox", "add", "ops@local.test", "--password-file", str(tmp_path / "password"))
        yield opened


async def send(server, raw, *arguments, user=None):
    """The exit code and what was said on stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", "sendmail", *arguments, env=server.environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=user,
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, stderr = await process.communicate(raw)
    return process.returncode, stderr.decode()


async def arrived(server, token, subject):
    """The message of a subject in an inbox."""
    async with server.session(token) as session, asyncio.timeout(60):
        while True:
            async with session.get("/v1/messages/?folder=inbox") as answer:
                for row in (await answer.json())["results"]:
                    if row["subject"] == subject:
                        async with session.get(f"/v1/messages/{row['id']}/") as whole:
                            return await whole.json()
            await asyncio.sleep(0.05)


async def test_what_cron_and_programs_pipe_in_is_queued(server):
    own = server.account["agent_token"]
    ops = (await server.command("token", "create", "--inbox", "ops@local.test", "--scopes", "email:read"))["token"]
    cron = b"From: root (Cron Daemon)\nTo: root\nSubject: cron\n\nDisk is full\n"
    assert await send(server, cron, "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root") == (0, "")
    told = await arrived(server, own, "cron")
    assert told["from"] == [{"email": "agent@local.test", "name": "CronDaemon"}]
    assert told["to"] == [{"email": "root@local.test"}]
    assert told["text_body"].strip() == "Disk is full"

    written = (
        b"From: Ops <ops@local.test>\r\nTo: agent@local.test\r\nBcc: ops@local.test\r\nSubject: own\r\n\r\n"
        b"one\r\n.\r\ntwo\r\n"
    )
    assert await send(server, written, "-t", "-i") == (0, "")
    told = await arrived(server, own, "own")
    assert told["from"] == [{"email": "ops@local.test", "name": "Ops"}]
    assert told["text_body"].split() == ["one", ".", "two"]
    assert (await arrived(server, ops, "own"))["to"] == [{"email": "agent@local.test"}]

    assert await send(server, b"no header at all\n.\nnever read\n", "ops@local.test") == (0, "")
    told = await arrived(server, ops, "")
    assert told["text_body"].strip() == "no header at all"
    assert told["from"][0]["email"] == "agent@local.test"
    assert " on " in told["from"][0]["name"]


OPENS = """
import socket, sys
for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
            print("yes")
        except PermissionError:
            print("no")
"""


async def test_other_users_of_the_machine_send_as_the_inbox_that_is_set_and_as_no_other(server):
    data = server.directory / "data"
    assert (data / "admin.sock").stat().st_mode & 0o777 == 0o600
    assert (data / "submit.sock").stat().st_mode & 0o777 == 0o666
    if os.geteuid() == 0 and os.access("/usr/bin/python3", os.X_OK):
        with tempfile.TemporaryDirectory() as place:  # as /run/mailserver, which everybody may look into
            os.chmod(place, 0o711)
            for name in ("admin.sock", "submit.sock"):
                os.link(data / name, f"{place}/{name}")
            opened = subprocess.run(
                ["/usr/bin/python3", "-c", OPENS, f"{place}/admin.sock", f"{place}/submit.sock"], user="nobody",
                cwd="/", check=True, capture_output=True, text=True,
            )  # fmt: skip
            assert opened.stdout.split() == ["no", "yes"]
    (data / "admin.sock").rename(data / "elsewhere.sock")  # what others cannot open is not there for them
    raw = b"From: Ops <ops@local.test>\nTo: agent@local.test\nSubject: forged\n\nhello\n"
    assert await send(server, raw, "-t") == (0, "")
    told = await arrived(server, server.account["agent_token"], "forged")
    assert told["from"] == [{"email": "agent@local.test", "name": "Ops"}]
    reader, writer = await asyncio.open_unix_connection(data / "submit.sock")
    writer.write(b'{"verb": "queue.list", "arguments": {}}\n')
    assert b"takes mail of programs" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_what_cannot_be_sent_says_so_with_the_exit_code_that_programs_know(server):
    for raw, arguments, code, sentence in (
        (b"Subject: x\n\nx\n", ["-t"], 65, "Nobody is named"),
        (b"Subject: x\n\nx\n", ["not an address@"], 65, "is not an address"),
        (b"", ["-bs"], 69, "submission port"),
        (b"", ["-Nsometimes", "a@local.test"], 2, "never"),
        (b"", ["--nonsense"], 2, "sendmail"),
    ):
        got, said = await send(server, raw, *arguments)
        assert got == code, (arguments, said)
        assert sentence in said
    assert await send(server, b"", "-bi") == (0, "")
    assert await send(server, b"", "-q") == (0, "")
    assert (await send(server, b"", "-bp"))[0] == 0
    await server.stop()
    code, said = await send(server, b"Subject: x\n\nx\n", "agent@local.test")
    assert code == 75
    assert "does not run" in said
    with pytest.raises(CommandFailed):
        await server.command("sendmail", "-Nwrong")

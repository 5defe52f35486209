"""Backups of a real server: beside its traffic, after its death, killed themselves, and put back elsewhere."""

import asyncio
import contextlib
import os
import random
import smtplib
import sqlite3
import subprocess
import sys

import aiohttp

from tests.integration.test_story_api import compose, deliver, listed
from tests.support.remote import Remote
from tests.support.server import CommandFailed, Server, environment, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = """
@ 60 IN SOA ns.test. hostmaster.test. 1 60 60 60 60
@ 60 IN NS ns.test.
remote.test. 60 IN MX 10 mx.remote.test.
mx.remote.test. 60 IN A 127.0.0.1
"""


@contextlib.asynccontextmanager
async def outside(**rules):
    async with Remote() as remote, NameServer("test.", ZONE) as names:
        yield (
            remote,
            {
                "dns__nameservers": [f"127.0.0.1:{names.port}"], "queue__remote_port": remote.port,
                "queue__retry_seconds": [1], "queue__retry_jitter": 0,
            },
        )  # fmt: skip


def elsewhere(server, directory):
    """The appliance of another directory, with the account and settings of this one."""
    directory.mkdir()
    settings = server.environment | {"MAILSERVER_DATA_DIR": str(directory / "data")}
    return Server(directory, settings, account=server.account)


def stored(data):
    """The subjects that a stopped server has."""
    with contextlib.closing(sqlite3.connect(data / "mailserver.db")) as database:
        return [row[0] for row in database.execute("SELECT subject FROM message_data")]


def take_mail(server, number, accepted):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        for index in range(number):
            subject = f"in {len(accepted)} {index}"
            client.sendmail("a@elsewhere.test", ["agent@local.test"], f"Subject: {subject}\r\n\r\n{subject}\r\n")
            accepted.append(subject)


async def test_a_backup_beside_traffic_has_everything_that_was_accepted_before_it(tmp_path):
    async with outside() as (remote, settings), running_server(tmp_path / "a", **settings) as server:
        accepted, sent, over = [], [], asyncio.Event()

        async def arriving():
            while not over.is_set():
                await asyncio.to_thread(take_mail, server, 20, accepted)

        async def leaving():
            async with server.session() as gent:
                while not over.is_set():
                    form = {"to": [{"email": "b@remote.test"}], "subject": f"out {len(sent)}", "text_body": "x"}
                    async with gent.post("/v1/messages/", json=form) as answer:
                        assert answer.status == 201
                    sent.append(form["subject"])

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(arriving())
            tasks.create_task(leaving())
            promised = []
            for number in range(3):
                await asyncio.sleep(1)
                promised.append({*accepted, *sent})
                answer = await server.command("backup", str(tmp_path / "target"))
                assert answer["online"]
                assert answer["missing"] == 0
                assert answer["messages"] >= len(promised[number])
                assert answer["copied"] == 0
            over.set()
        generations = sorted(path.name for path in (tmp_path / "target").glob("2*"))
        for name, before in zip(generations, promised, strict=True):
            other = elsewhere(server, tmp_path / name)
            checked = await other.command(
                "verify", "--backup", str(tmp_path / "target"), "--generation", name, "--deep"
            )
            assert checked["ok"], checked
            await other.command("restore", str(tmp_path / "target"), "--generation", name)
            assert before <= set(stored(other.directory / "data"))
            verified = await other.command("verify", "--deep")
            assert verified["ok"], verified
        assert (await server.command("verify", "--deep"))["ok"]
        assert remote.messages


async def test_flags_tokens_keys_and_the_queue_come_back_and_queued_mail_goes_once(tmp_path):
    async with outside() as (remote, settings), running_server(tmp_path / "a", **settings) as server:
        remote.answers("RCPT TO:<b@", "451 4.2.1 later", always=True)
        for number in range(3):
            await asyncio.to_thread(deliver, server, compose(f"kept {number}"))
        async with server.session() as gent:

            async def three():
                rows = await listed(gent, folder="inbox")
                return rows if len(rows) == 3 else None

            rows = await until(three)
            async with gent.patch(f"/v1/messages/{rows[0]['id']}/", json={"mark_read": True}) as answer:
                assert answer.status == 204, await answer.text()
            form = {"to": [{"email": "b@remote.test"}], "subject": "waits", "text_body": "x"}
            async with gent.post("/v1/messages/", json=form) as answer:
                assert answer.status == 201
            upload = aiohttp.FormData()
            upload.add_field("file", b"kept", filename="kept.txt", content_type="text/plain")
            async with gent.post("/v1/messages/upload/", data=upload) as answer:
                assert answer.status == 201, await answer.text()
        await until(lambda: tried(server))
        answer = await server.command("backup", str(tmp_path / "target"))
        assert answer["queued"] == 1
        await server.kill()
        other = elsewhere(server, tmp_path / "b")
        assert (await other.command("restore", str(tmp_path / "target")))["ok"]
        for name in ("keys", "tls", "uploads"):
            assert files_below(other.directory / "data" / name)
            assert files_below(other.directory / "data" / name) == files_below(server.directory / "data" / name)
        remote.forget_rules()
        await other.start()
        async with other.session() as gent:
            again = await listed(gent, folder="inbox")
            assert {row["id"]: row["flags"]["read"] for row in again} == {row["id"]: row is rows[0] for row in rows}
        await until(lambda: remote.messages)
        await asyncio.sleep(2)
        assert len([each for each in remote.messages if b"waits" in as_bytes(each.content)]) == 1
        await asyncio.to_thread(deliver, other, compose("new"))
        assert await other.stop() == 0


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode()


def files_below(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


async def tried(server):
    rows = await server.command("queue", "list")
    return rows and rows[0]["attempts"]


async def test_what_a_killed_server_had_in_its_journal_is_in_a_backup_made_without_it(tmp_path):
    async with running_server(tmp_path / "a") as server:
        accepted = []
        await asyncio.to_thread(take_mail, server, 60, accepted)
        await server.kill()
        before = len(stored(server.directory / "data"))
        answer = await server.command("backup", str(tmp_path / "target"))
        assert not answer["online"]
        other = elsewhere(server, tmp_path / "b")
        await other.command("restore", str(tmp_path / "target"))
        assert len(stored(other.directory / "data")) == before
        await other.start()
        assert await other.stop() == 0
        assert sorted(stored(other.directory / "data")) == sorted(accepted)
        assert (await other.command("verify", "--deep"))["ok"]


async def started(server, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", "--json", *arguments, env=server.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


async def test_a_backup_that_is_killed_leaves_no_half_one_and_the_server_goes_on(tmp_path):
    chance = random.Random(8)
    async with running_server(tmp_path / "a") as server:
        accepted = []
        await asyncio.to_thread(take_mail, server, 300, accepted)
        target = tmp_path / "target"
        whole = await server.command("backup", str(target), "--copy")
        killed = 0
        for _ in range(8):
            process = await started(server, "backup", str(target), "--copy", "--keep", "3")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):  # the program reads itself first; then anywhere in its work
                    while not list(target.glob(".unfinished-*")) and process.returncode is None:
                        await asyncio.sleep(0.001)
            await asyncio.sleep(chance.random() * 0.15)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            killed += await process.wait() == -9
            await process.communicate()
            for generation in target.glob("2*"):
                found = await server.command(
                    "verify", "--backup", str(target), "--generation", generation.name, "--deep"
                )
                assert found["ok"], found
            await asyncio.to_thread(take_mail, server, 1, accepted)
        assert killed
        last = await server.command("backup", str(target), "--keep", "2")
        assert last["messages"] == len(accepted)
        assert last["generation"] > whole["generation"]
        assert len([name for name in os.listdir(target) if name != "lock"]) == 2
        assert server.process.returncode is None


async def refused(server, *arguments):
    try:
        await server.command(*arguments)
    except CommandFailed as failed:
        return failed.code, failed.stderr
    raise AssertionError("the command ended with 0")


async def test_what_cannot_be_done_has_its_sentence_and_its_exit_code(tmp_path):
    async with running_server(tmp_path / "a") as server:
        target = str(tmp_path / "target")
        await asyncio.to_thread(deliver, server, compose("kept"))
        code, said = await refused(server, "backup", str(tmp_path / "a" / "data" / "mail"))
        assert (code, "outside" in said) == (73, True)
        code, said = await refused(server, "restore", target)
        assert (code, "in use by another mailserver process" in said) == (75, True)
        code, said = await refused(server, "verify", "--backup", target)
        assert (code, "no backup" in said) == (65, True)
        await server.command("backup", target)
        code, said = await refused(server, "restore", target, "--yes")
        assert (code, "in use" in said) == (75, True)
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", 'ulimit -f 64; exec "$@"', "sh", sys.executable, "-m", "mailserver", "backup", target,
            env=server.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, stderr = await process.communicate()
        assert (process.returncode, b"Traceback" in stderr) == (74, False), stderr
        assert len(list((tmp_path / "target").glob("*"))) == 2
        assert await server.stop() == 0
        code, said = await refused(server, "restore", target)
        assert (code, "--yes" in said) == (73, True)
        path = next((tmp_path / "target").glob("2*/manifest.json"))
        path.write_bytes(path.read_bytes()[:200])
        code, said = await refused(server, "restore", target, "--yes")
        assert (code, "cut off" in said) == (65, True)
        assert (await server.command("verify", "--deep"))["ok"]
        await server.start()
        await asyncio.to_thread(deliver, server, compose("after"))


async def test_nothing_to_back_up_is_said(tmp_path):
    server = Server(tmp_path, environment(tmp_path))
    code, said = await refused(server, "backup", str(tmp_path / "target"))
    assert (code, "nothing to back up" in said) == (65, True)

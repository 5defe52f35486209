"""Data directories of earlier versions, whose machines lost power, are opened by this one: nothing is missing after."""

import asyncio
import contextlib
import hashlib
import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tests.integration.test_backup import as_bytes, outside
from tests.integration.test_story_api import listed
from tests.support.server import Server, environment
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "upgrade"
LAST = max(path.stem for path in (ROOT / "mailserver/storage/migrations").glob("[0-9]*.py"))
FOREVER = 1e10  # what was queued when the vectors were made is never too old, and no letter tells that it waits


def unpack(directory, name):
    with tarfile.open(VECTORS / f"{name}.tar.xz") as tar:
        tar.extractall(directory, filter="data")
    (directory / "data").chmod(0o700)


@contextlib.asynccontextmanager
async def upgraded(directory, name):
    """A server on the data directory of an earlier version, not started yet; where its mail goes; what it has."""
    unpack(directory, name)
    facts = json.loads((VECTORS / f"{name}.json").read_text())
    async with outside() as (remote, settings):
        never = {"queue__lifetime_seconds": FOREVER, "queue__delay_notice_seconds": FOREVER}
        given = environment(directory, **{**settings, **never})
        server = Server(directory, given, account=facts["account"])
        try:
            yield server, remote, facts
        finally:
            if server.process is not None:
                await server.kill()


def rows(path, statement):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute(statement)]


def applied(path):
    return max(rows(path, "SELECT name FROM schema_migration"))


def copies(server):
    return sorted((server.directory / "data/upgrades").glob("*.db"))


def has_changed(database, before):
    try:
        return applied(database) != before
    except sqlite3.OperationalError:  # it is just being opened
        return False


async def is_empty(server):
    return await server.command("queue", "list") == []


async def assert_all_is_there(server, remote, facts):
    """Every message, flag, token, key and queued delivery; what waited is delivered, once."""
    async with server.session() as gent, server.session(facts["account"]["api_key"]) as agentry:

        async def all_of_it():
            found = {row["subject"]: row for row in await listed(gent, folder="inbox")}
            return found if len(found) == len(facts["ids"]) + len(facts["late"]) else None

        found = await until(all_of_it)
        assert set(found) == {*facts["ids"], *facts["late"]}
        assert {subject: found[subject]["id"] for subject in facts["ids"]} == facts["ids"]
        assert {subject: found[subject]["flags"] for subject in facts["flags"]} == facts["flags"]
        for subject, row in found.items():
            whole = await (await gent.get(f"/v1/messages/{row['id']}/")).json()
            assert whole["text_body"].strip() == f"body of {subject}"
        assert {row["subject"] for row in await listed(gent, q="late")} == set(facts["late"])
        answer = await agentry.get("/agent/v0/inboxes")
        assert [row["inbox_id"] for row in (await answer.json())["inboxes"]] == [facts["account"]["address"]]
        login = {"email": facts["account"]["user_email"], "password": facts["password"]}
        assert (await gent.post("/auth/login/", json=login)).status == 200
    keys = {name: hashlib.sha256((server.directory / "data" / name).read_bytes()).hexdigest() for name in facts["keys"]}
    assert keys == facts["keys"]
    unnamed = "SELECT count(*) FROM queued WHERE header_id <> '' AND header_hash IS NULL"
    assert rows(server.directory / "data/mailserver.db", unnamed) == [0]
    await until(lambda: len(remote.messages) >= 2)
    await asyncio.sleep(1)  # nothing more follows
    sent = sorted(
        line for each in remote.messages for line in as_bytes(each.content).splitlines() if line.startswith(b"Subject:")
    )
    assert sent == [f"Subject: {subject}".encode() for subject in sorted(facts["queued"])]
    assert all(b"DKIM-Signature:" in as_bytes(each.content) for each in remote.messages)
    await until(lambda: is_empty(server))
    assert (await server.command("verify", "--deep"))["ok"]
    assert await server.stop() == 0


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.json")))
async def test_an_upgrade_keeps_everything_and_sends_what_waited(tmp_path, name):
    async with upgraded(tmp_path, name) as (server, remote, facts):
        before = applied(tmp_path / "data/mailserver.db")
        assert before < LAST
        await server.start()
        await assert_all_is_there(server, remote, facts)
        assert applied(tmp_path / "data/mailserver.db") == LAST
        (copy,) = copies(server)
        assert copy.stem.endswith(before)
        assert applied(copy) == before
        assert rows(copy, "PRAGMA integrity_check") == ["ok"]
        assert set(facts["ids"].keys()) <= set(rows(copy, "SELECT subject FROM message_data"))


async def test_an_upgrade_that_is_killed_again_and_again_is_finished_by_the_next_start(tmp_path):
    async with upgraded(tmp_path, "early") as (server, remote, facts):
        before, database = applied(tmp_path / "data/mailserver.db"), tmp_path / "data/mailserver.db"
        stages = set()
        for delay in (0, 0.01, 0.03):
            seen = set(tmp_path.glob("data/upgrades/*"))
            starting = asyncio.create_task(server.start())
            async with asyncio.timeout(60):
                while set(tmp_path.glob("data/upgrades/*")) <= seen and not has_changed(database, before):
                    await asyncio.sleep(0.001)
            await asyncio.sleep(delay)
            await server.kill()
            with contextlib.suppress(AssertionError):  # it did not start, unless it was quicker than we
                await starting
            assert applied(database) in {before, LAST}
            stages.add(applied(database))
            assert rows(database, "PRAGMA integrity_check") == ["ok"]
            if applied(database) == LAST and delay < 0.03:  # it was quicker than we: once more from the beginning
                shutil.rmtree(tmp_path / "data")
                unpack(tmp_path, "early")
        assert before in stages
        await server.start()
        await assert_all_is_there(server, remote, facts)


async def test_an_older_version_refuses_the_newer_database_and_leaves_it_as_it_is(tmp_path):
    async with upgraded(tmp_path, "early") as (server, _, _):
        path = tmp_path / "data/mailserver.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("INSERT INTO schema_migration(name, applied) VALUES ('9999_later', '2030-01-01')")
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = path.read_bytes()
        with pytest.raises(AssertionError, match="newer"):
            await server.start()
        assert server.process.returncode == 78
        assert path.read_bytes() == content
        assert not copies(server)

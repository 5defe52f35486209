"""The one door to the tables: groups, errors, events."""

import asyncio
import sqlite3
import threading

import pytest

from mailserver.entities import errors
from mailserver.entities.event import Event, EventType
from mailserver.storage import sqlite
from mailserver.storage.database import Database


@pytest.fixture
async def rung():
    return []


@pytest.fixture
async def base(tmp_path, rung):
    raw = sqlite.connect(tmp_path / "x.db")
    sqlite.migrate(raw)
    async with Database(raw, rung.append).running() as database:
        yield database


def put(tx, name, value="1"):
    tx.execute("INSERT INTO setting VALUES (?, ?)", (name, value))
    return name


def names(snapshot):
    return [row[0] for row in snapshot.all("SELECT name FROM setting ORDER BY name")]


async def test_one_failing_job_does_not_hurt_the_others_of_its_group(base):
    def fail_late(tx):
        put(tx, "bad")
        raise errors.Conflict("mine")

    held, release = threading.Event(), threading.Event()

    def hold(tx):
        held.set()
        release.wait(60)

    first = asyncio.create_task(base.write(hold))
    await asyncio.to_thread(held.wait, 60)
    jobs = [asyncio.create_task(base.write(put, "a")), asyncio.create_task(base.write(fail_late))]
    jobs += [asyncio.create_task(base.write(put, "a")), asyncio.create_task(base.write(put, "b"))]
    await asyncio.sleep(0.05)
    release.set()
    results = await asyncio.gather(first, *jobs, return_exceptions=True)
    assert results[1] == "a"
    assert isinstance(results[2], errors.Conflict)
    assert isinstance(results[3], sqlite3.IntegrityError)
    assert results[4] == "b"
    assert await base.read(names) == ["a", "b"]
    assert base.commits == 2
    assert base.committed_jobs == 5


async def test_events_and_rings_belong_to_their_transaction(base, rung):
    event = Event(7, 1, 2, EventType.MESSAGE_SENT, 3, {"subject": "Grüße"})

    def publish(tx, then=None):
        tx.publish(event)
        tx.ring("inbox:2")
        if then:
            raise then

    with pytest.raises(errors.Invalid):
        await base.write(publish, errors.Invalid())
    assert rung == []
    assert await base.read(lambda snapshot: snapshot.all("SELECT id FROM event")) == []
    await base.write(publish)
    await asyncio.sleep(0)
    assert sorted(rung) == ["events", "inbox:2"]
    assert await base.read(lambda snapshot: snapshot.all("SELECT id, body FROM event")) == [(7, '{"subject":"Grüße"}')]


async def test_a_disk_that_is_full_fails_the_whole_group_as_a_temporary_error_and_then_works_again(base):
    def limit(tx, pages):
        tx.execute(f"PRAGMA max_page_count = {pages}")

    def much(tx):
        put(tx, "much", "x" * 1_000_000)

    (pages,) = await base.read(lambda snapshot: snapshot.one("PRAGMA page_count"))
    await base.write(limit, pages + 2)
    results = await asyncio.gather(base.write(put, "small"), base.write(much), return_exceptions=True)
    assert isinstance(results[1], errors.StoreFull)
    await base.write(limit, 1_000_000)
    await base.write(much)
    assert "much" in await base.read(names)
    if results[0] == "small":
        assert "small" in await base.read(names)
    else:
        assert isinstance(results[0], errors.Temporary)


async def test_a_database_that_another_program_holds_is_a_temporary_error(base, tmp_path):
    await base.write(lambda tx: tx.execute("SELECT 1"))
    held = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(base.write(put, "waits"))
    await asyncio.sleep(0.3)
    held.execute("COMMIT")
    assert await task == "waits"
    held.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.StoreUnavailable):
        await base.write(put, "refused")
    held.execute("COMMIT")
    held.close()
    assert await base.write(put, "after") == "after"


async def test_a_statement_that_cannot_run_is_temporary_and_hides_its_text(base):
    with pytest.raises(errors.StoreUnavailable) as caught:
        await base.write(lambda tx: tx.execute("SELECT * FROM nowhere"))
    assert "nowhere" not in str(caught.value)
    with pytest.raises(errors.StoreUnavailable):
        await base.read(lambda snapshot: snapshot.all("SELECT * FROM nowhere"))


async def test_a_reader_cannot_write(base):
    with pytest.raises(errors.StoreUnavailable):
        await base.read(lambda snapshot: snapshot.execute("DELETE FROM setting"))
    await base.write(put, "x")
    assert await base.read(names) == ["x"]


async def test_a_reader_sees_one_moment(base):
    started, go_on = threading.Event(), threading.Event()

    def look_twice(snapshot):
        first = names(snapshot)
        started.set()
        go_on.wait(60)
        return first, names(snapshot)

    looking = asyncio.create_task(base.read(look_twice))
    await asyncio.to_thread(started.wait, 60)
    await base.write(put, "meanwhile")
    go_on.set()
    assert await looking == ([], [])


async def test_a_caller_that_is_cancelled_leaves_its_change_to_be_made(base):
    held, release = threading.Event(), threading.Event()

    def slow(tx):
        held.set()
        release.wait(60)
        put(tx, "slow")

    task = asyncio.create_task(base.write(slow))
    await asyncio.to_thread(held.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await base.write(put, "next")
    assert await base.read(names) == ["next", "slow"]


async def test_what_was_asked_before_the_end_is_done_and_after_it_refused(tmp_path):
    raw = sqlite.connect(tmp_path / "x.db")
    sqlite.migrate(raw)
    database = Database(raw, lambda _: None)
    async with database.running():
        tasks = [asyncio.create_task(database.write(put, f"{n:03}")) for n in range(200)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*tasks) == [f"{n:03}" for n in range(200)]
    async with asyncio.timeout(30):
        with pytest.raises(errors.StoreUnavailable):
            await database.write(put, "late")
        with pytest.raises(errors.StoreUnavailable):
            await database.read(names)


async def test_a_commit_is_in_the_log_on_the_disk_before_the_caller_knows(base):
    (mode,) = await base.write(lambda tx: tx.one("PRAGMA synchronous"))
    assert mode == 2
    assert await base.read(lambda snapshot: snapshot.one("PRAGMA journal_mode")) == ("wal",)

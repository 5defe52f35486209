"""A crash between any two steps: what was promised is there once, what was deleted stays deleted."""

import asyncio
import shutil

import pytest

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.storage import arrange, files
from mailserver.storage.journal import Journal
from tests.support.inside import inside

RAW = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n\r\nHello.\r\n"
TABLES = ("message", "message_data", "part", "placement", "thread", "thread_ref", "folder_thread", "queued", "delivery")
COUNTS = (
    "SELECT id, total_messages, unread_messages, total_threads, unread_threads, bytes, uidnext FROM folder ORDER BY id"
)


def raw(word):
    word = word.encode()
    return RAW % (word, word)


async def contents(house):
    """Every row that mail makes, change numbers aside."""
    found = {}
    for table in TABLES:
        names = [row[1] for row in await house.rows(f"PRAGMA table_info({table})")]
        kept = [f'"{name}"' for name in names if "modseq" not in name and name not in ("updated_at", "removed_at")]
        found[table] = sorted(await house.rows(f"SELECT {', '.join(kept)} FROM {table}"), key=repr)
    found["counts"] = await house.rows(COUNTS)
    found["events"] = [row[0] for row in await house.rows("SELECT type FROM event ORDER BY id")]
    return found


class NoCheckpoint(Journal):
    def checkpoint(self, sequence):
        """The machine dies before it."""


@pytest.fixture
def uncheckpointed(monkeypatch):
    """Houses that never checkpoint: each end is a crash after the last commit."""
    monkeypatch.setattr("mailserver.storage.store.Journal", NoCheckpoint)
    return monkeypatch


async def three_messages(house):
    second = await house.services.inboxes.add("second@local.test")
    await house.services.inboxes.add_alias(second, "alias@local.test")
    await house.receive(raw("one"), to=["agent@local.test", "second@local.test"])
    await house.receive(raw("two"))
    await house.receive(raw("large") + b"x" * 2_000_000 + b"\r\n", to=["agent@local.test", "second@local.test"])
    await house.submit(raw("sent").replace(b"a@remote.test", b"agent@local.test"), house.account.inbox)
    await house.settled()


async def test_applying_the_whole_journal_again_changes_nothing(tmp_path, uncheckpointed):
    async with inside(tmp_path) as house:
        await three_messages(house)
        before = await contents(house)
    for _ in range(2):
        async with inside(tmp_path, bootstrap=False) as house:
            assert await contents(house) == before
            assert (await house.services.integrity.verify(deep=True))["ok"]
    assert len(before["message"]) == 6


async def test_a_crash_before_the_first_row_loses_nothing(tmp_path, uncheckpointed):
    """The journal is copied onto a database that has seen nothing of it."""
    async with inside(tmp_path) as house:
        await house.services.inboxes.add("second@local.test")
    shutil.copytree(tmp_path / "data", tmp_path / "before" / "data")
    async with inside(tmp_path) as house:
        await three_messages(house)
        expected = await contents(house)
    shutil.rmtree(tmp_path / "before" / "data" / "journal")
    shutil.copytree(tmp_path / "data" / "journal", tmp_path / "before" / "data" / "journal")
    shutil.copytree(tmp_path / "data" / "mail", tmp_path / "before" / "data" / "mail", dirs_exist_ok=True)
    for _ in range(2):
        async with inside(tmp_path / "before", bootstrap=False) as house:
            again = await contents(house)
            assert {name: rows for name, rows in again.items() if name not in ("events", "thread", "message")} == {
                name: rows for name, rows in expected.items() if name not in ("events", "thread", "message")
            }
            assert len(again["message"]) == len(expected["message"])
            assert (await house.services.integrity.verify(deep=True))["ok"]


async def test_files_that_a_crash_took_are_written_again(tmp_path, uncheckpointed):
    async with inside(tmp_path) as house:
        await house.services.inboxes.add("second@local.test")
        await house.receive(raw("one"), to=["agent@local.test", "second@local.test"])
        await house.receive(raw("two"), to=["agent@local.test", "second@local.test"])
        await house.settled()
        places = sorted(house.store.files.places())
    assert len(places) == 4
    mail = tmp_path / "data" / "mail"
    (mail / places[0]).unlink()
    (mail / places[1]).write_bytes(b"")  # as after a power failure: the name is there, its bytes are not
    (mail / places[2]).unlink()
    (mail / places[2]).write_bytes(b"half of it")
    async with inside(tmp_path, bootstrap=False) as house:
        found = await house.services.integrity.verify(deep=True)
        assert found["ok"], found


async def test_a_message_that_was_deleted_before_the_crash_does_not_come_back(tmp_path, uncheckpointed):
    async with inside(tmp_path) as house:
        kept = await house.receive(raw("kept"))
        gone = await house.receive(raw("gone"))
        large = await house.receive(raw("large") + b"x" * 2_000_000 + b"\r\n")
        await house.settled()
        for text in (gone, large):
            number = identifiers.decode(Kind.MESSAGE, text)
            await house.store.database.write(arrange.remove, number, 1)
        await house.services.integrity.sweep()
        before = await contents(house)
    async with asyncio.timeout(30), inside(tmp_path, bootstrap=False) as house:
        assert await contents(house) == before
        assert [row[0] for row in await house.rows("SELECT id FROM message")] == [
            identifiers.decode(Kind.MESSAGE, kept)
        ]
        assert len(list(house.store.files.places())) == 1


async def test_a_record_whose_large_file_is_lost_stands_aside_and_the_others_go_on(tmp_path, uncheckpointed):
    async with inside(tmp_path) as house:
        await house.services.inboxes.add("second@local.test")
    shutil.copytree(tmp_path / "data", tmp_path / "before" / "data")
    async with inside(tmp_path) as house:
        large = await house.receive(raw("large") + b"x" * 2_000_000 + b"\r\n")
        small = await house.receive(raw("small"))
        inbox_id = house.account.inbox.id
    old = tmp_path / "before" / "data"
    shutil.rmtree(old / "journal")
    shutil.copytree(tmp_path / "data" / "journal", old / "journal")
    async with asyncio.timeout(30), inside(tmp_path / "before", bootstrap=False) as house:
        rows = [row[0] for row in await house.rows("SELECT id FROM message")]
        assert rows == [identifiers.decode(Kind.MESSAGE, small)]
        assert [path.name for path in (old / "quarantine").iterdir()] == ["1.record"]
    assert files.location(inbox_id, identifiers.decode(Kind.MESSAGE, large)) in (
        old / "quarantine" / "1.record"
    ).read_bytes().decode("latin-1")


async def test_a_journal_that_was_taken_away_does_not_repeat_numbers(tmp_path):
    async with inside(tmp_path) as house:
        for word in ("one", "two", "three"):
            await house.receive(raw(word))
        await house.settled()
    shutil.rmtree(tmp_path / "data" / "journal")
    async with inside(tmp_path, bootstrap=False) as house:
        await house.receive(raw("four"))
    async with inside(tmp_path, bootstrap=False) as house:
        assert len(await house.rows("SELECT id FROM message")) == 4


async def test_mail_for_an_inbox_that_is_gone_does_not_stop_the_others(tmp_path):
    async with inside(tmp_path) as house:
        second = await house.services.inboxes.add("second@local.test")
        await house.store.database.write(lambda tx: tx.execute("DELETE FROM inbox WHERE id = ?", (second.id,)))
        await house.receive(raw("one"), to=["agent@local.test"])
        house.services.routing.forget()
        await house.settled()
        assert len(await house.rows("SELECT id FROM message")) == 1

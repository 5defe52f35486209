"""What a running server does for a backup: it stores what it has promised, and keeps files."""

import asyncio

import pytest

from mailserver.entities import errors
from mailserver.services.mailbox import holding
from tests.support.inside import inside

RAW = b"Subject: kept\r\n\r\nx\r\n"


async def test_what_was_promised_before_is_in_the_tables_when_it_answers(tmp_path):
    async with inside(tmp_path) as house:
        await house.services.holding.begin()
        for number in range(1, 20):
            await house.receive(RAW)
            await house.services.holding.begin()
            assert await house.rows("SELECT COUNT(*) FROM message") == [(number,)]


async def test_a_store_that_stands_still_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(holding, "STORED_SECONDS", 0.2)
    async with inside(tmp_path) as house:
        await house.receive(RAW)
        await house.settled()

        class Stands:
            applied = 0

        stands = holding.Holding(house.store.journal, Stands(), house.store.files)
        with pytest.raises(errors.Temporary, match="not stored within"):
            await stands.begin()


async def test_files_of_deleted_messages_stay_as_long_as_somebody_copies(tmp_path):
    async with inside(tmp_path) as house:
        place = "inb_x/cur/ab/gone"
        await asyncio.to_thread(house.store.files.write, place, [b"x"], sync=False)
        await house.store.database.write(
            lambda tx: tx.execute("INSERT INTO removed_file(location, removed_at) VALUES (?, 0)", (place,))
        )
        house.store.files.hold(2)
        assert await house.services.integrity.sweep() == 0
        assert house.store.files.path(place).exists()
        await asyncio.sleep(2.1)
        assert await house.services.integrity.sweep() == 1
        assert not house.store.files.path(place).exists()


async def test_a_shorter_hold_does_not_end_a_longer_one(tmp_path):
    async with inside(tmp_path, bootstrap=False) as house:
        assert not house.store.files.is_held
        house.store.files.hold(60)
        house.store.files.hold(0)
        assert house.store.files.is_held

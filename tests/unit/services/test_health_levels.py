"""How full everything is: asked seldom, told at once, and never waited for."""

import pytest

from mailserver.entities import errors
from mailserver.entities.figures import Spread
from mailserver.services.health.levels import KEPT_SECONDS, QUEUE_SECONDS, Levels
from mailserver.storage import levels as rows
from mailserver.storage.database import TookTooLong
from tests.support.inside import inside

MESSAGE = b"From: a@remote.test\r\nSubject: one\r\n\r\nx\r\n"


class Clock:
    """A time that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A database that counts what it is asked, and answers or fails."""

    def __init__(self, database, trouble=None):
        self._database = database
        self.trouble = trouble
        self.asked = []

    async def read(self, fn, *arguments):
        self.asked.append(fn)
        if self.trouble is not None:
            raise self.trouble
        return await self._database.read(fn, *arguments)


class Watched:
    """A store whose database is watched."""

    def __init__(self, store):
        self.database = Counted(store.database)
        self.journal, self.directory = store.journal, store.directory


async def test_however_often_it_is_asked_the_tables_are_read_once_in_a_while(tmp_path):
    async with inside(tmp_path) as house:
        await house.receive(MESSAGE)
        await house.settled()
        clock, store = Clock(), Watched(house.store)
        levels = Levels(store, None, clock)
        for _ in range(5):
            seen = await levels.look()
        assert store.database.asked == [rows.waiting, rows.kept]
        assert seen.kept.messages == 1
        assert seen.kept.message_bytes > len(MESSAGE)
        assert seen.waiting == {"queued": 0, "held": 0}
        assert seen.oldest_at is None
        assert seen.disk.total_bytes > seen.disk.free_bytes > 0
        clock.now += QUEUE_SECONDS
        await levels.look()
        assert store.database.asked == [rows.waiting, rows.kept, rows.waiting]


@pytest.mark.parametrize("trouble", [TookTooLong(), errors.StoreUnavailable(), TimeoutError()])
async def test_what_cannot_be_read_is_as_it_was_and_said_to_be_late(tmp_path, trouble):
    async with inside(tmp_path) as house:
        await house.receive(MESSAGE)
        await house.settled()
        clock, store = Clock(), Watched(house.store)
        levels = Levels(store, None, clock)
        first = await levels.look()
        assert first.late_seconds == 0
        store.database.trouble = trouble
        clock.now += KEPT_SECONDS + 30
        second = await levels.look()
        assert second.kept == first.kept
        assert second.late_seconds == KEPT_SECONDS + 30 - QUEUE_SECONDS
        store.database.trouble = None
        clock.now += KEPT_SECONDS
        assert (await levels.look()).late_seconds == 0


async def test_records_that_were_set_aside_are_counted(tmp_path):
    async with inside(tmp_path) as house:
        place = house.store.directory / "quarantine"
        place.mkdir(exist_ok=True)
        (place / "7.record").write_bytes(b"x")
        assert (await Levels(house.store, None).look()).disk.quarantined == 1


def test_a_spread_counts_a_value_with_the_bound_that_it_equals():
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 3.0):
        spread.add(value)
    assert spread.cumulative == [("1.0", 2), ("2.0", 3), ("+Inf", 4)]
    assert spread.total == 6.0

"""The feed: every event once to everybody, in the order of commits."""

import asyncio
import time

import pytest

from mailserver.entities.event import Event, EventType
from mailserver.events import follower as following
from mailserver.events.follower import Follower
from mailserver.services.notify.doorbell import Doorbell
from mailserver.services.notify.fanout import BATCH, Fanout
from tests.support.inside import inside


def event(number, kind=EventType.MESSAGE_SENT):
    return Event(number, 1, 1, kind, int(time.time() * 1000), {"n": number})


class Hears:
    """Notes what it was given in a table, so that a rollback is seen."""

    def __init__(self, *, wants=lambda each: True, breaks_at=()):
        self.wants, self.breaks_at = wants, breaks_at

    def matches(self, snapshot, each):
        return self.wants(each)

    def take(self, tx, each):
        tx.execute("INSERT INTO setting(name, value) VALUES (?, ?)", (f"heard {id(self)} {each.id}", str(each.id)))
        if each.id in self.breaks_at:
            tx.publish(event(9_999_999))
            raise ValueError("its own mistake")


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        await opened.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        yield opened


async def publish(house, *numbers):
    for number in numbers:
        await house.store.database.write(lambda tx, number=number: tx.publish(event(number)))


async def heard(house, subscriber):
    rows = await house.rows("SELECT value FROM setting WHERE name LIKE ? ORDER BY rowid", f"heard {id(subscriber)} %")
    return [int(row[0]) for row in rows]


async def test_events_come_once_in_the_order_of_commits_not_of_ids(house):
    one, other = Hears(), Hears(wants=lambda each: each.id % 2)
    fanout = Fanout(house.store.database, [one, other])
    await publish(house, 7, 3, 5, 4)
    assert await fanout.step() == 4
    assert await fanout.step() == 0
    assert await heard(house, one) == [7, 3, 5, 4]
    assert await heard(house, other) == [7, 3, 5]
    assert await house.rows("SELECT * FROM event_feed") == []


async def test_two_nodes_hand_an_event_out_once(house):
    one = Hears()
    await publish(house, *range(10, 10 + BATCH))
    await asyncio.gather(*(Fanout(house.store.database, [one]).step() for _ in range(3)))
    assert await heard(house, one) == list(range(10, 10 + BATCH))


async def test_a_subscriber_s_mistake_is_undone_and_stops_nobody(house):
    broken, sound = Hears(breaks_at=(2,)), Hears()
    await publish(house, 1, 2, 3)
    await Fanout(house.store.database, [broken, sound]).step()
    assert await heard(house, broken) == [1, 3]
    assert await heard(house, sound) == [1, 2, 3]
    assert await house.rows("SELECT * FROM event_feed") == []
    assert await house.rows("SELECT 1 FROM event WHERE id = 9999999") == []


async def test_an_event_that_went_with_its_inbox_is_passed_over(house):
    one = Hears()
    await publish(house, 1, 2)
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM event WHERE id = 1"))
    assert await Fanout(house.store.database, [one]).step() == 2
    assert await heard(house, one) == [2]


async def test_the_follower_is_woken_by_a_ring_and_stops_when_told(house, monkeypatch):
    monkeypatch.setattr(following, "POLL_SECONDS", 3_600.0)
    one, doorbell = Hears(), Doorbell()
    follower = Follower(Fanout(house.store.database, [one]), doorbell)
    task = asyncio.create_task(follower.run())
    await asyncio.sleep(0.05)
    await publish(house, 1)
    doorbell.ring("events")
    async with asyncio.timeout(30):
        while await heard(house, one) != [1]:
            await asyncio.sleep(0.01)
        follower.stop()
        await task


async def test_a_mistake_in_matching_stops_the_feed_but_not_the_server(house):
    class Broken(Hears):
        def matches(self, snapshot, each):
            raise KeyError("its own mistake")

    doorbell = Doorbell()
    follower = Follower(Fanout(house.store.database, [Broken()]), doorbell)
    await publish(house, 1)
    task = asyncio.create_task(follower.run())
    await asyncio.sleep(0.3)
    assert not task.done()
    assert len(await house.rows("SELECT * FROM event_feed")) == 1
    task.cancel()
    await asyncio.wait([task])

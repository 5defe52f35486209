"""Those who listen: every event once, in the order of commits, whichever node handed it out."""

import asyncio
import time

import pytest

from mailserver.entities.event import Event, EventType
from mailserver.services.notify.live_events import KEPT_MS, MOST_WAITING, Listener, LiveEvents, Wish
from tests.support.inside import inside


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


def event(house, number, *, tenant_id=None, inbox_id=None):
    inbox = house.account.inbox
    return Event(
        house.store.ids.next(), tenant_id or inbox.tenant_id, inbox_id or inbox.id, EventType.MESSAGE_SENT, 1,
        {"number": number},
    )  # fmt: skip


async def hand_out(house, live, events):
    def write(tx):
        for each in events:
            tx.publish(each)
            live.take(tx, each)

    await house.store.database.write(write)


async def numbers(listener, count):
    async with asyncio.timeout(5):
        return [(await listener.next())["data"]["number"] for _ in range(count)]


async def test_events_come_in_the_order_of_commits_and_not_of_their_ids(house):
    live = house.services.notify.live
    first, second = event(house, 1), event(house, 2)
    listener = Listener(first.tenant_id, None)
    await live.join(listener)
    listener.wish = Wish()
    running = asyncio.create_task(live.run())
    await hand_out(house, live, [second])
    assert await numbers(listener, 1) == [2]
    await hand_out(house, live, [first, event(house, 3, tenant_id=77), event(house, 4)])
    assert await numbers(listener, 2) == [1, 4]
    live.stop()
    await running


async def test_what_another_node_hands_out_is_heard_here(house):
    here, there = house.services.notify.live, LiveEvents(house.store.database, house.doorbell, lambda: 0)
    listener = Listener(house.account.inbox.tenant_id, None)
    await here.join(listener)
    listener.wish = Wish()
    running = asyncio.create_task(here.run())
    await asyncio.sleep(0.05)
    await hand_out(house, there, [event(house, 1)])
    assert await numbers(listener, 1) == [1]
    here.stop()
    await running


async def test_who_is_too_far_behind_is_let_go_and_hears_of_nothing_behind_the_gap(house):
    listener = Listener(house.account.inbox.tenant_id, None)
    listener.wish = Wish()
    for position in range(1, MOST_WAITING + 1):
        listener.offer(position, event(house, position), "message.sent", None)
    assert not listener.is_late.is_set()
    listener.offer(MOST_WAITING + 1, event(house, 0), "message.sent", None)
    assert listener.is_late.is_set()
    assert await numbers(listener, 1) == [1]
    listener.offer(MOST_WAITING + 2, event(house, 7), "message.sent", None)
    assert await numbers(listener, MOST_WAITING - 1) == list(range(2, MOST_WAITING + 1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await listener.next()


async def test_the_same_position_is_heard_once_and_only_what_is_wished_for(house):
    inbox = house.account.inbox
    listener = Listener(inbox.tenant_id, inbox.id)
    listener.offer(1, event(house, 1), "message.sent", None)  # nothing was wished for yet
    listener.wish = Wish(("message.sent",))
    listener.offer(2, event(house, 2), "message.sent", None)
    listener.offer(2, event(house, 2), "message.sent", None)
    listener.offer(3, event(house, 3), "message.delivered", None)
    listener.offer(4, event(house, 4, inbox_id=5), "message.sent", None)
    listener.offer(5, event(house, 5), "message.sent", None)
    assert await numbers(listener, 2) == [2, 5]


async def test_what_was_heard_is_deleted_after_minutes(house):
    live = LiveEvents(house.store.database, house.doorbell, lambda: int(time.time() * 1000) - KEPT_MS - 1000)
    await hand_out(house, live, [event(house, number) for number in range(5)])
    recent = house.services.notify.live
    await hand_out(house, recent, [event(house, 9)])
    assert await recent.sweep() == 5
    assert len(await house.rows("SELECT * FROM event_told")) == 1

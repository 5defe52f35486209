"""Those who listen: every event once, in the order of commits, whichever node handed it out."""

import asyncio
import time

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import Kind
from mailserver.services.notify.live_events import KEPT_MS, MOST_WAITING, Listener, LiveEvents, Wish
from tests.support.inside import inside
from tests.support.waiting import until


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


async def told(live, listener, count):
    async with asyncio.timeout(30):
        return [(await live.next(listener))["data"]["number"] for _ in range(count)]


async def test_events_come_in_the_order_of_commits_and_not_of_their_ids(house):
    live = house.services.notify.live
    first, second = event(house, 1), event(house, 2)
    listener = Listener(first.tenant_id, None)
    await live.join(listener)
    listener.wish = Wish()
    running = asyncio.create_task(live.run())
    await hand_out(house, live, [second])
    assert await told(live, listener, 1) == [2]
    await hand_out(house, live, [first, event(house, 3, tenant_id=77), event(house, 4)])
    assert await told(live, listener, 2) == [1, 4]
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
    assert await told(here, listener, 1) == [1]
    here.stop()
    await running


async def test_who_is_behind_reads_on_and_hears_of_everything_once(house):
    live = house.services.notify.live
    slow, quick = (Listener(house.account.inbox.tenant_id, None) for _ in range(2))
    for listener in (slow, quick):
        await live.join(listener)
        listener.wish = Wish()
    running = asyncio.create_task(live.run())
    many = 3 * MOST_WAITING
    for begin in range(0, many, 50):
        await hand_out(house, live, [event(house, number) for number in range(begin, begin + 50)])
        assert await told(live, quick, 50) == list(range(begin, begin + 50))
    assert slow.is_behind
    assert await told(live, slow, MOST_WAITING + 10) == list(range(MOST_WAITING + 10))
    await hand_out(house, live, [event(house, many)])
    assert await told(live, slow, many - MOST_WAITING - 9) == list(range(MOST_WAITING + 10, many + 1))
    await hand_out(house, live, [event(house, many + 1)])
    assert await told(live, slow, 1) == [many + 1]
    assert not slow.is_behind, "and is with the others again"
    live.stop()
    await running


async def test_who_comes_again_goes_on_behind_what_he_heard_last(house):
    live = house.services.notify.live
    events = [event(house, number) for number in range(500)]
    await hand_out(house, live, [*events, event(house, 0, tenant_id=77)])
    running = asyncio.create_task(live.run())
    number = 500
    for last in (0, 250, 498, 499):
        listener = Listener(house.account.inbox.tenant_id, None)
        await live.join(listener, identifiers.encode(Kind.EVENT, events[last].id))
        listener.wish = Wish()
        assert await told(live, listener, number - last - 1) == list(range(last + 1, number))
        await hand_out(house, live, [event(house, number)])
        assert await told(live, listener, 1) == [number]
        live.leave(listener)
        number += 1
    stranger = Listener(77, None)
    for unknown in (identifiers.encode(Kind.EVENT, events[3].id), "evt_x", identifiers.encode(Kind.EVENT, 7)):
        with pytest.raises(errors.NotFound):
            await live.join(stranger, unknown)
    live.stop()
    await running


async def test_who_was_behind_for_too_long_is_let_go_and_hears_of_nothing_behind_the_gap(house):
    live = house.services.notify.live
    events = [event(house, number) for number in range(9)]
    await hand_out(house, live, events)
    listener = Listener(house.account.inbox.tenant_id, None)
    await live.join(listener, identifiers.encode(Kind.EVENT, events[2].id))
    listener.wish = Wish()
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM event_told WHERE position < 6"))
    assert await live.next(listener) is None
    assert listener.is_late.is_set()


async def test_a_tenant_that_was_quiet_is_not_taken_for_one_that_missed_something(house):
    live = house.services.notify.live
    listener = Listener(house.account.inbox.tenant_id, None)
    await live.join(listener)
    listener.wish = Wish()
    running = asyncio.create_task(live.run())
    await hand_out(house, live, [event(house, number, tenant_id=77) for number in range(50)])
    await hand_out(house, live, [event(house, 50, tenant_id=77)])
    await until(lambda: live._position >= 51)
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM event_told WHERE position < 51"))
    await hand_out(house, live, [event(house, number) for number in range(MOST_WAITING + 20)])
    await until(lambda: listener.is_behind)
    assert await told(live, listener, MOST_WAITING + 20) == list(range(MOST_WAITING + 20))
    live.stop()
    await running


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
    assert await told(house.services.notify.live, listener, 2) == [2, 5]


async def test_what_was_heard_is_deleted_after_minutes(house):
    live = LiveEvents(house.store.database, house.doorbell, lambda: int(time.time() * 1000) - KEPT_MS - 1000)
    await hand_out(house, live, [event(house, number) for number in range(5)])
    recent = house.services.notify.live
    await hand_out(house, recent, [event(house, 9)])
    assert await recent.sweep() == 5
    assert len(await house.rows("SELECT * FROM event_told")) == 1

"""What is told of mail that came in, to whom, and for how long it is known."""

import time

import pytest

from mailserver.entities import identifiers
from mailserver.entities.event import Event, EventType
from mailserver.entities.rule import Direction, ListType
from tests.support.inside import inside
from tests.support.receiver import hook, owner


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def test_junk_is_told_to_those_alone_who_ask_for_it_by_name(house):
    everything, _ = await hook(house, "https://all.test/")
    named, _ = await hook(house, "https://named.test/", "message.received.spam", "message.received.blocked")
    inbox = house.account.inbox
    for kind in (EventType.MESSAGE_RECEIVED, EventType.MESSAGE_RECEIVED_SPAM, EventType.MESSAGE_RECEIVED_BLOCKED):
        event = Event(house.store.ids.next(), inbox.tenant_id, inbox.id, kind, 0, {})
        await house.store.database.write(house.services.notify.subscriptions.take, event)
    rows = await house.rows("SELECT endpoint_id, type FROM webhook_delivery ORDER BY id")
    assert rows == [
        (everything.id, "message.received"),
        (named.id, "message.received.spam"),
        (named.id, "message.received.blocked"),
    ]


async def test_what_is_blocked_is_no_message_received(house):
    caller = await owner(house)
    await house.services.rules.add(caller, None, Direction.RECEIVE, ListType.BLOCK, "bad@remote.test")
    for sender in ("good", "bad"):
        raw = f"From: <{sender}@remote.test>\r\nSubject: x\r\n\r\nx\r\n".encode()
        await house.receive(raw, sender=f"{sender}@remote.test")
    await house.settled()
    rows = await house.rows("SELECT type FROM event WHERE type LIKE 'message.received%' ORDER BY id")
    assert [row[0] for row in rows] == ["message.received", "message.received.blocked"]


async def test_the_event_log_goes_back_ninety_days(house):
    inbox, log = house.account.inbox, house.services.notify.event_log
    now = int(time.time() * 1000)
    for days in (91, 89):
        number = identifiers.first_at(now - days * 86_400_000)
        event = Event(number, inbox.tenant_id, inbox.id, EventType.MESSAGE_SENT, now, {})
        await house.store.database.write(lambda tx, event=event: tx.publish(event))
    assert await log.expire() == 0  # nobody has handed them out yet
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
    assert await log.expire() == 1
    assert len(await house.rows("SELECT id FROM event")) == 1

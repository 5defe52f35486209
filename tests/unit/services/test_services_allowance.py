"""How much an inbox may send, by whichever door."""

import asyncio
import json

import pytest

from mailserver.entities import errors
from mailserver.entities.inbox import Inbox
from mailserver.mail import address
from mailserver.mail.address import Person
from mailserver.services.outbound.allowance import HOUR_SLOTS, SLOT_MS, Allowance, SendingLimits
from mailserver.services.outbound.outgoing import Outgoing
from tests.support.inside import inside

MESSAGE = b"From: agent@local.test\r\nTo: b@remote.test\r\nSubject: Hello\r\n\r\nHello.\r\n"
HOUR_MS = HOUR_SLOTS * SLOT_MS


@pytest.fixture
async def house(tmp_path):
    chosen = {"messages_per_inbox_per_hour": 3, "recipients_per_inbox_per_hour": 5}
    async with inside(tmp_path, limits=chosen) as opened:
        yield opened


async def send(house, to=("b@remote.test",)):
    outgoing = Outgoing(to=tuple(Person(one) for one in to), subject="Hi", text="Hi")
    return await house.services.sending.send(await house.caller(), house.account.inbox, outgoing)


async def test_the_apis_and_submission_spend_one_budget(house):
    inbox = house.account.inbox
    await send(house)
    await house.submit(MESSAGE, inbox)
    await send(house)
    with pytest.raises(errors.TooMany, match="3 messages an hour"):
        await send(house)
    with pytest.raises(errors.AllowanceSpent):
        await house.submit(MESSAGE, inbox)
    caller = await house.caller(inbox)
    with pytest.raises(errors.AllowanceSpent):
        await house.services.submission.may_send(caller, address.parse("agent@local.test"))


async def test_recipients_are_counted_too(house):
    await send(house, ["a@remote.test", "b@remote.test", "c@remote.test"])
    with pytest.raises(errors.TooMany, match="5 recipients an hour"):
        await send(house, ["a@remote.test", "b@remote.test", "c@remote.test"])
    await send(house, ["a@remote.test", "b@remote.test"])
    caller = await house.caller(house.account.inbox)
    with pytest.raises(errors.AllowanceSpent):
        await house.services.submission.check_recipient(caller, address.parse("x@remote.test"))


async def test_what_was_refused_for_another_reason_is_not_counted(house):
    for _ in range(4):
        with pytest.raises(errors.SenderNotOwned):
            await house.submit(MESSAGE.replace(b"agent@", b"other@"), house.account.inbox)
    await send(house)


async def test_another_inbox_has_a_budget_of_its_own(house):
    for _ in range(3):
        await send(house)
    other = await house.services.inboxes.add("second@local.test")
    assert isinstance(other, Inbox)
    await house.submit(MESSAGE.replace(b"agent@", b"second@"), other)


async def test_a_restart_forgets_nothing(tmp_path):
    chosen = {"messages_per_inbox_per_hour": 3}
    async with inside(tmp_path, limits=chosen) as house:
        await send(house)
        await house.submit(MESSAGE, house.account.inbox)
        account = house.account
        await house.settled()
    async with inside(tmp_path, limits=chosen) as house:
        house.account = account
        await send(house)
        with pytest.raises(errors.AllowanceSpent):
            await send(house)


async def test_many_at_once_do_not_overshoot(house):
    results = await asyncio.gather(*(send(house) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, errors.AllowanceSpent) for result in results) == 17


class Time:
    def __init__(self):
        self.now = 1_000_000 * SLOT_MS

    def __call__(self):
        return self.now


async def test_the_hour_and_the_day_pass(house):
    clock = Time()
    limits = SendingLimits(messages_per_hour=2, messages_per_day=3, recipients_per_day=100)
    allowance = Allowance(house.store.database, house.store.ids, limits, clock)

    async def spend(recipients=1):
        async with allowance.spending(7, recipients):
            pass

    await spend()
    await spend()
    with pytest.raises(errors.AllowanceSpent, match="an hour"):
        await spend()
    clock.now += HOUR_MS + SLOT_MS
    await spend()
    with pytest.raises(errors.AllowanceSpent, match="a day"):
        await spend()
    clock.now += 24 * HOUR_MS + SLOT_MS
    with pytest.raises(errors.AllowanceSpent, match="recipients"):
        await spend(101)
    await spend(100)


async def caps(house):
    rows = await house.rows("SELECT body FROM event WHERE type = 'cap.reached' ORDER BY id")
    return [
        (body["cap"], body["previous_percent"], body["percent"]) for body in map(json.loads, (row[0] for row in rows))
    ]


async def test_what_is_used_up_of_a_limit_is_told_once(house):
    clock, inbox = Time(), house.account.inbox
    limits = SendingLimits(messages_per_hour=4, recipients_per_day=1000)
    allowance = Allowance(house.store.database, house.store.ids, limits, clock)

    async def spend():
        async with allowance.spending(inbox.id, 1):
            pass

    for _ in range(4):
        await spend()
    hour = "messages_per_hour"
    assert await caps(house) == [(hour, 0, 50), (hour, 50, 75), (hour, 75, 100)]
    clock.now += HOUR_MS + SLOT_MS
    await spend()
    assert len(await caps(house)) == 3
    await spend()
    assert (await caps(house))[3:] == [(hour, 0, 50)]


async def test_a_message_that_is_sent_stays_sent_where_its_cap_cannot_be_told(house):
    class Broken:
        async def read(self, fn, *args):
            return await house.store.database.read(fn, *args)

        async def write(self, fn, *args):
            raise errors.StoreUnavailable

    allowance = Allowance(Broken(), house.store.ids, SendingLimits(messages_per_hour=1), Time())
    async with allowance.spending(house.account.inbox.id, 1):
        pass
    with pytest.raises(errors.AllowanceSpent):
        await allowance.check(house.account.inbox.id)


async def test_what_fails_is_given_back_and_no_limit_asks_nobody(house):
    clock = Time()
    allowance = Allowance(house.store.database, house.store.ids, SendingLimits(messages_per_hour=1), clock)
    for _ in range(3):
        with pytest.raises(errors.StoreFull):
            async with allowance.spending(7, 1):
                raise errors.StoreFull
    async with allowance.spending(7, 1):
        pass
    with pytest.raises(errors.AllowanceSpent):
        await allowance.check(7)
    free = Allowance(None, None, SendingLimits(), clock)
    async with free.spending(7, 1_000_000):
        await free.check(7)

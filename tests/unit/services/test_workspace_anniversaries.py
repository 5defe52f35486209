"""Anniversaries of contacts are told once a year, on the day as the inbox's zone has it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mailserver.entities import identifiers
from mailserver.entities.contact import Anniversary, Card
from mailserver.entities.identifiers import Kind
from mailserver.services.workspace.anniversaries import AT_ONCE, Anniversaries
from tests.support.inside import inside

BIRTHDAY = Anniversary("birthday", "1985-03-14")


class Clock:
    """A clock that is set."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def set(self, *moment):
        self.now = int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def telling(house, clock):
    return Anniversaries(house.store.database, house.store.ids, clock)


async def contact(house, *days, name="Carol"):
    return await house.services.contacts.create(house.account.inbox, Card(name, anniversaries=days))


async def told(house):
    return [json.loads(row[0]) for row in await house.rows("SELECT body FROM event WHERE type = 'contact.anniversary'")]


async def test_an_anniversary_is_told_once_on_its_day(house, clock, telling):
    await contact(house, BIRTHDAY, Anniversary("wedding", "--03-15"))
    for hour in range(0, 48, 6):
        clock.now = int((datetime(2027, 3, 13, tzinfo=UTC) + timedelta(hours=hour)).timestamp() * 1000)
        assert await telling.tell() == (1 if hour == 24 else 0), hour
    (event,) = await told(house)
    assert event["anniversary_type"] == "birthday"
    assert (event["years"], event["date"], event["full_name"]) == (42, "2027-03-14", "Carol")
    clock.set(2028, 3, 15, 12)  # the server slept on the birthday
    assert await telling.tell() == 1
    assert [each["anniversary_type"] for each in await told(house)] == ["birthday", "wedding"]
    assert (await told(house))[1]["years"] is None


async def test_the_day_begins_where_the_inbox_is(house, clock, telling):
    await house.store.database.write(lambda tx: tx.execute("UPDATE inbox SET default_timezone = 'Pacific/Auckland'"))
    await contact(house, BIRTHDAY)
    clock.set(2027, 3, 13, 10, 59)
    assert await telling.tell() == 0
    clock.set(2027, 3, 13, 11, 1)  # 14 March, 00:01
    assert await telling.tell() == 1


@pytest.mark.parametrize(("year", "day", "expected"), [(2027, 28, 1), (2028, 28, 0), (2028, 29, 1)])
async def test_a_leap_day_is_told_of_every_year(house, clock, telling, year, day, expected):
    await contact(house, Anniversary("birthday", "2000-02-29"))
    clock.set(year, 2, day, 12)
    assert await telling.tell() == expected


async def test_a_contact_that_is_changed_is_not_told_of_again(house, clock, telling):
    known = await contact(house, BIRTHDAY)
    clock.set(2027, 3, 14, 12)
    assert await telling.tell() == 1
    caller = await house.caller()
    changed = Card("Carol B", anniversaries=(BIRTHDAY, Anniversary("first_order", "2020-03-14")))
    await house.services.contacts.change(caller, identifiers.encode(Kind.CONTACT, known.id), changed)
    assert await telling.tell() == 1
    assert [each["anniversary_type"] for each in await told(house)] == ["birthday", "first_order"]
    await house.services.contacts.remove(caller, identifiers.encode(Kind.CONTACT, known.id))
    assert await house.rows("SELECT * FROM contact_day") == []


async def test_many_contacts_of_one_day_are_told_of_in_parts(house, clock, telling):
    number = AT_ONCE + 20
    for _ in range(number):
        await contact(house, BIRTHDAY, Anniversary("name_day", "--03-14"))
    clock.set(2027, 3, 14, 12)
    assert await telling.tell() == 2 * number
    assert await telling.tell() == 0

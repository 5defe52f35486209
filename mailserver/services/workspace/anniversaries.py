"""Tells of the anniversaries of contacts, once a year each, on the day as the inbox's zone has it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailserver.entities import identifiers
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.storage import anniversaries
from mailserver.storage.anniversaries import ContactDay
from mailserver.storage.database import Database, Transaction

AT_ONCE = 500  # contacts that one transaction tells of
AROUND = (-1, 0, 1)  # days: it is tomorrow already somewhere
LEAP_DAY = "02-29"  # told of on the last day of February in other years


class Anniversaries:
    """Run every few minutes; a day that the server slept through is not told of."""

    def __init__(self, database: Database, ids: IdSource, clock: Callable[[], int]) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def tell(self) -> int:
        """Publish an event for each anniversary that has begun; how many."""
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        total = 0
        for days in AROUND:
            day = (now + timedelta(days=days)).date()
            for name in _names(day):
                total += await self._tell_of(name, day, now)
        return total

    async def _tell_of(self, name: str, day: date, now: datetime) -> int:
        total, after = 0, 0
        while True:
            found = await self._database.read(anniversaries.untold, name, day.year, after, AT_ONCE)
            due = [one for one in found if now.astimezone(_zone(one.zone)).date() == day]
            if due:
                total += await self._database.write(self._publish, due, day)
            if len(found) < AT_ONCE:
                return total
            after = found[-1].contact_id - 1 if found[0].contact_id != found[-1].contact_id else found[-1].contact_id

    def _publish(self, tx: Transaction, due: list[ContactDay], day: date) -> int:
        count = 0
        for one in due:
            if not anniversaries.told(tx, one, day.year):
                continue
            body = {
                "contact_id": identifiers.encode(Kind.CONTACT, one.contact_id),
                "full_name": one.full_name,
                "anniversary_type": one.type,
                "date": day.isoformat(),
                "years": day.year - one.first_year if one.first_year is not None else None,
            }
            kind = EventType.CONTACT_ANNIVERSARY
            tx.publish(Event(self._ids.next(), one.tenant_id, one.inbox_id, kind, self._clock(), body))
            count += 1
        return count


def _names(day: date) -> list[str]:
    """The days of the year that a day is."""
    name = day.strftime("%m-%d")
    is_last = name == "02-28" and (day + timedelta(days=1)).month == 3
    return [name, LEAP_DAY] if is_last else [name]


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC

"""Calendars of inboxes, and who may subscribe to them."""

import hashlib
import hmac
import time
from dataclasses import replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.calendar import Calendar, CalendarEvent, CalendarKind
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.task import Task
from mailserver.services.workspace import reach
from mailserver.storage import calendars, inboxes, tasks
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200
MOST_IN_FEED = 5_000
FEED_PAST_MS = 366 * 86_400_000  # how far back a subscription looks


class Calendars:
    """Calendars, through the caller's eyes."""

    def __init__(self, database: Database, ids: IdSource, secret: bytes) -> None:
        self._database = database
        self._ids = ids
        self._secret = hashlib.sha256(b"calendar feed" + secret).digest()

    async def of_inbox(self, inbox: Inbox) -> list[Calendar]:
        """The calendars of an inbox, oldest first."""
        return await self._database.read(calendars.of_inbox, inbox.id)

    async def create(self, inbox: Inbox, name: str, kind: CalendarKind) -> Calendar:
        """Make a calendar; Conflict where the inbox has one of that name."""
        now = int(time.time() * 1000)
        name = reach.text(name, "name", LONGEST_NAME)
        made = Calendar(self._ids.next(), inbox.tenant_id, inbox.id, name, kind, False, 1, now)

        def write(tx: Transaction) -> Calendar:
            reach.still_open(tx, inbox)
            known = calendars.of_inbox(tx, inbox.id)
            _check_name(known, made)
            if len(known) >= calendars.MOST:
                raise errors.Conflict(f"An inbox has {calendars.MOST} calendars at most.")
            calendars.add(tx, made)
            return made

        return await self._database.write(write)

    async def change(
        self, caller: Caller, text: str, name: str | None, *, renews_feed: bool, inbox: Inbox | None = None
    ) -> Calendar:
        """Name a calendar otherwise, or change its subscription address, after which the old one is no more."""

        def write(tx: Transaction) -> Calendar:
            calendar = one(tx, caller, text, inbox)
            changed = replace(
                calendar,
                name=reach.text(name, "name", LONGEST_NAME) if name is not None else calendar.name,
                feed=calendar.feed + int(renews_feed),
            )
            _check_name(calendars.of_inbox(tx, calendar.inbox_id), changed)
            calendars.change(tx, changed)
            return changed

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete a calendar with what is in it; Conflict for those that an inbox is made with."""

        def write(tx: Transaction) -> None:
            calendar = one(tx, caller, text, inbox)
            if calendar.is_default:
                raise errors.Conflict("An inbox keeps the calendars that it was made with.")
            calendars.remove(tx, calendar.id)

        await self._database.write(write)

    def token(self, calendar: Calendar) -> str:
        """What lets a program subscribe to a calendar."""
        named = f"{calendar.id}.{calendar.feed}".encode()
        return hmac.new(self._secret, named, hashlib.sha256).hexdigest()[:40]

    async def subscribed(self, text: str, token: str) -> tuple[Calendar, list[CalendarEvent], list[Task]]:
        """What a subscription shows; NotFound where the token is not the calendar's."""
        now = int(time.time() * 1000)

        def read(snapshot: Snapshot) -> tuple[Calendar, list[CalendarEvent], list[Task]]:
            try:
                calendar = calendars.get(snapshot, identifiers.decode(Kind.CALENDAR, text))
            except identifiers.BadIdentifier:
                calendar = None
            expected = self.token(calendar) if calendar is not None else ""
            is_right = hmac.compare_digest(expected.encode(), token.encode(errors="replace"))
            if calendar is None or not is_right or inboxes.get(snapshot, calendar.inbox_id) is None:
                raise errors.NotFound("There is no such calendar.")
            found, _ = calendars.events(
                snapshot, calendar.inbox_id, calendar.id, now - FEED_PAST_MS, None, 0, MOST_IN_FEED
            )
            return calendar, found, tasks.of_calendar(snapshot, calendar.id, MOST_IN_FEED)

        return await self._database.read(read)


def one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None = None) -> Calendar:
    """A calendar by its id; NotFound for what the caller may not see."""
    return reach.one(snapshot, calendars.get, Kind.CALENDAR, caller, text, inbox.id if inbox else None)


def _check_name(known: list[Calendar], wanted: Calendar) -> None:
    if any(each.name == wanted.name and each.id != wanted.id for each in known):
        sentence = "There is a calendar of this name."
        raise errors.Conflict(sentence, name=sentence)

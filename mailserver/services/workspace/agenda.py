"""Tasks, events and mail that waits for an answer, in one list."""

import time
from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities.access import Caller, Scope
from mailserver.entities.calendar import EventStatus
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.storage import agenda, calendars, tasks
from mailserver.storage.database import Database, Snapshot

DAY_MS = 86_400_000
UNANSWERED_MS = DAY_MS  # how long mail waits before it counts as missed
FORGOTTEN_MS = 30 * DAY_MS  # after which nobody is reminded of it any more
MOST = 1_000  # of each kind


class ItemType(StrEnum):
    """What stands on the agenda."""

    TASK = "task"
    EVENT = "event"
    MISSED_REPLY = "missed_reply"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the agenda; `at` is None for what has no date."""

    type: ItemType
    kind: Kind
    id: int
    title: str
    at: int | None
    end_at: int | None = None
    thread_id: int | None = None
    time_zone: str | None = None


class Agenda:
    """What an inbox has before it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, caller: Caller, inbox: Inbox, days: int, limit: int) -> tuple[list[Item], int]:
        """What has no date first, oldest first; then by date: what is overdue, and what comes within some days.

        Events and mail are there for who may read them.
        """
        items = await self._database.read(_items, caller.scopes, inbox.id, int(time.time() * 1000), days)
        return items[:limit], len(items)


def _items(snapshot: Snapshot, scopes: frozenset[Scope], inbox_id: int, now: int, days: int) -> list[Item]:
    until = now + days * DAY_MS
    undated = [
        Item(ItemType.TASK, Kind.TASK, task.id, task.summary, None, thread_id=task.thread_id)
        for task in tasks.undated(snapshot, inbox_id, MOST)
    ]
    dated = [
        Item(ItemType.TASK, Kind.TASK, task.id, task.summary, task.due_at, thread_id=task.thread_id)
        for task in tasks.due(snapshot, inbox_id, until, MOST)
    ]
    if Scope.CALENDAR_READ in scopes:
        dated += _events(snapshot, inbox_id, now, until)
    if Scope.EMAIL_READ in scopes:
        waiting = agenda.missed_replies(snapshot, inbox_id, now - FORGOTTEN_MS, now - UNANSWERED_MS, MOST)
        dated += [
            Item(ItemType.MISSED_REPLY, Kind.MESSAGE, one.message_id, one.subject, one.received_at, None, one.thread_id)
            for one in waiting
        ]
    return undated + sorted(dated, key=lambda item: (item.at or 0, item.id))


def _events(snapshot: Snapshot, inbox_id: int, now: int, until: int) -> list[Item]:
    """Events that are not over, of which those that began more than a day ago are left out."""
    found, _ = calendars.events(snapshot, inbox_id, None, now - DAY_MS, until, 0, MOST)
    return [
        Item(ItemType.EVENT, Kind.CALENDAR_EVENT, one.id, one.title, one.start_at, one.end_at, time_zone=one.time_zone)
        for one in found
        if (one.end_at > now or one.start_at >= now) and one.status is not EventStatus.CANCELLED
    ]

"""The event log, through the caller's eyes."""

import time
from dataclasses import dataclass

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.services.notify import catalogue, telling
from mailserver.storage import events
from mailserver.storage.database import Database

KEPT_MS = 90 * 86_400_000
EXPIRED_AT_ONCE = 1000
_HIDDEN = tuple(sorted(catalogue.ADMIN))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events. `type` is a name as it is told; `cursor` is the last one that was seen."""

    inbox: Inbox | None = None
    type: str | None = None
    after: int | None = None
    before: int | None = None
    cursor: str | None = None
    limit: int = 50


class EventLog:
    """What happened. Events that are for owners are shown to owners alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, caller: Caller, wanted: Wanted) -> list[Event]:
        """Events, the newest first."""
        cursor = _cursor(wanted.cursor)
        stored, anniversary = _stored(wanted.type)
        if wanted.type is not None and stored is None:
            sentence = f"There is no event {wanted.type}."
            raise errors.Invalid(sentence, type=sentence)
        if stored is not None and wanted.type in catalogue.ADMIN and not caller.is_owner:
            return []
        where = events.Where(
            caller.tenant_id, wanted.inbox.id if wanted.inbox else caller.inbox_id, stored, anniversary,
            () if caller.is_owner else _HIDDEN, wanted.after, wanted.before, cursor,
        )  # fmt: skip
        return await self._database.read(events.page, where, wanted.limit)

    async def expire(self) -> int:
        """Delete what is older than the log goes back; how many."""
        before, total = int(time.time() * 1000) - KEPT_MS, 0
        while gone := await self._database.write(events.expire, before, EXPIRED_AT_ONCE):
            total += gone
        return total


def _cursor(text: str | None) -> int | None:
    try:
        return identifiers.decode(Kind.EVENT, text) if text else None
    except identifiers.BadIdentifier as error:
        raise errors.Invalid("The cursor is none of ours.", cursor="The cursor is none of ours.") from error


def _stored(name: str | None) -> tuple[EventType | None, str | None]:
    """What a told name is called in the log, and which anniversary it means."""
    if name is None:
        return None, None
    if name == catalogue.ANNIVERSARIES:
        return EventType.CONTACT_ANNIVERSARY, None
    for kind in EventType:
        if kind is not EventType.CONTACT_ANNIVERSARY and telling.renamed(kind) == name:
            return kind, None
    if catalogue.is_known(name):
        return EventType.CONTACT_ANNIVERSARY, name.partition(".")[2]
    return None, None

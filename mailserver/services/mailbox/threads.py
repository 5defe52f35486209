"""List and get threads."""

from dataclasses import replace

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.listing import Filter
from mailserver.entities.message import MessageSummary
from mailserver.entities.thread import ThreadSummary
from mailserver.services.mailbox import resolve
from mailserver.storage import messages, threads
from mailserver.storage.database import Database, Snapshot


class Threads:
    """Conversations, through the caller's eyes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, caller: Caller, where: Filter, cursor: tuple[int, int] | None, limit: int
    ) -> list[ThreadSummary]:
        """Threads by the time of their newest message."""
        caller.require(Scope.EMAIL_READ)
        if caller.inbox_id is not None and where.inbox_ids not in ((), (caller.inbox_id,)):
            raise errors.NotFound("There is no such inbox.")
        own = (caller.inbox_id,) if caller.inbox_id is not None else where.inbox_ids
        return await self._database.read(
            _page, replace(where, tenant_id=caller.tenant_id, inbox_ids=own), cursor, limit
        )

    async def get(
        self, caller: Caller, text: str, inbox: Inbox | None = None
    ) -> tuple[ThreadSummary, list[MessageSummary]]:
        """A thread with its messages, oldest first."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_get, caller, text, inbox.id if inbox else None)


def _page(snapshot: Snapshot, where: Filter, cursor: tuple[int, int] | None, limit: int) -> list[ThreadSummary]:
    return threads.summaries(snapshot, [thread_id for thread_id, _ in threads.page(snapshot, where, cursor, limit)])


def _get(
    snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None
) -> tuple[ThreadSummary, list[MessageSummary]]:
    number = resolve.thread_id(snapshot, caller, text, inbox_id)
    members = messages.summaries(snapshot, threads.message_ids(snapshot, number))
    (summary,) = threads.summaries(snapshot, [number])
    return summary, members

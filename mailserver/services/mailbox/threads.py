"""List and get threads."""

import time
from collections.abc import Sequence
from dataclasses import replace

from mailserver.entities import errors, listing
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Role
from mailserver.entities.inbox import Inbox
from mailserver.entities.listing import Filter
from mailserver.entities.message import MessageSummary, Visibility
from mailserver.entities.thread import ThreadSummary
from mailserver.services.mailbox import resolve
from mailserver.storage import arrange, folders, messages, threads
from mailserver.storage.database import Database, Snapshot, Transaction

AT_ONCE = 50  # messages of one transaction: each works the whole thread out again


class Threads:
    """Conversations, through the caller's eyes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, caller: Caller, where: Filter, cursor: tuple[int, int] | None, limit: int
    ) -> list[ThreadSummary]:
        """Threads by the time of their newest message."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_page, listing.narrowed(caller, where), cursor, limit)

    async def without_drafts(
        self, caller: Caller, where: Filter, cursor: tuple[int, int] | None, limit: int
    ) -> list[tuple[int, ThreadSummary]]:
        """Threads as what was sent and received, each with the time by which it is in order."""
        caller.require(Scope.EMAIL_READ)
        narrowed, hidden = replace(listing.narrowed(caller, where), drafts=False), caller.hidden

        def read(snapshot: Snapshot) -> list[tuple[int, ThreadSummary]]:
            times = dict(threads.page(snapshot, narrowed, cursor, limit))
            found = threads.summaries(snapshot, [*times], drafts=False, hidden=hidden)
            return [(times[each.id], each) for each in found]

        return await self._database.read(read)

    async def opened(
        self, caller: Caller, text: str, inbox: Inbox | None, behind: tuple[int, int] | None, limit: int
    ) -> tuple[ThreadSummary, list[MessageSummary]]:
        """A thread with some of its messages, oldest first, drafts left out."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> tuple[ThreadSummary, list[MessageSummary]]:
            number = resolve.thread_id(snapshot, caller, text, inbox.id if inbox else None)
            found = threads.summaries(snapshot, [number], drafts=False, hidden=caller.hidden)
            if not found:
                raise errors.NotFound("There is no such thread.")
            ids = threads.members(snapshot, number, behind, limit, drafts=False, hidden=caller.hidden)
            return found[0], messages.summaries(snapshot, ids)

        return await self._database.read(read)

    async def delete(self, caller: Caller, text: str, inbox: Inbox | None, *, is_final: bool) -> None:
        """Move a thread to Trash; one that lies there already, or is meant to, is gone for good."""
        caller.require(Scope.EMAIL_DELETE)
        number, ids, is_thrown = await self._database.read(_whole, caller, text, inbox.id if inbox else None)
        while ids:
            for start in range(0, len(ids), AT_ONCE):
                await self._database.write(_remove, ids[start : start + AT_ONCE], is_final or is_thrown)
            if len(ids) < threads.LARGEST_MESSAGES or not (is_final or is_thrown):
                return
            ids = await self._database.read(threads.message_ids, number, hidden=caller.hidden)

    async def get(
        self, caller: Caller, text: str, inbox: Inbox | None = None
    ) -> tuple[ThreadSummary, list[MessageSummary]]:
        """A thread with its messages, oldest first."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_get, caller, text, inbox.id if inbox else None)


def _whole(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None) -> tuple[int, list[int], bool]:
    """A thread, its messages, and whether all of them lie in Trash."""
    number = resolve.thread_id(snapshot, caller, text, inbox_id)
    ids = threads.message_ids(snapshot, number, hidden=caller.hidden)
    everyone = messages.summaries(snapshot, ids)
    return number, ids, all(each.visibility is Visibility.TRASH for each in everyone)


def _remove(tx: Transaction, ids: Sequence[int], is_final: bool) -> None:  # noqa: FBT001  the question of its caller
    now = int(time.time() * 1000)
    for summary in messages.summaries(tx, ids):
        trash = folders.by_role(tx, summary.inbox_id, Role.TRASH)
        if is_final or trash is None:
            arrange.remove(tx, summary.id, now)
        elif summary.visibility is not Visibility.TRASH:
            arrange.move(tx, summary.id, trash.id, now)


def _page(snapshot: Snapshot, where: Filter, cursor: tuple[int, int] | None, limit: int) -> list[ThreadSummary]:
    return threads.summaries(snapshot, [thread_id for thread_id, _ in threads.page(snapshot, where, cursor, limit)])


def _get(
    snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None
) -> tuple[ThreadSummary, list[MessageSummary]]:
    number = resolve.thread_id(snapshot, caller, text, inbox_id)
    members = messages.summaries(snapshot, threads.message_ids(snapshot, number, hidden=caller.hidden))
    (summary,) = threads.summaries(snapshot, [number], hidden=caller.hidden)
    return summary, members

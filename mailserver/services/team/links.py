"""Threads that have to do with one another: what begins beside a thread, in the transaction that begins it."""

import time
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label
from mailserver.entities.ticket import Cause, Fork, ThreadLink
from mailserver.services.mailbox import resolve
from mailserver.services.team.notes import Notes
from mailserver.services.team.ticket_states import TicketStates
from mailserver.storage import thread_links, threads
from mailserver.storage.database import Database, Snapshot, Transaction


class Rules(Protocol):
    """What an inbox does when a label is put on its mail."""

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """A label was put on a message, or on a thread."""
        ...


class Links:
    """Links between threads of one inbox."""

    def __init__(self, database: Database, states: TicketStates, notes: Notes, rules: Rules) -> None:
        self._database = database
        self._states = states
        self._notes = notes
        self._rules = rules

    async def of_thread(self, caller: Caller, thread: str, inbox: Inbox | None) -> list[ThreadLink]:
        """The threads that a thread has to do with, oldest link first."""

        def read(snapshot: Snapshot) -> list[ThreadLink]:
            return thread_links.of_thread(
                snapshot, resolve.thread_id(snapshot, caller, thread, inbox.id if inbox else None)
            )

        return await self._database.read(read)

    def begun(self, tx: Transaction, inbox: Inbox, fork: Fork, thread_id: int) -> None:
        """A message that begins a thread beside another one has been stored: link, note and ticket."""
        place = threads.find(tx, fork.thread_id)
        if place is None or place[1] != inbox.id:
            raise errors.Invalid("The thread that it is to begin beside is gone.")
        if thread_id == fork.thread_id:
            raise errors.Conflict("The message did not begin a thread of its own.")
        if thread_links.count(tx, fork.thread_id) >= thread_links.MOST:
            raise errors.Conflict(f"A thread is linked with {thread_links.MOST} others at most.")
        thread_links.add(tx, inbox.id, fork.thread_id, thread_id, int(time.time() * 1000))
        if fork.note is not None:
            self._notes.put(tx, fork.thread_id, fork.note, fork.user_id)
        if fork.ticket is not None:
            made, label = self._states.open(tx, thread_id, fork.ticket, Cause.REQUEST)
            if label is not None:
                self._rules.labelled(tx, made.inbox_id, label, None, thread_id)

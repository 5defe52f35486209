"""Tickets on threads, through the caller's eyes."""

from dataclasses import replace
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label
from mailserver.entities.ticket import Cause, Step, Ticket, TicketChange, TicketStatus
from mailserver.services.mailbox import resolve
from mailserver.services.team import notes as thread_notes
from mailserver.services.team import teammates
from mailserver.services.team.notes import Notes
from mailserver.services.team.ticket_states import TicketStates
from mailserver.services.workspace import reach
from mailserver.storage import tickets
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_REASON = 1_000
_STEPS = {TicketStatus.RESOLVED: "resolve", TicketStatus.CLOSED: "close"}


class Rules(Protocol):
    """What an inbox does when a label is put on its mail."""

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """A label was put on a message, or on a thread."""
        ...


class Tickets:
    """What a team has to do about its threads. Whoever a ticket is given to gets a task."""

    def __init__(self, database: Database, states: TicketStates, notes: Notes, rules: Rules) -> None:
        self._database = database
        self._states = states
        self._notes = notes
        self._rules = rules

    async def page(
        self, inbox: Inbox, status: TicketStatus | None, position: int, limit: int
    ) -> tuple[list[Ticket], int]:
        """Tickets of an inbox, those that changed last first; how many in all."""
        return await self._database.read(tickets.page, inbox.id, status, position, limit)

    async def get(self, caller: Caller, thread: str, inbox: Inbox | None) -> Ticket:
        """The ticket of a thread."""
        return await self._database.read(_one, caller, thread, inbox)

    async def inbox_of(self, caller: Caller, thread: str, inbox: Inbox | None) -> Inbox:
        """The inbox of a thread, in whose time its dates are written."""

        def read(snapshot: Snapshot) -> Inbox:
            return thread_notes.inbox_of(snapshot, _thread(snapshot, caller, thread, inbox))

        return await self._database.read(read)

    async def put(
        self, caller: Caller, thread: str, inbox: Inbox | None, wanted: TicketChange, assignee: str | None
    ) -> Ticket:
        """Open the ticket of a thread, or change the one that is there."""

        def write(tx: Transaction) -> Ticket:
            thread_id = _thread(tx, caller, thread, inbox)
            return self._change(tx, caller, thread_id, tickets.get(tx, thread_id), wanted, assignee)

        return await self._database.write(write)

    async def change(
        self, caller: Caller, thread: str, inbox: Inbox | None, wanted: TicketChange, assignee: str | None
    ) -> Ticket:
        """Change fields of a ticket. Final statuses are reached by steps of their own."""
        step = _STEPS.get(wanted.status) if wanted.status is not None else None
        if step is not None:
            sentence = f"Use POST /v1/messages/threads/{{thread_id}}/ticket/{step}/, which takes a resolution note."
            raise errors.Invalid("A ticket is not ended by changing its status.", status=sentence)

        def write(tx: Transaction) -> Ticket:
            known = _one(tx, caller, thread, inbox)
            return self._change(tx, caller, known.thread_id, known, wanted, assignee)

        return await self._database.write(write)

    async def resolve(self, caller: Caller, thread: str, inbox: Inbox | None, note: str | None) -> Ticket:
        """Say that the matter is settled; the note is for the team."""
        return await self._end(caller, thread, inbox, Step.RESOLVE, note)

    async def close(self, caller: Caller, thread: str, inbox: Inbox | None, note: str | None) -> Ticket:
        """Say the last word; the note is for the team."""
        return await self._end(caller, thread, inbox, Step.CLOSE, note)

    async def reopen(self, caller: Caller, thread: str, inbox: Inbox | None, reason: str | None) -> Ticket:
        """Take a ticket up again; the reason is told in the event and kept nowhere else."""
        said = reach.text(reason, "reason", LONGEST_REASON) if reason and reason.strip() else None

        def write(tx: Transaction) -> Ticket:
            known = _one(tx, caller, thread, inbox)
            return self._states.step(tx, known, Step.REOPEN, Cause.REQUEST, reason=said)

        return await self._database.write(write)

    async def _end(self, caller: Caller, thread: str, inbox: Inbox | None, step: Step, note: str | None) -> Ticket:
        text = None
        if note is not None and note.strip():
            text = reach.text(note, "resolution_note", thread_notes.LONGEST_BODY)

        def write(tx: Transaction) -> Ticket:
            known = _one(tx, caller, thread, inbox)
            changed = self._states.step(tx, known, step, Cause.REQUEST)
            if text is not None:
                self._notes.put(tx, known.thread_id, text, caller.user_id)
            return changed

        return await self._database.write(write)

    def _change(
        self, tx: Transaction, caller: Caller, thread_id: int, known: Ticket | None, wanted: TicketChange,
        assignee: str | None,
    ) -> Ticket:  # fmt: skip
        taker = teammates.by_id(tx, caller, assignee) if assignee is not None else None
        if taker is not None:
            wanted = replace(wanted, assignee_inbox_id=taker.id)
        made, label = self._states.open(tx, thread_id, wanted, Cause.REQUEST)
        if taker is not None and (known is None or known.assignee_inbox_id != taker.id):
            self._notes.give(tx, thread_id, taker, caller.user_id, due_at=made.due_at)
        if label is not None:
            self._rules.labelled(tx, made.inbox_id, label, None, thread_id)
        return tickets.get(tx, thread_id) or made  # rules may have changed it further


def _thread(snapshot: Snapshot, caller: Caller, thread: str, inbox: Inbox | None) -> int:
    return resolve.thread_id(snapshot, caller, thread, inbox.id if inbox else None)


def _one(snapshot: Snapshot, caller: Caller, thread: str, inbox: Inbox | None) -> Ticket:
    found = tickets.get(snapshot, _thread(snapshot, caller, thread, inbox))
    if found is None:
        raise errors.NotFound("The thread has no ticket.")
    return found

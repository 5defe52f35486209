"""A message that starts a related thread: sent at once, or held for an approval, with all that belongs to it."""

from dataclasses import dataclass, replace

from mailserver.entities import errors
from mailserver.entities import ticket as machine
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.ticket import Fork, Ticket, TicketChange
from mailserver.mail import threading
from mailserver.services.mailbox import resolve
from mailserver.services.outbound import outgoing as outgoing_fields
from mailserver.services.outbound.approvals import Approvals
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable, Sending, Sent
from mailserver.services.team import notes as thread_notes
from mailserver.services.workspace import reach
from mailserver.storage import label_store, threads, tickets
from mailserver.storage.database import Database, Snapshot


@dataclass(frozen=True, slots=True)
class Forked:
    """What was sent, beside which thread, and the ticket of the new thread."""

    sent: Sent
    source_id: int
    ticket: Ticket | None


class Forks:
    """Starts related threads. Link, note and ticket are in the transaction that stores the message."""

    def __init__(self, database: Database, sending: Sending, approvals: Approvals) -> None:
        self._database = database
        self._sending = sending
        self._approvals = approvals

    async def start(
        self, caller: Caller, inbox: Inbox, thread: str, outgoing: Outgoing, note: str | None,
        ticket: TicketChange | None, repeatable: Repeatable | None = None,
    ) -> Forked:  # fmt: skip
        """Send a message in a thread of its own, beside another one; Held where the token needs an approval.

        Without a subject it has that of the thread, without answer words.
        """
        outgoing_fields.check(outgoing)
        said = reach.text(note, "note", thread_notes.LONGEST_BODY) if note and note.strip() else None
        source_id, subject = await self._database.read(_source, caller, inbox, thread, ticket)
        named = outgoing.subject or threading.base_subject(subject)
        message = replace(outgoing, subject=named, fork=Fork(source_id, said, ticket, caller.user_id))
        if Scope.EMAIL_SEND in caller.requires_approval:
            raise errors.Held(await self._approvals.hold_send(caller, inbox, message, repeatable))
        sent = await self._sending.send(caller, inbox, message, repeatable)
        return Forked(sent, source_id, await self._database.read(tickets.get, sent.thread_id))


def _source(
    snapshot: Snapshot, caller: Caller, inbox: Inbox, thread: str, ticket: TicketChange | None
) -> tuple[int, str]:
    """The thread and its subject, and a ticket that can be opened: what is held must be what can be run."""
    thread_id = resolve.thread_id(snapshot, caller, thread, inbox.id)
    key = ticket.class_label_key if ticket is not None else None
    if key is not None:
        if not key.startswith(machine.CLASS_KEYS):
            sentence = f"The key of a label that begins with {machine.CLASS_KEYS}."
            raise errors.Invalid("This is no class of tickets.", class_label_key=sentence)
        if label_store.by_key(snapshot, inbox.tenant_id, key) is None:
            raise errors.NotFound("There is no such label.")
    return thread_id, threads.subject(snapshot, thread_id)

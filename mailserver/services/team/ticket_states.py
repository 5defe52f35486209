"""What becomes of tickets, inside the transaction of what happens: requests, mail, labels and rules all end here."""

import time
from dataclasses import replace

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities import label as label_names
from mailserver.entities import ticket as machine
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.label import Label, LabelSource, LabelType
from mailserver.entities.ticket import Cause, Step, Ticket, TicketChange, TicketPriority, TicketStatus
from mailserver.mail import auto
from mailserver.storage import inboxes, label_store, threads, tickets
from mailserver.storage.database import Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.thread_book import NewMessage

_SOURCES = {Cause.REQUEST: LabelSource.MANUAL, Cause.LABEL: LabelSource.MANUAL, Cause.RULE: LabelSource.RULE}
_SYSTEM = (machine.STATUS_KEYS, machine.PRIORITY_KEYS)
log = structlog.get_logger()


class TicketStates:
    """The one way by which tickets change: row, labels and event are one change.

    Labels of status and priority are made where a tenant has them not yet. They are put on in silence, since the
    event of the ticket tells; the label of a class is told of as every label is.
    """

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids

    # -- what sets them off -------------------------------------------------------------------------------------

    def arrived(self, tx: Transaction, message: NewMessage, stored: StoredMessage) -> None:
        """A message has been stored: an answer from outside, or one of the inbox's own. Nothing here stops the mail.

        One that brings the label of a class with it opens a ticket, as if somebody had put it on.
        """
        ticket = tickets.get(tx, stored.thread_id)
        keys = [key for key in map(label_names.atom, message.copy.labels) if key.startswith(machine.CLASS_KEYS)]
        step = _step(tx, message) if keys or ticket is not None else None
        if not keys and (ticket is None or step is None):
            return
        try:
            with tx.part():
                if keys:
                    ticket, _ = self.open(tx, stored.thread_id, TicketChange(class_label_key=keys[0]), Cause.LABEL)
                if ticket is not None and step is not None:
                    self.step(tx, ticket, step, Cause.MAIL, message_id=message.copy.message_id)
        except errors.Temporary:
            raise
        except Exception:  # the root of a follower: the message must arrive whatever becomes of a ticket
            log.exception("team.ticket.failed", thread_id=stored.thread_id, message_id=message.copy.message_id)

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """A label was put on a thread or a message of it: the label of a class opens a ticket, or moves it there."""
        del inbox_id, message_id
        if label.key.startswith(machine.CLASS_KEYS):
            self.open(tx, thread_id, TicketChange(class_label_key=label.key), Cause.LABEL)

    def by_rule(self, tx: Transaction, thread_id: int, wanted: TicketChange, *, opens: bool) -> str:
        """Open a ticket, or change the one that is there, for a rule; what was done.

        A rule that opens leaves a ticket that is there as people have made it.
        """
        known = tickets.get(tx, thread_id)
        if known is None and not opens:
            raise errors.NotFound("The thread has no ticket.")
        if known is None:
            self.open(tx, thread_id, wanted, Cause.RULE)
            return "A ticket was opened."
        if opens:
            return "The thread has a ticket already."
        self.change(tx, known, wanted, Cause.RULE)
        return "The ticket was changed."

    # -- what is done -------------------------------------------------------------------------------------------

    def open(self, tx: Transaction, thread_id: int, wanted: TicketChange, cause: Cause) -> tuple[Ticket, Label | None]:
        """Open the ticket of a thread, or change the one that is there; with the label that is new on the thread."""
        known = tickets.get(tx, thread_id)
        if known is not None:
            return self.change(tx, known, wanted, cause)
        place = threads.find(tx, thread_id)
        if place is None:
            raise errors.NotFound("There is no such thread.")
        now = _now()
        blank = Ticket(
            thread_id, *place, TicketStatus.OPEN, TicketPriority.NORMAL, None, None, None, None, 0, now, now
        )  # fmt: skip
        return self._put(tx, None, _changed(blank, wanted, self._class(tx, place[0], wanted)), cause)

    def change(self, tx: Transaction, known: Ticket, wanted: TicketChange, cause: Cause) -> tuple[Ticket, Label | None]:
        """Change fields of a ticket; Conflict for a status that cannot be set by hand from where it is."""
        if wanted.status is not None and not machine.may_be_set(known.status, wanted.status):
            raise errors.Conflict(f"The ticket is {known.status.value}; reopen it first.")
        return self._put(tx, known, _changed(known, wanted, self._class(tx, known.tenant_id, wanted)), cause)

    def step(
        self, tx: Transaction, known: Ticket, step: Step, cause: Cause, *, message_id: int | None = None,
        reason: str | None = None,
    ) -> Ticket:  # fmt: skip
        """Let something happen to a ticket; Conflict where it cannot from where the ticket is."""
        status, now = machine.after(known.status, step), _now()
        if status is None:
            raise errors.Conflict(f"The ticket is {known.status.value}; reopen it first.")
        if status is known.status:
            return known
        changed = replace(known, status=status)
        if status is TicketStatus.RESOLVED:
            changed = replace(changed, resolved_at=now)
        elif status is TicketStatus.CLOSED:
            changed = replace(changed, closed_at=now)
        elif known.status.is_final:
            changed = replace(
                changed, reopened_at=now, reopen_count=known.reopen_count + 1, resolved_at=None, closed_at=None
            )
        return self._put(tx, known, changed, cause, message_id, reason)[0]

    # -- inside -------------------------------------------------------------------------------------------------

    def _class(self, tx: Transaction, tenant_id: int, wanted: TicketChange) -> Label | None:
        key = wanted.class_label_key
        if key is None:
            return None
        if not key.startswith(machine.CLASS_KEYS):
            sentence = f"The key of a label that begins with {machine.CLASS_KEYS}."
            raise errors.Invalid("This is no class of tickets.", class_label_key=sentence)
        label = label_store.by_key(tx, tenant_id, key)
        if label is None:
            raise errors.NotFound("There is no such label.")
        if label.type is LabelType.CONTACT:
            raise errors.Invalid("This label is not for threads.", class_label_key="It is for a contact.")
        return label

    def _put(
        self, tx: Transaction, known: Ticket | None, changed: Ticket, cause: Cause, message_id: int | None = None,
        reason: str | None = None,
    ) -> tuple[Ticket, Label | None]:  # fmt: skip
        if changed == known:
            return known, None
        now = _now()
        made = replace(changed, updated_at=now)
        tickets.put(tx, made)
        self._keep_system_labels(tx, made, now)
        put_on = self._keep_class(tx, known, made, cause, now)
        subject = threads.subject(tx, made.thread_id)
        body = {
            "thread_id": identifiers.encode(Kind.THREAD, made.thread_id), "subject": subject,
            "status": made.status.value, "previous_status": known.status.value if known else None,
            "priority": made.priority.value, "class_label_key": made.class_label_key,
            "assignee_inbox_id": _inbox(made.assignee_inbox_id), "due_at": made.due_at,
            "reopen_count": made.reopen_count, "cause": cause.value,
        }  # fmt: skip
        if message_id is not None:
            body["message_id"] = identifiers.encode(Kind.MESSAGE, message_id)
        if reason is not None:
            body["reason"] = reason
        tx.publish(Event(self._ids.next(), made.tenant_id, made.inbox_id, _kind(known, made), now, body))
        log.info("team.ticket.changed", thread_id=made.thread_id, status=made.status.value, cause=cause.value)
        return made, put_on

    def _keep_system_labels(self, tx: Transaction, made: Ticket, now: int) -> None:
        """Let the thread have those labels of status and priority that say what its ticket says, and no others."""
        wanted = {
            f"{machine.STATUS_KEYS}{made.status.value}": f"Ticket: {_words(made.status.value)}",
            f"{machine.PRIORITY_KEYS}{made.priority.value}": f"Priority: {_words(made.priority.value)}",
        }
        for each in label_store.of_thread(tx, made.thread_id):
            if each.label.key in wanted:
                del wanted[each.label.key]
            elif each.label.key.startswith(_SYSTEM):
                label_store.detach_thread(tx, each.label.id, made.thread_id, now)
        for key, name in wanted.items():
            label = label_store.by_key(tx, made.tenant_id, key)
            if label is None:
                group = key.rpartition("/")[0]
                label = Label(self._ids.next(), made.tenant_id, key, name, LabelType.MESSAGE, None, group, now)
                label_store.add(tx, label)
            label_store.attach_thread(tx, label.id, made.thread_id, LabelSource.SYSTEM, None)

    def _keep_class(self, tx: Transaction, known: Ticket | None, made: Ticket, cause: Cause, now: int) -> Label | None:
        """Let the thread have the label of the ticket's class, and of no other one; the label where it is new there."""
        was = known.class_label_id if known is not None else None
        if made.class_label_id == was:
            return None
        is_there = False
        for each in label_store.of_thread(tx, made.thread_id):
            if each.label.id == made.class_label_id:
                is_there = each.source is not None  # else only messages have it, and may lose it
            elif each.label.key.startswith(machine.CLASS_KEYS):
                label_store.detach_thread(tx, each.label.id, made.thread_id, now)
                self._tell_label(tx, EventType.LABEL_REMOVED, made, each.label, now)
        label = label_store.get(tx, made.class_label_id) if made.class_label_id is not None else None
        source = _SOURCES.get(cause, LabelSource.SYSTEM)
        if label is None or is_there or not label_store.attach_thread(tx, label.id, made.thread_id, source, None):
            return None
        self._tell_label(tx, EventType.LABEL_APPLIED, made, label, now)
        return label

    def _tell_label(self, tx: Transaction, kind: EventType, made: Ticket, label: Label, now: int) -> None:
        body = {"label_id": label.id, "label_key": label.key, "message_id": None, "thread_id": made.thread_id}
        tx.publish(Event(self._ids.next(), made.tenant_id, made.inbox_id, kind, now, body))


def _changed(known: Ticket, wanted: TicketChange, label: Label | None) -> Ticket:
    changed = known
    if wanted.status is not None:
        changed = replace(changed, status=wanted.status)
    if wanted.priority is not None:
        changed = replace(changed, priority=wanted.priority)
    if label is not None:
        changed = replace(changed, class_label_id=label.id, class_label_key=label.key)
    elif "class_label_key" in wanted.clears:
        changed = replace(changed, class_label_id=None, class_label_key=None)
    if wanted.assignee_inbox_id is not None or "assignee_inbox_id" in wanted.clears:
        changed = replace(changed, assignee_inbox_id=wanted.assignee_inbox_id)
    if wanted.due_at is not None or "due_at" in wanted.clears:
        changed = replace(changed, due_at=wanted.due_at)
    return changed


def _step(tx: Transaction, message: NewMessage) -> Step | None:
    """What a message does to a ticket: Junk, drafts, programs' answers and the inbox's own copies do nothing."""
    copy = message.copy
    if copy.is_ours:
        return Step.SENT if copy.role == Role.SENT else None
    if not copy.role or copy.role in (Role.JUNK, Role.TRASH) or auto.is_answer_of_program(message.parsed.headers):
        return None
    inbox = inboxes.get(tx, copy.inbox_id)
    own = {*inboxes.aliases(tx, copy.inbox_id), inbox.address if inbox is not None else ""}
    senders = {person.address.lower() for person in message.parsed.sender}
    return None if senders and senders <= own else Step.RECEIVED


def _kind(known: Ticket | None, made: Ticket) -> EventType:
    if known is None:
        return EventType.TICKET_OPENED
    if known.status is not made.status and made.status.is_final:
        return EventType.TICKET_RESOLVED if made.status is TicketStatus.RESOLVED else EventType.TICKET_CLOSED
    if known.status.is_final and not made.status.is_final:
        return EventType.TICKET_REOPENED
    return EventType.TICKET_UPDATED


def _inbox(number: int | None) -> str | None:
    return identifiers.encode(Kind.INBOX, number) if number is not None else None


def _words(text: str) -> str:
    return text.replace("_", " ")


def _now() -> int:
    return int(time.time() * 1000)

"""Writes timelines from the event log, behind what happens: delivery does not wait for it."""

from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from mailserver.entities import identifiers
from mailserver.entities.activity import ActivityType, NewActivity
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind
from mailserver.services.workspace import activity
from mailserver.storage import inboxes, messages, tickets
from mailserver.storage.database import Snapshot, Transaction

MOST_RECIPIENTS = 200  # of one message that are told of
NEWEST_LETTERS = 20  # of a thread, in whose heads those stand who have to do with its ticket
_MESSAGES = {
    EventType.MESSAGE_SENT: ActivityType.MESSAGE_SENT,
    EventType.MESSAGE_RECEIVED: ActivityType.MESSAGE_RECEIVED,
}
_OUTCOMES = {
    EventType.MESSAGE_DELIVERED: ActivityType.MESSAGE_DELIVERED,
    EventType.MESSAGE_BOUNCED: ActivityType.MESSAGE_BOUNCED,
    EventType.MESSAGE_COMPLAINED: ActivityType.MESSAGE_SPAM_COMPLAINT,
}
_TICKETS = {
    EventType.TICKET_OPENED: (ActivityType.TICKET_OPENED, "Ticket opened"),
    EventType.TICKET_UPDATED: (ActivityType.TICKET_UPDATED, "Ticket changed"),
    EventType.TICKET_RESOLVED: (ActivityType.TICKET_RESOLVED, "Ticket resolved"),
    EventType.TICKET_CLOSED: (ActivityType.TICKET_CLOSED, "Ticket closed"),
    EventType.TICKET_REOPENED: (ActivityType.TICKET_REOPENED, "Ticket reopened"),
}
_OF_TICKET = ("thread_id", "status", "previous_status", "priority", "class_label_key", "assignee_inbox_id", "cause")
_SENTENCES = {
    ActivityType.MESSAGE_DELIVERED: "Delivered",
    ActivityType.MESSAGE_BOUNCED: "Bounced",
    ActivityType.MESSAGE_SPAM_COMPLAINT: "Called spam",
}


_ABOUT_PEOPLE = frozenset({*_MESSAGES, *_OUTCOMES, *_TICKETS, EventType.EVENT_CREATED})


class Entries(Protocol):
    """Where entries go."""

    def add(self, tx: Transaction, tenant_id: int, inbox_id: int, new: NewActivity) -> bool:
        """Make an entry."""
        ...


class ActivityFeed:
    """A subscriber of every tenant's events."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether an event is about people."""
        del snapshot
        return event.type in _ABOUT_PEOPLE

    def take(self, tx: Transaction, event: Event) -> None:
        """Tell the timelines of what an event is about. Mail in Junk is nobody's history."""
        inbox = inboxes.get(tx, event.inbox_id)
        if inbox is None:
            return
        for new in _entries(tx, event):
            if activity.normal(new.address) != inbox.address:
                self._entries.add(tx, event.tenant_id, event.inbox_id, new)


def _entries(tx: Transaction, event: Event) -> Iterator[NewActivity]:
    if event.type in _MESSAGES:
        yield from _of_message(tx, event, _MESSAGES[event.type])
    elif event.type in _OUTCOMES:
        yield _of_outcome(event, _OUTCOMES[event.type])
    elif event.type in _TICKETS:
        yield from _of_ticket(tx, event)
    elif event.type is EventType.EVENT_CREATED:
        yield from _of_calendar(event)


def _of_message(tx: Transaction, event: Event, kind: ActivityType) -> Iterator[NewActivity]:
    number = _number(Kind.MESSAGE, event.body.get("message_id"))
    row = messages.told(tx, number) if number is not None and event.body.get("folder") != Role.JUNK else None
    if row is None:
        return
    people = orjson.loads(row.people)
    others = people["from"] if kind is ActivityType.MESSAGE_RECEIVED else people["to"] + people["cc"] + people["bcc"]
    # Blind copies are told to nobody else.
    shown = tuple((address, name) for address, name in people["from"] + people["to"] + people["cc"])
    metadata = {
        "thread_id": identifiers.encode(Kind.THREAD, row.thread_id),
        "has_attachments": row.has_attachment,
        "preview": row.preview,
    }
    for address in list(dict.fromkeys(activity.normal(each[0]) for each in others))[:MOST_RECIPIENTS]:
        yield NewActivity(
            kind, address, identifiers.encode(Kind.MESSAGE, row.id), row.received_at, row.subject or "(no subject)",
            shown, metadata, row.id,
        )  # fmt: skip


def _of_outcome(event: Event, kind: ActivityType) -> NewActivity:
    body = event.body
    number = _number(Kind.MESSAGE, body.get("message_id"))
    resource = (
        identifiers.encode(Kind.MESSAGE, number) if number is not None else f"{Kind.DELIVERY}_{body.get('delivery_id')}"
    )
    metadata = (
        {"feedback_type": body.get("feedback_type")}
        if kind is ActivityType.MESSAGE_SPAM_COMPLAINT
        else {"smtp_reply": body.get("reply"), "bounce_category": body.get("kind")}
    )
    summary = f"{_SENTENCES[kind]}: {body.get('subject') or '(no subject)'}"
    return NewActivity(kind, body["recipient"], resource, event.occurred_at, summary, (), metadata, number)


def _of_ticket(tx: Transaction, event: Event) -> Iterator[NewActivity]:
    """Everybody outside who has to do with the thread hears of it. Each change is an entry of its own."""
    number = _number(Kind.THREAD, event.body.get("thread_id"))
    people = tickets.people(tx, number, NEWEST_LETTERS) if number is not None else []
    own = {*inboxes.aliases(tx, event.inbox_id)}
    kind, sentence = _TICKETS[event.type]
    metadata = {name: event.body.get(name) for name in _OF_TICKET}
    summary = f"{sentence}: {event.body.get('subject') or '(no subject)'}"
    for address, _ in [each for each in people if activity.normal(each[0]) not in own][:MOST_RECIPIENTS]:
        resource = identifiers.encode(Kind.EVENT, event.id)
        yield NewActivity(kind, address, resource, event.occurred_at, summary, tuple(people), metadata)


def _of_calendar(event: Event) -> Iterator[NewActivity]:
    body = event.body
    people = tuple((each, None) for each in body.get("participants", ()))
    metadata = {name: body.get(name) for name in ("start_at", "end_at", "time_zone", "location")}
    for address, _ in people[:MOST_RECIPIENTS]:
        yield NewActivity(
            ActivityType.CALENDAR_EVENT_CREATED, address, body["calendar_event_id"], event.occurred_at,
            body.get("title") or "(no title)", people, metadata,
        )  # fmt: skip


def _number(kind: Kind, told: Any) -> int | None:
    """An id of an event's body, which has it as the outside sees it or as the number it is."""
    if told is None or isinstance(told, int):
        return told
    try:
        return identifiers.decode(kind, str(told))
    except identifiers.BadIdentifier:
        return None

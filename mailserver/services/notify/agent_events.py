"""Events as applications know them: their names, and who of those that asked wants to hear of one.

What is put into a line, or handed to a socket, is the event as it is told elsewhere, under its name here. Its body is
worded when it is sent, because a message with its text is read from a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import errors, mail_labels
from mailserver.entities.event import Event, EventType
from mailserver.services.notify import telling
from mailserver.storage import agent_webhooks, pods, tenants
from mailserver.storage.database import Snapshot

UNAUTHENTICATED = "message.received.unauthenticated"
SENT = "message.sent"
OPENED = "message.opened"
DOMAIN_VERIFIED = "domain.verified"
NAMES = {
    EventType.MESSAGE_RECEIVED: "message.received",
    EventType.MESSAGE_RECEIVED_SPAM: "message.received.spam",
    EventType.MESSAGE_RECEIVED_BLOCKED: "message.received.blocked",
    EventType.MESSAGE_SENT: SENT,
    EventType.MESSAGE_DELIVERED: "message.delivered",
    EventType.MESSAGE_BOUNCED: "message.bounced",
    EventType.MESSAGE_COMPLAINED: "message.complained",
    EventType.MESSAGE_SUPPRESSED: "message.rejected",
    EventType.MESSAGE_OPENED: OPENED,
    EventType.DOMAIN_VERIFIED: DOMAIN_VERIFIED,
}
ALL = frozenset({*NAMES.values(), UNAUTHENTICATED})
BY_NAME = frozenset({"message.received.spam", "message.received.blocked", UNAUTHENTICATED})


def name(snapshot: Snapshot, event: Event) -> str | None:
    """What an event is called here; None where it is not told. Whose sender is not sure is looked up."""
    if event.type is EventType.MESSAGE_RECEIVED and _is_unauthenticated(snapshot, event):
        return UNAUTHENTICATED
    return NAMES.get(event.type)


def check(types: Sequence[str]) -> None:
    """Refuse types that there are not."""
    unknown = [each for each in types if each not in ALL]
    if unknown:
        sentence = f"There is no event {unknown[0]}; there are {', '.join(sorted(ALL))}."
        raise errors.Invalid(sentence, event_types=sentence)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to hear of, nothing named means all, and the inbox or pod that it is bound to."""

    types: tuple[str, ...] = ()
    inbox_ids: tuple[int, ...] = ()
    pod_ids: tuple[int, ...] = ()
    inbox_id: int | None = None
    pod_id: int | None = None


def pod_of(snapshot: Snapshot, event: Event) -> int | None:
    """The pod that an event happened in; None where that is gone."""
    if event.type is EventType.DOMAIN_VERIFIED:
        found = tenants.domain(snapshot, str(event.body.get("domain")))
        return found.pod_id if found is not None and found.tenant_id == event.tenant_id else None
    return pods.of_inbox(snapshot, event.inbox_id)


def wants(wanted: Wanted, told: str, event: Event, pod_id: int | None) -> bool:
    """Whether somebody is to hear of an event of a pod: one of the inboxes that were named, or of those pods.

    Of junk, and of mail whose sender nobody vouches for, only those hear who named it.
    """
    if wanted.inbox_id not in (None, event.inbox_id) or wanted.pod_id not in (None, pod_id):
        return False
    is_among = event.inbox_id in wanted.inbox_ids or pod_id in wanted.pod_ids
    if not is_among and (wanted.inbox_ids or wanted.pod_ids):
        return False
    return told in wanted.types if wanted.types else told not in BY_NAME


def told(event: Event, called: str) -> dict[str, Any]:
    """The event, under its name here."""
    return telling.shown(event) | {"type": called}


def _is_unauthenticated(snapshot: Snapshot, event: Event) -> bool:
    message_id = telling.message_of(event)
    if message_id is None:
        return False
    return agent_webhooks.has_label(snapshot, message_id, mail_labels.UNAUTHENTICATED)

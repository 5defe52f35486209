"""Every type of event that is told: what it means, where it belongs, who may hear of it."""

from dataclasses import dataclass

VERSION = "2026-06-06"
OFFSET_UNITS = ("minutes", "hours", "days")
ANNIVERSARIES = "contact.{type}"  # stands for contact.birthday and whatever else a contact's dates are called


@dataclass(frozen=True, slots=True)
class Told:
    """A type of event. One that `is_admin` is for owners only."""

    type: str
    category: str
    description: str
    has_offset: bool = False
    is_admin: bool = False


EVENTS = (
    Told("message.received", "Messaging", "A message arrived in an inbox."),
    Told("message.received.spam", "Messaging", "A message arrived in Junk. Told to those who ask for it by name."),
    Told(
        "message.received.blocked", "Messaging",
        "A message of a blocked sender arrived in Junk. Told to those who ask for it by name.",
    ),
    Told("message.sent", "Messaging", "A message was accepted for sending."),
    Told("message.delivered", "Messaging", "The server of a recipient took a message."),
    Told("message.deferred", "Messaging", "The server of a recipient put a message off; it is tried again."),
    Told("message.bounced", "Messaging", "A message could not be delivered to a recipient."),
    Told("message.spam_complaint", "Messaging", "A recipient called a message spam."),
    Told("message.suppressed", "Messaging", "A recipient was left out, being on the suppression list."),
    Told("message.rejected", "Messaging", "A message was refused by policy."),
    Told("message.held", "Messaging", "A message waits for somebody to release it."),
    Told("message.opened", "Messaging", "A recipient opened a broadcast."),
    Told("message.clicked", "Messaging", "A recipient followed a link of a broadcast."),
    Told("broadcast.completed", "Messaging", "Every message of a broadcast has been handed over."),
    Told("event.created", "Calendar", "A calendar event was made.", has_offset=True),
    Told("event.updated", "Calendar", "A calendar event was changed.", has_offset=True),
    Told("event.cancelled", "Calendar", "A calendar event was cancelled."),
    Told(ANNIVERSARIES, "Contacts", "A date of a contact has come, such as contact.birthday.", has_offset=True),
    Told("contact.unsubscribed", "Contacts", "A contact wants no more broadcasts."),
    Told("contact.share_received", "Contacts", "A member of the team offered or asked for a contact."),
    Told("contact.handoff_received", "Contacts", "A member of the team handed a contact over."),
    Told("thread.assigned", "Threads", "A thread was assigned to somebody.", has_offset=True),
    Told("thread.note_added", "Threads", "Somebody wrote a note on a thread."),
    Told("label.applied", "Labels", "A label was put on a message or thread."),
    Told("label.removed", "Labels", "A label was taken off a message or thread."),
    Told("ticket.opened", "Tickets", "A thread became a ticket.", has_offset=True),
    Told("ticket.updated", "Tickets", "A ticket was changed."),
    Told("ticket.resolved", "Tickets", "A ticket was resolved."),
    Told("ticket.closed", "Tickets", "A ticket was closed."),
    Told("ticket.reopened", "Tickets", "A ticket was opened again."),
    Told("cap.reached", "Limits", "A part of what an inbox may send is used up."),
    Told("approval.requested", "Approvals", "A token asked for something that needs an approval.", is_admin=True),
    Told("approval.approved", "Approvals", "What a token asked for was approved.", is_admin=True),
    Told("approval.rejected", "Approvals", "What a token asked for was rejected.", is_admin=True),
    Told("approval.expired", "Approvals", "Nobody decided in time about what a token asked for.", is_admin=True),
    Told("token.created", "Account", "An agent token was made.", is_admin=True),
    Told("token.rotated", "Account", "An agent token got another secret.", is_admin=True),
    Told("token.revoked", "Account", "An agent token was revoked.", is_admin=True),
    Told("domain.verified", "Account", "A domain was shown to be the tenant's.", is_admin=True),
    Told("webhook.disabled", "Account", "A webhook was switched off, because nobody answered.", is_admin=True),
)  # fmt: skip
ADMIN = frozenset(each.type for each in EVENTS if each.is_admin)
BY_NAME = frozenset({"message.received.spam", "message.received.blocked"})  # not meant by whoever asks for all
_NAMES = frozenset(each.type for each in EVENTS)


def told_to(*, is_owner: bool) -> list[Told]:
    """The types that somebody may hear of."""
    return [each for each in EVENTS if is_owner or not each.is_admin]


def is_known(name: str) -> bool:
    """Whether there are events of this name; contact.birthday and its like included."""
    if name in _NAMES:
        return True
    room, _, rest = name.partition(".")
    return room == "contact" and rest.replace("_", "").isalnum() and rest.islower() and len(rest) <= 50

"""Thread and its summary."""

from dataclasses import dataclass

from mailserver.entities.message import Attachment, Visibility
from mailserver.mail.address import Person


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """A conversation in one inbox, with what its newest message says."""

    id: int
    inbox_id: int
    tenant_id: int
    inbox_address: str
    subject: str
    preview: str
    last_message_id: int
    last_header_id: str
    message_count: int
    unread_count: int
    size: int
    last_received_at: int
    received_at: int | None  # newest that came in
    sent_at: int | None  # newest that went out
    senders: tuple[Person, ...]
    recipients: tuple[Person, ...]
    labels: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    visibility: Visibility
    created_at: int
    updated_at: int
    last_is_named: bool = True  # the newest message's Message-ID leads to it

"""Message metadata, flags and attachments."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from mailserver.mail.address import Person


class Flag(IntFlag):
    """Keywords with a bit of their own (RFC 8621 4.1.1)."""

    SEEN = 1
    FLAGGED = 2
    ANSWERED = 4
    DRAFT = 8
    FORWARDED = 16
    JUNK = 32
    NOT_JUNK = 64
    PHISHING = 128
    MDN_SENT = 256


class Visibility(IntEnum):
    """Which lists show a message: an indexed equality, so that `include_*` costs nothing."""

    NORMAL = 0
    SPAM = 1
    TRASH = 2
    BLOCKED = 3


@dataclass(frozen=True, slots=True)
class Attachment:
    """A leaf part that a person would call a file; `number` is its IMAP section, `hash` of its decoded bytes."""

    number: str
    content_type: str
    size: int
    hash: bytes
    filename: str | None = None
    disposition: str | None = None
    content_id: str | None = None
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """A row of a list: everything that needs no look into the file."""

    id: int
    inbox_id: int
    tenant_id: int
    thread_id: int
    header_id: str  # Message-ID with angle brackets, ours where the message had none
    subject: str
    sender: tuple[Person, ...]
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    bcc: tuple[Person, ...]
    reply_to: tuple[Person, ...]
    in_reply_to: str | None
    references: tuple[str, ...]
    preview: str
    size: int
    received_at: int  # unix milliseconds
    sent_at: int | None
    flags: Flag
    visibility: Visibility
    labels: tuple[str, ...]  # atoms of the tenant's label dictionary
    folder_roles: tuple[str, ...]  # roles of the folders that it lies in; a folder without one gives ""
    attachments: tuple[Attachment, ...]
    is_ours: bool  # written by this inbox, not received
    parse_error: str | None
    created_at: int
    updated_at: int
    inbox_address: str = ""
    blob: bytes = b""
    is_named: bool = True  # its Message-ID leads to it: no older message of the tenant has the same


@dataclass(frozen=True, slots=True)
class MessageBody:
    """The readable parts of a message."""

    text: str | None
    html: str | None

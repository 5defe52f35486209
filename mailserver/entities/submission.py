"""Identities, and mail that clients have handed over to be sent (RFC 8621 6, 7)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailserver.entities.delivery import Delivery

People = tuple[dict[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a client may write as; a fixed one belongs to an address of the inbox. None: as the inbox has it."""

    id: int
    tenant_id: int
    inbox_id: int
    email: str
    name: str
    reply_to: People | None
    bcc: People | None
    text_signature: str | None
    html_signature: str | None
    is_fixed: bool


class UndoStatus(StrEnum):
    """Whether a submission can still be taken back."""

    PENDING = "pending"
    FINAL = "final"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """What was handed over; `envelope` as the client sees it. Times are unix milliseconds."""

    id: int
    tenant_id: int
    inbox_id: int
    queued_id: int
    identity_id: int
    email_id: int
    thread_id: int
    envelope: dict[str, Any]
    send_at: int
    is_canceled: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission with what has become of it."""

    submission: StoredSubmission
    status: UndoStatus
    deliveries: tuple[Delivery, ...]
    reports: tuple[bytes, ...] = ()  # hashes of the messages that tell of it

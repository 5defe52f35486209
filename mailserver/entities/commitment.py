"""Something that was promised: by an inbox to a contact, or by the contact."""

from dataclasses import dataclass
from enum import StrEnum


class CommitmentOwner(StrEnum):
    """Who promised."""

    US = "us"
    THEM = "them"


class CommitmentStatus(StrEnum):
    """What became of it."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Commitment:
    """A promise. `contact_id` is None where the address is of nobody whom the inbox knows."""

    id: int
    tenant_id: int
    inbox_id: int
    contact_id: int | None
    contact_address: str
    text: str
    owner: CommitmentOwner
    status: CommitmentStatus
    due_at: int | None
    thread_id: int | None
    created_at: int
    updated_at: int

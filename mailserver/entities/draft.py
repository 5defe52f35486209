"""A message that is still being written."""

from dataclasses import dataclass
from enum import StrEnum


class DraftState(StrEnum):
    """What is to become of a draft."""

    OPEN = "open"
    SCHEDULED = "scheduled"  # is sent at its time
    FAILED = "failed"  # could not be sent at its time; `problem` says why


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A draft; its text is the message that lies in Drafts, another one after each change."""

    id: int
    tenant_id: int
    inbox_id: int
    message_id: int
    client_id: str | None
    in_reply_to: str | None  # the id of the message that it answers, as the client sees it
    forward_of: str | None
    marked_id: int | None  # the message that is marked as answered or forwarded when this is sent
    send_at: int | None
    state: DraftState
    problem: str | None
    created_at: int
    updated_at: int

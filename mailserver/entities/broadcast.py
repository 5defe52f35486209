"""A message to everybody who has a label, and what became of it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class BroadcastStatus(StrEnum):
    """Where a broadcast stands."""

    QUEUED = "queued"  # nobody has it yet
    SENDING = "sending"
    PAUSED = "paused"
    COMPLETED = "completed"  # every recipient's server has taken or refused it
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent, whatever happens."""
        return self in (BroadcastStatus.COMPLETED, BroadcastStatus.CANCELLED)


class Fate(IntEnum):
    """What became of one recipient."""

    WAITING = 0  # in the queue, not tried yet
    TRIED = 1  # in the queue, put off by its server
    DELIVERED = 2
    BOUNCED = 3
    DROPPED = 4  # taken out of the queue: by a cancelled broadcast, or by the operator
    LEFT_OUT = 5  # suppressed, opted out or on a list of ours: never queued


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast of an inbox. The label may go meanwhile: what it was called stays."""

    id: int
    tenant_id: int
    inbox_id: int
    label_id: int
    label_key: str
    label_name: str
    message_id: int  # the copy in Sent
    subject: str
    status: BroadcastStatus
    sent_count: int
    suppressed_count: int
    delivered_count: int
    bounced_count: int
    spam_complaint_count: int
    open_count: int
    click_count: int
    open_deliveries: int  # in the queue now
    cursor: int  # the last contact that was looked at
    last_contact_id: int  # of the audience, as it was when the broadcast was asked for
    is_moving: bool  # what is in the queue has still to follow a pause, a resume or an end
    created_at: int
    updated_at: int

    @property
    def is_handed_out(self) -> bool:
        """Whether everybody of the audience has had a turn."""
        return self.cursor >= self.last_contact_id


@dataclass(frozen=True, slots=True)
class BroadcastText:
    """What is sent, with places for what is each recipient's own; gone when nothing more is sent."""

    text: str | None
    html: str | None


@dataclass(frozen=True, slots=True)
class Reader:
    """A contact whose turn it is."""

    contact_id: int
    full_name: str
    address: str  # as it stands in the address book


@dataclass(frozen=True, slots=True)
class BroadcastRecipient:
    """One address of one broadcast; its id is that of the delivery."""

    id: int
    broadcast_id: int
    contact_id: int
    address: str  # normal form
    fate: Fate


@dataclass(frozen=True, slots=True)
class TrackedLink:
    """A link of a broadcast's HTML; the id is all that its readers' programs see."""

    id: str  # a UUID
    url: str

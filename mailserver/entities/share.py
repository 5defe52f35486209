"""A contact card on its way from one inbox of a tenant to another."""

from dataclasses import dataclass
from enum import StrEnum


class ShareType(StrEnum):
    """Who began it: the one who has the card, or the one who wants it."""

    OFFER = "offer"
    REQUEST = "request"


class ShareStatus(StrEnum):
    """What became of it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Share:
    """A share. It waits for `to_inbox_id`; `contact_id` is the card that is offered, None for a request.

    `note` and `labels` come with a request; the labels are put on the card where it goes.
    """

    id: int
    tenant_id: int
    type: ShareType
    status: ShareStatus
    from_inbox_id: int
    to_inbox_id: int
    contact_id: int | None
    contact_address: str
    note: str | None
    labels: tuple[str, ...]
    created_at: int
    resolved_at: int | None

    @property
    def giver_inbox_id(self) -> int:
        """Whose book has the card."""
        return self.from_inbox_id if self.type is ShareType.OFFER else self.to_inbox_id

    @property
    def taker_inbox_id(self) -> int:
        """Whose book the card goes into."""
        return self.to_inbox_id if self.type is ShareType.OFFER else self.from_inbox_id

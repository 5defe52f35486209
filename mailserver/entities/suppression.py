"""An address we no longer send to, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why we stopped."""

    HARD_BOUNCE = "hard_bounce"
    UNSUBSCRIBED = "unsubscribed"
    SPAM_COMPLAINT = "spam_complaint"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address that one inbox does not write to any more."""

    id: int
    inbox_id: int
    address: str  # normal form
    reason: Reason
    source: str  # bounce:hard, report:dsn, report:arf …
    suppressed_at: int

"""How much there is of what is watched."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries of one state, and the id of the oldest."""

    state: str
    deliveries: int
    oldest_id: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored."""

    inboxes: int
    messages: int
    message_bytes: int
    database_bytes: int
    webhooks_waiting: int
    events_waiting: int

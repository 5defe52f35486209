"""What became of a message, as the operator reads it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `facts` are plain JSON data, with ids as the outside has them."""

    at: int
    what: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that the rows know. `gaps` says in sentences what could not be looked at."""

    header_id: str | None
    queue_ids: tuple[str, ...]
    lines: tuple[Line, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A stored message in a list. `people` is JSON: lists of [address, name]."""

    message_id: int
    inbox: str
    received_at: int
    size: int
    header_id: str
    subject: str
    people: str
    location: str


@dataclass(frozen=True, slots=True)
class Sought:
    """Which messages: words of people and subject, and a time. Times are unix milliseconds."""

    sender: str | None = None
    recipient: str | None = None
    subject: str | None = None
    header_id: str | None = None
    inbox_id: int | None = None
    since: int | None = None
    until: int | None = None
    limit: int = 50

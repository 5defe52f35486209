"""Calendars of an inbox, and the events in them."""

from dataclasses import dataclass
from enum import StrEnum


class CalendarKind(StrEnum):
    """What lies in a calendar."""

    EVENTS = "events"
    TASKS = "tasks"


class EventStatus(StrEnum):
    """Whether an event takes place (RFC 5545 3.8.1.11)."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


FIRST_CALENDARS = ((CalendarKind.EVENTS, "Calendar"), (CalendarKind.TASKS, "Tasks"))  # of every inbox


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar of an inbox. `feed` counts how often its subscription address was changed."""

    id: int
    tenant_id: int
    inbox_id: int
    name: str
    kind: CalendarKind
    is_default: bool
    feed: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who takes part."""

    email: str
    name: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """Something that is at a time. `time_zone` is an IANA name, or None for UTC."""

    id: int
    tenant_id: int
    inbox_id: int
    calendar_id: int
    title: str
    start_at: int
    end_at: int
    time_zone: str | None
    description: str | None
    status: EventStatus
    location: str | None
    participants: tuple[Participant, ...]
    created_at: int
    updated_at: int

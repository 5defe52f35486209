"""Shapes of the calendars, tasks and agenda pages."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.calendar import CalendarKind, EventStatus
from mailserver.entities.task import TaskSource

Long = Annotated[str, StringConstraints(max_length=20_000)]


class CreateCalendar(Shape):
    """A calendar to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    name: Short
    kind: CalendarKind = CalendarKind.EVENTS


class ChangeCalendar(Shape):
    """What is to be different of a calendar."""

    name: Short | None = None
    renew_subscription: bool = Field(False, description="Give it another subscription URL; the old one ends.")
    inbox_id: Short | None = Field(None, description="For session logins.")


class CalendarShown(Shape):
    """A calendar; programs subscribe to its URL without a login."""

    calendar_id: str
    inbox_id: str
    name: str
    kind: str
    is_default: bool
    subscription_url: str
    created_at: str


class ParticipantShape(Shape):
    """Somebody who takes part."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=320)]
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    role: Annotated[str, StringConstraints(max_length=50)] | None = None


class ParticipantShown(Shape):
    """Somebody who takes part."""

    email: str
    name: str | None
    role: str | None


class CreateEvent(Shape):
    """An event to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    calendar_id: Short | None = Field(None, description="The inbox's own calendar where none is named.")
    title: Short
    start: Short = Field(description="ISO 8601, or words such as: tomorrow at 15:30.")
    duration: Short | None = Field(None, description="PT30M, or words such as: 30 minutes.")
    time_zone: Short | None = Field(None, description="An IANA zone; the inbox's own where none is named.")
    description: Long | None = None
    status: EventStatus | None = None
    location: Short | None = None
    participants: list[ParticipantShape] = Field(default_factory=list, max_length=200)


class ChangeEvent(Shape):
    """What is to be different of an event; null takes a text away."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    title: Short | None = None
    start: Short | None = None
    duration: Short | None = None
    time_zone: Short | None = None
    description: Long | None = None
    status: EventStatus | None = None
    location: Short | None = None
    participants: list[ParticipantShape] | None = Field(None, max_length=200)


class ListEvents(Shape):
    """Which events."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    calendar_id: Short | None = None
    after: Short | None = Field(None, description="Only those that start then or later.")
    before: Short | None = Field(None, description="Only those that start earlier.")
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class EventShown(Shape):
    """An event; its start is a local time in its zone, or UTC with Z."""

    event_id: str
    calendar_id: str
    inbox_id: str
    title: str
    start: str
    duration: str
    time_zone: str | None
    description: str | None
    status: str
    location: str | None
    participants: list[ParticipantShown]
    created_at: str
    updated_at: str


class EventList(Shape):
    """Some events, by their start."""

    results: list[EventShown]
    total: int
    position: int
    limit: int


class CreateTask(Shape):
    """A task to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    summary: Short
    description: Long | None = None
    due_at: Short | None = Field(None, description="ISO 8601, or words such as: next Monday.")
    thread_id: Short | None = Field(None, description="The thread that it is about.")
    message_id: Short | None = Field(None, description="The message that it is about.")


class ChangeTask(Shape):
    """What is to be different of a task; null takes a text or date away."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    summary: Short | None = None
    description: Long | None = None
    due_at: Short | None = None
    completed: bool | None = None


class ListTasks(Shape):
    """Which tasks."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    completed: bool | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class TaskShown(Shape):
    """A task."""

    task_id: str
    inbox_id: str
    calendar_id: str
    summary: str
    description: str | None
    due_at: str | None
    completed: bool
    completed_at: str | None
    thread_id: str | None
    message_id: str | None
    share_id: str | None
    source: TaskSource
    created_by_inbox_id: str | None
    created_at: str


class TaskList(Shape):
    """Some tasks, newest first."""

    results: list[TaskShown]
    total: int
    position: int
    limit: int


class AskAgenda(Shape):
    """How far to look."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    days: int = Field(14, ge=1, le=366, description="How many days ahead.")
    limit: int = Field(50, ge=1, le=200)


class AgendaItem(Shape):
    """A task, an event, or mail that waits for an answer."""

    type: str
    id: str
    title: str
    pending: bool = Field(description="True for what has no date.")
    due_at: str | None
    start: str | None
    duration: str | None
    received_at: str | None
    thread_id: str | None


class AgendaShown(Shape):
    """What has no date first, then by date."""

    results: list[AgendaItem]
    total: int

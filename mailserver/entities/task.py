"""Something to be done by an inbox, and where the wish came from."""

from dataclasses import dataclass
from enum import StrEnum


class TaskSource(StrEnum):
    """What made a task."""

    MANUAL = "manual"
    ASSIGN = "assign"
    MENTION = "mention"
    SHARE = "share"
    HANDOFF = "handoff"
    APPROVAL = "approval"
    ALERT = "alert"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is to be made."""

    summary: str
    source: TaskSource = TaskSource.MANUAL
    description: str | None = None
    due_at: int | None = None
    thread_id: int | None = None
    message_id: int | None = None
    share_id: int | None = None
    created_by_inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task; `completed_at` is None while it is open."""

    id: int
    tenant_id: int
    inbox_id: int
    calendar_id: int
    summary: str
    description: str | None
    due_at: int | None
    completed_at: int | None
    thread_id: int | None
    message_id: int | None
    share_id: int | None
    source: TaskSource
    created_by_inbox_id: int | None
    created_at: int
    updated_at: int

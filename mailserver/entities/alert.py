"""Alert rules: which events an inbox wants to be told of, when, and how."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailserver.entities.webhook import Backoff

DEFAULT_RETRIES = 3
DEFAULT_THRESHOLD = 100  # per cent of a cap


class AlertDelivery(StrEnum):
    """How an alert is told."""

    WEBHOOK = "webhook"
    TASK = "task"


class OffsetUnit(StrEnum):
    """What an offset is counted in."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"


UNIT_MS = {OffsetUnit.MINUTES: 60_000, OffsetUnit.HOURS: 3_600_000, OffsetUnit.DAYS: 86_400_000}


@dataclass(frozen=True, slots=True)
class Offset:
    """How long before the start of a calendar event, or after any other event."""

    value: int
    unit: OffsetUnit

    @property
    def milliseconds(self) -> int:
        """Its length."""
        return self.value * UNIT_MS[self.unit]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule. `target` is a URL, or the template of a task's summary; `events` are names as they are told."""

    id: int
    tenant_id: int
    inbox_id: int
    events: tuple[str, ...]
    delivery: AlertDelivery
    target: str
    offset: Offset | None
    filter: dict[str, Any]
    threshold: int | None
    is_enabled: bool
    retries: int
    backoff: Backoff
    endpoint_id: int | None  # the hidden endpoint of a webhook
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that waits for its time. `subject` says which waiting alert a later event is about; '' for none."""

    id: int
    alert_id: int
    inbox_id: int
    event_id: int
    subject: str
    type: str
    due_at: int
    payload: str  # as it will be sent

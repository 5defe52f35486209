"""Webhook endpoints, and what is on its way to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """What an endpoint was made by."""

    API = "api"
    INBOX = "inbox"  # the settings of an inbox
    ALERT = "alert"  # hidden: belongs to an alert rule
    WORKFLOW = "workflow"  # hidden: belongs to a workflow rule


LISTED = (Origin.API, Origin.INBOX)


class Backoff(StrEnum):
    """How long the tries of a delivery are apart."""

    IMMEDIATE = "immediate"
    FIXED = "fixed"
    EXPONENTIAL = "exponential"


class WebhookState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"  # too many waited behind it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events are sent. `inbox_id` is None for the whole tenant; `secret` and `previous_secret` are sealed."""

    id: int
    tenant_id: int
    inbox_id: int | None
    origin: Origin
    origin_id: int | None
    url: str
    description: str
    event_types: tuple[str, ...]  # as they are told; empty for all
    headers: Mapping[str, str]
    secret: bytes
    previous_secret: bytes | None
    previous_until: int | None
    is_enabled: bool
    disabled_reason: str | None
    failing_since: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event on its way to one endpoint; its id is the same over all tries."""

    id: int
    endpoint_id: int
    event_id: int
    type: str
    body: str
    state: WebhookState
    attempts: int
    retries: int | None  # None: the schedule of the server
    backoff: Backoff | None
    created_at: int
    next_attempt_at: int | None
    finished_at: int | None
    status: int | None
    duration_ms: int | None
    error: str | None

"""Webhook endpoints, and what is on its way to them."""

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """What an endpoint was made by."""

    API = "api"
    INBOX = "inbox"  # the settings of an inbox
    ALERT = "alert"  # hidden: belongs to an alert rule
    WORKFLOW = "workflow"  # hidden: belongs to a workflow rule
    AGENTRY = "agentry"  # made by an application, and told in its words


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
    """Where events are sent. `inbox_id` is None for the whole tenant; secrets are sealed."""

    id: int
    tenant_id: int
    inbox_id: int | None
    origin: Origin
    origin_id: int | None
    url: str
    description: str
    event_types: tuple[str, ...]  # as they are told; empty for all
    header_names: tuple[str, ...]  # further ones, that are sent with each delivery
    headers: bytes | None  # with their values, sealed
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


@dataclass(frozen=True, slots=True)
class Due:
    """A line that somebody has to work on."""

    endpoint_id: int
    tenant_id: int
    host: str
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery: where it is waiting still, `next_attempt_at` says until when."""

    delivery_id: int
    state: WebhookState
    next_attempt_at: int | None
    status: int | None
    duration_ms: int
    error: str | None


@dataclass(frozen=True, slots=True)
class AgentWebhook:
    """An endpoint of an application, with its own name for it and what it is about: all where nothing is named."""

    endpoint: Endpoint
    client_id: str | None
    inbox_ids: tuple[int, ...]
    pod_ids: tuple[int, ...]
    pod_id: int | None = None  # the one that it belongs to, or its inbox; it hears of nothing else

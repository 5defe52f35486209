"""Shapes of the alerts page."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.alert import DEFAULT_RETRIES, AlertDelivery, OffsetUnit
from mailserver.entities.webhook import Backoff

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Target = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class DeliveryShape(Shape):
    """How an alert is told."""

    type: AlertDelivery
    target: Target = Field(description="A URL, or the summary of a task with {field} in it for fields of the event.")


class OffsetShape(Shape):
    """How long before the start of a calendar event, or after any other event."""

    value: int = Field(ge=1, le=600_000)
    unit: OffsetUnit


class CreateAlert(Shape):
    """A rule to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    events: list[Name] = Field(min_length=1, max_length=50)
    delivery: DeliveryShape
    offset: OffsetShape | None = None
    filter: dict[str, Any] | None = Field(None, description="Fields of the event with a value, or a list of values.")
    threshold: int | None = Field(None, ge=1, le=100, description="Of cap.reached: from how many per cent.")
    enabled: bool = True
    retries: int = Field(DEFAULT_RETRIES, ge=0, le=10)
    backoff: Backoff = Backoff.EXPONENTIAL


class ChangeAlert(Shape):
    """What is to be different; null takes an offset, a filter or a threshold away."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    events: list[Name] | None = Field(None, min_length=1, max_length=50)
    delivery: DeliveryShape | None = None
    offset: OffsetShape | None = None
    filter: dict[str, Any] | None = None
    threshold: int | None = Field(None, ge=1, le=100)
    enabled: bool | None = None
    retries: int | None = Field(None, ge=0, le=10)
    backoff: Backoff | None = None


class TestAlert(Shape):
    """What to try: a rule, or a way that no rule has yet."""

    __test__ = False  # no test of pytest's

    inbox_id: Short | None = Field(None, description="For session logins.")
    alert_id: Short | None = None
    delivery: DeliveryShape | None = None


class AlertShown(Shape):
    """A rule."""

    id: str
    inbox_id: str
    events: list[str]
    delivery: DeliveryShape
    offset: OffsetShape | None
    filter: dict[str, Any]
    threshold: int | None
    enabled: bool
    retries: int
    backoff: Backoff
    created_at: str
    updated_at: str


class AlertMade(AlertShown):
    """A rule, with what verifies its webhooks where that is new: it is not shown again."""

    secret: str | None = Field(None, exclude_if=lambda value: value is None)


class Tested(Shape):
    """What became of a test."""

    delivered: bool
    type: AlertDelivery
    status: int | None = Field(description="What a webhook's receiver answered.")
    duration_ms: int | None
    error: str | None
    task_id: str | None


class AlertReference(Shape):
    """What a form for alerts is made of."""

    version: str
    resource: str
    payload: dict[str, Any]
    fields: list[dict[str, Any]]
    delivery_builder: dict[str, Any]
    delivery_types: list[dict[str, Any]]
    backoff_strategies: list[dict[str, Any]]
    offset_units: list[str]

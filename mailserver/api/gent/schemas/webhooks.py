"""Shapes of the webhooks page."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short

Url = Annotated[str, StringConstraints(max_length=2048)]
Described = Annotated[str, StringConstraints(max_length=500)]
HeaderValue = Annotated[str, StringConstraints(max_length=1000)]
Headers = Annotated[dict[str, HeaderValue], Field(max_length=20)]
Types = Annotated[list[Short], Field(max_length=100)]


class CreateWebhook(Shape):
    """A webhook to make."""

    url: Url = Field(description="Where events are posted to; HTTPS, and no private address.")
    inbox_id: Short | None = Field(None, description="Left out by an owner for every inbox of the tenant.")
    events: Types = Field([], description="Types such as message.received; none for all.")
    description: Described = ""
    enabled: bool = True
    headers: Headers = Field({}, description="Sent with each delivery; their values are never shown.")


class ChangeWebhook(Shape):
    """What is to be different; what is left out stays."""

    url: Url | None = None
    events: Types | None = Field(None, description="An empty list for all.")
    description: Described | None = None
    enabled: bool | None = Field(None, description="What waits is delivered when it is switched on again.")
    headers: Headers | None = Field(None, description="All of them; their values are never shown.")


class ListWebhooks(Shape):
    """Which webhooks."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class WebhookShown(Shape):
    """A webhook."""

    webhook_id: str
    inbox_id: str | None
    origin: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    header_names: list[str]
    failing_since: str | None
    previous_secret_until: str | None
    created_at: str
    updated_at: str


class WebhookMade(WebhookShown):
    """A webhook with its secret, which is shown this once."""

    secret: str


class WebhookList(Shape):
    """Some webhooks, oldest first."""

    results: list[WebhookShown]
    total: int
    position: int
    limit: int


class ListDeliveries(Shape):
    """Which deliveries."""

    status: Literal["waiting", "delivered", "failed", "dropped"] | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class WebhookDeliveryShown(Shape):
    """An event on its way to a webhook. Its id is the webhook-id of every try."""

    delivery_id: str
    webhook_id: str
    event_id: str
    type: str
    status: str
    attempts: int
    http_status: int | None
    duration_ms: int | None
    error: str | None
    created_at: str
    next_attempt_at: str | None
    finished_at: str | None


class WebhookDeliveryList(Shape):
    """Some deliveries, the newest first."""

    results: list[WebhookDeliveryShown]
    total: int
    position: int
    limit: int

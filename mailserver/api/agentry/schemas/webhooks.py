"""Shapes of the webhooks pages."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.agentry.schemas.messages import Body, Names, Shape, Short

Url = Annotated[str, StringConstraints(max_length=2000)]
Value = Annotated[str, StringConstraints(max_length=2000)]


class ListWebhooks(Shape):
    """What webhooks to list."""

    limit: int = Field(50, ge=1, le=200, description="How many webhooks at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")


class NewInboxWebhook(Body):
    """A webhook to make for one inbox."""

    url: Url = Field(description="Where events are posted.")
    event_types: Names = Field([], description="What is told; without any, all but what has to be named.")
    client_id: Short | None = Field(None, description="A name of the client's own, by which it is made once.")
    headers: dict[Short, Value] | None = Field(None, description="Further headers of each delivery.")


class NewPodWebhook(NewInboxWebhook):
    """A webhook to make for one pod."""

    inbox_ids: Names = Field([], description="Only what happens in these inboxes.")


class NewWebhook(NewPodWebhook):
    """A webhook to make."""

    pod_ids: Names = Field([], description="Only what happens in these pods, and in the inboxes that are named.")


class ChangeInboxWebhook(Body):
    """What is to be different of an inbox's webhook."""

    event_types: Names | None = None
    enabled: bool | None = None


class ChangePodWebhook(ChangeInboxWebhook):
    """What is to be different of a pod's webhook."""

    add_inbox_ids: Names = Field([])
    remove_inbox_ids: Names = Field([])


class ChangeWebhook(ChangePodWebhook):
    """What is to be different of a webhook."""

    add_pod_ids: Names = Field([])
    remove_pod_ids: Names = Field([])


class ChangeHeaders(Body):
    """Further headers to set and to take away."""

    headers: dict[Short, Value] | None = None
    remove_headers: Names = Field([])


class HeaderNames(Shape):
    """The names of the further headers."""

    header_names: list[str]


class WebhookShown(Shape):
    """A webhook."""

    webhook_id: str
    url: str
    event_types: list[str]
    pod_ids: list[str] | None = None
    inbox_ids: list[str] | None = None
    pod_id: str | None = None
    inbox_id: str | None = None
    secret: str = Field(description="What deliveries are signed with: in the answer to its making, and never again.")
    enabled: bool
    updated_at: str
    created_at: str
    client_id: str | None = None


class WebhookList(Shape):
    """A page of webhooks."""

    count: int
    limit: int
    next_page_token: str | None = None
    webhooks: list[WebhookShown]

"""Shapes of the enrichment, suggestions and summaries pages."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.enrichment import Provider
from mailserver.services.enrichment import switches

Endpoint = Annotated[str, StringConstraints(max_length=switches.LONGEST_ENDPOINT)]
Model = Annotated[str, StringConstraints(max_length=switches.LONGEST_MODEL)]


class SetFeatures(Shape):
    """What is switched on and off; what is left out stays."""

    thread_summary: bool | None = None
    label_suggest: bool | None = None
    calendar_suggest: bool | None = None


class SetEnrichment(Shape):
    """What an inbox chooses; what is left out stays."""

    features: SetFeatures = Field(default_factory=SetFeatures)
    provider: Provider | None = Field(None, description="Who is asked; the built-in provider is always behind it.")
    endpoint: Endpoint | None = Field(None, description="The base URL of an OpenAI-compatible API; empty for none.")
    model: Model | None = Field(None, description="The model that the endpoint is asked for.")
    api_key: Annotated[SecretStr, Field(max_length=switches.LONGEST_KEY)] | None = Field(
        None, description="Never shown again; empty forgets it. Another endpoint needs its key again."
    )
    inbox_id: Short | None = Field(None, description="For session logins.")


class FeaturesShown(Shape):
    """What is switched on."""

    thread_summary: bool
    label_suggest: bool
    calendar_suggest: bool


class EnrichmentShown(Shape):
    """What an inbox has chosen."""

    inbox_id: str
    features: FeaturesShown
    provider: str
    endpoint: str | None
    model: str | None
    has_api_key: bool


class ActionItemShown(Shape):
    """What somebody has to do."""

    owner: str
    action: str


class SummaryShown(Shape):
    """What a thread was about."""

    summary: str
    decisions: list[str]
    action_items: list[ActionItemShown]
    status: Literal["open", "resolved"]
    stale: bool
    updated_at: str


class SummaryPending(Shape):
    """A summary that is made now."""

    status: Literal["pending"] = "pending"
    thread_id: str


class ConfirmEvent(Shape):
    """Where a suggested event goes."""

    calendar_id: Short | None = Field(None, description="The calendar to create the event in; else the inbox's own.")
    inbox_id: Short | None = Field(None, description="For session logins.")


class ConfirmedEvent(Shape):
    """The event that was created."""

    event_id: str
    calendar_id: str
    title: str
    start: str

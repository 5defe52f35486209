"""Shapes of the metrics pages."""

from pydantic import Field, RootModel

from mailserver.api.agentry.schemas.messages import Labels, Shape, Short


class Series(Shape):
    """From when to when, and in which order."""

    start: Short | None = Field(None, description="The beginning; a day before the end without it, 90 days at most.")
    end: Short | None = Field(None, description="The end; now without it.")
    limit: int = Field(1000, ge=1, le=1000, description="How many points of each kind at the most.")
    descending: bool = Field(False, description="Newest first.")


class QueryEvents(Series):
    """Which events to count."""

    event_types: Labels | None = Field(None, description="Only these events.")
    period: int | None = Field(
        None, ge=1, le=86_400, description="Seconds of a bucket; without it, each moment that has events."
    )


class QueryUsage(Series):
    """How much there was of what."""

    usage_types: Labels | None = Field(None, description="Only these numbers.")
    period: int = Field(3600, ge=1, le=86_400, description="Seconds between points, at most 1000 of them.")


class QueryRates(Series):
    """What part of the mail ended badly."""

    rate_types: Labels | None = Field(None, description="bounce, complaint or both.")
    period: int = Field(3600, ge=60, le=86_400, description="Seconds between points.")
    window: int = Field(
        86_400, ge=60, le=2_592_000, description="How many seconds each point looks back: a multiple of the period."
    )


class Bucket(Shape):
    """How many events there were from a time on, for a period."""

    timestamp: str
    count: int


class UsagePoint(Shape):
    """How much there was at a time."""

    timestamp: str
    value: int


class RatePoint(Shape):
    """A part of what was sent to `sent` recipients in the window that ends at a time; no rate where that is nobody."""

    timestamp: str
    rate: float | None = None
    sent: int


class EventSeries(RootModel[dict[str, list[Bucket]]]):
    """Counts by event."""


class UsageSeries(RootModel[dict[str, list[UsagePoint]]]):
    """Numbers by what they are of."""


class RateSeries(RootModel[dict[str, list[RatePoint]]]):
    """Rates by kind."""


class QueryTotals(Shape):
    """From when to when."""

    since: Short | None = Field(None, description="The beginning; 30 days ago without it, 90 days at most.")
    until: Short | None = Field(None, description="The end; now without it.")


class Totals(Shape):
    """How much happened between two times. What was opened are broadcasts, by their first opening."""

    since: str
    until: str
    emails_sent: int
    emails_received: int
    emails_spam: int
    emails_blocked: int
    emails_delivered: int
    emails_bounced: int
    emails_complained: int
    emails_rejected: int
    emails_opened: int

"""Answers about numbers, for the pages of the organisation, of a pod and of an inbox."""

from mailserver.api.agentry import present
from mailserver.api.agentry.schemas import metrics as shapes
from mailserver.entities.metric import Extent
from mailserver.services.notify.metrics import Span
from mailserver.services.registry import Services


class MetricAnswers:
    """Numbers in this face's words."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def events(self, extent: Extent, query: shapes.QueryEvents) -> shapes.EventSeries:
        """Counts by event."""
        found = await self._services.notify.metrics.events(
            extent, tuple(query.event_types or ()), _span(query, query.period)
        )
        return shapes.EventSeries(
            {
                name: [shapes.Bucket(timestamp=present.when(at), count=count) for at, count in series]
                for name, series in found.items()
            }
        )

    async def usage(self, extent: Extent, query: shapes.QueryUsage) -> shapes.UsageSeries:
        """Numbers by what they are of."""
        found = await self._services.notify.metrics.usage(
            extent, tuple(query.usage_types or ()), _span(query, query.period)
        )
        return shapes.UsageSeries(
            {
                kind.value: [shapes.UsagePoint(timestamp=present.when(at), value=value) for at, value in series]
                for kind, series in found.items()
            }
        )

    async def rates(self, extent: Extent, query: shapes.QueryRates) -> shapes.RateSeries:
        """Rates by kind."""
        span = _span(query, query.period)
        found = await self._services.notify.metrics.rates(extent, tuple(query.rate_types or ()), span, query.window)
        return shapes.RateSeries(
            {
                kind: [shapes.RatePoint(timestamp=present.when(one.at), rate=one.rate, sent=one.sent) for one in series]
                for kind, series in found.items()
            }
        )

    async def totals(self, extent: Extent, query: shapes.QueryTotals) -> shapes.Totals:
        """How much happened."""
        since, until = present.moment(query.since, "since"), present.moment(query.until, "until")
        after, before, found = await self._services.notify.metrics.totals(extent, since, until)
        return shapes.Totals(
            since=present.when(after), until=present.when(before), emails_sent=found["message.sent"],
            emails_received=found["message.received"] + found["message.received.unauthenticated"],
            emails_spam=found["message.received.spam"], emails_blocked=found["message.received.blocked"],
            emails_delivered=found["message.delivered"], emails_bounced=found["message.bounced"],
            emails_complained=found["message.complained"], emails_rejected=found["message.rejected"],
            emails_opened=found["message.opened"],
        )  # fmt: skip


def _span(query: shapes.Series, period_seconds: int | None) -> Span:
    return Span(
        present.moment(query.start, "start"), present.moment(query.end, "end"), period_seconds, query.limit,
        query.descending,
    )  # fmt: skip

"""Endpoints of the metrics pages: of everything that a key sees, of a pod, of an inbox."""

from mailserver.api.agentry.metric_answers import MetricAnswers
from mailserver.api.agentry.schemas import metrics as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.metric import Extent
from mailserver.entities.permission import Permission
from mailserver.http.routing import get
from mailserver.services.registry import Services

_READ = {"scope": Scope.EMAIL_READ, "permission": Permission.METRICS_READ}


class MetricsPage:
    """Numbers of the organisation; a key that is bound to a pod or an inbox hears of that."""

    def __init__(self, answers: MetricAnswers) -> None:
        self._answers = answers

    @get("/metrics", **_READ)
    async def get_metrics(self, caller: Caller, query: shapes.QueryTotals) -> shapes.Totals:
        """Get how many messages were sent, received, delivered and so on between two times."""
        return await self._answers.totals(_extent(caller), query)

    @get("/metrics/events", **_READ)
    async def query_events(self, caller: Caller, query: shapes.QueryEvents) -> shapes.EventSeries:
        """Count events by time."""
        return await self._answers.events(_extent(caller), query)

    @get("/metrics/usage", **_READ)
    async def query_usage(self, caller: Caller, query: shapes.QueryUsage) -> shapes.UsageSeries:
        """Get how much there was of everything, by time."""
        return await self._answers.usage(_extent(caller), query)

    @get("/metrics/rates", **_READ)
    async def query_rates(self, caller: Caller, query: shapes.QueryRates) -> shapes.RateSeries:
        """Get what part of the mail bounced or was complained about, by time."""
        return await self._answers.rates(_extent(caller), query)


class InboxMetricsPage:
    """Numbers of one inbox."""

    def __init__(self, services: Services, answers: MetricAnswers) -> None:
        self._services = services
        self._answers = answers

    @get("/inboxes/{inbox_id}/metrics", **_READ)
    async def get_metrics(self, caller: Caller, inbox_id: str, query: shapes.QueryTotals) -> shapes.Totals:
        """Get how many messages an inbox sent, received and so on between two times."""
        return await self._answers.totals(await self._extent(caller, inbox_id), query)

    @get("/inboxes/{inbox_id}/metrics/events", **_READ)
    async def query_events(self, caller: Caller, inbox_id: str, query: shapes.QueryEvents) -> shapes.EventSeries:
        """Count events of an inbox by time."""
        return await self._answers.events(await self._extent(caller, inbox_id), query)

    @get("/inboxes/{inbox_id}/metrics/usage", **_READ)
    async def query_usage(self, caller: Caller, inbox_id: str, query: shapes.QueryUsage) -> shapes.UsageSeries:
        """Get how much there was in an inbox, by time."""
        return await self._answers.usage(await self._extent(caller, inbox_id), query)

    @get("/inboxes/{inbox_id}/metrics/rates", **_READ)
    async def query_rates(self, caller: Caller, inbox_id: str, query: shapes.QueryRates) -> shapes.RateSeries:
        """Get what part of an inbox's mail bounced or was complained about, by time."""
        return await self._answers.rates(await self._extent(caller, inbox_id), query)

    async def _extent(self, caller: Caller, inbox_id: str) -> Extent:
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return Extent(inbox.tenant_id, None, inbox.id)


class PodMetricsPage:
    """Numbers of one pod."""

    def __init__(self, services: Services, answers: MetricAnswers) -> None:
        self._services = services
        self._answers = answers

    @get("/pods/{pod_id}/metrics", **_READ)
    async def get_metrics(self, caller: Caller, pod_id: str, query: shapes.QueryTotals) -> shapes.Totals:
        """Get how many messages a pod sent, received and so on between two times."""
        return await self._answers.totals(await self._extent(caller, pod_id), query)

    @get("/pods/{pod_id}/metrics/events", **_READ)
    async def query_events(self, caller: Caller, pod_id: str, query: shapes.QueryEvents) -> shapes.EventSeries:
        """Count events of a pod by time."""
        return await self._answers.events(await self._extent(caller, pod_id), query)

    @get("/pods/{pod_id}/metrics/usage", **_READ)
    async def query_usage(self, caller: Caller, pod_id: str, query: shapes.QueryUsage) -> shapes.UsageSeries:
        """Get how much there was in a pod, by time."""
        return await self._answers.usage(await self._extent(caller, pod_id), query)

    @get("/pods/{pod_id}/metrics/rates", **_READ)
    async def query_rates(self, caller: Caller, pod_id: str, query: shapes.QueryRates) -> shapes.RateSeries:
        """Get what part of a pod's mail bounced or was complained about, by time."""
        return await self._answers.rates(await self._extent(caller, pod_id), query)

    async def _extent(self, caller: Caller, pod_id: str) -> Extent:
        pod = await self._services.pods.of(caller, pod_id)
        return Extent(pod.tenant_id, pod.id)


def _extent(caller: Caller) -> Extent:
    return Extent(caller.tenant_id, None if caller.inbox_id is not None else caller.pod_id, caller.inbox_id)

"""Webhooks of applications: each event into the line of every one that wants it."""

from mailserver.entities.event import Event
from mailserver.entities.webhook import AgentWebhook
from mailserver.services.notify import agent_events, particulars
from mailserver.services.notify.agent_events import Wanted
from mailserver.storage import agent_webhooks, webhooks
from mailserver.storage.database import Snapshot, Transaction

MOST_REMEMBERED = 10_000  # tenants


class AgentSubscriptions:
    """A subscriber of the feed. Who wants what is remembered by tenant, and forgotten when any of it changes."""

    def __init__(self) -> None:
        self._of_tenant: dict[int, list[AgentWebhook]] = {}

    def forget(self) -> None:
        """Look the endpoints up again."""
        self._of_tenant = {}

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether there is anybody to ask further."""
        return event.type in agent_events.NAMES and bool(self._known(snapshot, event.tenant_id))

    def take(self, tx: Transaction, event: Event) -> None:
        """Put it into every line that is for it."""
        name = agent_events.name(tx, event)
        if name is None:
            return
        body, pod_id = particulars.text(agent_events.told(event, name)), agent_events.pod_of(tx, event)
        for one in self._known(tx, event.tenant_id):
            endpoint = one.endpoint
            wanted = Wanted(endpoint.event_types, one.inbox_ids, one.pod_ids, endpoint.inbox_id, one.pod_id)
            if agent_events.wants(wanted, name, event, pod_id):
                webhooks.enqueue(tx, endpoint.id, event.id, name, body)

    def _known(self, snapshot: Snapshot, tenant_id: int) -> list[AgentWebhook]:
        remembered = self._of_tenant
        known = remembered.get(tenant_id)
        if known is None:
            if len(remembered) >= MOST_REMEMBERED:
                remembered.clear()
            known = remembered[tenant_id] = agent_webhooks.subscribed(snapshot, tenant_id)
        return known

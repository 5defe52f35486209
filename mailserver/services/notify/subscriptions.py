"""Webhooks that ask for events: each event into the line of every endpoint that wants it."""

from mailserver.entities.event import Event
from mailserver.entities.webhook import Endpoint
from mailserver.services.notify import catalogue, particulars, telling
from mailserver.storage import webhooks
from mailserver.storage.database import Snapshot, Transaction

MOST_REMEMBERED = 10_000  # tenants


class Subscriptions:
    """A subscriber of the feed. Who wants what is remembered by tenant, and forgotten when any of it changes."""

    def __init__(self) -> None:
        self._of_tenant: dict[int, list[Endpoint]] = {}

    def forget(self) -> None:
        """Look the endpoints up again."""
        self._of_tenant = {}

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether an endpoint wants it."""
        return bool(self._wanting(snapshot, event))

    def take(self, tx: Transaction, event: Event) -> None:
        """Put it into every line."""
        body, name = particulars.text(particulars.told(tx, event)), telling.name(event)
        for endpoint in self._wanting(tx, event):
            webhooks.enqueue(tx, endpoint.id, event.id, name, body)

    def _wanting(self, snapshot: Snapshot, event: Event) -> list[Endpoint]:
        remembered = self._of_tenant
        known = remembered.get(event.tenant_id)
        if known is None:
            if len(remembered) >= MOST_REMEMBERED:
                remembered.clear()
            known = remembered[event.tenant_id] = webhooks.subscribed(snapshot, event.tenant_id)
        return [endpoint for endpoint in known if _wants(endpoint, event)] if known else known


def _wants(endpoint: Endpoint, event: Event) -> bool:
    """Whoever asks for all gets what everybody may hear of; an owner's endpoint for the tenant gets the rest, too.

    Of junk nobody hears who has not asked for it by name.
    """
    if endpoint.inbox_id not in (None, event.inbox_id):
        return False
    name = telling.name(event)
    if not endpoint.event_types:
        return name not in catalogue.BY_NAME and (endpoint.inbox_id is None or name not in catalogue.ADMIN)
    return name in endpoint.event_types or (
        catalogue.ANNIVERSARIES in endpoint.event_types and event.type == "contact.anniversary"
    )

"""The hidden webhook endpoints of rules: each goes with the rule that it was made for."""

import time
from dataclasses import replace

from mailserver.entities.inbox import Inbox
from mailserver.entities.webhook import Backoff, Endpoint, Origin
from mailserver.services.notify.endpoints import Endpoints
from mailserver.storage import webhooks
from mailserver.storage.database import Snapshot, Transaction


class RuleEndpoints:
    """Makes and uses endpoints that no list shows. A rule of a workflow may have several."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def check(self, url: str) -> None:
        """Invalid for a URL that nothing would be sent to."""
        self._endpoints.check(url)

    def add(
        self, tx: Transaction, tenant_id: int, inbox_id: int, origin: Origin, origin_id: int, url: str
    ) -> tuple[int, str]:
        """Make an endpoint; its id, and the secret that verifies what it gets, which is not told again."""
        made, secret = self._endpoints.build(tenant_id, inbox_id, origin, origin_id, url)
        webhooks.add(tx, made, self._endpoints.check(url))
        return made.id, secret

    def unwritten(self, inbox: Inbox, url: str) -> Endpoint:
        """An endpoint for one test. Nobody will ever know its secret."""
        return self._endpoints.build(inbox.tenant_id, inbox.id, Origin.ALERT, None, url)[0]

    def revive(self, tx: Transaction, endpoint_id: int) -> None:
        """Switch an endpoint on again that was switched off because nobody answered."""
        found = webhooks.get(tx, endpoint_id)
        if found is not None and not found.is_enabled:
            now = int(time.time() * 1000)
            revived = replace(found, is_enabled=True, disabled_reason=None, failing_since=None, updated_at=now)
            webhooks.change(tx, revived, self._endpoints.check(found.url))

    def remove(self, tx: Transaction, endpoint_id: int) -> None:
        """Take an endpoint away."""
        webhooks.remove(tx, endpoint_id, int(time.time() * 1000))

    def get(self, snapshot: Snapshot, endpoint_id: int) -> Endpoint | None:
        """An endpoint by its id."""
        return webhooks.get(snapshot, endpoint_id)

    def enqueue(
        self, tx: Transaction, endpoint_id: int, event_id: int, kind: str, body: str,
        retries: int | None = None, backoff: Backoff | None = None,
    ) -> bool:  # fmt: skip
        """Put a body into the line of an endpoint; False where it is switched off."""
        found = webhooks.get(tx, endpoint_id)
        if found is None or not found.is_enabled:
            return False
        webhooks.enqueue(tx, endpoint_id, event_id, kind, body, retries=retries, backoff=backoff)
        return True

"""Endpoints of the webhooks page."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import webhooks as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.webhook import Endpoint, WebhookDelivery, WebhookState
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.notify.webhooks import WebhookChange
from mailserver.services.registry import Services


class WebhooksPage:
    """Where events are posted to. An agent has its inbox's webhooks, an owner those for the whole tenant, too."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/webhooks/", scope=Scope.ALERTS_WRITE, status=201, repeatable=True)
    async def create_webhook(self, caller: Caller, body: shapes.CreateWebhook) -> shapes.WebhookMade:
        """Make a webhook. Its secret is shown this once; receivers verify each delivery by it."""
        inbox = None
        if body.inbox_id is not None or caller.inbox_id is not None:
            inbox = await self._services.inboxes.of(caller, body.inbox_id)
        wanted = WebhookChange(body.url, tuple(body.events), body.description, body.enabled, body.headers)
        made, secret = await self._services.notify.webhooks.create(caller, inbox, wanted)
        return shapes.WebhookMade(**_fields(made), secret=secret)

    @get("/webhooks/", scope=Scope.ALERTS_READ)
    async def list_webhooks(self, caller: Caller, query: shapes.ListWebhooks) -> shapes.WebhookList:
        """List webhooks, oldest first."""
        inbox = None
        if query.inbox_id is not None or caller.inbox_id is not None:
            inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.notify.webhooks.page(caller, inbox, query.position, query.limit)
        return shapes.WebhookList(
            results=[_shown(one) for one in found], total=total, position=query.position, limit=query.limit
        )

    @get("/webhooks/{webhook_id}/", scope=Scope.ALERTS_READ)
    async def get_webhook(self, caller: Caller, webhook_id: str) -> shapes.WebhookShown:
        """Get a webhook."""
        return _shown(await self._services.notify.webhooks.get(caller, webhook_id))

    @patch("/webhooks/{webhook_id}/", scope=Scope.ALERTS_WRITE)
    async def change_webhook(self, caller: Caller, webhook_id: str, body: shapes.ChangeWebhook) -> shapes.WebhookShown:
        """Change a webhook, or switch it on again after it was disabled."""
        types = tuple(body.events) if body.events is not None else None
        wanted = WebhookChange(body.url, types, body.description, body.enabled, body.headers)
        return _shown(await self._services.notify.webhooks.change(caller, webhook_id, wanted))

    @delete("/webhooks/{webhook_id}/", scope=Scope.ALERTS_WRITE, status=204)
    async def delete_webhook(self, caller: Caller, webhook_id: str) -> None:
        """Delete a webhook; what waits for it is not delivered any more."""
        await self._services.notify.webhooks.remove(caller, webhook_id)

    @post("/webhooks/{webhook_id}/rotate/", scope=Scope.ALERTS_WRITE, repeatable=True)
    async def rotate_webhook(self, caller: Caller, webhook_id: str) -> shapes.WebhookMade:
        """Give a webhook another secret. For 24 hours, deliveries are signed with both."""
        made, secret = await self._services.notify.webhooks.rotate(caller, webhook_id)
        return shapes.WebhookMade(**_fields(made), secret=secret)

    @post("/webhooks/{webhook_id}/test/", scope=Scope.ALERTS_WRITE)
    async def test_webhook(self, caller: Caller, webhook_id: str) -> shapes.WebhookDeliveryShown:
        """Post an event of the type webhook.test at once, and say what became of it."""
        return _delivery(await self._services.notify.webhooks.test(caller, webhook_id))

    @get("/webhooks/{webhook_id}/deliveries/", scope=Scope.ALERTS_READ)
    async def list_deliveries(
        self, caller: Caller, webhook_id: str, query: shapes.ListDeliveries
    ) -> shapes.WebhookDeliveryList:
        """List what was delivered in the last seven days, and what was not; the newest first."""
        state = WebhookState(query.status) if query.status else None
        found, total = await self._services.notify.webhooks.deliveries(
            caller, webhook_id, state, query.position, query.limit
        )
        return shapes.WebhookDeliveryList(
            results=[_delivery(one) for one in found], total=total, position=query.position, limit=query.limit
        )

    @post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver/", scope=Scope.ALERTS_WRITE)
    async def redeliver(self, caller: Caller, webhook_id: str, delivery_id: str) -> shapes.WebhookDeliveryShown:
        """Deliver once more, behind what waits, under the same webhook-id."""
        return _delivery(await self._services.notify.webhooks.redeliver(caller, webhook_id, delivery_id))


def _shown(one: Endpoint) -> shapes.WebhookShown:
    return shapes.WebhookShown(**_fields(one))


def _fields(one: Endpoint) -> dict[str, object]:
    return {
        "webhook_id": identifiers.encode(Kind.WEBHOOK, one.id),
        "inbox_id": identifiers.encode(Kind.INBOX, one.inbox_id) if one.inbox_id is not None else None,
        "origin": one.origin.value,
        "url": one.url,
        "events": list(one.event_types),
        "description": one.description,
        "enabled": one.is_enabled,
        "disabled_reason": one.disabled_reason,
        "header_names": list(one.header_names),
        "failing_since": _time(one.failing_since),
        "previous_secret_until": _time(one.previous_until),
        "created_at": times.write(one.created_at, None),
        "updated_at": times.write(one.updated_at, None),
    }


def _delivery(one: WebhookDelivery) -> shapes.WebhookDeliveryShown:
    return shapes.WebhookDeliveryShown(
        delivery_id=identifiers.encode(Kind.WEBHOOK_DELIVERY, one.id),
        webhook_id=identifiers.encode(Kind.WEBHOOK, one.endpoint_id),
        event_id=identifiers.encode(Kind.EVENT, one.event_id),
        type=one.type,
        status=one.state.value,
        attempts=one.attempts,
        http_status=one.status,
        duration_ms=one.duration_ms,
        error=one.error,
        created_at=times.write(one.created_at, None),
        next_attempt_at=_time(one.next_attempt_at),
        finished_at=_time(one.finished_at),
    )


def _time(at: int | None) -> str | None:
    return times.write(at, None) if at is not None else None

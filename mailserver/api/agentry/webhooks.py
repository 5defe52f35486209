"""Endpoints of the webhooks pages."""

from mailserver.api.agentry.schemas import webhooks as shapes
from mailserver.api.agentry.webhook_answers import WebhookAnswers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such webhook."}


class AgentWebhooksPage:
    """Webhooks of the organisation, over all inboxes or some."""

    def __init__(self, services: Services, answers: WebhookAnswers) -> None:
        self._services = services
        self._answers = answers

    @get("/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ)
    async def list_webhooks(self, caller: Caller, query: shapes.ListWebhooks) -> shapes.WebhookList:
        """List webhooks, newest first."""
        return await self._answers.page(caller, None, query)

    @post("/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_CREATE)
    async def create_webhook(self, caller: Caller, body: shapes.NewWebhook) -> shapes.WebhookShown:
        """Make a webhook. The same `client_id` gives the one that there is."""
        return await self._answers.create(caller, None, body)

    @get("/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ, answers=GONE)
    async def get_webhook(self, caller: Caller, webhook_id: str) -> shapes.WebhookShown:
        """Get a webhook."""
        found = await self._services.notify.agent_webhooks.get(caller, None, webhook_id)
        return await self._answers.one(caller, found)

    @patch("/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_UPDATE, answers=GONE)
    async def update_webhook(self, caller: Caller, webhook_id: str, body: shapes.ChangeWebhook) -> shapes.WebhookShown:
        """Change a webhook."""
        return await self._answers.change(caller, None, webhook_id, body)

    @delete("/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_DELETE, status=204, answers=GONE)
    async def delete_webhook(self, caller: Caller, webhook_id: str) -> None:
        """Delete a webhook, with what waits for it."""
        await self._services.notify.agent_webhooks.delete(caller, None, webhook_id)

    @get("/webhooks/{webhook_id}/headers", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ, answers=GONE)
    async def get_headers(self, caller: Caller, webhook_id: str) -> shapes.HeaderNames:
        """Get the names of the further headers; their values are never shown."""
        found = await self._services.notify.agent_webhooks.get(caller, None, webhook_id)
        return shapes.HeaderNames(header_names=list(found.endpoint.header_names))

    @patch(
        "/webhooks/{webhook_id}/headers",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_UPDATE,
        status=204,
        answers=GONE,
    )
    async def update_headers(self, caller: Caller, webhook_id: str, body: shapes.ChangeHeaders) -> None:
        """Set further headers, and take others away."""
        await self._services.notify.agent_webhooks.change_headers(
            caller, None, webhook_id, body.headers or {}, body.remove_headers
        )


class InboxWebhooksPage:
    """Webhooks of one inbox."""

    def __init__(self, services: Services, answers: WebhookAnswers) -> None:
        self._services = services
        self._answers = answers

    @get("/inboxes/{inbox_id}/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ)
    async def list_webhooks(self, caller: Caller, inbox_id: str, query: shapes.ListWebhooks) -> shapes.WebhookList:
        """List an inbox's webhooks, newest first."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.page(caller, inbox, query)

    @post("/inboxes/{inbox_id}/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_CREATE)
    async def create_webhook(self, caller: Caller, inbox_id: str, body: shapes.NewInboxWebhook) -> shapes.WebhookShown:
        """Make a webhook. The same `client_id` gives the one that there is."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.create(caller, inbox, body)

    @get(
        "/inboxes/{inbox_id}/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ, answers=GONE
    )
    async def get_webhook(self, caller: Caller, inbox_id: str, webhook_id: str) -> shapes.WebhookShown:
        """Get a webhook."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        found = await self._services.notify.agent_webhooks.get(caller, inbox, webhook_id)
        return await self._answers.one(caller, found)

    @patch(
        "/inboxes/{inbox_id}/webhooks/{webhook_id}",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_UPDATE,
        answers=GONE,
    )
    async def update_webhook(
        self, caller: Caller, inbox_id: str, webhook_id: str, body: shapes.ChangeInboxWebhook
    ) -> shapes.WebhookShown:
        """Change a webhook."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.change(caller, inbox, webhook_id, body)

    @delete(
        "/inboxes/{inbox_id}/webhooks/{webhook_id}",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_webhook(self, caller: Caller, inbox_id: str, webhook_id: str) -> None:
        """Delete a webhook, with what waits for it."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.notify.agent_webhooks.delete(caller, inbox, webhook_id)

    @get(
        "/inboxes/{inbox_id}/webhooks/{webhook_id}/headers",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_READ,
        answers=GONE,
    )
    async def get_headers(self, caller: Caller, inbox_id: str, webhook_id: str) -> shapes.HeaderNames:
        """Get the names of the further headers; their values are never shown."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        found = await self._services.notify.agent_webhooks.get(caller, inbox, webhook_id)
        return shapes.HeaderNames(header_names=list(found.endpoint.header_names))

    @patch(
        "/inboxes/{inbox_id}/webhooks/{webhook_id}/headers",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_UPDATE,
        status=204,
        answers=GONE,
    )
    async def update_headers(self, caller: Caller, inbox_id: str, webhook_id: str, body: shapes.ChangeHeaders) -> None:
        """Set further headers, and take others away."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.notify.agent_webhooks.change_headers(
            caller, inbox, webhook_id, body.headers or {}, body.remove_headers
        )

"""Endpoints of a pod's webhooks page."""

from mailserver.api.agentry.schemas import webhooks as shapes
from mailserver.api.agentry.webhook_answers import WebhookAnswers
from mailserver.api.agentry.webhooks import AgentWebhooksPage
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such pod, or no such webhook of it."}


class PodWebhooksPage:
    """Webhooks of one pod and of its inboxes: they hear of nothing else."""

    def __init__(self, services: Services, webhooks: AgentWebhooksPage, answers: WebhookAnswers) -> None:
        self._services = services
        self._webhooks = webhooks
        self._answers = answers

    @get("/pods/{pod_id}/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ, answers=GONE)
    async def list_webhooks(self, caller: Caller, pod_id: str, query: shapes.ListWebhooks) -> shapes.WebhookList:
        """List a pod's webhooks, newest first."""
        return await self._webhooks.list_webhooks(await self._services.pods.within(caller, pod_id), query)

    @post("/pods/{pod_id}/webhooks", scope=Scope.ADMIN, permission=Permission.WEBHOOK_CREATE, answers=GONE)
    async def create_webhook(self, caller: Caller, pod_id: str, body: shapes.NewPodWebhook) -> shapes.WebhookShown:
        """Make a webhook for a pod. The same `client_id` gives the one that there is."""
        return await self._answers.create(await self._services.pods.within(caller, pod_id), None, body)

    @get("/pods/{pod_id}/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_READ, answers=GONE)
    async def get_webhook(self, caller: Caller, pod_id: str, webhook_id: str) -> shapes.WebhookShown:
        """Get a webhook of a pod."""
        return await self._webhooks.get_webhook(await self._services.pods.within(caller, pod_id), webhook_id)

    @patch(
        "/pods/{pod_id}/webhooks/{webhook_id}", scope=Scope.ADMIN, permission=Permission.WEBHOOK_UPDATE, answers=GONE
    )
    async def update_webhook(
        self, caller: Caller, pod_id: str, webhook_id: str, body: shapes.ChangePodWebhook
    ) -> shapes.WebhookShown:
        """Change a webhook of a pod."""
        return await self._answers.change(await self._services.pods.within(caller, pod_id), None, webhook_id, body)

    @delete(
        "/pods/{pod_id}/webhooks/{webhook_id}",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_webhook(self, caller: Caller, pod_id: str, webhook_id: str) -> None:
        """Delete a webhook of a pod, with what waits for it."""
        await self._webhooks.delete_webhook(await self._services.pods.within(caller, pod_id), webhook_id)

    @get(
        "/pods/{pod_id}/webhooks/{webhook_id}/headers",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_READ,
        answers=GONE,
    )
    async def get_headers(self, caller: Caller, pod_id: str, webhook_id: str) -> shapes.HeaderNames:
        """Get the names of the further headers; their values are never shown."""
        return await self._webhooks.get_headers(await self._services.pods.within(caller, pod_id), webhook_id)

    @patch(
        "/pods/{pod_id}/webhooks/{webhook_id}/headers",
        scope=Scope.ADMIN,
        permission=Permission.WEBHOOK_UPDATE,
        status=204,
        answers=GONE,
    )
    async def update_headers(self, caller: Caller, pod_id: str, webhook_id: str, body: shapes.ChangeHeaders) -> None:
        """Set further headers of a pod's webhook, and take others away."""
        await self._webhooks.update_headers(await self._services.pods.within(caller, pod_id), webhook_id, body)

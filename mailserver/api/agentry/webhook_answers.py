"""Answers about webhooks, for the page of the organisation and that of one inbox."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import webhooks as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission
from mailserver.entities.webhook import AgentWebhook
from mailserver.services.accounts import agent_inboxes
from mailserver.services.notify import agent_events
from mailserver.services.notify.agent_webhooks import NewWebhook, WebhookChange
from mailserver.services.registry import Services

_MORE = {
    "message.received.spam": Permission.LABEL_SPAM_READ, "message.received.blocked": Permission.LABEL_BLOCKED_READ,
    "message.received.unauthenticated": Permission.LABEL_UNAUTHENTICATED_READ,
    "domain.verified": Permission.DOMAIN_READ,
}  # fmt: skip


class WebhookAnswers:
    """Lists, webhooks, and what is made of a request for one."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    async def page(self, caller: Caller, inbox: Inbox | None, query: shapes.ListWebhooks) -> shapes.WebhookList:
        """A page of webhooks, newest first."""
        asked = f"webhooks {inbox.id if inbox else 0} {query.ascending}"
        behind = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.notify.agent_webhooks.page(
            caller, inbox, behind[1] if behind else None, query.limit + 1, ascending=query.ascending
        )
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller, asked, 0, shown[-1].endpoint.id)
        names = await self._names(caller, shown)
        return shapes.WebhookList(
            count=len(shown), limit=query.limit, next_page_token=token,
            webhooks=[self._shown(one, names) for one in shown],
        )  # fmt: skip

    async def one(self, caller: Caller, webhook: AgentWebhook) -> shapes.WebhookShown:
        """A webhook with its secret, which applications of this interface read again whenever they need it."""
        return self._shown(webhook, await self._names(caller, [webhook]))

    async def create(self, caller: Caller, inbox: Inbox | None, body: shapes.NewInboxWebhook) -> shapes.WebhookShown:
        """Make a webhook."""
        agent_inboxes.check_client_id(body.client_id)
        permit(caller, body.event_types)
        wanted = NewWebhook(body.url, types_for(caller, body.event_types), client_id=body.client_id)
        wanted = NewWebhook(
            wanted.url, wanted.event_types,
            await self.inbox_ids(caller, body.inbox_ids) if isinstance(body, shapes.NewPodWebhook) else (),
            await self._services.pods.ids_of(caller, body.pod_ids) if isinstance(body, shapes.NewWebhook) else (),
            body.client_id, body.headers or {},
        )  # fmt: skip
        return await self.one(caller, await self._services.notify.agent_webhooks.create(caller, inbox, wanted))

    async def change(
        self, caller: Caller, inbox: Inbox | None, webhook_id: str, body: shapes.ChangeInboxWebhook
    ) -> shapes.WebhookShown:
        """Change a webhook."""
        types = None if body.event_types is None else types_for(caller, body.event_types)
        permit(caller, types or ())
        change = WebhookChange(types, body.enabled)
        if isinstance(body, shapes.ChangePodWebhook):
            add, remove = body.add_inbox_ids, body.remove_inbox_ids
            change = replace(
                change, add_inbox_ids=await self.inbox_ids(caller, add),
                remove_inbox_ids=await self.inbox_ids(caller, remove),
            )  # fmt: skip
        if isinstance(body, shapes.ChangeWebhook):
            ids_of = self._services.pods.ids_of
            change = replace(
                change, add_pod_ids=await ids_of(caller, body.add_pod_ids),
                remove_pod_ids=await ids_of(caller, body.remove_pod_ids),
            )  # fmt: skip
        changed = await self._services.notify.agent_webhooks.change(caller, inbox, webhook_id, change)
        return await self.one(caller, changed)

    async def inbox_ids(self, caller: Caller, texts: Sequence[str]) -> tuple[int, ...]:
        """The inboxes that are meant; NotFound for one that the caller has not."""
        return tuple([(await self._services.inboxes.of(caller, text)).id for text in dict.fromkeys(texts)])

    async def _names(self, caller: Caller, shown: Sequence[AgentWebhook]) -> dict[int, str]:
        """The addresses of inboxes, where there is any to be named."""
        if not any(one.inbox_ids or one.endpoint.inbox_id for one in shown):
            return {}
        return {inbox.id: inbox.address for inbox in await self._services.inboxes.all_of(caller)}

    def _shown(self, webhook: AgentWebhook, names: dict[int, str]) -> shapes.WebhookShown:
        endpoint = webhook.endpoint
        own = endpoint.inbox_id

        def name(number: int) -> str:
            return names.get(number) or identifiers.encode(Kind.INBOX, number)  # one that has gone meanwhile

        return shapes.WebhookShown(
            webhook_id=identifiers.encode(Kind.WEBHOOK, endpoint.id), url=endpoint.url,
            event_types=list(endpoint.event_types), pod_ids=[present.pod_id(number) for number in webhook.pod_ids],
            inbox_ids=[name(number) for number in webhook.inbox_ids], inbox_id=name(own) if own else None,
            pod_id=present.pod_id(webhook.pod_id) if webhook.pod_id else None,
            secret=self._services.notify.endpoints.secret(endpoint),
            enabled=endpoint.is_enabled, updated_at=present.when(endpoint.updated_at),
            created_at=present.when(endpoint.created_at), client_id=webhook.client_id,
        )  # fmt: skip


def types_for(caller: Caller, types: Sequence[str]) -> tuple[str, ...]:
    """The types that are meant: without any all, but for a key that may not read domains those of messages."""
    if types or caller.permissions is None or Permission.DOMAIN_READ in caller.permissions:
        return tuple(dict.fromkeys(types))
    return tuple(sorted(agent_events.ALL - agent_events.BY_NAME - {agent_events.DOMAIN_VERIFIED}))


def permit(caller: Caller, types: Sequence[str]) -> None:
    """Refuse a key that may not read what it would be told."""
    caller.permit(Permission.MESSAGE_READ)
    for name in types:
        if name in _MORE:
            caller.permit(_MORE[name])

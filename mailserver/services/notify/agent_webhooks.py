"""Webhooks as applications make and keep them, through a key's eyes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.webhook import AgentWebhook, Origin
from mailserver.services.accounts.audit import Audit
from mailserver.services.notify import agent_events, webhooks
from mailserver.services.notify.endpoints import Endpoints
from mailserver.storage import agent_webhooks, inboxes, pods, webhook_lines
from mailserver.storage import webhooks as rows
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 100  # of one tenant
MOST_NAMED = 100  # inboxes of one webhook, and as many pods


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What is wanted."""

    url: str
    event_types: tuple[str, ...] = ()
    inbox_ids: tuple[int, ...] = ()
    pod_ids: tuple[int, ...] = ()
    client_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be different; None leaves it as it is."""

    event_types: tuple[str, ...] | None = None
    is_enabled: bool | None = None
    add_inbox_ids: tuple[int, ...] = ()
    remove_inbox_ids: tuple[int, ...] = ()
    add_pod_ids: tuple[int, ...] = ()
    remove_pod_ids: tuple[int, ...] = ()


class AgentWebhooks:
    """Webhooks of a tenant. A key that is bound to an inbox or a pod knows those of it, and makes no others."""

    def __init__(self, database: Database, audit: Audit, endpoints: Endpoints) -> None:
        self._database = database
        self._audit = audit
        self._endpoints = endpoints

    async def page(
        self, caller: Caller, inbox: Inbox | None, behind: int | None, limit: int, *, ascending: bool = False
    ) -> list[AgentWebhook]:
        """Webhooks, newest first, from behind one."""
        own = inbox.id if inbox else caller.inbox_id
        owner = ("tenant_id", caller.tenant_id) if caller.pod_id is None else ("pod_id", caller.pod_id)
        if own is not None:
            owner = ("inbox_id", own)
        return await self._database.read(agent_webhooks.page, owner, behind, limit, ascending=ascending)

    async def get(self, caller: Caller, inbox: Inbox | None, text: str) -> AgentWebhook:
        """One of them."""
        return await self._database.read(_find, caller, inbox, text)

    async def create(self, caller: Caller, inbox: Inbox | None, wanted: NewWebhook) -> AgentWebhook:
        """Make a webhook, or give the one that the client has made already."""
        if inbox is None and caller.inbox_id is not None:
            raise errors.Forbidden("This key is bound to one inbox; make webhooks for that inbox.")
        _check(wanted.event_types, wanted.inbox_ids, wanted.pod_ids)
        webhooks.check_headers(wanted.headers)
        endpoint, _ = self._endpoints.build(
            caller.tenant_id, inbox.id if inbox else None, Origin.AGENTRY, None, wanted.url
        )
        host = self._endpoints.check(wanted.url)
        endpoint = replace(
            endpoint, event_types=wanted.event_types, header_names=tuple(wanted.headers),
            headers=self._endpoints.sealed(endpoint.id, wanted.headers),
        )  # fmt: skip
        pod_id = inbox.pod_id if inbox else caller.pod_id
        made = AgentWebhook(endpoint, wanted.client_id, wanted.inbox_ids, wanted.pod_ids, pod_id)

        def write(tx: Transaction) -> AgentWebhook:
            if wanted.client_id is not None:
                known = agent_webhooks.by_client_id(tx, caller.tenant_id, pod_id, wanted.client_id)
                if known is not None:
                    return _find(tx, caller, inbox, _id(known))
            for number in (*([pod_id] if pod_id is not None else ()), *wanted.pod_ids):
                if pods.get(tx, number) is None:
                    raise errors.NotFound("There is no such pod.")
            for number in (*([inbox.id] if inbox else ()), *wanted.inbox_ids):
                if inboxes.get(tx, number) is None:
                    raise errors.NotFound("There is no such inbox.")
            if agent_webhooks.count(tx, caller.tenant_id) >= MOST:
                raise errors.Conflict(f"There are {MOST} webhooks already; delete some first.")
            rows.add(tx, made.endpoint, host)
            agent_webhooks.put(tx, made)
            self._audit.add(tx, caller, "webhook.created", _id(made), made.endpoint.inbox_id, url=made.endpoint.url)
            return made

        return await self._database.write(write)

    async def change(self, caller: Caller, inbox: Inbox | None, text: str, wanted: WebhookChange) -> AgentWebhook:
        """Change a webhook; switched on again, it begins anew."""

        def write(tx: Transaction) -> AgentWebhook:
            known = _find(tx, caller, inbox, text)
            named = _merged(known.inbox_ids, wanted.add_inbox_ids, wanted.remove_inbox_ids)
            pods_of = _merged(known.pod_ids, wanted.add_pod_ids, wanted.remove_pod_ids)
            if known.endpoint.inbox_id is not None and (named or pods_of):
                raise errors.Invalid("This webhook is for one inbox.", add_inbox_ids="It is for one inbox already.")
            if (known.inbox_ids or known.pod_ids) and not (named or pods_of):
                # Nothing named means everything: whoever takes away the last one does not ask for that.
                sentence = "It is the last one; delete the webhook, or switch it off."
                raise errors.Invalid(sentence, remove_inbox_ids=sentence)
            _check_within(tx, known, named, pods_of)
            types = known.endpoint.event_types if wanted.event_types is None else wanted.event_types
            _check(types, named, pods_of)
            is_enabled = known.endpoint.is_enabled if wanted.is_enabled is None else wanted.is_enabled
            is_back, now = is_enabled and not known.endpoint.is_enabled, int(time.time() * 1000)
            endpoint = replace(
                known.endpoint, event_types=types, is_enabled=is_enabled, updated_at=now,
                disabled_reason=None if is_enabled else known.endpoint.disabled_reason,
                failing_since=None if is_back else known.endpoint.failing_since,
            )  # fmt: skip
            made = replace(known, endpoint=endpoint, inbox_ids=named, pod_ids=pods_of)
            agent_webhooks.put(tx, made)
            rows.change(tx, endpoint, self._endpoints.check(endpoint.url))
            if is_back:
                webhook_lines.resume(tx, endpoint.id, now)
            self._audit.add(tx, caller, "webhook.changed", _id(made), endpoint.inbox_id, enabled=is_enabled)
            return made

        return await self._database.write(write)

    async def change_headers(
        self, caller: Caller, inbox: Inbox | None, text: str, add: Mapping[str, str], remove: Sequence[str]
    ) -> None:
        """Change the further headers; their values are never shown."""

        def write(tx: Transaction) -> None:
            known = _find(tx, caller, inbox, text)
            gone = {name.lower() for name in (*remove, *add)}
            kept = {
                name: value
                for name, value in self._endpoints.opened(known.endpoint).items()
                if name.lower() not in gone
            }
            made = kept | dict(add)
            webhooks.check_headers(made)
            endpoint = replace(
                known.endpoint, header_names=tuple(made), headers=self._endpoints.sealed(known.endpoint.id, made),
                updated_at=int(time.time() * 1000),
            )  # fmt: skip
            rows.change(tx, endpoint, self._endpoints.check(endpoint.url))
            self._audit.add(tx, caller, "webhook.changed", _id(known), endpoint.inbox_id, headers=sorted(made))

        await self._database.write(write)

    async def delete(self, caller: Caller, inbox: Inbox | None, text: str) -> None:
        """Take a webhook away, with what waits for it."""

        def write(tx: Transaction) -> None:
            known = _find(tx, caller, inbox, text)
            rows.remove(tx, known.endpoint.id, int(time.time() * 1000))
            self._audit.add(tx, caller, "webhook.removed", _id(known), known.endpoint.inbox_id)

        await self._database.write(write)


def _find(snapshot: Snapshot, caller: Caller, inbox: Inbox | None, text: str) -> AgentWebhook:
    try:
        found = agent_webhooks.get(snapshot, identifiers.decode(Kind.WEBHOOK, text))
    except identifiers.BadIdentifier:
        found = None
    own = inbox.id if inbox else caller.inbox_id
    is_there = (
        found is not None
        and found.endpoint.tenant_id == caller.tenant_id
        and own in (None, found.endpoint.inbox_id)
        and caller.pod_id in (None, found.pod_id)
    )
    if found is None or not is_there:
        raise errors.NotFound("There is no such webhook.")
    return found


def _check(types: Sequence[str], inbox_ids: Sequence[int], pod_ids: Sequence[int]) -> None:
    agent_events.check(types)
    if len(inbox_ids) > MOST_NAMED or len(pod_ids) > MOST_NAMED:
        sentence = f"At most {MOST_NAMED} inboxes, and as many pods."
        raise errors.Invalid(sentence, inbox_ids=sentence)


def _check_within(snapshot: Snapshot, webhook: AgentWebhook, inbox_ids: Sequence[int], pod_ids: Sequence[int]) -> None:
    """Refuse what a webhook of a pod would never hear of."""
    if webhook.pod_id is None:
        return
    if {*pod_ids, *(pods.of_inbox(snapshot, each) for each in inbox_ids)} - {webhook.pod_id, None}:
        sentence = "The webhook belongs to another pod, and hears of nothing else."
        raise errors.Invalid(sentence, add_inbox_ids=sentence)


def _merged(known: tuple[int, ...], add: tuple[int, ...], remove: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each for each in (*known, *add) if each not in remove))


def _id(webhook: AgentWebhook) -> str:
    return identifiers.encode(Kind.WEBHOOK, webhook.endpoint.id)

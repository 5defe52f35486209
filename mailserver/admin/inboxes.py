"""Verbs about inboxes, and about how much they and their tenants hold."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.quota import Holding, Wishes
from mailserver.entities.tenant import Tenant
from mailserver.services.accounts.allotments import Standing
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(
    services: Services, tenant: Callable[[str | None], Awaitable[int]]
) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def add(given: Arguments) -> Arguments:
        inbox = await services.inboxes.add(given["address"], given.get("display_name"))
        await services.access.set_password(inbox.id, given["password"])
        return {"inbox_id": identifiers.encode(Kind.INBOX, inbox.id), "address": inbox.address}

    async def show(given: Arguments) -> list[Arguments]:
        found = await services.allotments.standings(await tenant(given.get("tenant")))
        return [_standing(each) for each in found]

    async def remove(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["address"])
        caller = Caller.operator(inbox.tenant_id)
        await services.inbox_keeping.close(
            caller, inbox, is_forced=bool(given.get("force")), is_purged=bool(given.get("purge"))
        )
        return {"address": inbox.address, "removed": True}

    async def password(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["address"])
        await services.access.set_password(inbox.id, given["password"])
        return {"address": inbox.address, "password_changed": True}

    async def limit(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["address"])
        changed = Wishes(given.get("bytes"), given.get("messages"), given.get("trash_days"), given.get("junk_days"))
        return _standing(await services.allotments.set_inbox(inbox, changed))

    async def tenants(given: Arguments) -> list[Arguments]:
        del given
        return [_tenant(each, holding) for each, holding in await services.allotments.tenants()]

    async def limit_tenant(given: Arguments) -> Arguments:
        tenant_id = await tenant(given.get("tenant"))
        await services.allotments.set_tenant(tenant_id, given.get("bytes"), given.get("messages"))
        return next(
            _tenant(each, holding) for each, holding in await services.allotments.tenants() if each.id == tenant_id
        )

    return {
        "inbox.add": add,
        "inbox.list": show,
        "inbox.rm": remove,
        "inbox.passwd": password,
        "inbox.limit": limit,
        "tenant.list": tenants,
        "tenant.limit": limit_tenant,
    }


def _standing(standing: Standing) -> Arguments:
    inbox, wishes = standing.inbox, standing.wishes
    return {
        "inbox_id": identifiers.encode(Kind.INBOX, inbox.id),
        "address": inbox.address,
        "status": inbox.status,
        **_holding(standing.holding),
        "trash_days": wishes.trash_days,
        "junk_days": wishes.junk_days,
    }


def _tenant(tenant: Tenant, holding: Holding) -> Arguments:
    return {"tenant_id": identifiers.encode(Kind.TENANT, tenant.id), "name": tenant.name, **_holding(holding)}


def _holding(holding: Holding) -> Arguments:
    return {
        "used_bytes": holding.used_bytes,
        "messages": holding.messages,
        "most_bytes": holding.allotment.most_bytes,
        "most_messages": holding.allotment.most_messages,
        "full": holding.is_full,
    }

"""Verbs about forwarding."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities.forward import Forward
from mailserver.entities.inbox import Inbox
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def add(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["inbox"])
        alias = given.get("alias") or ""
        if alias:
            await services.inboxes.add_alias(inbox, alias)
        keeps_copy = given.get("keep_copy")
        return _row(
            inbox.address, await services.forwards.set(inbox, given["target"], alias=alias, keeps_copy=keeps_copy)
        )

    async def stop(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["inbox"])
        return _stopped(inbox, await services.forwards.set_default(inbox, None, is_enabled=False))

    async def remove(given: Arguments) -> Arguments:
        inbox = await services.inboxes.at(given["inbox"])
        await services.forwards.remove(inbox, given["target"], given.get("alias") or "")
        return {"inbox": inbox.address, "target": given["target"], "removed": True}

    async def show(given: Arguments) -> list[Arguments]:
        del given
        return [_row(address, forward) for address, forward in await services.forwards.all()]

    return {"forward.add": add, "forward.off": stop, "forward.rm": remove, "forward.list": show}


def _stopped(inbox: Inbox, forward: Forward | None) -> Arguments:
    if forward is None:
        return {"inbox": inbox.address, "enabled": False}
    return _row(inbox.address, forward)


def _row(address: str, forward: Forward) -> Arguments:
    return {
        "inbox": address,
        "alias": forward.alias or None,
        "target": forward.target,
        "enabled": forward.is_enabled,
        "keep_copy": forward.keeps_copy,
        "failures": forward.failures,
        "stopped_at": forward.stopped_at,
        "changed_at": forward.changed_at,
    }

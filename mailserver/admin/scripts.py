"""Verbs about Sieve scripts."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.sieve import SieveScript
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""
    verbs = _ScriptVerbs(services)
    return {
        "sieve.put": verbs.put, "sieve.get": verbs.get, "sieve.list": verbs.show, "sieve.activate": verbs.activate,
        "sieve.rm": verbs.remove,
    }  # fmt: skip


class _ScriptVerbs:
    def __init__(self, services: Services) -> None:
        self._inboxes = services.inboxes
        self._scripts = services.sieve.scripts

    async def put(self, given: Arguments) -> Arguments:
        caller, inbox = await self._scope(given)
        octets = str(given["script"]).encode()  # `content` would be what follows the line of a request
        there = await self._named(caller, inbox, given["name"])
        if there is None:
            made = await self._scripts.create(
                caller, inbox, given["name"], octets, activates=bool(given.get("activate"))
            )
            return _row(inbox, made)
        made = await self._scripts.update(caller, inbox, _id(there), octets=octets)
        if given.get("activate"):
            await self._scripts.activate(caller, inbox, _id(made))
            made = await self._known(caller, inbox, made.name)
        return _row(inbox, made)

    async def get(self, given: Arguments) -> Arguments:
        caller, inbox = await self._scope(given)
        found = await self._known(caller, inbox, given["name"])
        return _row(inbox, found) | {"content": (await self._scripts.content(caller, inbox, found.hash)).decode()}

    async def show(self, given: Arguments) -> list[Arguments]:
        caller, inbox = await self._scope(given)
        return [_row(inbox, each) for each in await self._scripts.all_of(caller, inbox)]

    async def activate(self, given: Arguments) -> list[Arguments]:
        caller, inbox = await self._scope(given)
        name = given.get("name")
        await self._scripts.activate(caller, inbox, _id(await self._known(caller, inbox, name)) if name else None)
        return [_row(inbox, each) for each in await self._scripts.all_of(caller, inbox)]

    async def remove(self, given: Arguments) -> Arguments:
        caller, inbox = await self._scope(given)
        await self._scripts.destroy(caller, inbox, _id(await self._known(caller, inbox, given["name"])))
        return {"inbox": inbox.address, "name": given["name"], "removed": True}

    async def _scope(self, given: Arguments) -> tuple[Caller, Inbox]:
        inbox = await self._inboxes.at(given["inbox"])
        return Caller.operator(inbox.tenant_id, inbox.id), inbox

    async def _named(self, caller: Caller, inbox: Inbox, name: str) -> SieveScript | None:
        return next((each for each in await self._scripts.all_of(caller, inbox) if each.name == name), None)

    async def _known(self, caller: Caller, inbox: Inbox, name: str) -> SieveScript:
        found = await self._named(caller, inbox, name)
        if found is None:
            raise errors.NotFound(f"The inbox {inbox.address} has no script {name}.")
        return found


def _id(script: SieveScript) -> str:
    return identifiers.encode(Kind.SIEVE_SCRIPT, script.id)


def _row(inbox: Inbox, script: SieveScript) -> Arguments:
    return {
        "inbox": inbox.address, "script_id": _id(script), "name": script.name, "active": script.is_active,
        "size": script.size, "changed_at": script.changed_at,
    }  # fmt: skip

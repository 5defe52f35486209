"""SieveScript/query (RFC 9661 2.5)."""

from collections.abc import Callable, Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.sieve import SieveScript
from mailserver.jmap import errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type

_SORTS: dict[str, Callable[[SieveScript], Any]] = {
    "name": lambda script: script.name.casefold(),
    "isActive": lambda script: script.is_active,
}


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of scripts that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    matches = filters.read(arguments.value("filter"), _condition)
    sort = windows.sorting(arguments, tuple(_SORTS))
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    every = await call.services.sieve.scripts.all_of(call.caller, inbox)
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.SIEVE_SCRIPT)
    chosen = [each for each in every if matches(each)]
    for one in reversed(sort):
        chosen.sort(key=_SORTS[one.property], reverse=not one.is_ascending)
    ids = [identifiers.encode(Kind.SIEVE_SCRIPT, each.id) for each in chosen]
    position, shown = window.cut(ids)
    answer = {
        "accountId": standard.account_id(inbox),
        "queryState": state,
        "canCalculateChanges": False,
        "position": position,
        "ids": shown,
    }
    return {**answer, "total": len(ids)} if wants_total else answer


def _condition(given: Mapping[str, Any]) -> Callable[[SieveScript], bool]:
    for name, value in given.items():
        if name not in ("name", "isActive"):
            raise filters.unsupported(name)
        if not isinstance(value, str if name == "name" else bool):
            raise errors.invalid(f"{name} is of another type.", "filter")

    def matches(script: SieveScript) -> bool:
        return ("name" not in given or given["name"].casefold() in script.name.casefold()) and (
            "isActive" not in given or given["isActive"] == script.is_active
        )

    return matches

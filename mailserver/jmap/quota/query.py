"""Quota/query and Quota/queryChanges (RFC 9425 4.4, 4.5)."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from mailserver.jmap import errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.quota import objects
from mailserver.jmap.standard import Object

_CONDITIONS: dict[str, Callable[[Object, str], bool]] = {
    "name": lambda one, value: value.casefold() in one["name"].casefold(),
    "scope": lambda one, value: one["scope"] == value,
    "resourceType": lambda one, value: one["resourceType"] == value,
    "type": lambda one, value: value in one["types"],
}


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of quotas that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    matches = filters.read(arguments.value("filter"), _condition)
    sort = windows.sorting(arguments, ("name", "used"))
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    measured = await call.services.syncing.quotas.of(call.caller, inbox)
    chosen = [one for one in map(objects.shown, measured.quotas) if matches(one)]
    for one in reversed(sort):
        chosen.sort(key=operator.itemgetter(one.property), reverse=not one.is_ascending)
    ids = [each["id"] for each in chosen]
    position, shown = window.cut(ids)
    answer = {
        "accountId": standard.account_id(inbox),
        "queryState": measured.state,
        "canCalculateChanges": False,
        "position": position,
        "ids": shown,
    }
    return {**answer, "total": len(ids)} if wants_total else answer


async def query_changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """There are four at the most: a client asks for all of them again."""
    await call.account(arguments)
    raise errors.MethodRefused("cannotCalculateChanges", "Ask Quota/query again.")


def _condition(given: Mapping[str, Any]) -> Callable[[Object], bool]:
    for name, value in given.items():
        if name not in _CONDITIONS:
            raise filters.unsupported(name)
        if not isinstance(value, str):
            raise errors.invalid(f"{name} must be a string.", "filter")
    return lambda one: all(_CONDITIONS[name](one, value) for name, value in given.items())

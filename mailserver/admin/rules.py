"""Verbs about allow and block lists."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.rule import Direction, ListType, Rule
from mailserver.services.registry import Services

Arguments = dict[str, Any]
Tenant = Callable[[str | None], Awaitable[int]]
AT_ONCE = 200


def table(services: Services, tenant: Tenant) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name; `tenant` finds the one that is meant."""

    async def scope(given: Arguments) -> tuple[Caller, Inbox | None]:
        inbox = await services.inboxes.at(given["inbox"]) if given.get("inbox") else None
        tenant_id = inbox.tenant_id if inbox else await tenant(given.get("tenant"))
        return Caller.operator(tenant_id), inbox

    async def add(given: Arguments) -> Arguments:
        caller, inbox = await scope(given)
        rule = await services.rules.add(caller, inbox, *_which(given), given["entry"], given.get("reason"))
        return _row(rule, inbox)

    async def remove(given: Arguments) -> Arguments:
        caller, inbox = await scope(given)
        with contextlib.suppress(errors.NotFound):  # what is not there any more is removed
            await services.rules.remove(caller, inbox, *_which(given), given["entry"])
        return {"entry": given["entry"], "removed": True}

    async def show(given: Arguments) -> list[Arguments]:
        caller, inbox = await scope(given)
        rows = []
        for direction in Direction:
            for list_type in ListType:
                after = ""
                while page := await services.rules.page(caller, inbox, direction, list_type, after, AT_ONCE):
                    rows += [_row(rule, inbox) for rule in page]
                    after = page[-1].entry
        return rows

    return {"rule.add": add, "rule.rm": remove, "rule.list": show}


def _which(given: Arguments) -> tuple[Direction, ListType]:
    try:
        return Direction(given["direction"]), ListType(given["list"])
    except ValueError as error:
        raise errors.Invalid(f"{error}: the direction is send, receive or reply, the list allow or block.") from error


def _row(rule: Rule, inbox: Inbox | None) -> Arguments:
    return {
        "entry": rule.entry,
        "direction": rule.direction.value,
        "list": rule.list_type.value,
        "inbox": inbox.address if inbox else None,
        "tenant_id": identifiers.encode(Kind.TENANT, rule.scope.tenant_id),
        "reason": rule.reason,
        "created_at": rule.created_at,
    }

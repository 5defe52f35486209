"""Verbs by which a backup is taken beside the running server."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def begin(given: Arguments) -> Arguments:
        del given
        await services.holding.begin()
        return {"held": True}

    async def renew(given: Arguments) -> Arguments:
        del given
        services.holding.renew()
        return {"held": True}

    return {"backup.begin": begin, "backup.renew": renew}

"""Verbs about signing keys."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mailserver.services.accounts.rotation import KeyShown
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def rotate(given: Arguments) -> list[Arguments]:
        return _rows(await services.rotation.rotate(given["domain"], at_once=bool(given.get("at_once"))))

    async def show(given: Arguments) -> list[Arguments]:
        return _rows(await services.rotation.show(given["domain"]))

    return {"dkim.rotate": rotate, "dkim.list": show}


def _rows(shown: Sequence[KeyShown]) -> list[Arguments]:
    return [
        {
            "selector": one.key.selector,
            "algorithm": one.key.algorithm,
            "stage": one.key.stage.value,
            "published": one.is_published,
            "next": one.next,
            "name": one.name,
            "value": one.record,
            "created_at": one.key.created_at,
            "retired_at": one.key.retired_at,
        }
        for one in shown
    ]

"""Certificates, for the operator."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mailserver.services.certification.states import CertificateState
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs about certificates."""
    keeper = services.certification.keeper

    async def status(given: Arguments) -> list[Arguments]:
        del given
        return [_plain(one) for one in await keeper.state()]

    async def renew(given: Arguments) -> list[Arguments]:
        force, new_key = bool(given.get("force")), bool(given.get("new_key"))
        return [_plain(one) for one in await keeper.renew(given.get("name"), force=force, new_key=new_key)]

    return {"cert.status": status, "cert.renew": renew}


def _plain(state: CertificateState) -> Arguments:
    return asdict(state)

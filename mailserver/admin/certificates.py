"""Certificates, for the operator."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mailserver.certificates.acme.revocation import Reason
from mailserver.entities import errors
from mailserver.services.certification.states import CertificateState
from mailserver.services.registry import Services

Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs about certificates."""
    keeper, wishes = services.certification.keeper, services.certification.wishes

    async def status(given: Arguments) -> list[Arguments]:
        del given
        return [_plain(one) for one in await keeper.state()]

    async def renew(given: Arguments) -> list[Arguments]:
        return [_plain(one) for one in await wishes.renew(given.get("name"), force=bool(given.get("force")))]

    async def rekey(given: Arguments) -> Arguments:
        at_once, cancel = bool(given.get("at_once")), bool(given.get("cancel"))
        return asdict(await wishes.rekey(given["name"], at_once=at_once, cancel=cancel))

    async def revoke(given: Arguments) -> Arguments:
        try:
            reason = Reason(given.get("reason") or Reason.UNSPECIFIED)
        except ValueError as error:
            raise errors.Invalid(f"{given['reason']} is no reason to revoke a certificate.") from error
        return asdict(await wishes.revoke(given["name"], given.get("serial") or None, reason))

    async def account_rekey(given: Arguments) -> Arguments:
        del given
        return {"account": await wishes.change_account_key()}

    return {
        "cert.status": status,
        "cert.renew": renew,
        "cert.rekey": rekey,
        "cert.revoke": revoke,
        "cert.account.rekey": account_rekey,
    }


def _plain(state: CertificateState) -> Arguments:
    return asdict(state)

"""Verbs about how the installation is, and about what DNS has to say of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from mailserver.certificates.served import CertificateProblem
from mailserver.entities import errors
from mailserver.entities.health import Finding, Status
from mailserver.services.accounts.records import Record
from mailserver.services.health.doctor import Wish
from mailserver.services.registry import Services

Arguments = dict[str, Any]
log = structlog.get_logger()


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""
    health = services.health

    async def doctor(given: Arguments) -> list[Arguments]:
        wish = Wish(
            given.get("domain"), tuple(given.get("only") or ()), given.get("outbound"), bool(given.get("offline"))
        )
        try:
            await _look(services, prepare=False)
        except errors.Invalid as problem:
            why, fix = "Without a certificate the server does not start.", "Mend tls.certificate and tls.key."
            broken = [row(Finding("certificate", Status.FAILED, problem.message, why, fix))]
        else:
            broken = []
        return [*broken, *[row(each) for each in await health.doctor.examine(wish)]]

    async def show(given: Arguments) -> list[Arguments]:
        try:
            await _look(services, prepare=False)
        except errors.Invalid as problem:  # the rest is wanted before there is a certificate: to get one takes DNS
            log.warning("certificate.load.failed", error=problem.message)
        return [_record(one) for one in await services.domains.records(given["domain"])]

    async def zone(given: Arguments) -> Arguments:
        await _look(services, prepare=bool(given.get("prepare")))
        records = await health.zones.records(given["domain"])
        return {"records": [_record(one) for one in records], "text": await health.zones.snippet(given["domain"])}

    async def backed_up(given: Arguments) -> Arguments:
        await health.backups.finished(str(given["path"]), int(given["messages"]))
        return {"noted": True}

    return {"doctor": doctor, "dns.show": show, "dns.zone": zone, "backup.finished": backed_up}


async def _look(services: Services, *, prepare: bool) -> None:
    """Read the certificate where no server has; Invalid where it cannot be used."""
    certificates = services.certification.certificates
    if services.health.live.is_serving:
        return
    try:
        await asyncio.to_thread(certificates.load if prepare else certificates.look)
    except CertificateProblem as problem:
        raise errors.Invalid(str(problem)) from problem


def _record(one: Record) -> Arguments:
    """A record to publish, as a document has it."""
    return (
        {"type": one.type, "name": one.name, "value": f"{one.priority} {one.value}" if one.priority else one.value}
        | ({"optional": True} if one.is_optional else {})
        | ({"comment": True} if one.is_comment else {})
    )


def row(finding: Finding) -> Arguments:
    """A finding as a document has it."""
    return {
        "check": finding.check,
        "status": finding.status.value,
        "subject": finding.subject,
        "detail": finding.detail,
        "why": finding.why,
        "fix": finding.fix,
    }

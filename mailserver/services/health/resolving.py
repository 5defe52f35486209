"""Whether DNS can be asked here, honestly and soon."""

import asyncio
import ipaddress
import secrets
import time
from pathlib import Path

from mailserver.entities.health import Finding, Status
from mailserver.mail.resolver import LookupFailed
from mailserver.services.health.premises import Premises, Resolver

SLOW_SECONDS = 1.0
_SYSTEM = Path("/etc/resolv.conf")
_WHY = "Every message that comes or goes needs several answers of DNS."
_LOCAL = 'Run a validating resolver on this machine (apt install unbound) and set dns.nameservers = ["127.0.0.1"].'


class Resolving:
    """Asks what has a known answer."""

    def __init__(self, premises: Premises, resolver: Resolver) -> None:
        self._premises = premises
        self._resolver = resolver

    async def look(self) -> list[Finding]:
        """Findings about answers, honesty and DNSSEC."""
        return [await self._honest(), await self._validates()]

    async def _honest(self) -> Finding:
        """A name that cannot exist (RFC 6761 6.4), so that no memory has it, and every liar has an answer."""
        started = time.monotonic()
        try:
            found = await self._resolver.addresses(f"{secrets.token_hex(8)}.invalid")
        except LookupFailed as error:
            return Finding("resolver", Status.FAILED, f"The resolver gives no answer: {error}", _WHY, _LOCAL)
        took = time.monotonic() - started
        if found:
            detail = f"The resolver answers {', '.join(found)} for a name that does not exist."
            return Finding(
                "resolver", Status.FAILED, detail, "Block lists and policies of senders become lies.", _LOCAL
            )
        if took > SLOW_SECONDS:
            return Finding("resolver", Status.WARNING, f"An answer took {took:.1f} seconds.", _WHY, _LOCAL)
        return Finding("resolver", Status.OK, f"It answers in {took * 1000:.0f} ms, and invents nothing.", _WHY)

    async def _validates(self) -> Finding:
        why, name = "Without DNSSEC nobody's DANE records can be trusted.", self._premises.signed_name
        try:
            authentic = (await self._resolver.text(name)).authentic
        except LookupFailed as error:
            return Finding("resolver.dnssec", Status.WARNING, f"It gives no answer about {name}: {error}", why, _LOCAL)
        if not authentic:
            detail = f"It does not vouch for {name}, which is signed: it does not validate."
            return Finding("resolver.dnssec", Status.WARNING, detail, why, _LOCAL)
        far = [each for each in await asyncio.to_thread(self._servers) if not _is_local(each)]
        if far:
            detail = f"It validates, but {', '.join(far)} is not on this machine: anybody between can say so."
            return Finding("resolver.dnssec", Status.WARNING, detail, why, _LOCAL)
        return Finding("resolver.dnssec", Status.OK, "It validates, on this machine.", why)

    def _servers(self) -> list[str]:
        if self._premises.nameservers:
            return list(self._premises.nameservers)
        try:
            lines = _SYSTEM.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]


def _is_local(server: str) -> bool:
    host = server[1:].partition("]")[0] if server.startswith("[") else server
    host = host.partition(":")[0] if host.count(":") == 1 else host
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback

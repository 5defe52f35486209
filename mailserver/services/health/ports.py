"""Whether our ports answer, as far as that can be told from here, and whether others' port 25 can be reached."""

import asyncio
import ipaddress
from pathlib import Path
from typing import Any, Protocol

from mailserver.entities.health import Finding, Status
from mailserver.fetch import CertificateRejected, FetchFailed
from mailserver.mail import network
from mailserver.mail.resolver import LookupFailed
from mailserver.services.health import greeting
from mailserver.services.health.greeting import NoGreeting
from mailserver.services.health.premises import Addresses, Live, Premises, Resolver

_USUAL = {"smtp": 25, "submission": 587, "submissions": 465}
_WHAT = {
    "smtp": "Other servers bring mail to port 25.",
    "submission": "Mail programs send by port 587.",
    "submissions": "Mail programs send by port 465.",
}
MOST_PLACES = 4  # of one listener that are tried
MOST_OUTBOUND = 3
HTTP_SECONDS = 8.0
_OUT = "Many providers close port 25 outward until they are asked; nothing leaves before."


class Web(Protocol):
    """Who asks over HTTP."""

    async def get(
        self, url: str, *, limit_bytes: int, timeout_seconds: float, https_only: bool, trust: Path | None, trusted: bool
    ) -> Any:
        """Get a resource; FetchFailed where there is none."""
        ...


class Ports:
    """Connects to ourselves, and to whom the operator names."""

    def __init__(self, premises: Premises, live: Live, resolver: Resolver, web: Web, addresses: Addresses) -> None:
        self._premises = premises
        self._live = live
        self._resolver = resolver
        self._web = web
        self._addresses = addresses

    async def inward(self) -> list[Finding]:
        """A finding for each listener."""
        if not self._live.is_serving:
            return [Finding("ports", Status.SKIPPED, "No server runs whose ports could answer.", _WHAT["smtp"])]
        return list(await asyncio.gather(*(self._listener(name) for name in _USUAL)))

    async def web(self) -> list[Finding]:
        """Whether the address that is handed out leads here."""
        why, url = "Links, the API, JMAP and MTA-STS are asked for there.", self._premises.public_url
        if not self._live.is_serving:
            return [Finding("ports.http", Status.SKIPPED, "No server runs that could answer.", why)]
        fix = "Lead that address to http.listen by a proxy, or set http.listen, http.tls and http.public_url."
        try:
            answer = await self._web.get(
                f"{url}/healthz",
                limit_bytes=4096,
                timeout_seconds=HTTP_SECONDS,
                https_only=False,
                trust=self._premises.authorities,
                trusted=True,
            )
        except FetchFailed as error:
            if isinstance(error, CertificateRejected):  # it was reached: that is no matter of where things lead
                fix = "Have a certificate that the world accepts: see what is said of certificate.chain."
            return [Finding("ports.http", Status.WARNING, f"{url} cannot be used from here: {error}", why, fix)]
        if answer.status != 200 or b'"ok"' not in answer.body:
            return [Finding("ports.http", Status.WARNING, f"{url} is answered by something else.", why, fix)]
        return [Finding("ports.http", Status.OK, f"{url} leads here.", why)]

    async def _listener(self, name: str) -> Finding:
        check, why = f"ports.{name}", _WHAT[name]
        places = self._places(self._live.listeners.get(name, ()))
        if not places:
            return Finding(check, Status.SKIPPED, f"{name} is switched off.", why)
        for host, port in places[:MOST_PLACES]:
            trouble = await self._knock(name, host, port)
            if trouble is not None:
                return trouble
        return _reach(name, places)

    async def _knock(self, name: str, host: str, port: int) -> Finding | None:
        """What is wrong with what answers at a place; None where nothing is."""
        check, why, where = f"ports.{name}", _WHAT[name], f"{host} port {port}"
        try:
            found = await greeting.ask(
                host, port, self._premises.hostname, implicit_tls=name == "submissions",
                authorities=self._premises.authorities,
            )  # fmt: skip
        except NoGreeting as error:
            fix = f"Open port {port} in the firewall of this machine and of its provider."
            return Finding(check, Status.FAILED, str(error), why, fix)
        if found.banner.split(" ")[0].lower() != self._premises.hostname:
            fix = "Another program has the port: stop it, and restart the server."
            return Finding(check, Status.FAILED, f"{where} is answered by {found.banner[:80]!r}.", why, fix)
        if found.certificate is None:
            why = "Passwords and mail would go in the clear."
            return Finding(check, Status.FAILED, f"{where} offers no TLS.", why, "Look at tls.certificate and the log.")
        return None

    def _places(self, listeners: tuple[str, ...]) -> list[tuple[str, int]]:
        """Where to knock for listeners: at our addresses, for those that listen on all of them."""
        found: list[tuple[str, int]] = []
        for text in listeners:
            host, _, port = text.rpartition(":")
            address = ipaddress.ip_address(host.strip("[]"))
            if not address.is_unspecified:
                found.append((str(address), int(port)))
                continue
            same = [each for each in self._addresses.own() if ipaddress.ip_address(each).version == address.version]
            found += [(each, int(port)) for each in same or ["127.0.0.1" if address.version == 4 else "::1"]]
        return found

    async def outward(self, host: str | None, domains: tuple[str, ...]) -> list[Finding]:
        """Whether somebody's mail server can be reached: the one that is named, else the smarthost, else other MXs."""
        check, port = "outbound", self._premises.remote_port
        targets = [(host, port)] if host else await self._targets(domains)
        if not targets:
            return [
                Finding(
                    check, Status.SKIPPED, "It is not known whose port could be tried.", _OUT,
                    "Name somebody's mail server: mailserver doctor --outbound mx.example.net",
                )
            ]  # fmt: skip
        return [await self._outward(check, *target) for target in targets[:MOST_OUTBOUND]]

    async def _outward(self, check: str, host: str, port: int) -> Finding:
        fix = f"Ask your provider to open port {port} outward, or set queue.smarthost."
        said: list[str] = []
        try:
            found_at = (host,) if network.is_address(host) else await self._resolver.addresses(host)
            if not found_at:
                said.append("It has no address.")
            for address in found_at[:MOST_PLACES]:
                try:
                    found = await greeting.ask(address, port, self._premises.hostname)
                except NoGreeting as error:
                    said.append(str(error))
                else:
                    detail = f"{host} ({address}) port {port} says {found.banner[:80]!r}."
                    return Finding(check, Status.OK, detail, _OUT, "", host)
        except LookupFailed as error:
            said.append(f"DNS gives no answer: {error}")
        return Finding(check, Status.FAILED, f"{host} cannot be reached: {' '.join(said)}", _OUT, fix, host)

    async def _targets(self, domains: tuple[str, ...]) -> list[tuple[str, int]]:
        if self._premises.smarthost:
            name, _, port = self._premises.smarthost.rpartition(":")
            return [(name.strip("[]"), int(port))]
        found: dict[str, None] = {}
        for domain in domains:
            try:
                mx = await self._resolver.mx(domain)
            except LookupFailed:
                continue
            found.update({each.host: None for each in mx.records if each.host not in ("", self._premises.hostname)})
        return [(each, self._premises.remote_port) for each in found]


def _reach(name: str, places: list[tuple[str, int]]) -> Finding:
    """What is to be said of places that answer as they should."""
    check, why, usual = f"ports.{name}", _WHAT[name], _USUAL[name]
    shown = ", ".join(f"{host} port {port}" for host, port in places)
    if all(ipaddress.ip_address(host).is_loopback for host, _ in places):
        fix = f"Set smtp.{'mx' if name == 'smtp' else name}_listen to addresses that others reach."
        return Finding(check, Status.WARNING, f"{shown} answers, on this machine only.", why, fix)
    if all(port != usual for _, port in places):
        fix = f"Listen on port {usual}, or have a firewall lead it here."
        return Finding(check, Status.WARNING, f"{shown} answers, but the world uses port {usual}.", why, fix)
    detail = f"{shown} answers, with TLS. Whether a firewall is before it is only seen from outside."
    return Finding(check, Status.OK, detail, why)

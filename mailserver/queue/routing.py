"""Destination hosts of a domain (RFC 5321 5.1, RFC 7505)."""

import asyncio
import ipaddress
import itertools
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mailserver.mail.reply import Reply
from mailserver.mail.resolver import LookupFailed, Mx, MxAnswer, Resolver

MOST_HOSTS = 10  # of one domain that are looked at
MOST_TARGETS = 10  # addresses that are tried in one attempt
REMEMBERED_ROUTES = 10_000
ROUTE_SECONDS = 60.0  # DNS answers are cached longer; this spares the sorting
LOOKUP_SECONDS = 30.0  # all questions of one route


class NoRoute(Exception):
    """No server takes mail for the domain, and none will."""

    def __init__(self, enhanced: str, text: str) -> None:
        self.reply = Reply(556 if enhanced == "5.1.10" else 550, enhanced, text)  # RFC 7505 4.2: 556
        super().__init__(text)


class RouteUnknown(Exception):
    """DNS did not say; ask again later."""

    def __init__(self, text: str) -> None:
        self.reply = Reply(451, "4.4.3", text)
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Target:
    """One address to connect to. `name` is what the certificate has to say; `trusted` that DNSSEC vouches for it."""

    name: str
    address: str
    port: int
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How to know that a route leads back here."""

    hostname: str
    listening: Callable[[], Collection[tuple[str, int]]]

    def is_here(self, address: str, port: int) -> bool:
        """Whether one of our own listeners would answer there."""
        listening = self.listening()
        if (address, port) in listening:
            return True
        everywhere = {("0.0.0.0", port), ("::", port)} & set(listening)  # noqa: S104  compared, not bound
        return bool(everywhere) and ipaddress.ip_address(address).is_loopback


@dataclass(frozen=True, slots=True)
class Smarthost:
    """The server that all remote mail goes to."""

    host: str
    port: int


class Routing:
    """Finds the addresses to try for a domain, best first."""

    def __init__(
        self,
        resolver: Resolver,
        ourselves: Ourselves,
        port: int = 25,
        smarthost: Smarthost | None = None,
        *,
        allow_private: bool = False,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._ourselves = ourselves
        self._port = port
        self._smarthost = smarthost
        self._allow_private = allow_private
        self._chance = chance or random.SystemRandom()
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[Target, ...]]] = {}

    async def targets(self, domain: str) -> tuple[Target, ...]:
        """Where to connect for a domain, in order; NoRoute or RouteUnknown where there is nothing."""
        key = "" if self._smarthost else domain
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._find(domain)
        except LookupFailed as error:
            raise RouteUnknown(f"DNS gave no answer about {domain}") from error
        except TimeoutError as error:
            raise RouteUnknown(f"DNS took too long over {domain}") from error
        if len(self._known) >= REMEMBERED_ROUTES:
            self._known.clear()
        self._known[key] = (self._clock() + ROUTE_SECONDS, found)
        return found

    async def _find(self, domain: str) -> tuple[Target, ...]:
        if self._smarthost is not None:
            return await self._to_smarthost(self._smarthost)
        if domain.startswith("["):
            return self._to_literal(domain)
        answer = await self._resolver.mx(domain)
        if any(not record.host for record in answer.records):
            if len(answer.records) == 1:
                raise NoRoute("5.1.10", f"The domain {domain} takes no mail")  # RFC 7505 4.2
            answer = MxAnswer(tuple(mx for mx in answer.records if mx.host), answer.exists, answer.authentic)
        # RFC 5321 5.1: without MX records the domain itself is the host, but never when there are some.
        records = answer.records or (Mx(0, domain),)
        hosts = self._before_ourselves(self._ordered(records), domain)
        addresses = await self._addresses(hosts, domain, implicit=not answer.records)
        return self._allowed(domain, hosts, addresses, trusted=answer.authentic or not answer.records)

    async def _to_smarthost(self, smarthost: Smarthost) -> tuple[Target, ...]:
        """The operator named it, so it may be anywhere."""
        addresses: Sequence[str] = (smarthost.host,)
        if not _is_address(smarthost.host):
            addresses = await self._resolver.addresses(smarthost.host)
        if not addresses:  # a slip of the operator's, or of DNS: nobody's mail is bounced for that
            raise RouteUnknown(f"The smarthost {smarthost.host} has no address")
        ordered = _alternating(addresses, self._chance)[:MOST_TARGETS]
        return tuple(Target(smarthost.host, address, smarthost.port, trusted=True) for address in ordered)

    def _to_literal(self, domain: str) -> tuple[Target, ...]:
        text = domain[1:-1].removeprefix("IPv6:")
        if not _is_address(text):
            raise NoRoute("5.1.2", f"The address literal {domain} cannot be read")
        address = str(ipaddress.ip_address(text))
        return self._allowed(domain, [address], {address: (address,)}, trusted=True)

    def _ordered(self, records: Sequence[Mx]) -> list[Mx]:
        """By preference, and at random inside one (RFC 5321 5.1)."""
        shuffled = list(records)
        self._chance.shuffle(shuffled)
        return sorted(shuffled, key=lambda record: record.preference)

    def _before_ourselves(self, records: Sequence[Mx], domain: str) -> list[str]:
        """RFC 5321 5.1: where we are in the list, only better hosts than ourselves may be tried."""
        own = [record.preference for record in records if record.host == self._ourselves.hostname]
        better = [record.host for record in records if not own or record.preference < min(own)]
        if not better:
            raise NoRoute("5.4.6", f"The mail exchanger of {domain} is this server, which has no such domain")
        return list(dict.fromkeys(better))[:MOST_HOSTS]

    async def _addresses(self, hosts: Sequence[str], domain: str, *, implicit: bool) -> dict[str, tuple[str, ...]]:
        answers = await asyncio.gather(*(self._resolver.addresses(host) for host in hosts), return_exceptions=True)
        found: dict[str, tuple[str, ...]] = {}
        failed: LookupFailed | None = None
        for host, answer in zip(hosts, answers, strict=True):
            if isinstance(answer, LookupFailed):
                failed = answer
            elif isinstance(answer, BaseException):
                raise answer
            elif answer:
                found[host] = answer
        if found:
            return found
        if failed is not None:
            raise failed
        if implicit:
            raise NoRoute("5.1.2", f"The domain {domain} does not exist, or has no mail server")
        raise NoRoute("5.4.4", f"No mail exchanger of {domain} has an address")

    def _allowed(
        self, domain: str, hosts: Sequence[str], addresses: dict[str, tuple[str, ...]], *, trusted: bool
    ) -> tuple[Target, ...]:
        targets: list[Target] = []
        for host in hosts:
            if any(self._ourselves.is_here(address, self._port) for address in addresses.get(host, ())):
                break  # this host and all after it are no better than ourselves
            targets += [
                Target(host, address, self._port, trusted)
                for address in _alternating(addresses.get(host, ()), self._chance)
                if self._allow_private or _is_public(address)
            ]
        if not targets:
            raise NoRoute("5.4.6", f"The mail exchanger of {domain} is this server or has no public address")
        return tuple(targets[:MOST_TARGETS])


def _alternating(addresses: Sequence[str], chance: random.Random) -> list[str]:
    """IPv6 and IPv4 by turns, so that one that leads nowhere does not use up the attempt."""
    families: list[list[str]] = [[], []]
    for address in addresses:
        families[":" not in address].append(address)
    for family in families:
        chance.shuffle(family)
    pairs = itertools.zip_longest(*families)
    return [address for pair in pairs for address in pair if address is not None]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_global and not parsed.is_multicast

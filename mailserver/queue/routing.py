"""Destination hosts of a domain (RFC 5321 5.1, RFC 7505)."""

import asyncio
import ipaddress
import itertools
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities import errors
from mailserver.mail import network
from mailserver.mail.reply import Reply
from mailserver.mail.resolver import HostAnswer, LookupFailed, Mx, MxAnswer
from mailserver.queue.demand import NOTHING, Demand
from mailserver.queue.policy import Policies

MOST_HOSTS = 10  # of one domain that are looked at
MOST_TARGETS = 10  # addresses that are tried in one attempt
REMEMBERED_ROUTES = 10_000
ROUTE_SECONDS = 60.0  # DNS answers are cached longer; this spares the sorting
LOOKUP_SECONDS = 90.0  # all questions of one route; RFC 8461 3.3 gives the fetch of a policy one minute of them


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
    """One address to connect to, and what is demanded of the connection.

    `name` is what the certificate has to say; `trusted` that DNSSEC or an MTA-STS policy vouches for it.
    """

    name: str
    address: str
    port: int
    trusted: bool = False
    demand: Demand = NOTHING


class Names(Protocol):
    """The questions that a route asks of DNS; each raises LookupFailed where DNS gave no answer."""

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        ...

    async def family(self, host: str, version: int) -> HostAnswer:
        """Addresses of a host in one family, 4 or 6."""
        ...


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
        resolver: Names,
        policies: Policies,
        ourselves: Ourselves,
        port: int = 25,
        smarthost: Smarthost | None = None,
        *,
        allow_private: bool = False,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._policies = policies
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
            raise RouteUnknown(f"The way to {domain} was not found in time") from error
        except errors.Temporary as error:
            raise RouteUnknown(f"What {domain} demands of a connection cannot be read just now") from error
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
        found = await self._addresses(hosts, domain, implicit=not answer.records)
        is_signed = answer.authentic or not answer.records
        known = {host: found[host] for host in hosts if host in found}
        demands, pinned = await self._policies.of_domain(domain, known, self._port, is_signed=is_signed)
        targets: list[Target] = []
        for host in hosts:
            addresses = found[host].addresses if host in found else ()
            if any(self._ourselves.is_here(address, self._port) for address in addresses):
                break  # this host and all after it are no better than ourselves
            targets += self._at(host, addresses, demands.get(host, NOTHING), trusted=is_signed or host in pinned)
        return _some(targets, domain)

    async def _to_smarthost(self, smarthost: Smarthost) -> tuple[Target, ...]:
        """The operator named it, so it may be anywhere."""
        host = smarthost.host
        if network.is_address(host):
            return (Target(host, host, smarthost.port, trusted=True, demand=Demand(domain=host)),)
        found = await self._host(host)
        if not found.addresses:  # a slip of the operator's, or of DNS: nobody's mail is bounced for that
            raise RouteUnknown(f"The smarthost {host} has no address")
        demand = await self._policies.of_smarthost(host, found, smarthost.port)
        ordered = _alternating(found.addresses, self._chance)[:MOST_TARGETS]
        return tuple(Target(host, address, smarthost.port, trusted=True, demand=demand) for address in ordered)

    def _to_literal(self, domain: str) -> tuple[Target, ...]:
        text = domain[1:-1].removeprefix("IPv6:")
        if not network.is_address(text):
            raise NoRoute("5.1.2", f"The address literal {domain} cannot be read")
        address = str(ipaddress.ip_address(text))
        is_here = self._ourselves.is_here(address, self._port)
        return _some([] if is_here else self._at(address, (address,), Demand(domain=domain), trusted=True), domain)

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

    async def _addresses(self, hosts: Sequence[str], domain: str, *, implicit: bool) -> dict[str, HostAnswer]:
        answers = await asyncio.gather(*(self._host(host) for host in hosts), return_exceptions=True)
        found: dict[str, HostAnswer] = {}
        failed: LookupFailed | None = None
        for host, answer in zip(hosts, answers, strict=True):
            if isinstance(answer, LookupFailed):
                failed = answer
            elif isinstance(answer, BaseException):
                raise answer
            elif answer.addresses:
                found[host] = answer
        if found:
            return found
        if failed is not None:
            raise failed
        if implicit:
            raise NoRoute("5.1.2", f"The domain {domain} does not exist, or has no mail server")
        raise NoRoute("5.4.4", f"No mail exchanger of {domain} has an address")

    async def _host(self, host: str) -> HostAnswer:
        """Both families of a host as one answer; one's failure does not hide the other's addresses."""
        answers = await asyncio.gather(
            self._resolver.family(host, 6), self._resolver.family(host, 4), return_exceptions=True
        )
        given = [answer for answer in answers if isinstance(answer, HostAnswer)]
        for answer in answers:
            if isinstance(answer, BaseException) and not (isinstance(answer, LookupFailed) and _any_address(given)):
                raise answer
        addresses = tuple(address for answer in given for address in answer.addresses)
        # RFC 7672 2.2.2: both answers have to be signed.
        is_signed = bool(given) and all(answer.authentic for answer in given)
        canonical = next((answer.canonical for answer in given if answer.canonical), "")
        return HostAnswer(addresses, bool(addresses), is_signed, canonical)

    def _at(self, host: str, addresses: Sequence[str], demand: Demand, *, trusted: bool) -> list[Target]:
        """A host's addresses in the order to try them; one stands for all where nothing may be sent there."""
        targets = [
            Target(host, address, self._port, trusted, demand)
            for address in _alternating(addresses, self._chance)
            if self._allow_private or network.is_public(address)
        ]
        return targets[:1] if demand.is_closed else targets


def _some(targets: Sequence[Target], domain: str) -> tuple[Target, ...]:
    if not targets:
        raise NoRoute("5.4.6", f"The mail exchanger of {domain} is this server or has no public address")
    return tuple(targets[:MOST_TARGETS])


def _any_address(answers: Sequence[HostAnswer]) -> bool:
    return any(answer.addresses for answer in answers)


def _alternating(addresses: Sequence[str], chance: random.Random) -> list[str]:
    """IPv6 and IPv4 by turns, so that one that leads nowhere does not use up the attempt."""
    families: list[list[str]] = [[], []]
    for address in addresses:
        families[":" not in address].append(address)
    for family in families:
        chance.shuffle(family)
    pairs = itertools.zip_longest(*families)
    return [address for pair in pairs for address in pair if address is not None]

"""Which names certificates are asked for: those of ours that DNS leads here by."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.certificates.leaf import Leaf
from mailserver.mail.resolver import LookupFailed

LABELS = ("mta-sts", "autoconfig", "autodiscover")
AT_ONCE = 20  # questions to DNS
LONGEST_NAME = 253


class Resolver(Protocol):
    """Who knows the addresses of a host."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv6 and IPv4 addresses; LookupFailed where DNS gave no answer."""
        ...


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A name that no certificate is asked for, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that there should be: what it is kept as, and its names."""

    key: str
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


def key_of(domain: str) -> str:
    """What the certificate for the services of a domain is kept as; no host is called so."""
    return f"@{domain}"


class Names:
    """Asks DNS which of our names lead where our own name leads. What it gives no answer about stays as it was."""

    def __init__(self, hostname: str, resolver: Resolver) -> None:
        self._hostname = hostname
        self._resolver = resolver
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def wanted(self, domains: Sequence[str], operators: Leaf | None, held: Mapping[str, Leaf]) -> list[Wanted]:
        """Everything that is wanted, the host's own first.

        `operators` is a certificate that goes before all others, `held` are those that an authority has issued.
        """
        try:
            ours = frozenset(await self._resolver.addresses(self._hostname))
        except LookupFailed:
            ours = None
        found = []
        if operators is None:
            found.append(self._host(ours, held.get(self._hostname)))
        found += await asyncio.gather(*(self._domain(one, ours, operators, held.get(key_of(one))) for one in domains))
        return found

    def _host(self, ours: frozenset[str] | None, leaf: Leaf | None) -> Wanted:
        if ours or (ours is None and leaf is not None):
            return Wanted(self._hostname, (self._hostname,))
        reason = "DNS gave no answer about it" if ours is None else "it has no address in DNS"
        return Wanted(self._hostname, (), (LeftOut(self._hostname, reason),))

    async def _domain(
        self, domain: str, ours: frozenset[str] | None, operators: Leaf | None, leaf: Leaf | None
    ) -> Wanted:
        names, left = [], []
        for label in LABELS:
            name = f"{label}.{domain}"
            if name == self._hostname or (operators is not None and operators.has(name)):
                continue
            reason = await self._reason(name, ours, leaf)
            if reason is None:
                names.append(name)
            else:
                left.append(LeftOut(name, reason))
        return Wanted(key_of(domain), tuple(names), tuple(left))

    async def _reason(self, name: str, ours: frozenset[str] | None, leaf: Leaf | None) -> str | None:
        """Why a name is left out; None where it is not."""
        if len(name) > LONGEST_NAME:
            return "it is too long"
        try:
            async with self._asking:
                there = frozenset(await self._resolver.addresses(name)) if ours is not None else None
        except LookupFailed:
            there = None
        if there is None or ours is None:
            return None if leaf is not None and leaf.has(name) else "DNS gave no answer about it"
        if not there:
            return "it has no address in DNS"
        if not there <= ours:  # the authority may try any of them
            return f"it leads to {', '.join(sorted(there - ours)[:3])} too, where {self._hostname} does not lead"
        return None

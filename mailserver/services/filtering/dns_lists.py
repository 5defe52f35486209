"""Lists of addresses and domains that are asked by DNS: block lists and welcome lists (RFC 5782)."""

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.entities.verdict import Reason
from mailserver.mail.resolver import HostAnswer, LookupFailed

ADDRESS, DOMAIN = "address", "domain"
MOST_DOMAINS = 12  # of one message that lists are asked about
CHECK_SECONDS = 3600.0  # between looks at whether a list answers for everything
ANSWER_SECONDS = 4.0  # of one list
OFF_SECONDS = 900.0  # for which a list that misbehaves is left alone
FAILURES = 3  # in a row that switch a list off
_ANSWERS = ipaddress.ip_network("127.0.0.0/8")  # RFC 5782 2.1; what lies outside is a hijacked or dead list
_REFUSALS = ipaddress.ip_network("127.255.255.0/24")  # how large lists say that they do not serve this resolver
_EMPTY_V4, _EMPTY_V6, _EMPTY_DOMAIN = "127.0.0.1", "::ffff:7f00:1", "invalid"  # RFC 5782 5: never listed
_OCTET = r"(?:\d{1,3}|\*)"
_PATTERN = re.compile(rf"({_OCTET})\.({_OCTET})\.({_OCTET})\.({_OCTET})(?:-(\d{{1,3}}))?")
log = structlog.get_logger()


class HostLookup(Protocol):
    """Who asks DNS for addresses."""

    async def family(self, host: str, version: int) -> HostAnswer:
        """The addresses of a host in one family; LookupFailed where DNS gave no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Code:
    """Which answers count, and how much: every octet within its bounds, and one bit of the mask in the last."""

    text: str
    bounds: tuple[tuple[int, int], ...]
    mask: int
    score: float

    def means(self, address: ipaddress.IPv4Address) -> bool:
        """Whether an answer is meant."""
        octets = address.packed
        if self.mask:
            return bool(octets[3] & self.mask)
        return all(low <= octet <= high for octet, (low, high) in zip(octets, self.bounds, strict=True))


@dataclass(frozen=True, slots=True)
class DnsList:
    """A list. Every code that an answer means counts once; points below nothing make it a welcome list."""

    zone: str
    kind: str  # address or domain
    codes: tuple[Code, ...]


def parse(zone: str, codes: Mapping[str, float], kind: str = ADDRESS) -> DnsList:
    """Read a list as the settings write it; ValueError with a sentence otherwise.

    A code is `127.0.0.2`, a range `127.0.0.4-7`, a pattern `127.0.*.3`, `*` for any answer, or `&8` for answers whose
    last number has that bit.
    """
    if kind not in (ADDRESS, DOMAIN):
        raise ValueError(f"The kind of the list {zone} is {kind!r}; it can be {ADDRESS!r} or {DOMAIN!r}.")
    if not codes:
        raise ValueError(f"The list {zone} has no codes, so that it would count nothing.")
    return DnsList(zone.strip(".").lower(), kind, tuple(_code(zone, text, score) for text, score in codes.items()))


def _code(zone: str, text: str, score: float) -> Code:
    plain = "127.*.*.*" if text.strip() == "*" else text.strip()
    if plain.startswith("&") and plain[1:].isascii() and plain[1:].isdigit() and 0 < int(plain[1:]) < 256:
        return Code(plain, (), int(plain[1:]), score)
    found = _PATTERN.fullmatch(plain)
    octets = found.groups()[:4] if found else ()
    bounds = [(0, 255) if octet == "*" else (int(octet), int(octet)) for octet in octets]
    if found and found[5]:
        bounds[3] = (bounds[3][0], int(found[5]))
    if not bounds or any(high > 255 or low > high for low, high in bounds) or bounds[0] != (127, 127):
        raise ValueError(
            f"The code {text!r} of the list {zone} cannot be read. "
            "Write 127.0.0.2, 127.0.0.4-7, 127.0.*.3, * or &8 (a bit of the last number)."
        )
    return Code(plain, tuple(bounds), 0, score)


@dataclass(slots=True)
class _State:
    """How a list behaves."""

    checked_at: float = float("-inf")
    off_until: float = float("-inf")
    failures: int = 0


class DnsLists:
    """Asks lists, and leaves those alone that answer for everything or not at all."""

    def __init__(
        self, lists: Sequence[DnsList], resolver: HostLookup, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._of_address = tuple(each for each in lists if each.kind == ADDRESS)
        self._of_domain = tuple(each for each in lists if each.kind == DOMAIN)
        self._resolver = resolver
        self._clock = clock
        self._states = {(each.kind, each.zone): _State() for each in lists}

    @property
    def has_addresses(self) -> bool:
        """Whether there is a list of addresses at all."""
        return bool(self._of_address)

    @property
    def has_domains(self) -> bool:
        """Whether there is a list of domains at all."""
        return bool(self._of_domain)

    async def address(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[Reason, ...]:
        """What the lists say of a peer's address."""
        label = reversed_label(address)
        empty = reversed_label(ipaddress.ip_address(_EMPTY_V4 if address.version == 4 else _EMPTY_V6))
        answers = await asyncio.gather(*(self._ask(each, label, empty) for each in self._of_address))
        return tuple(
            Reason(
                "PEER_IN_WELCOME_LIST" if score < 0 else "PEER_IN_BLOCKLIST",
                score,
                f"The address of the sending server is listed by {each.zone}.",
            )
            for each, score in zip(self._of_address, answers, strict=True)
            if score
        )

    async def domains(self, names: Sequence[str]) -> tuple[Reason, ...]:
        """What the lists say of domains that a message names."""
        pairs = [(each, name) for name in names[:MOST_DOMAINS] for each in self._of_domain]
        scores = await asyncio.gather(*(self._ask(each, name, _EMPTY_DOMAIN) for each, name in pairs))
        worst: dict[str, Reason] = {}  # one for each list: ten links to a bad domain are not ten reasons
        for (each, name), score in zip(pairs, scores, strict=True):
            if score and (each.zone not in worst or abs(score) > abs(worst[each.zone].score)):
                what = "URL_IN_WELCOME_LIST" if score < 0 else "URL_IN_BLOCKLIST"
                worst[each.zone] = Reason(what, score, f"The message names {name}, which is listed by {each.zone}.")
        return tuple(worst.values())

    async def _ask(self, each: DnsList, label: str, empty: str) -> float:
        state = self._states[each.kind, each.zone]
        now = self._clock()
        if now < state.off_until:
            return 0.0
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._found(each, state, label, empty)
        except (LookupFailed, TimeoutError):
            state.checked_at = float("-inf")
            state.failures += 1
            if state.failures >= FAILURES:
                self._switch_off(each, state, "it does not answer")
            return 0.0
        state.failures = 0
        if any(address in _REFUSALS for address in found):
            self._switch_off(each, state, "it refuses to answer this resolver")
        if self._clock() < state.off_until:
            return 0.0
        return sum(code.score for code in each.codes if any(map(code.means, found)))

    async def _found(self, each: DnsList, state: _State, label: str, empty: str) -> Sequence[ipaddress.IPv4Address]:
        """The answers of a list; now and then it is asked at the same time for what no list may have."""
        now = self._clock()
        if now - state.checked_at < CHECK_SECONDS:
            return _listed(await self._resolver.family(f"{label}.{each.zone}", 4))
        state.checked_at = now
        answer, proof = await asyncio.gather(
            self._resolver.family(f"{label}.{each.zone}", 4), self._resolver.family(f"{empty}.{each.zone}", 4)
        )
        if _listed(proof):
            self._switch_off(each, state, "it lists what no list may have")
        return _listed(answer)

    def _switch_off(self, each: DnsList, state: _State, why: str) -> None:
        state.off_until = self._clock() + OFF_SECONDS
        state.checked_at = float("-inf")
        state.failures = 0
        log.warning("filter.list.suspended", zone=each.zone, reason=why, seconds=OFF_SECONDS)


def reversed_label(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The name of an address below a list's zone (RFC 5782 2.1, 2.4)."""
    if isinstance(address, ipaddress.IPv4Address):
        return ".".join(reversed(str(address).split(".")))
    return ".".join(reversed(address.exploded.replace(":", "")))


def _listed(answer: HostAnswer) -> list[ipaddress.IPv4Address]:
    found = []
    for text in answer.addresses:
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            continue
        if address in _ANSWERS:
            found.append(address)
    return found

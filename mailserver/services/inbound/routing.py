"""Recipient address to inboxes: exact address, alias, distribution list, plus-tag, postmaster, catch-all.

An inbox may have targets that its mail goes on to; and an address may stand for somebody whose mail was forwarded.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from mailserver.entities import errors
from mailserver.entities.distribution import DistributionList
from mailserver.mail import address as addresses
from mailserver.mail import list_fields, srs, verp
from mailserver.mail.address import Address, AddressError
from mailserver.mail.headers import Headers
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.inbound.capture import Capture
from mailserver.services.inbound.rewriting import Rewriting
from mailserver.storage import distribution_lists as lists
from mailserver.storage import forwarding, inboxes, sieve_scripts, tenants
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.inboxes import Destination

CACHE_SECONDS = 5.0  # another node's change is seen after this; our own at once
CACHE_ADDRESSES = 50_000
ALWAYS_REACHED = frozenset({"postmaster", "abuse"})  # RFC 5321 4.5.1, RFC 2142 4
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Onward:
    """A target that mail of an inbox, or to one alias of it, goes on to.

    `named` is the address by which the message reached the inbox.
    """

    inbox_id: int
    tenant_id: int
    inbox_address: str
    alias: str  # '' for all mail of the inbox
    target: Address
    keeps_copy: bool
    named: Address

    @property
    def domain(self) -> str:
        """The inbox's."""
        return self.inbox_address.rpartition("@")[2]

    @property
    def mark(self) -> str:
        """What Delivered-To says of it: those whom an alias stands for need not know whose it is."""
        return self.alias or self.inbox_address


@dataclass(frozen=True, slots=True)
class Back:
    """The sender of a message that was forwarded: a bounce goes there, and nothing else does."""

    sender: Address
    tenant_id: int  # who had forwarded it


@dataclass(frozen=True, slots=True)
class Route:
    """Where an address leads. `is_ours` is False for a domain that we do not serve."""

    destinations: tuple[Destination, ...]
    is_ours: bool
    delivery_id: int | None = None  # a return path of ours: a report about this delivery
    forwards: tuple[Onward, ...] = ()
    back: Back | None = None
    through: DistributionList | None = None
    is_scripted: bool = False  # whether one of the inboxes has a script, or an absence notice

    @property
    def is_plain(self) -> bool:
        """Whether it leads to inboxes, and no further, and not through a list."""
        leads_on = self.delivery_id is not None or self.back is not None or bool(self.forwards)
        return not leads_on and self.through is None and not self.is_scripted

    def reached(self, sender: Address | None) -> tuple[Destination, ...]:
        """Who gets a message; of a list not the member who wrote it and has it in Sent, unless nobody else is there."""
        if self.through is None or sender is None:
            return self.destinations
        others = tuple(each for each in self.destinations if each.member != sender.normal)
        return others if any(each.is_active for each in others) else self.destinations

    def returns_to_list(self, head: Headers) -> bool:
        """Whether a message comes to a list that it has been through already."""
        through = self.through
        return through is not None and list_fields.identifier(addresses.parse(through.address)) in (
            list_fields.identifiers(head)
        )


def list_head(routes: Iterable[Route], head: Headers) -> bytes:
    """The fields of the list that a message comes by; none where it names a list of others (RFC 2919 3)."""
    through = next((route.through for route in routes if route.through is not None), None)
    if through is None or list_fields.identifiers(head):
        return b""
    return list_fields.write(through.name, addresses.parse(through.address))


class Routing:
    """Answers from memory where it can; every answer is short-lived, and forgotten when accounts change."""

    def __init__(
        self, database: Database, hostname: str, separator: str, return_path_secret: bytes, rewriting: Rewriting,
        allotments: Allotments, capture: Capture | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._hostname = hostname
        self._separator = separator
        self._secret = return_path_secret
        self._rewriting = rewriting
        self._allotments = allotments
        self._capture = capture
        self._cache: OrderedDict[str, tuple[float, Route]] = OrderedDict()
        self._domains: tuple[float, frozenset[str]] = (0.0, frozenset())

    def cached(self, address: Address) -> Route | None:
        """The answer where it is in memory."""
        entry = self._cache.get(f"{address.local}@{address.domain}")
        return entry[1] if entry and entry[0] > time.monotonic() else None

    async def find(self, address: Address) -> Route:
        """Where an address leads; UnknownRecipient, RelayDenied or RecipientBusy where no mail is taken for it."""
        route = self.cached(address)
        if route is None:
            route = await self._database.read(self._look, address)
            self._cache[f"{address.local}@{address.domain}"] = (time.monotonic() + CACHE_SECONDS, route)
            if len(self._cache) > CACHE_ADDRESSES:
                self._cache.popitem(last=False)
        refuse(route)
        return route

    async def is_local(self, domain: str) -> bool:
        """Whether we are the ones who take mail for a domain: for every one, where nothing leaves."""
        if self._capture is not None:
            return True
        until, names = self._domains
        if until <= time.monotonic():
            names = frozenset(domain.name for domain in await self._database.read(tenants.served_domains))
            self._domains = (time.monotonic() + CACHE_SECONDS, names)
        return domain in names

    def forget(self) -> None:
        """Ask again: an account, alias, list or domain has changed."""
        self._cache.clear()
        self._domains = (0.0, frozenset())

    def _look(self, snapshot: Snapshot, address: Address) -> Route:
        delivery_id = verp.read(self._secret, str(address))
        domain = tenants.served(snapshot, address.domain)
        if domain is None:
            return self._at_hostname(snapshot, address)
        if delivery_id is not None:  # whoever has the address before the tag gets no reports of others
            return Route((), is_ours=True, delivery_id=delivery_id)
        is_rewritten = srs.looks_rewritten(address)
        if is_rewritten:
            sender = self._rewriting.original(snapshot, address)
            if sender is not None:
                return Route((), is_ours=True, back=Back(sender, domain.tenant_id))
        untagged = address.without_tag(self._separator)
        found = inboxes.exact(snapshot, address.normal) or inboxes.exact(snapshot, untagged.normal)
        if not found and untagged.local.lower() in ALWAYS_REACHED:
            found = inboxes.postmaster(snapshot, address.domain)
        is_empty_list = not found and inboxes.is_taken(snapshot, address.normal)
        if not found and not is_rewritten and not is_empty_list:  # what was forged or has run out is nobody's mail
            found = inboxes.catch_all(snapshot, address.domain)
        found = self._with_room(snapshot, found)
        through = None
        if any(each.member for each in found):
            through = lists.by_address(snapshot, address.normal) or lists.by_address(snapshot, untagged.normal)
        return Route(
            tuple(found), is_ours=True, forwards=self._onward(snapshot, address, found), through=through,
            is_scripted=_is_scripted(snapshot, found),
        )  # fmt: skip

    def _with_room(self, snapshot: Snapshot, found: list[Destination]) -> list[Destination]:
        """The same, those that are full as those that take nothing now: the sender keeps it and tries again."""
        full = self._allotments.full(snapshot, [(each.inbox_id, each.tenant_id) for each in found])
        return [replace(each, is_active=False) if each.inbox_id in full else each for each in found]

    def _onward(self, snapshot: Snapshot, address: Address, found: list[Destination]) -> tuple[Onward, ...]:
        """Where those who are reached let their mail go on to."""
        if not found:
            return ()
        names = {address.normal, address.without_tag(self._separator).normal}
        onward = []
        for inbox_address, one in forwarding.active(snapshot, [each.inbox_id for each in found], names):
            try:
                target = addresses.parse(one.target)
            except AddressError:  # kept by a version that read addresses more widely
                log.error("inbound.forward.unreadable", forward_id=one.id)
                continue
            onward.append(
                Onward(one.inbox_id, one.tenant_id, inbox_address, one.alias, target, one.keeps_copy, address)
            )
        return tuple(onward)

    def _at_hostname(self, snapshot: Snapshot, address: Address) -> Route:
        """`postmaster` alone, or at the server's own name, reaches the first domain's; others may be captured."""
        if address.domain == self._hostname and address.local.lower() in ALWAYS_REACHED:
            for domain in tenants.served_domains(snapshot)[:1]:
                found = tuple(inboxes.postmaster(snapshot, domain.name))
                return Route(found, is_ours=True, is_scripted=_is_scripted(snapshot, found))
        if self._capture is not None:
            found = self._capture.destinations(snapshot, address)
            return Route(found, is_ours=True, is_scripted=_is_scripted(snapshot, found))
        return Route((), is_ours=False)


def _is_scripted(snapshot: Snapshot, found: Sequence[Destination]) -> bool:
    return bool(found) and sieve_scripts.is_any_active(snapshot, [each.inbox_id for each in found])


def refuse(route: Route) -> None:
    """Raise what a sender is told where a route takes no mail."""
    if not route.is_ours:
        raise errors.RelayDenied
    if route.delivery_id is not None or route.back is not None:
        return
    if not route.destinations:
        raise errors.UnknownRecipient
    if not any(destination.is_active for destination in route.destinations):
        raise errors.RecipientBusy

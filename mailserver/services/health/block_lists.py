"""Whether block lists have an address of ours (RFC 5782)."""

import asyncio
import ipaddress

from mailserver.entities.health import Finding, Status
from mailserver.mail.resolver import LookupFailed
from mailserver.services.filtering import dns_lists
from mailserver.services.health import premises as places
from mailserver.services.health.premises import Addresses, Premises, Resolver

_REFUSALS = ipaddress.ip_network("127.255.255.0/24")  # how large lists say that they do not serve this resolver
_ANSWERS = ipaddress.ip_network("127.0.0.0/8")
_ALWAYS_LISTED, _NEVER_LISTED = "127.0.0.2", "127.0.0.1"  # RFC 5782 5
_WHY = "Receivers that ask the list refuse mail from what it has."


class BlockLists:
    """Asks each list about each address, once it has shown that it answers honestly."""

    def __init__(self, premises: Premises, resolver: Resolver, addresses: Addresses) -> None:
        self._zones = premises.dns_lists
        self._resolver = resolver
        self._addresses = addresses

    async def look(self) -> list[Finding]:
        """A finding for each list."""
        public = [each for each in await self._addresses.faced() if places.is_public(each)]
        if not public:
            return [Finding("lists", Status.SKIPPED, "No address of this machine is public.", _WHY)]
        return list(await asyncio.gather(*(self._of(zone, public) for zone in self._zones)))

    async def _of(self, zone: str, addresses: list[str]) -> Finding:
        try:
            trouble = await self._trouble(zone)
            if trouble:
                return Finding(
                    "lists", Status.SKIPPED, trouble, _WHY,
                    "Ask by a resolver of your own: lists do not serve public ones.", zone,
                )  # fmt: skip
            listed = {address: answers for address in addresses if (answers := await self._ask(zone, address))}
        except LookupFailed:
            return Finding("lists", Status.SKIPPED, f"{zone} gave no answer.", _WHY, "", zone)
        if not listed:
            return Finding("lists", Status.OK, f"{zone} has none of {', '.join(addresses)}.", _WHY, "", zone)
        shown = "; ".join(f"{address} ({', '.join(answers)})" for address, answers in listed.items())
        return Finding(
            "lists", Status.FAILED, f"{zone} lists {shown}.", _WHY,
            f"Find out why at the site of {zone}, end the cause, and ask there to be taken off.", zone,
        )  # fmt: skip

    async def _trouble(self, zone: str) -> str:
        """Why what the list says is of no use; empty where it is."""
        proof = await self._ask(zone, _ALWAYS_LISTED)
        if any(ipaddress.ip_address(each) in _REFUSALS for each in proof):
            return f"{zone} does not serve this resolver (it answers {', '.join(proof)})."
        if not proof:
            return f"{zone} does not list what every list has; it may be gone."
        if await self._ask(zone, _NEVER_LISTED):
            return f"{zone} lists what no list may have; it may be gone."
        return ""

    async def _ask(self, zone: str, address: str) -> list[str]:
        label = dns_lists.reversed_label(ipaddress.ip_address(address))
        found = (await self._resolver.family(f"{label}.{zone}", 4)).addresses
        return [each for each in found if ipaddress.ip_address(each) in _ANSWERS]

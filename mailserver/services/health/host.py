"""Whether the server's name leads to its address, and the address back to the name."""

from mailserver.entities.health import Finding, Status
from mailserver.mail import iprev
from mailserver.mail.resolver import LookupFailed
from mailserver.services.health import premises as places
from mailserver.services.health.premises import Addresses, Premises, Resolver

_WHY_NAME = "Others connect to the address of this name, and greet by it."
_WHY_BACK = "Large receivers refuse mail from an address whose name does not lead back to it."


class Host:
    """Looks at the hostname."""

    def __init__(self, premises: Premises, resolver: Resolver, addresses: Addresses) -> None:
        self._name = premises.hostname
        self._resolver = resolver
        self._addresses = addresses

    async def look(self) -> list[Finding]:
        """Findings about the name, and about each address."""
        if "." not in self._name:
            return [
                self._finding(
                    "host.name", Status.FAILED, f"The hostname {self._name} is no full name.", _WHY_NAME,
                    'Set hostname = "mail.example.com" in the configuration.',
                )
            ]  # fmt: skip
        named = await self._named()
        backward = [await self._back(address) for address in await self._addresses.faced()]
        return [self._forward(named, self._addresses.own()), *backward]

    async def _named(self) -> tuple[str, ...]:
        try:
            return tuple(iprev.plain(each) for each in await self._resolver.addresses(self._name))
        except LookupFailed:
            return ()

    def _forward(self, named: tuple[str, ...], known: tuple[str, ...]) -> Finding:
        check, name = "host.address", self._name
        if not named:
            lines = " and ".join(f"{name}. 3600 IN {places.record_kind(one)} {one}" for one in known)
            return self._finding(
                check, Status.FAILED, f"DNS has no address for {name}.", _WHY_NAME, f"Publish: {lines or 'its address'}"
            )
        shown, ours = ", ".join(named), {iprev.plain(each) for each in known}
        strange = [each for each in named if each not in ours]
        if not strange:
            return self._finding(check, Status.OK, f"{name} is {shown}.", _WHY_NAME)
        fix = f"Publish the addresses of this machine ({', '.join(sorted(ours))}), or set health.addresses."
        if not any(places.is_public(each) for each in ours):
            detail = f"{name} is {shown}. This machine has no public address of its own to compare with."
            return self._finding(
                check, Status.WARNING, detail, _WHY_NAME,
                "Behind address translation that is as it should be; health.addresses says which are yours.",
            )  # fmt: skip
        detail = f"{name} leads to {', '.join(strange)}, which is not this machine."
        return self._finding(check, Status.FAILED, detail, _WHY_NAME, fix)

    async def _back(self, address: str) -> Finding:
        check = "host.ptr"
        if not places.is_public(address):
            return self._finding(
                check, Status.SKIPPED, f"{address} is a private address: its name means nothing to others.", _WHY_BACK
            )
        fix = f"Have your provider set the PTR record of {address} to {self._name}."
        try:
            names: tuple[str, ...] | None = await self._resolver.pointers(address)
            forward = {each: await self._addresses_of(each) for each in (names or ())[: iprev.MAX_NAMES]}
        except LookupFailed:
            names, forward = None, {}
        result = iprev.judge(address, names, forward)
        shown = ", ".join(names or ()) or "nothing"
        match result.status:
            case iprev.Status.PASS if self._name in (names or ()):
                return self._finding(check, Status.OK, f"{address} is {shown}, as the server calls itself.", _WHY_BACK)
            case iprev.Status.PASS:
                detail = f"{address} is {shown}, but the server calls itself {self._name}."
                return self._finding(
                    check, Status.WARNING, detail, _WHY_BACK, f"{fix} Or set hostname to {result.name}."
                )
            case iprev.Status.TEMPERROR:
                return self._finding(
                    check, Status.WARNING, f"DNS gave no answer about the name of {address}.", _WHY_BACK, "Try again."
                )
        return self._finding(
            check, Status.FAILED, f"{address} points to {shown}, which does not lead back.", _WHY_BACK, fix
        )

    async def _addresses_of(self, host: str) -> tuple[str, ...] | None:
        try:
            return await self._resolver.addresses(host)
        except LookupFailed:
            return None

    def _finding(self, check: str, status: Status, detail: str, why: str, fix: str = "") -> Finding:
        return Finding(check, status, detail, why, fix, self._name)

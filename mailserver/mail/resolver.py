"""The DNS questions mail asks, as a Protocol."""

from dataclasses import dataclass
from typing import Protocol


class LookupFailed(Exception):
    """DNS gave no answer: SERVFAIL, a time-out, or something that cannot be read. Try again later."""


@dataclass(frozen=True, slots=True)
class Mx:
    """One MX record; `host` is a lower-case name without the last dot, '' for the null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """The MX records of a domain. `exists` is False where the name itself does not exist."""

    records: tuple[Mx, ...]
    exists: bool
    authentic: bool = False  # the AD bit


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """The TXT records of a name, the strings of each joined, as the octets that they are."""

    records: tuple[bytes, ...]
    exists: bool
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """The addresses of a host in one family. `authentic` speaks for every alias on the way to `canonical`."""

    addresses: tuple[str, ...]
    exists: bool
    authentic: bool = False
    canonical: str = ""  # the name that has the addresses, where the host is an alias of it


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TlsaAnswer:
    """The TLSA records of a name, and how long they may be believed from when they were asked for."""

    records: tuple[Tlsa, ...]
    exists: bool
    authentic: bool = False
    ttl_seconds: float = 0


class Resolver(Protocol):
    """Each question raises LookupFailed where DNS gave no answer; an empty answer is an answer."""

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv6 and IPv4 addresses of a host, in no order."""
        ...

    async def text(self, name: str) -> TextAnswer:
        """TXT records."""
        ...

"""What checks have to know of the installation."""

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mailserver.mail import network
from mailserver.mail.resolver import HostAnswer, LookupFailed, MxAnswer, TextAnswer, TlsaAnswer

_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # for examples: nobody has them


class Resolver(Protocol):
    """Who asks DNS; each raises LookupFailed where it gave no answer."""

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        ...

    async def text(self, name: str) -> TextAnswer:
        """TXT records."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Addresses of a host."""
        ...

    async def family(self, host: str, version: int) -> HostAnswer:
        """Addresses of a host in one family."""
        ...

    async def pointers(self, address: str) -> tuple[str, ...]:
        """The names that an address points to."""
        ...

    async def tlsa(self, name: str) -> TlsaAnswer:
        """TLSA records."""
        ...

    async def rows(self, name: str, kind: str) -> tuple[str, ...]:
        """Records of a type, in the words of a zone file."""
        ...


@dataclass(frozen=True, slots=True)
class Premises:
    """The configuration, as far as it can be held against the world."""

    hostname: str
    public_url: str
    data_dir: Path
    runtime_dir: Path
    reserve_bytes: int
    remote_port: int
    smarthost: str | None
    sts_mode: str
    sts_port: int | None
    authorities: Path | None
    nameservers: tuple[str, ...]
    addresses: tuple[str, ...]
    dns_lists: tuple[str, ...]
    signed_name: str


@dataclass(slots=True)
class Live:
    """What only the running server knows; nothing of it stands where the commands open the directory themselves."""

    is_serving: bool = False
    listeners: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def serving(self, listeners: dict[str, tuple[str, ...]]) -> None:
        """Every socket is bound."""
        self.listeners = listeners
        self.is_serving = True


def own_addresses(configured: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses that this machine is known by: those that are set, else those that it sends from."""
    if configured:
        return configured
    found = []
    for family, far in _ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # of datagrams: nothing is sent, the system only picks the address
            found.append(str(probe.getsockname()[0]))
    return tuple(found)


class Addresses:
    """Which addresses are ours."""

    def __init__(self, premises: Premises, resolver: Resolver) -> None:
        self._premises = premises
        self._resolver = resolver

    def own(self) -> tuple[str, ...]:
        """Those of this machine."""
        return own_addresses(self._premises.addresses)

    async def faced(self) -> tuple[str, ...]:
        """Those that the world sees: behind address translation, those that the hostname has."""
        own = self.own()
        if self._premises.addresses or any(is_public(each) for each in own):
            return tuple(each for each in own if self._premises.addresses or is_public(each))
        try:
            return await self._resolver.addresses(self._premises.hostname) or own
        except LookupFailed:
            return own


def is_public(address: str) -> bool:
    """Whether the world can reach an address."""
    return network.is_public(address.partition("%")[0])


def record_kind(address: str) -> str:
    """The type of the record that holds an address."""
    return "AAAA" if ":" in address else "A"

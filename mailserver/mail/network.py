"""Which addresses belong to the public Internet, however they are written, and what an address counts for."""

import ipaddress
from functools import lru_cache
from typing import NamedTuple

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))  # RFC 6052 2.1, RFC 8215
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 2.5.5.1: an IPv4 address in disguise


class Origin(NamedTuple):
    """What is counted where somebody at an address is counted."""

    address: str  # of IPv6 its /64: whoever has one address of it has them all
    network: str  # IPv4 /24, IPv6 /48; '' for this machine
    is_loopback: bool


@lru_cache(maxsize=4_096)
def origin(text: str) -> Origin:
    """Name what a peer's address counts for; what is no address counts for itself."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return Origin(text, text, is_loopback=False)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return Origin(str(parsed), "", is_loopback=True)
    octets = parsed.packed
    if parsed.version == 4:
        return Origin(str(parsed), str(ipaddress.IPv4Address(octets[:3] + b"\0")) + "/24", is_loopback=False)
    return Origin(f"{octets[:8].hex()}/64", f"{octets[:6].hex()}/48", is_loopback=False)


def is_address(text: str) -> bool:
    """Whether a host is an address and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    """Whether an address is reached over the Internet: not private, shared, loopback, link-local, multicast, reserved.

    An IPv6 address that only wraps an IPv4 one is judged as that one.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id or address.is_site_local:
            return False
        if any(address in network for network in (*_NAT64, _COMPATIBLE)):
            return _is_global(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)) and address not in _NAT64[1]
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_global(inner)
    return _is_global(address)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

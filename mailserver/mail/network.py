"""Which addresses belong to the public Internet, however they are written."""

import ipaddress

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))  # RFC 6052 2.1, RFC 8215
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 2.5.5.1: an IPv4 address in disguise


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

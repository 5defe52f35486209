"""Listening sockets: bound by us, or inherited (RFC 5321 4.5.4.2)."""

import errno
import ipaddress
import socket

BACKLOG = 1_024
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class ListenAddressError(ValueError):
    """The text is not `host:port` with an IP address as host."""


def bind(addresses: tuple[str, ...]) -> list[socket.socket]:
    """Bind every address.

    A machine without IPv6 does not have to take `[::]` out of its settings: that one is left out if another is bound.
    """
    bound: list[socket.socket] = []
    left_out: OSError | None = None
    try:
        for text in addresses:
            host, port = parse(text)
            try:
                bound.append(_bind(host, port))
            except OSError as error:
                if error.errno not in _NO_FAMILY or str(host) != "::":
                    raise
                left_out = error
        if left_out and not bound:
            raise left_out
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


def parse(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """Read `127.0.0.1:25` or `[::1]:25`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ListenAddressError(f"{text!r} is not an address with a port, such as 0.0.0.0:25 or [::]:25.")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise ListenAddressError(f"{text!r} does not begin with an IP address.") from error
    if (address.version == 6) != host.startswith("["):
        raise ListenAddressError(f"{text!r}: an IPv6 address stands in brackets, an IPv4 address does not.")
    return address, int(port)


def name(bound: socket.socket) -> str:
    """Write where a socket listens."""
    address = bound.getsockname()
    return f"[{address[0]}]:{address[1]}" if bound.family == socket.AF_INET6 else f"{address[0]}:{address[1]}"


def _bind(host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> socket.socket:
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((str(host), port))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise OSError(error.errno, f"{host} port {port}: {error.strerror}") from error
    return opened

"""Records as a zone file has them (RFC 1035 5.1)."""

import ipaddress
import re

MOST_IN_A_STRING = 255
_ODD = re.compile(rb'["\\]|[^\x20-\x7e]')


def line(name: str, kind: str, value: str, priority: int | None, ttl_seconds: int) -> str:
    """A record in one line, with its whole name."""
    written = _strings(value) if kind == "TXT" else value
    if priority is not None:
        written = f"{priority} {written}"
    return f"{name.rstrip('.')}. {ttl_seconds} IN {kind} {written}"


def pointer(address: str, host: str, ttl_seconds: int) -> str:
    """The PTR record of an address (RFC 1035 3.5)."""
    return line(ipaddress.ip_address(address).reverse_pointer, "PTR", f"{host}.", None, ttl_seconds)


def _strings(value: str) -> str:
    """Text in strings of at most 255 bytes, with what would end one early written as its number."""
    raw = value.encode()
    parts = [raw[start : start + MOST_IN_A_STRING] for start in range(0, len(raw), MOST_IN_A_STRING)] or [b""]
    return " ".join(f'"{_ODD.sub(_number, part).decode("ascii")}"' for part in parts)


def _number(found: re.Match[bytes]) -> bytes:
    return b"\\%03d" % found[0][0]

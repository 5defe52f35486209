"""The path in MAIL FROM and RCPT TO (RFC 5321 4.1.2).

Stricter than aiosmtpd's `_getaddr`, which makes `ab@d` of `<"a"b@d>`, takes comments and forgives a missing bracket:
what an address is must not depend on who reads it.
"""

import re
from functools import lru_cache

from mailserver.mail import address
from mailserver.mail.address import Address

_PLAIN = re.compile(r" ?<([^<>\"\\\s]*)>(?: +(.*))?", re.DOTALL)
_QUOTED = re.compile(r' ?<((?:@[^<>"\\\s:]+:)?"(?:[^"\\]|\\.)*"@[^<>"\\\s]+)>(?: +(.*))?', re.DOTALL)


class PathError(ValueError):
    """The argument is not a path that we can read."""


def split(argument: str, keyword: str) -> tuple[str, str]:
    """Take `FROM:<path> parameters` apart into the path without brackets and route, and the parameters."""
    if argument[: len(keyword)].upper() != keyword:
        raise PathError(argument)
    found = _PLAIN.fullmatch(argument, len(keyword)) or _QUOTED.fullmatch(argument, len(keyword))
    if not found:
        raise PathError(argument)
    path = found[1]
    if path.startswith("@"):  # RFC 5321 appendix C: a source route is accepted and ignored
        route, colon, path = path.partition(":")
        if not colon or not path or any(not hop.startswith("@") for hop in route.split(",")):
            raise PathError(argument)
    return path, found[2] or ""


@lru_cache(maxsize=4_096)
def mailbox(path: str) -> Address:
    """Read a mailbox; PathError where it is none, or one that other readers could read differently."""
    try:
        found = address.parse(path)
    except address.AddressError as error:
        raise PathError(path) from error
    if not found.local:  # ""@example.org: valid by the letter, read as anything
        raise PathError(path)
    return found

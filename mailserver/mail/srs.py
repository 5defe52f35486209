"""Sender rewriting: an envelope sender of our own for what is forwarded, by which bounces find the way back.

The scheme is the one that postsrsd and others have: `SRS0=hash=day=domain=local` names the sender, and for a sender
that somebody else has rewritten, `SRS1=hash=host==…` names whoever did it first. The hash makes an address nobody
else's to invent; the day lets it run out. Letters may lose their case on the way.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from mailserver.mail import address
from mailserver.mail.address import Address, AddressError

VALID_DAYS = 21
DAY_SECONDS = 86_400
MAX_NUMBER = (1 << 63) - 1
_HASH_LETTERS = 8  # 40 bits: what is forged may only reach one address, and is found out by its rate
_DAY_LETTERS = 2
_DAYS = 1 << 10
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NUMBER = re.compile(r"[0-9a-f]{1,16}")
_FIRST = "srs0"
_AGAIN = "srs1"
_SEPARATORS = ("=", "+", "-")


class SrsError(ValueError):
    """The address is none that we made, or is not valid any more; the text says which."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A sender that did not fit into an address and is kept under a number."""

    number: int


def looks_rewritten(sender: Address) -> bool:
    """Whether an address has the form, whoever made it."""
    local = sender.local.lower()
    return local[:4] in (_FIRST, _AGAIN) and local[4:5] in _SEPARATORS


def rewrite(secret: bytes, sender: Address, domain: str, at: int) -> Address | None:
    """The sender as an address of `domain`; None where it does not fit, so that it has to be stored.

    `at` is in unix seconds.
    """
    day = _day(at)
    if looks_rewritten(sender):
        return _again(secret, sender, domain, day)
    if sender.domain.startswith("["):
        return None
    rest = f"{sender.domain}={sender.local}"
    return _fitting(f"SRS0={_hash(secret, _FIRST, day, rest, domain)}={day}={rest}", domain)


def stored(secret: bytes, number: int, domain: str, at: int) -> Address:
    """An address of `domain` for a sender that is kept under a number."""
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError("The number does not fit into 63 bits.")
    day = _day(at)
    rest = f"={number:x}"
    return Address(f"SRS0={_hash(secret, _FIRST, day, rest, domain)}={day}={rest}", domain)


def read(secret: bytes, rewritten: Address, at: int) -> Address | Stored:
    """Who stands behind an address of ours; SrsError where it is not ours or has run out."""
    kind = rewritten.local[:4].lower()
    pieces = rewritten.local[5:].split("=", 2)
    if kind == _AGAIN and rewritten.local[4:5] == "=":
        pieces = rewritten.local[5:].split("=", 1)
        if len(pieces) == 2 and len(pieces[0]) == _HASH_LETTERS + _DAY_LETTERS:
            pieces = [pieces[0][:_HASH_LETTERS], pieces[0][_HASH_LETTERS:], pieces[1]]
    if kind not in (_FIRST, _AGAIN) or rewritten.local[4:5] != "=" or len(pieces) != 3:
        raise SrsError("The address was not rewritten here.")
    given, day, rest = pieces[0].lower(), pieces[1].lower(), pieces[2]
    expected = _hash(secret, kind, day, rest, rewritten.domain)
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise SrsError("The address was not rewritten here.")
    if not _is_valid(day, at):
        raise SrsError("The address is older than 21 days.")
    return _first_hop(rest) if kind == _AGAIN else _original(rest)


def _again(secret: bytes, sender: Address, domain: str, day: str) -> Address | None:
    """The day stands behind our hash, where nobody else looks: the form leaves no room for it."""
    if sender.local[:4].lower() == _FIRST:
        rest = f"{sender.domain}={sender.local[4:]}"
    else:
        _, found, rest = sender.local[5:].partition("=")
        if not found or not rest:
            return None
    if rest.startswith("["):
        return None
    return _fitting(f"SRS1={_hash(secret, _AGAIN, day, rest, domain)}{day}={rest}", domain)


def _original(rest: str) -> Address | Stored:
    domain, found, local = rest.partition("=")
    if not domain and _NUMBER.fullmatch(local.lower()):
        return Stored(int(local, 16))
    if not found or not local:
        raise SrsError("The address was not rewritten here.")
    return _address(local, domain)


def _first_hop(rest: str) -> Address:
    domain, found, local = rest.partition("=")
    if not found or local[:1] not in _SEPARATORS:
        raise SrsError("The address was not rewritten here.")
    return _address(f"SRS0{local}", domain)


def _address(local: str, domain: str) -> Address:
    try:
        return Address(local, address.parse_domain(domain))
    except AddressError as error:
        raise SrsError("The address was not rewritten here.") from error


def _fitting(local: str, domain: str) -> Address | None:
    written = address.quote_local(local)
    if len(written.encode("utf-8", "replace")) > address.MAX_LOCAL or len(written) + 1 + len(domain) > address.MAX_PATH:
        return None
    return Address(local, domain)


def _hash(secret: bytes, kind: str, day: str, rest: str, domain: str) -> str:
    content = f"{kind}={day}={rest.lower()}@{domain.lower()}".encode("utf-8", "replace")
    octets = hmac.new(secret, content, hashlib.sha256).digest()
    return base64.b32encode(octets).decode("ascii").lower()[:_HASH_LETTERS]


def _day(at: int) -> str:
    number = at // DAY_SECONDS % _DAYS
    return _ALPHABET[number >> 5] + _ALPHABET[number & 31]


def _is_valid(day: str, at: int) -> bool:
    if len(day) != _DAY_LETTERS or any(letter not in _ALPHABET for letter in day):
        return False
    number = _ALPHABET.index(day[0]) << 5 | _ALPHABET.index(day[1])
    age = (at // DAY_SECONDS - number) % _DAYS
    return age <= VALID_DAYS or age == _DAYS - 1  # another node's clock may be ahead of ours

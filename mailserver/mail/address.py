"""Mailbox addresses: parse, IDNA, compare (RFC 5321 4.1.2, RFC 6531 3.3)."""

import re
import unicodedata
from dataclasses import dataclass

import idna

MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1
MAX_DOMAIN = 255  # RFC 5321 4.5.3.1.2
MAX_PATH = 254  # RFC 5321 4.5.3.1.3, less the angle brackets
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_ATOM = re.compile(r"[^\s()<>\[\]:;@\\,.\"\x00-\x20\x7f]+(?:\.[^\s()<>\[\]:;@\\,.\"\x00-\x20\x7f]+)*")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"')
_QUOTED_PAIR = re.compile(r"\\(.)")
_LENIENT_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_LENIENT = re.compile(rf"{_LENIENT_LABEL}(?:\.{_LENIENT_LABEL})*")
_LITERAL = re.compile(r"\[(?:IPv6:[0-9A-Fa-f:.]{2,45}|\d{1,3}(?:\.\d{1,3}){3})\]", re.IGNORECASE)


class AddressError(ValueError):
    """The text is not a mailbox address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox address. `local` is unquoted, as written; `domain` is lower-case A-labels, or a literal in brackets."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{quote_local(self.local)}@{self.domain}"

    @property
    def normal(self) -> str:
        """The form that comparisons use: our inboxes do not tell `Bob` from `bob`."""
        return f"{quote_local(unicodedata.normalize('NFC', self.local).lower())}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether it can travel without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii() and self.domain.isascii()

    def without_tag(self, separator: str = "+") -> "Address":
        """The address before its plus-tag; itself where there is none."""
        base, found, _ = self.local.partition(separator)
        return Address(base, self.domain) if found and base else self


@dataclass(frozen=True, slots=True)
class Person:
    """A name and an address as they stand in a header field."""

    address: str
    name: str | None = None

    @property
    def text(self) -> str:
        """`Name <address>`, or the address alone."""
        return f"{self.name} <{self.address}>" if self.name else self.address


def parse(text: str) -> Address:
    """Read an address as it stands in an SMTP path or an API field, without angle brackets; AddressError otherwise."""
    if len(text) > MAX_PATH:
        raise AddressError("The address is longer than 254 characters.")
    if _PLAIN.fullmatch(text):
        local, _, domain = text.rpartition("@")
        if len(local) > MAX_LOCAL or any(len(label) > 63 for label in domain.split(".")):
            raise AddressError("A part of the address is too long.")
        if "xn--" not in domain.lower():
            return Address(local, domain.lower())
        return Address(local, parse_domain(domain))
    local, found, domain = text.rpartition("@")
    if not found or not local or not domain:
        raise AddressError("An address has the form name@domain.")
    return Address(_local(local), parse_domain(domain))


def quote_local(local: str) -> str:
    """Write a local part, in quotes where it needs them (RFC 5321 4.1.2)."""
    if _ATOM.fullmatch(local):
        return local
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_domain(text: str) -> str:
    """Read a domain or address literal; the result is lower-case A-labels."""
    if text.startswith("["):
        if not _LITERAL.fullmatch(text):
            raise AddressError("The address literal cannot be read.")
        return text.lower().replace("ipv6:", "IPv6:")
    if any(dot in text for dot in "\u3002\uff0e\uff61"):  # other alphabets' dots never stand for ours
        raise AddressError("The domain has a character that only looks like a dot.")
    try:
        domain = idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        domain = _lenient_domain(text)
    if len(domain) > MAX_DOMAIN:
        raise AddressError("The domain is longer than 255 characters.")
    return domain


def _lenient_domain(text: str) -> str:
    """Take names that DNS has but IDNA 2008 has not, such as those with an underscore."""
    if not _LENIENT.fullmatch(text):
        raise AddressError("The domain cannot be read.")
    return text.lower()


def _local(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
        raise AddressError("The part before the @ is longer than 64 octets.")
    if _ATOM.fullmatch(text) and text.isprintable():
        return text
    if _QUOTED.fullmatch(text) and text.isprintable():
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    raise AddressError("The part before the @ cannot be read.")

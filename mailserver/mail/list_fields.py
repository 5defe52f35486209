"""What a distribution list writes above its mail, and by which it knows it again (RFC 2919, RFC 2369 3.4)."""

import re
import urllib.parse

from mailserver.mail import encoding
from mailserver.mail.address import Address
from mailserver.mail.headers import Headers

_LABEL = re.compile(r"[^a-z0-9]+")


def identifier(address: Address) -> str:
    """The list's identifier: a label made of the local part, and the domain (RFC 2919 2)."""
    label = _LABEL.sub("-", address.local.lower()).strip("-") or "list"
    return f"{label}.{address.domain}"


def write(name: str, address: Address) -> bytes:
    """List-Id and List-Post."""
    post = urllib.parse.quote(str(address), safe="@!$&'()*+,;:/.-_~")
    fields = encoding.structured("List-Post", [f"<mailto:{post}>"])
    return encoding.phrase("List-Id", name, identifier(address)) + fields


def identifiers(head: Headers) -> set[str]:
    """The lists that a message says it came by."""
    found = set()
    for value in head.all(b"list-id"):
        text = value.decode("utf-8", "replace").rpartition("<")[2]
        found.add(text.partition(">")[0].strip().lower())
    return found

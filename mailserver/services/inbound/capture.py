"""One inbox of ours gets all mail that would leave: nothing does, and an application can be tried with any address."""

import re
from dataclasses import dataclass

from mailserver.mail import address as addresses
from mailserver.mail.address import Address
from mailserver.storage import inboxes
from mailserver.storage.database import Snapshot
from mailserver.storage.inboxes import Destination

_CODE = re.compile(r"[45][0-9]{2}")
_BUSY = (Destination(0, 0, is_active=False),)


@dataclass(frozen=True, slots=True)
class Capture:
    """Stands in for every server elsewhere. A tag of the form of a reply's code is answered like that code."""

    address: Address
    separator: str

    def destinations(self, snapshot: Snapshot, recipient: Address) -> tuple[Destination, ...]:
        """Who gets mail for an address elsewhere: nobody where it is refused for good, who is busy where for now."""
        _, mark, tag = recipient.local.rpartition(self.separator) if self.separator else ("", "", "")
        if mark and _CODE.fullmatch(tag):
            return () if tag.startswith("5") else _BUSY
        return tuple(inboxes.exact(snapshot, self.address.normal)) or _BUSY


def standing_in(text: str, separator: str) -> Capture | None:
    """The inbox of an address; None where none is named, and mail leaves."""
    return Capture(addresses.parse(text), separator) if text else None

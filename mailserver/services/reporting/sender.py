"""Who our reports come from: an address on a domain of ours, so that they are signed and aligned."""

from dataclasses import dataclass

from mailserver.entities.inbox import Inbox
from mailserver.mail import address
from mailserver.mail.address import AddressError
from mailserver.storage import inboxes, tenants
from mailserver.storage.database import Database, Snapshot

POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True)
class Author:
    """The address in From, and the inbox that answers and bounces come to."""

    address: str
    inbox: Inbox

    @property
    def domain(self) -> str:
        """The domain that signs."""
        return self.address.rpartition("@")[2]


class Sender:
    """Finds the author. Without a setting it is postmaster of the first domain."""

    def __init__(self, database: Database, setting: str = "") -> None:
        self._database = database
        self._setting = setting

    async def author(self) -> Author | None:
        """Who it is now; None as long as the address is not on a domain of ours that has an inbox."""
        return await self._database.read(self._find)

    def _find(self, snapshot: Snapshot) -> Author | None:
        text = self._setting
        if not text:
            first = next(iter(tenants.served_domains(snapshot)), None)
            text = f"{POSTMASTER}@{first.name}" if first is not None else ""
        try:
            chosen = address.parse(text)
        except AddressError:
            return None
        if not chosen.is_ascii or tenants.served(snapshot, chosen.domain) is None:
            return None
        places = inboxes.exact(snapshot, chosen.normal) or inboxes.postmaster(snapshot, chosen.domain)
        inbox = inboxes.get(snapshot, places[0].inbox_id) if places else None
        return Author(str(chosen), inbox) if inbox is not None else None

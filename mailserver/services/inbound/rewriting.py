"""Envelope senders of what is forwarded: rewritten, kept where they are too long, and found again."""

import time

from mailserver.entities.identifiers import IdSource
from mailserver.mail import address as addresses
from mailserver.mail import srs
from mailserver.mail.address import Address
from mailserver.mail.srs import SrsError, Stored
from mailserver.storage import forwarding
from mailserver.storage.database import Database, Snapshot

DAY_MS = 86_400_000


class Rewriting:
    """Writes and reads the addresses of SRS. One for the process."""

    def __init__(self, database: Database, ids: IdSource, secret: bytes) -> None:
        self._database = database
        self._ids = ids
        self._secret = secret

    async def rewrite(self, sender: Address | None, domain: str) -> Address | None:
        """The sender as one of a domain of ours; the null sender stays what it is (RFC 5321 4.5.5)."""
        if sender is None:
            return None
        now = int(time.time())
        sender = await self._database.read(self.original, sender) or sender  # we have rewritten it a hop ago
        made = srs.rewrite(self._secret, sender, domain, now)
        if made is None:
            number = self._ids.next()
            number = await self._database.write(forwarding.keep_sender, number, str(sender), now * 1000)
            made = srs.stored(self._secret, number, domain, now)
        return made

    def original(self, snapshot: Snapshot, rewritten: Address) -> Address | None:
        """Who stands behind an address of ours; None where there is nobody, or not any more."""
        if not srs.looks_rewritten(rewritten):
            return None
        try:
            found = srs.read(self._secret, rewritten, int(time.time()))
        except SrsError:
            return None
        if not isinstance(found, Stored):
            return found
        kept = forwarding.sender(snapshot, found.number)
        return None if kept is None else addresses.parse(kept)

    async def forget(self) -> int:
        """Forget kept senders whose addresses have run out; how many there were."""
        before = int(time.time() * 1000) - (srs.VALID_DAYS + 2) * DAY_MS
        return await self._database.write(forwarding.forget_senders, before)

"""Greylisting: strangers come back later, which most senders of junk never do (RFC 6647)."""

import ipaddress
from collections.abc import Callable

from mailserver.mail import peer_signs
from mailserver.mail.envelope import Envelope
from mailserver.storage import greylist
from mailserver.storage.database import Database
from mailserver.storage.greylist import Periods

WAIT_SECONDS = 300.0
RETRY_SECONDS = 2 * 86_400.0
LIFETIME_SECONDS = 36 * 86_400.0
MOST_RECIPIENTS = 100  # whose triplets are looked at


class Greylist:
    """Remembers who came by. The rows are shared by all nodes."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        wait_seconds: float = WAIT_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        lifetime_seconds: float = LIFETIME_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._periods = Periods(*(int(seconds * 1000) for seconds in (wait_seconds, retry_seconds, lifetime_seconds)))

    async def wait_seconds(self, envelope: Envelope) -> int:
        """How long the sender still has to stay away; 0 where the message may come in."""
        triplets = _triplets(envelope)
        now = self._clock()
        waiting = await self._database.read(greylist.waits, triplets, now, self._periods)
        if waiting is None:
            waiting = await self._database.write(greylist.meet, triplets, now, self._periods)
        return -(-waiting // 1000)

    async def sweep(self) -> int:
        """Forget what is too old to count; how many rows went."""
        total = 0
        while gone := await self._database.write(greylist.expire, self._clock(), self._periods):
            total += gone
        return total


def network(address: str) -> str:
    """What stands for a peer: servers that share their queue share a /24 or a /64."""
    parsed = peer_signs.parse(address)
    if parsed is None:
        return address
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))


def _triplets(envelope: Envelope) -> list[int]:
    place = network(envelope.peer.address)
    sender = envelope.sender.normal if envelope.sender else ""
    recipients = sorted({recipient.address.normal for recipient in envelope.recipients})
    return [greylist.triplet(place, sender, recipient) for recipient in recipients[:MOST_RECIPIENTS]]

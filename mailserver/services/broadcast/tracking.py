"""Opens and clicks: counted in memory, written down together every second.

Whoever is asked for a picture or a link answers at once; a crash loses the counts of the last second.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import structlog

from mailserver.entities import errors
from mailserver.entities.broadcast import Broadcast
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource
from mailserver.services.broadcast.addresses import Addresses
from mailserver.storage import broadcast_links, broadcast_recipients, broadcasts
from mailserver.storage.database import Database, Transaction

TOPIC = "tracking"
EVERY_SECONDS = 1.0
MOST_READERS = 50_000  # of a second whose first opening is told; those above are counted
WRITTEN_AT_ONCE = 500
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that it is time to stop."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class Tracking:
    """Counts. Run it as a task."""

    def __init__(self, database: Database, ids: IdSource, web: Addresses, bell: Bell, clock: Callable[[], int]) -> None:
        self._database = database
        self._ids = ids
        self._web = web
        self._bell = bell
        self._clock = clock
        self._opened: Counter[int] = Counter()  # by broadcast
        self._clicked: Counter[tuple[int, str]] = Counter()  # by broadcast and link
        self._readers: dict[int, int] = {}  # recipient to broadcast
        self._is_stopped = False

    def open(self, broadcast: str, token: str) -> None:
        """Count a picture that was asked for, where the token is its own."""
        try:
            broadcast_id, number = self._web.opened(broadcast, token)
        except errors.NotFound:
            return
        self._opened[broadcast_id] += 1
        if len(self._readers) < MOST_READERS:
            self._readers[number] = broadcast_id

    async def follow(self, link_id: str) -> str:
        """Count a link that was followed; where it leads. NotFound where there is none."""
        try:
            is_written_so = str(UUID(link_id)) == link_id
        except ValueError:
            is_written_so = False
        found = await self._database.read(broadcast_links.get, link_id) if is_written_so else None
        if found is None:
            raise errors.NotFound("There is no such link.")
        broadcast_id, url = found
        self._clicked[broadcast_id, link_id] += 1
        return url

    async def run(self) -> None:
        """Write every second, and a last time when told to stop."""
        while not self._is_stopped:
            await self._bell.wait(TOPIC, EVERY_SECONDS)
            await self._try()
        await self._try()

    def stop(self) -> None:
        """Write what there is, and end."""
        self._is_stopped = True
        self._bell.ring(TOPIC)

    async def flush(self) -> None:
        """Write what was counted; what cannot be written is counted still."""
        opened, clicked, readers = self._opened, self._clicked, self._readers
        if not (opened or clicked):
            return
        self._opened, self._clicked, self._readers = Counter(), Counter(), {}
        try:
            await self._database.write(self._write, opened, clicked)
        except errors.Temporary:
            self._opened += opened
            self._clicked += clicked
            self._readers = readers | self._readers
            raise
        found = list(readers.items())
        for start in range(0, len(found), WRITTEN_AT_ONCE):
            await self._database.write(self._tell_openings, found[start : start + WRITTEN_AT_ONCE])

    async def _try(self) -> None:
        try:
            await self.flush()
        except errors.Temporary as error:
            log.warning("broadcast.counts.unwritten", error=error.message)

    def _write(self, tx: Transaction, opened: Counter[int], clicked: Counter[tuple[int, str]]) -> None:
        clicks: Counter[int] = Counter()
        for (broadcast_id, link_id), number in clicked.items():
            clicks[broadcast_id] += number
            first = broadcast_links.click(tx, link_id, number)
            broadcast = broadcasts.get(tx, broadcast_id) if first is not None else None
            if first is not None and broadcast is not None:
                body = {"broadcast_id": broadcast_id, "link_id": link_id, "url": first[1]}
                tx.publish(self._event(EventType.MESSAGE_CLICKED, broadcast, body))
        broadcast_links.count(tx, opened, clicks, self._clock())

    def _tell_openings(self, tx: Transaction, readers: list[tuple[int, int]]) -> None:
        """The first opening of a recipient is an event; the others, and those of mail programs, are counts."""
        known: dict[int, Broadcast | None] = {}
        for number, broadcast_id in readers:
            if broadcast_id not in known:
                known[broadcast_id] = broadcasts.get(tx, broadcast_id)
            broadcast, recipient = known[broadcast_id], broadcast_recipients.get(tx, number)
            if broadcast is None or recipient is None:
                continue
            if broadcast_recipients.open_first(tx, number, self._clock()):
                body = {
                    "broadcast_id": broadcast_id, "delivery_id": number, "contact_id": recipient.contact_id,
                    "recipient": recipient.address, "message_id": broadcast.message_id,
                }  # fmt: skip
                tx.publish(self._event(EventType.MESSAGE_OPENED, broadcast, body))

    def _event(self, kind: EventType, broadcast: Broadcast, body: dict[str, object]) -> Event:
        return Event(self._ids.next(), broadcast.tenant_id, broadcast.inbox_id, kind, self._clock(), body)

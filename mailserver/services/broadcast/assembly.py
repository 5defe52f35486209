"""Build the room."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities.identifiers import IdSource
from mailserver.services.broadcast.addresses import Addresses
from mailserver.services.broadcast.audience import Audience, SendLists
from mailserver.services.broadcast.broadcasts import Broadcasts
from mailserver.services.broadcast.feeder import Feeder
from mailserver.services.broadcast.tally import Tally
from mailserver.services.broadcast.tracking import Tracking
from mailserver.services.broadcast.unsubscribing import Unsubscribing
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.outbound.senders import Room
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles


class Bell(Protocol):
    """Tells that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(frozen=True, slots=True)
class Broadcasting:
    """What the room does: the verbs, the public addresses, and its two engines."""

    broadcasts: Broadcasts
    tracking: Tracking
    unsubscribing: Unsubscribing
    feeder: Feeder


def build(
    database: Database, message_files: MessageFiles, ids: IdSource, executor: Executor, ingest: Ingest,
    enqueue: Enqueue, allowance: Allowance, lists: SendLists, room: Room, tally: Tally, bell: Bell,
    clock: Callable[[], int], secret: bytes, public_url: str,
) -> Broadcasting:  # fmt: skip
    """Every part, each with what it needs."""
    web = Addresses(secret, public_url)
    return Broadcasting(
        Broadcasts(database, ingest, ids, executor, room, web),
        Tracking(database, ids, web, bell, clock),
        Unsubscribing(database, ids, web, clock),
        Feeder(
            database, message_files, executor, ids, Audience(database, lists), enqueue, allowance, room, web, tally,
            bell, clock,
        ),
    )  # fmt: skip

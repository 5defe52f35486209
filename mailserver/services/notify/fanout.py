"""Hand every event to whoever wants it, once: in the transaction that takes it from the feed."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.event import Event
from mailserver.storage import feed
from mailserver.storage.database import Database, Snapshot, Transaction

TOPIC = "events"
BATCH = 50  # a tenant may have a hundred webhooks: so many rows at once keep nobody from the store for long
log = structlog.get_logger()


class Subscriber(Protocol):
    """Somebody who does something about events. Both run in the writer's thread, in the follower's transaction."""

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether it wants this event. Called for each one, so it answers from memory.

        Memory may be filled through `snapshot`, into an object taken hold of when the call began; a ring that says
        that something changed puts another object in its place. So nothing that was committed is overlooked.
        """
        ...

    def take(self, tx: Transaction, event: Event) -> None:
        """Do it: rows only, no waiting. Called exactly once an event, in the order of commits.

        What it raises undoes what it did about this event, is logged, and stops nobody else.
        """
        ...


class Fanout:
    """The feed's reader. Several nodes may call `step`: who comes second finds the rows gone, and does nothing."""

    def __init__(self, database: Database, subscribers: Sequence[Subscriber]) -> None:
        self._database = database
        self._subscribers = tuple(subscribers)

    async def step(self) -> int:
        """Hand out some events; how many rows of the feed that were, 0 where nothing waits."""
        first, last, found = await self._database.read(feed.waiting, BATCH)
        if not last:
            return 0
        await self._database.write(self._hand_out, first, last, found)
        return last - first + 1

    def _hand_out(self, tx: Transaction, first: int, last: int, found: Sequence[Event]) -> None:
        if not feed.done(tx, first, last):
            return
        for event in found:
            for subscriber in self._subscribers:
                if subscriber.matches(tx, event):
                    _give(tx, subscriber, event)


def _give(tx: Transaction, subscriber: Subscriber, event: Event) -> None:
    try:
        with tx.part():
            subscriber.take(tx, event)
    except errors.Temporary:
        raise
    except Exception:  # the root of a subscriber: one that cannot cope must not stop the feed
        log.exception("events.subscriber.failed", event_id=event.id, type=event.type.value)

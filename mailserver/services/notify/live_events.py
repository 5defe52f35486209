"""Events for those who listen just now: from the one feed, through a short table, to listeners of this process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.event import Event
from mailserver.services.notify import agent_events
from mailserver.services.notify.agent_events import Wanted
from mailserver.storage import live_events
from mailserver.storage.database import Database, Snapshot, Transaction

TOPIC = "live"
POLL_SECONDS = 0.5  # within which events that another node handed out are found
IDLE_SECONDS = 60.0  # where nobody listens
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
KEPT_MS = 600_000
BATCH = 200
MOST_WAITING = 200  # of one listener; who is further behind is let go
TRIMMED_AT_ONCE = 1_000
log = structlog.get_logger()


class Doorbell(Protocol):
    """A hint that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to hear of: nothing named means all."""

    event_types: tuple[str, ...] = ()
    inbox_ids: tuple[int, ...] = ()
    pod_ids: tuple[int, ...] = ()


class Listener:
    """Somebody who listens. `inbox_id` and `pod_id` are those of a caller who is bound to one."""

    def __init__(self, tenant_id: int, inbox_id: int | None, pod_id: int | None = None) -> None:
        self.tenant_id = tenant_id
        self.wish: Wish | None = None
        self.is_late = asyncio.Event()  # too much waits
        self._inbox_id = inbox_id
        self._pod_id = pod_id
        self._position = 0
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)

    async def next(self) -> dict[str, Any]:
        """The next event, as it is told under its name."""
        return await self._waiting.get()

    def begin(self, position: int) -> None:
        """Hear of what stands behind a position only."""
        self._position = position

    def offer(self, position: int, event: Event, name: str, pod_id: int | None) -> None:
        """Take an event that is wanted and new."""
        if self.wish is None or position <= self._position or self.is_late.is_set():
            return
        self._position = position
        wish = self.wish
        wanted = Wanted(wish.event_types, wish.inbox_ids, wish.pod_ids, self._inbox_id, self._pod_id)
        if not agent_events.wants(wanted, name, event, pod_id):
            return
        try:
            self._waiting.put_nowait(agent_events.told(event, name))
        except asyncio.QueueFull:
            self.is_late.set()


class LiveEvents:
    """A subscriber of the feed, and the reader of what it wrote, which is one a process."""

    def __init__(self, database: Database, doorbell: Doorbell, clock: Callable[[], int]) -> None:
        self._database = database
        self._doorbell = doorbell
        self._clock = clock
        self._listeners: set[Listener] = set()
        self._position = 0
        self._is_stopping = False

    # -- the feed's side -----------------------------------------------------------------------------------------

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether anybody could listen for it."""
        del snapshot
        return event.type in agent_events.NAMES

    def take(self, tx: Transaction, event: Event) -> None:
        """Write it down for every node."""
        live_events.add(tx, event, self._clock())
        tx.ring(TOPIC)

    async def sweep(self) -> int:
        """Delete what everybody has read long ago; how many."""
        before, total = self._clock() - KEPT_MS, 0
        while gone := await self._database.write(live_events.trim, before, TRIMMED_AT_ONCE):
            total += gone
        return total

    # -- the listeners' side -------------------------------------------------------------------------------------

    def count(self, tenant_id: int) -> int:
        """How many listen for a tenant, in this process."""
        return sum(one.tenant_id == tenant_id for one in self._listeners)

    async def join(self, listener: Listener) -> None:
        """Let somebody hear of everything that is committed from now on."""
        position = await self._database.read(live_events.last)
        listener.begin(position)
        if not self._listeners:
            self._position = position
        self._listeners.add(listener)
        self._doorbell.ring(TOPIC)

    def leave(self, listener: Listener) -> None:
        """Forget somebody."""
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Hand out events until told to stop."""
        while not self._is_stopping:
            try:
                is_more = bool(self._listeners) and await self._hand_out()
            except errors.Temporary as error:
                log.error("events.live.failed", error=error.message)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            if not is_more:
                await self._doorbell.wait(TOPIC, POLL_SECONDS if self._listeners else IDLE_SECONDS)

    def stop(self) -> None:
        """Hand out no more."""
        self._is_stopping = True
        self._doorbell.ring(TOPIC)

    async def _hand_out(self) -> bool:
        """Hand out what is new; whether there may be more."""
        tenants = frozenset(one.tenant_id for one in self._listeners)
        begun = self._position
        found = await self._database.read(_new, begun, tenants)
        for position, event, name, pod_id in found:
            if event is not None and name is not None:
                for listener in tuple(self._listeners):
                    if listener.tenant_id == event.tenant_id:
                        listener.offer(position, event, name, pod_id)
        if found:
            self._position = max(self._position, found[-1][0])
        return len(found) == BATCH


def _new(
    snapshot: Snapshot, position: int, tenants: frozenset[int]
) -> list[tuple[int, Event | None, str | None, int | None]]:
    """(position, event, its name here, its pod) of what is new; no name for what nobody here listens for."""
    found: list[tuple[int, Event | None, str | None, int | None]] = []
    for at, event in live_events.behind(snapshot, position, BATCH):
        if event is not None and event.tenant_id in tenants:
            found.append((at, event, agent_events.name(snapshot, event), agent_events.pod_of(snapshot, event)))
        else:
            found.append((at, None, None, None))
    return found

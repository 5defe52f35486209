"""Events for those who listen just now: from the one feed, through a short table, to listeners of this process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.event import Event
from mailserver.entities.identifiers import Kind
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
MOST_WAITING = 200  # in memory, of one listener; who is further behind reads on from the table
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
        self.is_late = asyncio.Event()  # what it should hear of next has gone
        self.is_behind = False  # what comes is not put into its queue: it reads on by itself
        self._inbox_id = inbox_id
        self._pod_id = pod_id
        self.position = 0
        self._waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(MOST_WAITING)

    @property
    def must_read(self) -> bool:
        """Whether nothing waits, and nothing will come that it does not read."""
        return self.is_behind and self._waiting.empty()

    async def next(self) -> dict[str, Any] | None:
        """The next event, as it is told under its name; None where one has to look again."""
        return await self._waiting.get()

    def begin(self, position: int, *, is_behind: bool) -> None:
        """Hear of what stands behind a position only."""
        self.position, self.is_behind = position, is_behind
        self._waiting.put_nowait(None)

    def offer(self, position: int, event: Event, name: str, pod_id: int | None) -> None:
        """Take an event that is wanted and new."""
        if position > self.position and not self.is_behind:
            self.hear(position, event, name, pod_id)

    def has_heard(self, position: int) -> None:
        """Know that nothing more comes from before a position, whomever it was for."""
        if not self.is_behind:
            self.position = max(self.position, position)

    def hear(self, position: int, event: Event, name: str, pod_id: int | None) -> None:
        """Put what is wanted into the queue; where that is full, this and all that follows is read later."""
        wish = self.wish
        if wish is None:
            return
        wanted = Wanted(wish.event_types, wish.inbox_ids, wish.pod_ids, self._inbox_id, self._pod_id)
        if agent_events.wants(wanted, name, event, pod_id):
            try:
                self._waiting.put_nowait(agent_events.told(event, name))
            except asyncio.QueueFull:
                self.is_behind = True
                return
        self.position = position


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

    async def join(self, listener: Listener, after: str | None = None) -> None:
        """Let somebody hear of everything that is committed from now on, or that was behind an event.

        NotFound where that event was none of the tenant's, or is so long ago that what came behind it may have gone.
        """
        known = await self._database.read(_place, listener.tenant_id, after) if after is not None else None
        position = await self._database.read(live_events.last)
        listener.begin(position if known is None else known, is_behind=known is not None)
        if not self._listeners:
            self._position = position
        self._listeners.add(listener)
        self._doorbell.ring(TOPIC)

    async def next(self, listener: Listener) -> dict[str, Any] | None:
        """What somebody hears of next; None where that has gone, because he was behind for too long."""
        while True:
            if listener.must_read:
                if not await self._catch_up(listener):
                    listener.is_late.set()
                    return None
            elif (told := await listener.next()) is not None:
                return told

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

    async def _catch_up(self, listener: Listener) -> bool:
        """Read on for somebody who is behind everybody else; False where the next event has gone."""
        first, found = await self._database.read(_behind, listener.position, listener.tenant_id)
        if listener.position < self._position and (first is None or first > listener.position + 1):
            return False
        for position, event, name, pod_id in found:
            listener.position = position
            if event is not None and name is not None:
                listener.hear(position, event, name, pod_id)
        listener.is_behind = listener.position < self._position
        return True

    async def _hand_out(self) -> bool:
        """Hand out what is new; whether there may be more."""
        tenants = frozenset(one.tenant_id for one in self._listeners)
        begun = self._position
        found = await self._database.read(_new, begun, tenants)
        for listener in self._listeners:
            listener.has_heard(begun)
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


def _behind(
    snapshot: Snapshot, position: int, tenant_id: int
) -> tuple[int | None, list[tuple[int, Event | None, str | None, int | None]]]:
    """Where the first of all stands, and what is behind a position."""
    return live_events.first(snapshot), _new(snapshot, position, frozenset({tenant_id}))


def _place(snapshot: Snapshot, tenant_id: int, after: str) -> int:
    """Where an event stands."""
    try:
        position = live_events.position_of(snapshot, tenant_id, identifiers.decode(Kind.EVENT, after))
    except identifiers.BadIdentifier:
        position = None
    if position is None:
        raise errors.NotFound("The event last_event_id is not known any more; read lists for what came behind it.")
    return position

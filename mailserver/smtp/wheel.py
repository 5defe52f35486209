"""One coarse timer for all connections of a listener, in place of a timer handle for each command."""

import asyncio
from collections import defaultdict
from typing import Protocol


class Watched(Protocol):
    """Something that may wait too long."""

    def due_at(self, now: float) -> float:
        """Return when to look at it again; a time not after `now` means that it has waited too long."""
        ...

    def expire(self, now: float) -> bool:
        """Do what its waiting too long asks for; True where it is to be watched on."""
        ...


class Wheel:
    """Looks at each thing no more often than its own due time asks, and at most a tick late.

    The due time is asked for when the thing comes up, not when it moves, so that activity costs nothing here. A due
    time that comes nearer is seen within the horizon.
    """

    def __init__(self, tick_seconds: float, horizon_seconds: float = 30.0) -> None:
        self._tick_seconds = tick_seconds
        self._horizon_seconds = horizon_seconds
        self._slots: defaultdict[int, set[Watched]] = defaultdict(set)
        self._slot_of: dict[Watched, int] = {}
        self._turned_to = 0
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, watched: Watched) -> None:
        """Begin to watch."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._handle is None:
            self._turned_to = self._slot(now)
            self._handle = loop.call_later(self._tick_seconds, self._turn)
        self._put(watched, watched.due_at(now), now)

    def forget(self, watched: Watched) -> None:
        """Watch no more."""
        slot = self._slot_of.pop(watched, None)
        if slot is not None:
            self._slots[slot].discard(watched)
            if not self._slots[slot]:
                del self._slots[slot]

    def close(self) -> None:
        """Stop the timer and forget all."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._slots.clear()
        self._slot_of.clear()

    def _slot(self, at: float) -> int:
        return int(at / self._tick_seconds)

    def _put(self, watched: Watched, due_at: float, now: float) -> None:
        slot = max(self._slot(min(due_at, now + self._horizon_seconds)) + 1, self._turned_to + 1)
        self._slot_of[watched] = slot
        self._slots[slot].add(watched)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        turned_to = self._slot(now)
        self._turned_to = turned_to
        due = [watched for slot in [slot for slot in self._slots if slot <= turned_to] for watched in self._slots[slot]]
        for watched in due:
            if watched not in self._slot_of:  # forgotten by what another one did when it expired
                continue
            self.forget(watched)
            if watched.due_at(now) > now or watched.expire(now):
                self._put(watched, watched.due_at(now), now)
        self._handle = loop.call_later(self._tick_seconds, self._turn) if self._slot_of else None

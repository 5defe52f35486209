"""What is on the journal's disk and not yet stored: handed over by the journal's thread, taken by the stage's."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.storage import segments
from mailserver.storage.segments import Entry

HELD_BYTES = 64 << 20  # payloads of waiting records that are kept in memory; the rest is read back
CROWD_RECORDS = 10_000  # from here on, appends are slowed down to the store's pace


@dataclass(slots=True)
class Waiting:
    """A record that is on the disk and not yet stored; `payload` is None where it has to be read back."""

    entry: Entry
    payload: list[bytes] | None
    appended_at: float = 0.0

    def read(self) -> bytes:
        """The payload."""
        return segments.read(self.entry) if self.payload is None else b"".join(self.payload)


class Backlog:
    """The records that wait, oldest first. `crowd_bytes` of them are a crowd, too."""

    def __init__(self, crowd_bytes: int) -> None:
        self._crowd_bytes = crowd_bytes
        self._waiting: deque[Waiting] = deque()
        self._arrived = threading.Condition()
        self._held_bytes = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def crowding(self) -> float:
        """How crowded it is; above 1 is too much."""
        return max(len(self._waiting) / CROWD_RECORDS, self._bytes / self._crowd_bytes)

    def add(self, entries: Sequence[tuple[Entry, list[bytes]]]) -> None:
        """Records that came to the disk together."""
        now = time.monotonic()
        with self._arrived:
            for entry, payload in entries:
                keep = self._held_bytes + entry.length <= HELD_BYTES
                if keep:
                    self._held_bytes += entry.length
                self._bytes += entry.length
                self._waiting.append(Waiting(entry, payload if keep else None, now))
            self._arrived.notify()

    def take(self, most: int, most_bytes: int, timeout_seconds: float) -> list[Waiting]:
        """The next records to store, oldest first; empty when the time ran out."""
        with self._arrived:
            if not self._waiting:
                self._arrived.wait(timeout_seconds)
            taken: list[Waiting] = []
            size = 0
            while self._waiting and len(taken) < most and (not taken or size < most_bytes):
                waiting = self._waiting.popleft()
                size += waiting.entry.length
                if waiting.payload is not None:
                    self._held_bytes -= waiting.entry.length
                taken.append(waiting)
            self._bytes -= size
        return taken

    def nudge(self) -> None:
        """Wake a `take` that waits."""
        with self._arrived:
            self._arrived.notify_all()

    def oldest_age(self) -> float:
        """Seconds that the oldest has waited; 0 where none waits."""
        with self._arrived:
            return time.monotonic() - self._waiting[0].appended_at if self._waiting else 0.0

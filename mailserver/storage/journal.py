"""Accepted mail on its way to the store: append, sync once a batch, replay, recycle.

`append` returns once the record is on the disk: that is the moment of the 250. A stage takes what was appended in order
(`take`), stores it, and gives it back (`checkpoint`), which frees the segments.
"""

import asyncio
import errno
import os
import struct
import threading
import time
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.entities import errors
from mailserver.storage import segments
from mailserver.storage.segments import Entry, Segment

BATCH_RECORDS = 512
BATCH_BYTES = 16 << 20
HELD_BYTES = 64 << 20  # payloads of waiting records that are kept in memory; the rest is read back
HEAL_SECONDS = 1.0
_CHECKPOINT = struct.Struct("<QI")
log = structlog.get_logger()


@dataclass(slots=True)
class Waiting:
    """A record that is on the disk and not yet stored; `payload` is None where it has to be read back."""

    entry: Entry
    payload: bytes | None
    appended_at: float = 0.0

    def read(self) -> bytes:
        """The payload."""
        return segments.read(self.entry) if self.payload is None else self.payload


@dataclass(slots=True)
class _Append:
    payload: list[bytes]
    length: int
    done: asyncio.Future[int]


class Journal:
    """The journal of this node. One thread writes; appends come from the event loop, takes from the stage."""

    def __init__(self, directory: Path, segment_bytes: int, most_segments: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._most = most_segments
        self._queue: deque[_Append] = deque()
        self._wake = threading.Event()
        self._arrived = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._held_bytes = 0
        self._full: deque[Segment] = deque()  # written, not yet checkpointed
        self._spare: deque[Segment] = deque()
        self._current: Segment | None = None
        self._lock = threading.Lock()
        self._stopping = False
        self._serial = 0
        self._generation = 0
        self._next = 1
        self._checkpointed = 0
        self._broken_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._maker = threading.Thread(target=self._make_spare, name="journal-segments", daemon=True)
        self._want_spare = threading.Event()
        self._old: list[Path] = []
        self._room = threading.Event()
        self.appended = 0
        self.syncs = 0

    # -- life ---------------------------------------------------------------------------------------------------

    def open(self) -> list[Waiting]:
        """Find what an earlier run left; the records above the checkpoint, in order, are given to the stage first."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._checkpointed = self._read_checkpoint()
        found: list[Waiting] = []
        for path in sorted(self._directory.glob("*.seg")):
            self._serial = max(self._serial, int(path.stem))
            self._old.append(path)
            entries = list(segments.scan(path))
            if entries:
                self._next = max(self._next, entries[-1].sequence + 1)
            found += [Waiting(entry, None) for entry in entries if entry.sequence > self._checkpointed]
        self._next = max(self._next, self._checkpointed + 1)
        self._generation = time.time_ns()
        found.sort(key=lambda waiting: waiting.entry.sequence)
        self._current = self._new_segment()
        self._current.begin(self._generation, self._next)
        self._sync_directory()
        return found

    def start(self) -> None:
        """Begin to take appends, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._maker.start()
        self._want_spare.set()

    def stop(self) -> None:
        """Write what was appended and end the threads. Blocks."""
        self._stopping = True
        self._wake.set()
        self._want_spare.set()
        self._room.set()
        self._writer.join()
        self._maker.join()
        with self._arrived:
            self._arrived.notify_all()
        for segment in [*self._full, *self._spare, *([self._current] if self._current else [])]:
            segment.close()

    # -- appending ----------------------------------------------------------------------------------------------

    @property
    def is_broken(self) -> bool:
        """Whether the disk refused the last record and no new segment could be had."""
        return self._broken_until > 0

    @property
    def backlog(self) -> int:
        """Records that are on the disk and not yet stored."""
        return len(self._waiting)

    def append(self, payload: list[bytes]) -> asyncio.Future[int]:
        """Write a record; its sequence number comes once it is on the disk. StoreFull, StoreUnavailable or TooLarge."""
        loop = self._loop
        if loop is None:
            raise errors.StoreUnavailable
        done: asyncio.Future[int] = loop.create_future()
        length = sum(map(len, payload))
        if self._stopping or self._broken_until > time.monotonic():
            done.set_exception(errors.StoreUnavailable())
        elif length > self._segment_bytes - 4096:
            done.set_exception(errors.TooLarge())
        else:
            self._queue.append(_Append(payload, length, done))
            self._wake.set()
        return done

    def _write_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                self._write_batch(self._gather())
            if self._stopping and not self._queue:
                return

    def _gather(self) -> list[_Append]:
        batch: list[_Append] = []
        size = 0
        while self._queue and len(batch) < BATCH_RECORDS and size < BATCH_BYTES:
            item = self._queue[0]
            if batch and self._current is not None and not self._current.fits(size + len(batch) * 32 + item.length):
                break
            batch.append(self._queue.popleft())
            size += item.length
        return batch

    def _write_batch(self, batch: list[_Append]) -> None:
        total = sum(item.length + segments.RECORD.size + segments.ALIGN for item in batch)
        start = 0
        segment = self._current
        try:
            if segment is None or not segment.fits(total):
                segment = self._advance()
            start = segment.offset
            buffers: list[bytes] = []
            entries = [segment.place(self._next + index, item.payload, buffers) for index, item in enumerate(batch)]
            segment.write(start, buffers)
        except OSError as error:
            self._fail(batch, segment, start, error)
            return
        self._broken_until = 0.0
        self._next += len(batch)
        self.appended += len(batch)
        self.syncs += 1
        self._hand_over(batch, entries)
        self._settle(batch, [(item.done, entry.sequence) for item, entry in zip(batch, entries, strict=True)])

    def _hand_over(self, batch: list[_Append], entries: list[Entry]) -> None:
        now = time.monotonic()
        with self._arrived:
            for item, entry in zip(batch, entries, strict=True):
                keep = self._held_bytes + item.length <= HELD_BYTES
                if keep:
                    self._held_bytes += item.length
                self._waiting.append(Waiting(entry, b"".join(item.payload) if keep else None, now))
            self._arrived.notify()

    def _settle(self, batch: list[_Append], results: list[tuple[asyncio.Future[int], int | Exception]]) -> None:
        loop = self._loop
        if loop is not None and batch:
            with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                loop.call_soon_threadsafe(_resolve, results)

    def _fail(self, batch: list[_Append], segment: Segment | None, start: int, error: OSError) -> None:
        """Tell everyone in the batch, and never trust the segment again: its pages may be lost."""
        log.error("journal.write.failed", error=str(error), records=len(batch))
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        refusal: type[errors.Temporary] = errors.StoreFull if full else errors.StoreUnavailable
        self._broken_until = time.monotonic() + HEAL_SECONDS
        if segment is not None and segment is self._current:
            with suppress(OSError):
                if start:
                    segment.cut(start)
            segment.last_sequence = self._next - 1
            with self._lock:
                self._full.append(segment)
            self._current = None
        self._settle(batch, [(item.done, refusal()) for item in batch])

    # -- segments -----------------------------------------------------------------------------------------------

    def _advance(self) -> Segment:
        """Take the next segment: a spare one, or a new one while there are not too many."""
        deadline = time.monotonic() + HEAL_SECONDS
        while True:
            with self._lock:
                following = self._spare.popleft() if self._spare else None
                crowded = len(self._full) + 2 > self._most
            if following is not None or not crowded:
                break
            self._room.clear()
            if not self._room.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                raise OSError(errno.ENOSPC, "the journal is full: the store behind it is too slow or stands still")
        if following is None:
            following = self._new_segment()
            self._sync_directory()
        following.begin(self._generation, self._next)
        with self._lock:
            if self._current is not None:
                self._full.append(self._current)
            self._current = following
        self._want_spare.set()
        return following

    def _new_segment(self) -> Segment:
        with self._lock:
            self._serial += 1
            serial = self._serial
        return Segment(self._directory / f"{serial:06d}.seg", self._segment_bytes)

    def _make_spare(self) -> None:
        while not self._stopping:
            self._want_spare.wait()
            self._want_spare.clear()
            if self._stopping:
                return
            with self._lock:
                enough = bool(self._spare) or len(self._full) + 2 > self._most
            if enough:
                continue
            try:
                spare = self._new_segment()
                self._sync_directory()
            except OSError as error:
                log.warning("journal.segment.failed", error=str(error))
                continue
            with self._lock:
                self._spare.append(spare)

    # -- the stage ----------------------------------------------------------------------------------------------

    def take(self, most: int, most_bytes: int, timeout_seconds: float) -> list[Waiting]:
        """The next records to store, oldest first; empty when the time ran out. Called by the stage's thread."""
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
        return taken

    def nudge(self) -> None:
        """Wake a `take` that waits."""
        with self._arrived:
            self._arrived.notify_all()

    def oldest_age(self) -> float:
        """Seconds that the oldest waiting record has waited; 0 where none waits."""
        with self._arrived:
            return time.monotonic() - self._waiting[0].appended_at if self._waiting else 0.0

    def checkpoint(self, sequence: int) -> None:
        """Everything up to a sequence number is stored, on the disk: record that, and free the segments. Blocks."""
        if sequence > self._checkpointed:
            self._write_checkpoint(sequence)
            self._checkpointed = sequence
        freed = False
        with self._lock:
            while self._full and self._full[0].last_sequence <= sequence:
                segment = self._full.popleft()
                freed = True
                if len(self._spare) < 2 and os.fstat(segment._descriptor).st_size == segment.size:  # noqa: SLF001
                    self._spare.append(segment)
                else:
                    segment.close()
                    segment.path.unlink(missing_ok=True)
        if self._old and sequence >= self._old_end():
            for path in self._old:
                path.unlink(missing_ok=True)
            self._old.clear()
        if freed:
            self._room.set()

    def _old_end(self) -> int:
        return max((entry.sequence for path in self._old for entry in segments.scan(path)), default=0)

    def _read_checkpoint(self) -> int:
        try:
            raw = (self._directory / "checkpoint").read_bytes()
        except FileNotFoundError:
            return 0
        if len(raw) != _CHECKPOINT.size:
            return 0
        sequence, checksum = _CHECKPOINT.unpack(raw)
        return sequence if zlib.crc32(raw[:8]) == checksum else 0

    def _write_checkpoint(self, sequence: int) -> None:
        body = struct.pack("<Q", sequence)
        descriptor = os.open(self._directory / "checkpoint", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, _CHECKPOINT.pack(sequence, zlib.crc32(body)), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _resolve(results: list[tuple[asyncio.Future[int], int | Exception]]) -> None:
    for done, result in results:
        if done.done():
            continue
        if isinstance(result, Exception):
            done.set_exception(result)
            done.exception()  # a caller that has gone does not make this an unseen error
        else:
            done.set_result(result)

"""Accepted mail on its way to the store: append, sync once a batch, replay, recycle.

`append` returns once the record is on the disk: that is the moment of the 250. A stage takes what was appended in order
(`take`), stores it, and gives it back (`checkpoint`), which frees the segments.
"""

import asyncio
import errno
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from mailserver.entities import errors
from mailserver.storage import checkpoints, segments
from mailserver.storage.backlog import Backlog, Waiting
from mailserver.storage.segments import Segment

BATCH_RECORDS = 512
BATCH_BYTES = 16 << 20
HEAL_SECONDS = 1.0
SLOWEST_SECONDS = 0.25  # before a batch, when twice as much waits for the store as makes a crowd
SPARES = 2
MARGIN_BYTES = 4096  # of a segment, for its header and a record's
Answer = TypeVar("Answer")
log = structlog.get_logger()


@dataclass(slots=True)
class _Append:
    payload: list[bytes]
    length: int
    done: asyncio.Future[Any]
    answer: Any


class Journal:
    """The journal of this node. One thread writes; appends come from the event loop, takes from the stage."""

    def __init__(self, directory: Path, segment_bytes: int, most_segments: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._most = most_segments
        self._queue: deque[_Append] = deque()
        self._wake = threading.Event()
        self._backlog = Backlog(segment_bytes * most_segments // 2)
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
        self._old_end = 0
        self._room = threading.Event()
        self.appended = 0
        self.syncs = 0
        self.pending_bytes = 0  # appended, and nobody told yet; counted on the loop

    # -- life ---------------------------------------------------------------------------------------------------

    def open(self, applied: int = 0) -> list[Waiting]:
        """Find what an earlier run left: the records above the checkpoint, in order, for the stage to store first.

        `applied` is the last record whose rows are in the tables; no number up to it is given out again.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_directory(self._directory.parent)
        self._checkpointed = checkpoints.read(self._directory)
        found: list[Waiting] = []
        ceiling = sys.maxsize
        lives = [segments.life(path) for path in self._directory.glob("*.seg")]
        for life in sorted(lives, key=lambda each: (each.generation, each.first_sequence), reverse=True):
            # What a later life began with was never promised by an earlier one: its write had failed.
            promised = [entry for entry in life.entries if entry.sequence < ceiling]
            if life.generation:
                ceiling = min(ceiling, life.first_sequence)
            live = [Waiting(entry, None) for entry in promised if entry.sequence > self._checkpointed]
            found += live
            self._keep_old(life.path, is_live=bool(live))
            self._generation = max(self._generation, life.generation)
        found.sort(key=lambda waiting: waiting.entry.sequence)
        last = found[-1].entry.sequence if found else 0
        self._next = max(last, self._checkpointed, applied) + 1
        self._old_end = last
        self._generation = max(self._generation, time.time_ns())
        self._advance()
        return found

    def _keep_old(self, path: Path, *, is_live: bool) -> None:
        """Use a file of an earlier run again, where nothing in it is needed; else keep it until its records are."""
        self._serial = max(self._serial, int(path.stem))
        if is_live:
            self._old.append(path)
        elif len(self._spare) < SPARES and path.stat().st_size == self._segment_bytes:
            self._spare.append(Segment(path, self._segment_bytes))
        else:
            path.unlink()

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
        self._backlog.nudge()
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
        return len(self._backlog)

    @property
    def promised(self) -> int:
        """The last record that is on the disk."""
        return self._next - 1

    def append(self, payload: list[bytes]) -> asyncio.Future[int]:
        """Write a record; its sequence number comes once it is on the disk. StoreFull, StoreUnavailable or TooLarge."""
        return self._append(payload, None)

    def promise(self, payload: list[bytes], answer: Answer) -> asyncio.Future[Answer]:
        """Write a record as `append` does; what comes once it is on the disk is `answer`."""
        return self._append(payload, answer)

    def _append(self, payload: list[bytes], answer: Any) -> asyncio.Future[Any]:
        loop = self._loop
        if loop is None:
            raise errors.StoreUnavailable
        done: asyncio.Future[Any] = loop.create_future()
        length = sum(map(len, payload))
        if self._stopping or self._broken_until > time.monotonic():
            done.set_exception(errors.StoreUnavailable())
        elif length > self._segment_bytes - MARGIN_BYTES:
            done.set_exception(errors.TooLarge())
        else:
            self.pending_bytes += length
            self._queue.append(_Append(payload, length, done, answer))
            if not self._wake.is_set():
                self._wake.set()
        return done

    def _write_forever(self) -> None:
        while True:
            self._wake.wait(HEAL_SECONDS if self._broken_until else None)
            self._wake.clear()
            while self._queue:
                self._keep_pace()
                self._write_batch(self._gather())
            if self._stopping and not self._queue:
                return
            if self._broken_until and time.monotonic() >= self._broken_until:
                self._heal()

    def _heal(self) -> None:
        """Find out whether the disk takes a segment again, though nobody appends."""
        try:
            if self._current is None:
                self._advance()
        except OSError as error:
            log.warning("journal.heal.failed", error=str(error))
            self._broken_until = time.monotonic() + HEAL_SECONDS
        else:
            self._broken_until = 0.0

    def _keep_pace(self) -> None:
        """Let the store catch up: what has been promised must not wait ever longer to be seen."""
        crowding = self._backlog.crowding
        if crowding > 1 and not self._stopping:
            time.sleep(min(1.0, crowding - 1) * SLOWEST_SECONDS)

    def _gather(self) -> list[_Append]:
        batch: list[_Append] = []
        size = 0
        while self._queue and len(batch) < BATCH_RECORDS and size < BATCH_BYTES:
            item = self._queue[0]
            if batch and not self._fits(size + len(batch) * 32 + item.length):
                break
            batch.append(self._queue.popleft())
            size += item.length
        return batch

    def _fits(self, length: int) -> bool:
        if self._current is None:
            return length <= self._segment_bytes - MARGIN_BYTES
        return self._current.fits(length)

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
        self._backlog.add([(entry, item.payload) for item, entry in zip(batch, entries, strict=True)])
        self._settle([(item, entry.sequence) for item, entry in zip(batch, entries, strict=True)])

    def _settle(self, results: list[tuple[_Append, int | Exception]]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                self._loop.call_soon_threadsafe(self._tell, results)

    def _tell(self, results: list[tuple[_Append, int | Exception]]) -> None:
        for item, result in results:
            self.pending_bytes -= item.length
            done = item.done
            if done.done():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
                done.exception()  # a caller that has gone does not make this an unseen error
            else:
                done.set_result(result if item.answer is None else item.answer)

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
        self._settle([(item, refusal()) for item in batch])

    # -- segments -----------------------------------------------------------------------------------------------

    def _advance(self) -> Segment:
        """Take the next segment: a spare one, or a new one while there are not too many."""
        deadline = time.monotonic() + HEAL_SECONDS
        while True:
            self._room.clear()
            with self._lock:
                following = self._spare.popleft() if self._spare else None
                crowded = len(self._full) + 2 > self._most
            if following is not None or not crowded:
                break
            if not self._room.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                raise OSError(errno.ENOSPC, "the journal is full: the store behind it is too slow or stands still")
        if following is None:
            following = self._new_segment()
            _sync_directory(self._directory)
        self._generation += 1
        try:
            following.begin(self._generation, self._next)
        except OSError:
            with suppress(OSError):
                following.discard()
            raise
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
                _sync_directory(self._directory)
            except OSError as error:
                log.warning("journal.segment.failed", error=str(error))
                continue
            with self._lock:
                self._spare.append(spare)

    # -- the stage ----------------------------------------------------------------------------------------------

    def take(self, most: int, most_bytes: int, timeout_seconds: float) -> list[Waiting]:
        """The next records to store, oldest first; empty when the time ran out. Called by the stage's thread."""
        return self._backlog.take(most, most_bytes, timeout_seconds)

    def nudge(self) -> None:
        """Wake a `take` that waits."""
        self._backlog.nudge()

    def oldest_age(self) -> float:
        """Seconds that the oldest waiting record has waited; 0 where none waits."""
        return self._backlog.oldest_age()

    def checkpoint(self, sequence: int) -> None:
        """Everything up to a sequence number is stored, on the disk: record that, and free the segments. Blocks."""
        if sequence > self._checkpointed:
            checkpoints.write(self._directory, sequence)
            self._checkpointed = sequence
        freed = False
        with self._lock:
            while self._full and self._full[0].last_sequence <= sequence:
                segment = self._full.popleft()
                freed = True
                if len(self._spare) < SPARES and segment.is_whole:
                    self._spare.append(segment)
                else:
                    segment.discard()
        if self._old and sequence >= self._old_end:
            for path in self._old:
                path.unlink(missing_ok=True)
            self._old.clear()
        if freed:
            self._room.set()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

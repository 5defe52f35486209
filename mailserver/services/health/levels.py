"""How full everything is, for whoever watches: read when it is asked for, and remembered for a while."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.levels import Kept, Waiting
from mailserver.storage import levels
from mailserver.storage.backups import note
from mailserver.storage.database import TookTooLong
from mailserver.storage.store import Store

QUEUE_SECONDS = 2.0  # that a count of the queue is good for
KEPT_SECONDS = 60.0
STATEMENT_SECONDS = 1.0  # after which a count is given up
READ_SECONDS = 5.0  # with the wait for a thread that reads
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Disk:
    """What files say. `backup_at` is in unix milliseconds; None where no backup was taken."""

    free_bytes: int = 0
    total_bytes: int = 0
    quarantined: int = 0
    backup_at: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen last. `oldest_at` is in unix milliseconds; None where nothing waits."""

    waiting: dict[str, int]
    oldest_at: int | None
    kept: Kept | None
    disk: Disk
    journal_records: int
    journal_seconds: float
    late_seconds: float


class Levels:
    """Asks the tables and the disk, however many want to know, no more often than is worth it."""

    def __init__(self, store: Store, executor: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._executor = executor
        self._clock = clock
        self._looking = asyncio.Lock()
        self._waiting: list[Waiting] = []
        self._kept: Kept | None = None
        self._disk = Disk()
        self._waiting_at = self._kept_at = float("-inf")
        self._tried_at: dict[str, float] = {}

    async def look(self) -> Seen:
        """How full everything is; what cannot be read in time is as it was."""
        async with self._looking:
            if self._is_due("queue", QUEUE_SECONDS):
                await self._look_at_queue()
            if self._is_due("kept", KEPT_SECONDS):
                await self._look_at_kept()
        oldest = min((each.oldest_id for each in self._waiting), default=None)
        journal = self._store.journal
        now = self._clock()
        return Seen(
            {"queued": 0, "held": 0} | {each.state: each.deliveries for each in self._waiting},
            None if oldest is None else identifiers.created_ms(oldest),
            self._kept, self._disk, journal.backlog, journal.oldest_age(),
            max(0.0, now - self._waiting_at - QUEUE_SECONDS, now - self._kept_at - KEPT_SECONDS),
        )  # fmt: skip

    def _is_due(self, name: str, seconds: float) -> bool:
        now = self._clock()
        if now - self._tried_at.get(name, float("-inf")) < seconds:
            return False
        self._tried_at[name] = now
        return True

    async def _look_at_queue(self) -> None:
        loop = asyncio.get_running_loop()
        self._disk = await loop.run_in_executor(self._executor, _disk, self._store.directory)
        try:
            async with asyncio.timeout(READ_SECONDS):
                self._waiting = await self._store.database.read(levels.waiting, STATEMENT_SECONDS)
        except (TookTooLong, TimeoutError, errors.Temporary) as error:
            log.warning("health.levels.unknown", what="queue", error=repr(error))
        else:
            self._waiting_at = self._clock()

    async def _look_at_kept(self) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                self._kept = await self._store.database.read(levels.kept, STATEMENT_SECONDS)
        except (TookTooLong, TimeoutError, errors.Temporary) as error:
            log.warning("health.levels.unknown", what="store", error=repr(error))
        else:
            self._kept_at = self._clock()


def _disk(directory: Path) -> Disk:
    found = note.read(directory)
    quarantined = 0
    with suppress(FileNotFoundError), os.scandir(directory / "quarantine") as entries:
        quarantined = sum(entry.name.endswith(".record") for entry in entries)
    try:
        usage = shutil.disk_usage(directory)
    except OSError as error:
        log.warning("health.levels.unknown", what="disk", error=str(error))
        return Disk(quarantined=quarantined, backup_at=found.finished_at if found else None)
    return Disk(usage.free, usage.total, quarantined, found.finished_at if found else None)

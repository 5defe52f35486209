"""The stage behind the journal: what port 25 has promised becomes files and rows, in order, in batches.

It waits for a quiet moment, because the connections that are being answered come first; but never longer than
PATIENCE_SECONDS, and not while much is waiting. While one batch is written, the files of the next are.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import structlog

from mailserver.entities import errors
from mailserver.services.mailbox.ingest import Ingest, Prepared, needed_files
from mailserver.storage import records
from mailserver.storage.backlog import Waiting
from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal

BATCH_RECORDS = 256
BATCH_BYTES = 8 << 20
POLL_SECONDS = 1.0
QUIET_SECONDS = 0.02  # without a new record
PATIENCE_SECONDS = 2.0
PATIENCE_RECORDS = 5_000
RETRY_SECONDS = 1.0
log = structlog.get_logger()


class Stage:
    """Owns the way from the journal to the store. Run it as a task; `drain` when no more is accepted."""

    def __init__(
        self,
        journal: Journal,
        ingest: Ingest,
        message_files: MessageFiles,
        executor: Executor,
        quarantine: Path,
        checkpoint_seconds: float,
    ) -> None:
        self._journal = journal
        self._ingest = ingest
        self._files = message_files
        self._executor = executor
        self._quarantine = quarantine
        self._checkpoint_seconds = checkpoint_seconds
        self._database = ingest.database
        self._applied = 0
        self._checkpointed = 0
        self._stopping = False

    @property
    def applied(self) -> int:
        """The last record that this run has stored, or set aside."""
        return self._applied

    async def replay(self, left: Sequence[Waiting], applied: int) -> int:
        """Store what an earlier run had accepted; the number of records. Called before any port is open.

        Records up to `applied` have had their rows: only files that a crash took are written again, so that a message
        that was deleted since does not come back.
        """
        done = sum(waiting.entry.sequence <= applied for waiting in left)
        for start in range(0, done, BATCH_RECORDS):
            await self._restore(left[start : min(done, start + BATCH_RECORDS)])
        for start in range(done, len(left), BATCH_RECORDS):
            await self._apply(list(left[start : start + BATCH_RECORDS]))
        self._applied = max(self._applied, applied)
        await self._checkpoint()
        return len(left)

    async def run(self) -> None:
        """Store until `drain` is called and nothing waits any more."""
        loop = asyncio.get_running_loop()
        checkpoint_at = loop.time() + self._checkpoint_seconds
        writing: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wait_for_quiet()
                batch, prepared = await loop.run_in_executor(self._executor, self._take, writing is None)
                if writing is not None:
                    await writing
                writing = tasks.create_task(self._apply(batch, prepared)) if batch else None
                if self._stopping and not batch and not self._journal.backlog:
                    break
                if loop.time() >= checkpoint_at:
                    await self._checkpoint()
                    checkpoint_at = loop.time() + self._checkpoint_seconds
        await self._checkpoint()

    def drain(self) -> None:
        """Finish what is in the journal, then let `run` return."""
        self._stopping = True
        self._journal.nudge()

    async def _wait_for_quiet(self) -> None:
        """Let the connections that are being answered go first, for a while."""
        journal = self._journal
        while not self._stopping and journal.backlog < PATIENCE_RECORDS and journal.oldest_age() < PATIENCE_SECONDS:
            seen = journal.appended
            await asyncio.sleep(QUIET_SECONDS)
            if journal.appended == seen:
                return

    def _take(self, may_wait: bool) -> tuple[list[Waiting], list[Prepared] | None]:  # noqa: FBT001  called by an executor
        """The next batch with its files; without them where that failed, which storing it will find again."""
        timeout = POLL_SECONDS if may_wait and not self._stopping else 0.0
        batch = self._journal.take(BATCH_RECORDS, BATCH_BYTES, timeout)
        try:
            return batch, self._prepare(batch)
        except Exception as error:  # noqa: BLE001  storing it says in the log what is wrong
            log.debug("stage.batch.unprepared", error=repr(error))
            return batch, None

    async def _apply(self, batch: list[Waiting], prepared: list[Prepared] | None = None) -> None:
        """Store a batch, however often it takes: what is in the journal is promised."""
        last = batch[-1].entry.sequence
        while True:
            try:
                ready, prepared = prepared, None
                await self._store(batch, last, ready)
            except errors.Temporary as error:
                log.warning("stage.store.deferred", error=error.message, records=len(batch))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("stage.batch.failed", records=len(batch))
                await self._one_by_one(batch)
                break
            else:
                break
        self._applied = last

    async def _restore(self, batch: Sequence[Waiting]) -> None:
        loop = asyncio.get_running_loop()
        read = await loop.run_in_executor(self._executor, lambda: [records.decode(each.read()) for each in batch])
        wanted = await self._database.read(needed_files, read)
        await loop.run_in_executor(self._executor, self._ingest.restore, read, wanted)

    async def _store(self, batch: Sequence[Waiting], last: int, prepared: list[Prepared] | None = None) -> None:
        if prepared is None:
            prepared = await asyncio.get_running_loop().run_in_executor(self._executor, self._prepare, batch)
        await self._database.write(self._ingest.write, prepared, last)

    def _prepare(self, batch: Sequence[Waiting]) -> list[Prepared]:
        return [self._ingest.prepare(records.decode(waiting.read())) for waiting in batch]

    async def _one_by_one(self, batch: Sequence[Waiting]) -> None:
        """A record that breaks the store stands aside, whole, where an operator finds it; the others go on."""
        for waiting in batch:
            try:
                await self._store([waiting], waiting.entry.sequence)
            except errors.Temporary:
                await asyncio.sleep(RETRY_SECONDS)
                await self._apply([waiting])
            except Exception:
                path = self._quarantine / f"{waiting.entry.sequence}.record"
                log.exception("stage.record.quarantined", path=str(path))
                await self._set_aside(waiting, path)

    async def _set_aside(self, waiting: Waiting, path: Path) -> None:
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, _keep, path, waiting.read())
            except OSError as error:
                log.error("stage.quarantine.failed", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _checkpoint(self) -> None:
        if self._applied <= self._checkpointed:
            return
        applied = self._applied
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._sync, applied)
        except OSError as error:
            log.error("stage.checkpoint.failed", error=str(error))
            return
        self._checkpointed = applied

    def _sync(self, sequence: int) -> None:
        self._files.sync()
        self._journal.checkpoint(sequence)


def _keep(path: Path, payload: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(descriptor)

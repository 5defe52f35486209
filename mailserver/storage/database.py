"""Run functions against the database off the event loop: one writer, many readers.

A function of this room receives its Transaction (or Snapshot) as first argument: holding one is the proof that it runs
on the right thread, inside a transaction. Waiting transactions are grouped into one commit, so that a busy moment costs
one sync; each has its own savepoint, so that one's error is its own.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import peewee
import structlog

from mailserver.entities import errors
from mailserver.entities.event import Event
from mailserver.entities.figures import GROUPS, QUICK_SECONDS, Spread
from mailserver.storage import events

P = ParamSpec("P")
T = TypeVar("T")
MAX_GROUP = 64
READERS = 3
STEPS_BETWEEN_LOOKS = 20_000  # of the database's machine, between two looks at the clock: well under 10 ms
_OURS = (
    sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError,
    peewee.IntegrityError, peewee.ProgrammingError, peewee.InterfaceError, peewee.DataError,
)  # fmt: skip
log = structlog.get_logger()


class TookTooLong(Exception):
    """The statements of a block took longer than they were given."""


class Cursor(Protocol):
    """What a statement gives back."""

    rowcount: int

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows left."""
        ...


class Snapshot:
    """Proof of a read-only view of the database."""

    def __init__(self, connection: Any, database: peewee.Database) -> None:
        self._connection = connection
        self._database = database

    def execute(self, statement: str | peewee.Query, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement: SQL with its parameters marked by `?` on hot paths, a peewee query on the others."""
        if not isinstance(statement, str):
            statement, parameters = self._database.get_sql_context().sql(statement).query()
        cursor: Cursor = self._connection.execute(statement, parameters)
        return cursor

    def one(self, statement: str | peewee.Query, parameters: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        return self.execute(statement, parameters).fetchone()

    def all(self, statement: str | peewee.Query, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows."""
        return self.execute(statement, parameters).fetchall()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A block whose statements give up with TookTooLong once it lasts longer than that."""
        ends_at = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS_BETWEEN_LOOKS)
        try:
            yield
        except sqlite3.OperationalError as error:
            if time.monotonic() > ends_at and "interrupted" in str(error):
                raise TookTooLong from error
            raise
        finally:
            self._connection.set_progress_handler(None, 0)


class Transaction(Snapshot):
    """Proof of an open transaction. What it publishes and rings is announced only if it commits."""

    def __init__(self, connection: Any, database: peewee.Database) -> None:
        super().__init__(connection, database)
        self._published: list[Event] = []
        self.rung: set[str] = set()

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""
        self._connection.executemany(sql, rows)

    def publish(self, event: Event) -> None:
        """Append an event to the log, inside this transaction."""
        self._published.append(event)
        self.rung.add("events")

    def ring(self, topic: str) -> None:
        """Wake whoever waits for this topic, once the change is on the disk."""
        self.rung.add(topic)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the change that may fail by itself: its error is raised, nothing of it stays, the rest may go on.

        Parts do not lie in one another.
        """
        published, rung = len(self._published), set(self.rung)
        self.execute("SAVEPOINT part")
        try:
            yield
        except Exception as error:
            if not self._connection.in_transaction:  # a full disk rolls back everything, and there is no part any more
                raise errors.StoreUnavailable from error
            del self._published[published:]
            self.rung = rung
            self.execute("ROLLBACK TO part")
            self.execute("RELEASE part")
            raise
        self.execute("RELEASE part")

    def flush(self) -> None:
        """Write the events that were published so far."""
        if self._published:
            self.executemany(events.INSERT, [events.row(event) for event in self._published])
            self.executemany(events.INSERT_FEED, [(event.id,) for event in self._published])
            self._published.clear()


@dataclass(slots=True)
class _Job:
    run: Callable[[Transaction], Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Database:
    """The one door to the tables."""

    def __init__(self, database: peewee.Database, announce: Callable[[str], None], readers: int = READERS) -> None:
        self._database = database
        self._announce = announce
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(readers, "database-reader")
        self._read_by: list[Any] = []  # the readers' connections
        self._is_open = False
        self.commits = 0
        self.committed_jobs = 0
        self.commit_seconds = Spread(QUICK_SECONDS)
        self.group_sizes = Spread(GROUPS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Database"]:
        """Serve reads and writes until the block ends; what was asked for before the end is still done."""
        writer = threading.Thread(target=self._write_forever, name="database-writer", daemon=True)
        writer.start()
        self._is_open = True
        try:
            yield self
        finally:
            self._is_open = False
            self._jobs.put(None)
            await asyncio.to_thread(writer.join)
            await asyncio.to_thread(self._end_reading)

    async def read(self, fn: Callable[Concatenate[Snapshot, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function on a consistent snapshot, in a reader thread."""

        def run() -> T:
            if self._database.is_closed():
                self._open_reader()
            connection = self._database.connection()
            connection.execute("BEGIN")
            try:
                return fn(Snapshot(connection, self._database), *args, **kwargs)
            finally:
                connection.execute("COMMIT")

        if not self._is_open:
            raise errors.StoreUnavailable
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            raise _translate(error) from error

    async def write(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a transaction; its result comes once the commit is on the disk.

        A caller that is cancelled leaves the change to be made: what was asked for is done or fails as a whole.
        """
        if not self._is_open:
            raise errors.StoreUnavailable
        loop = asyncio.get_running_loop()
        job = _Job(lambda tx: fn(tx, *args, **kwargs), loop.create_future(), loop)
        self._jobs.put(job)
        return await asyncio.shield(job.done)

    def _open_reader(self) -> None:
        self._database.connect()
        self._read_by.append(self._database.connection())
        self._database.execute_sql("PRAGMA query_only = 1")

    def _end_reading(self) -> None:
        self._readers.shutdown()
        for connection in self._read_by:  # each belongs to a thread that is gone
            connection.close()
        self._read_by.clear()

    def _write_forever(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            while len(group) < MAX_GROUP and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)
                    break
                group.append(following)
            self._commit(group)
        self._database.close()

    def _commit(self, group: list[_Job]) -> None:
        """Run every job in its own savepoint and commit once."""
        connection: Any = None
        started = time.perf_counter()
        results: list[tuple[_Job, frozenset[str], Any, BaseException | None]] = []
        try:
            self._database.connect(reuse_if_open=True)
            connection = self._database.connection()
            connection.execute("BEGIN IMMEDIATE")
            results = [_run(job, Transaction(connection, self._database), connection) for job in group]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  the commit failed, so nobody's change happened: everyone is told
            with suppress(sqlite3.Error):
                if connection is not None and connection.in_transaction:
                    connection.execute("ROLLBACK")
            problem = _translate(error)
            log.error("storage.commit.failed", error=type(error).__name__, jobs=len(group))
            results = [(job, frozenset(), None, problem) for job in group]
        self.commits += 1
        self.committed_jobs += len(group)
        self.commit_seconds.add(time.perf_counter() - started)
        self.group_sizes.add(len(group))
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, frozenset[str], Any, BaseException | None]]] = {}
        for result in results:
            by_loop.setdefault(result[0].loop, []).append(result)
        for loop, settled in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits for an answer any more
                loop.call_soon_threadsafe(self._settle, settled)

    def _settle(self, results: list[tuple[_Job, frozenset[str], Any, BaseException | None]]) -> None:
        topics: set[str] = set()
        for job, rung, value, error in results:
            topics |= rung
            if job.done.done():
                continue
            if error is None:
                job.done.set_result(value)
            else:
                job.done.set_exception(error)
                job.done.exception()  # a caller that has gone does not make this an unseen error
        for topic in topics:
            self._announce(topic)


def _run(
    job: _Job, transaction: Transaction, connection: Any
) -> tuple[_Job, frozenset[str], Any, BaseException | None]:
    connection.execute("SAVEPOINT job")
    try:
        value = job.run(transaction)
        transaction.flush()
    except Exception as error:  # one job's error is its own; it is raised where it was asked for
        if not connection.in_transaction:  # a full disk rolls back everything: the group has to know
            raise
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return job, frozenset(), None, _translate(error)
    connection.execute("RELEASE job")
    return job, frozenset(transaction.rung), value, None


def _translate(error: Exception) -> Exception:
    """A driver's trouble becomes a sentence for whoever asked; our own mistakes and other errors pass."""
    if isinstance(error, _OURS) or not isinstance(error, sqlite3.Error | peewee.PeeweeException | OSError):
        return error
    log.error("storage.statement.failed", error=repr(error))
    return errors.StoreFull() if "full" in str(error) else errors.StoreUnavailable()

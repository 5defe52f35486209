"""A consistent copy of a SQLite database that others go on writing, and what a copy says of itself."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mailserver.storage import files
from mailserver.storage import sqlite as sqlite_engine

STEP_PAGES = 512  # 2 MB: others get the disk between two steps
PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in a copy."""

    schema: tuple[str, ...]
    messages: int
    queued: int


def copy(source: Path, target: Path, pause: Callable[[], None]) -> None:
    """Copy a database, in steps; `pause` is called between them. One file, which nothing is beside.

    An open snapshot makes all steps see the same moment: without it every commit of others would start the copy again.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(_connect(source, "mode=rw")) as reading, closing(_connect(target, "mode=rw")) as writing:
        reading.execute("PRAGMA query_only = 1")
        writing.execute("PRAGMA synchronous = off")  # it is brought to the disk as a whole
        reading.execute("BEGIN")
        reading.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()

        def between(status: int, remaining: int, total: int) -> None:
            del status, remaining, total
            pause()
            time.sleep(PAUSE_SECONDS)

        reading.backup(writing, pages=STEP_PAGES, progress=between)
        reading.execute("COMMIT")
        writing.execute("PRAGMA journal_mode = delete")  # the header said WAL, as that of the source


def facts(path: Path) -> Facts:
    """The migrations that a database has seen, and how much is in it."""
    with opened(path) as database:
        (messages,) = database.execute("SELECT COUNT(*) FROM message").fetchone()
        (queued,) = database.execute("SELECT COUNT(*) FROM queued WHERE open_deliveries > 0").fetchone()
        return Facts(tuple(_schema(database)), messages, queued)


def schema(path: Path) -> list[str]:
    """The names of the migrations that a database in use has seen; none where it is new."""
    with closing(_connect(path, "mode=ro")) as database:
        return _schema(database)


def places(path: Path) -> Iterator[str]:
    """Every message file that a copy names: of messages, and of mail that waits and nobody keeps."""
    with opened(path) as database:
        for message_id, inbox_id in database.execute("SELECT id, inbox_id FROM message"):
            yield f"mail/{files.location(inbox_id, message_id)}"
        for (location,) in database.execute("SELECT location FROM queued WHERE open_deliveries > 0"):
            if str(location).startswith(files.OUTBOUND):
                yield f"mail/{location}"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy that nobody writes, without a trace on the disk."""
    with closing(_connect(path, "immutable=1")) as database:
        yield database


def _schema(database: sqlite3.Connection) -> list[str]:
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").fetchone() is None:
        return []
    return [name for (name,) in database.execute("SELECT name FROM schema_migration ORDER BY name")]


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?{how}", uri=True, isolation_level=None, timeout=sqlite_engine.BUSY_SECONDS
    )

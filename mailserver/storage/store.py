"""Everything that lies in the data directory, opened together."""

import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailserver.entities.identifiers import IdSource
from mailserver.settings import Settings
from mailserver.storage import installation, journal_state, sqlite
from mailserver.storage.database import Database, Transaction
from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal

SECRETS = ("return_path", "links", "scram", "tracking")


class DataDirectoryProblem(Exception):
    """The data directory cannot be used; the sentence says why and what to do."""


class DataDirectoryInUse(DataDirectoryProblem):
    """Another process has the data directory open."""


@dataclass(frozen=True, slots=True)
class Store:
    """The open data directory. `secrets` are the installation's own, made at the first start."""

    directory: Path
    database: Database
    files: MessageFiles
    journal: Journal
    ids: IdSource
    secrets: dict[str, bytes]


@asynccontextmanager
async def opened(settings: Settings, announce: Callable[[str], None]) -> AsyncIterator[Store]:
    """Lock, migrate and open; the journal is not begun. DataDirectoryProblem or DatabaseProblem where it cannot be."""
    lock = _lock(settings.data_dir)
    try:
        raw = sqlite.connect(settings.data_dir / "mailserver.db")
        sqlite.migrate(raw)
        files = MessageFiles(settings.data_dir / "mail")
        files.sweep_temporary()
        kept = settings.storage
        journal = Journal(settings.data_dir / "journal", kept.journal_segment_bytes, kept.journal_segments)
        async with Database(raw, announce).running() as database:
            made = await database.write(_secrets)
            ids = IdSource(kept.node, await database.read(journal_state.largest_id))
            yield Store(settings.data_dir, database, files, journal, ids, made)
    finally:
        os.close(lock)


def _lock(directory: Path) -> int:
    """Hold the directory: two processes that write it would undo each other."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataDirectoryProblem(
            f"The data directory {directory} cannot be used: {error.strerror}. "
            "Set data_dir to a directory that the server's user may write."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DataDirectoryInUse(
            f"The data directory {directory} is in use by another mailserver process. Stop that one first."
        ) from error
    return descriptor


def _secrets(tx: Transaction) -> dict[str, bytes]:
    return {
        name: bytes.fromhex(installation.get_or_set(tx, f"secret.{name}", secrets.token_hex(32))) for name in SECRETS
    }

"""Everything that lies in the data directory, opened together."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailserver.entities.identifiers import IdSource
from mailserver.settings.configuration import Settings
from mailserver.storage import data_directory, installation, journal_state, upgrades
from mailserver.storage.database import Database, Transaction
from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal

SECRETS = ("return_path", "links", "scram", "tracking", "logs")


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
    with data_directory.held(settings.data_dir):
        data_directory.refuse_half_restored(settings.data_dir)
        # A large database takes minutes to be brought forward: a supervisor wants to hear of us meanwhile.
        raw = await asyncio.to_thread(upgrades.bring_forward, settings.data_dir / data_directory.DATABASE)
        files = MessageFiles(settings.data_dir / "mail")
        await asyncio.to_thread(files.sweep_temporary)
        kept = settings.storage
        journal = Journal(settings.data_dir / "journal", kept.journal_segment_bytes, kept.journal_segments)
        async with Database(raw, announce).running() as database:
            made = await database.write(_secrets)
            ids = IdSource(kept.node, await database.read(journal_state.largest_id))
            yield Store(settings.data_dir, database, files, journal, ids, made)


def _secrets(tx: Transaction) -> dict[str, bytes]:
    return {
        name: bytes.fromhex(installation.get_or_set(tx, f"secret.{name}", secrets.token_hex(32))) for name in SECRETS
    }

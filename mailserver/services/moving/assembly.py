"""Everything about mail that moves, built once."""

from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.moving.arriving import Arriving
from mailserver.services.moving.leaving import Leaving
from mailserver.services.syncing.email_setting import Room
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles


@dataclass(frozen=True, slots=True)
class Moving:
    """The services of imports and exports."""

    arriving: Arriving
    leaving: Leaving


def build(
    database: Database, message_files: MessageFiles, ingest: Ingest, room: Room, ids: IdSource, executor: Executor,
    message_bytes: int, allotments: Allotments,
) -> Moving:  # fmt: skip
    """Build them."""
    return Moving(
        Arriving(database, message_files, ingest, room, ids, executor, message_bytes, allotments), Leaving(database)
    )

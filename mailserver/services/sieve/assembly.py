"""Build what runs at delivery."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.sieve.absence import Absences
from mailserver.services.sieve.letters import Bell, LetterDesk
from mailserver.services.sieve.scripts import SieveScripts
from mailserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Sieve:
    """Scripts, absence notices, and the worker that writes their letters."""

    scripts: SieveScripts
    absences: Absences
    desk: LetterDesk


def build(
    database: Database, ids: IdSource, ingest: Ingest, enqueue: Enqueue, executor: Executor, bell: Bell,
    hostname: str, clock: Callable[[], int],
) -> Sieve:  # fmt: skip
    """Every part once."""
    return Sieve(
        SieveScripts(database, ids, executor), Absences(database),
        LetterDesk(database, ingest, enqueue, executor, bell, hostname, clock),
    )  # fmt: skip

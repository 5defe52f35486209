"""Build what reports need."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.entities.report import ReportKind
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.reporting.book import ReportBook
from mailserver.services.reporting.collector import Collector
from mailserver.services.reporting.daily import Daily
from mailserver.services.reporting.destinations import Destinations, Texts
from mailserver.services.reporting.dispatch import Dispatch, Web
from mailserver.services.reporting.reading import Reading
from mailserver.services.reporting.sender import Sender
from mailserver.settings.sections import Reports
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles


@dataclass(frozen=True, slots=True)
class Reporting:
    """Counting, sending, reading and showing reports."""

    collector: Collector
    daily: Daily
    reading: Reading
    book: ReportBook


def build(
    database: Database,
    message_files: MessageFiles,
    ids: IdSource,
    ingest: Ingest,
    enqueue: Enqueue,
    resolver: Texts,
    web: Web,
    executor: Executor,
    hostname: str,
    owner: str,
    clock: Callable[[], int],
    wanted: Reports | None = None,
) -> Reporting:
    """Everything on one store; `owner` names the node."""
    wanted = wanted or Reports()
    switched = ((ReportKind.DMARC, wanted.dmarc), (ReportKind.TLS, wanted.tls))
    kinds = frozenset(kind for kind, is_on in switched if is_on)
    collector = Collector(database, clock)
    destinations = Destinations(resolver)
    sender = Sender(database, wanted.sender)
    dispatch = Dispatch(database, ingest, enqueue, sender, destinations, web, executor, hostname, clock)
    return Reporting(
        collector,
        Daily(
            database, collector, destinations, dispatch, sender, ids, executor, hostname, owner, clock, kinds,
            wanted.organization,
        ),
        Reading(database, message_files, ids, executor, owner, clock),
        ReportBook(database, executor),
    )  # fmt: skip

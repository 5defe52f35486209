"""Letters from this server to people: codes, and news that cannot wait for them to look."""

import asyncio
import time
from concurrent.futures import Executor

from mailserver.entities import identifiers
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address, compose
from mailserver.mail.address import Person
from mailserver.mail.compose import Draft
from mailserver.mail.envelope import Recipient
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.storage import inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Record

SOURCE = "notice"
AUTHOR = "postmaster"


class Notices:
    """Writes as postmaster of the tenant's first domain; no copy is kept."""

    def __init__(self, database: Database, ingest: Ingest, enqueue: Enqueue, ids: IdSource, executor: Executor) -> None:
        self._database = database
        self._ingest = ingest
        self._enqueue = enqueue
        self._ids = ids
        self._executor = executor

    async def send(self, tenant_id: int, recipient: str, subject: str, text: str) -> bool:
        """Put a letter into the queue; False where the tenant has no address to write from."""
        found = await self._database.read(_author, tenant_id)
        if found is None:
            return False
        author, inbox = found
        unique = identifiers.encode(Kind.MESSAGE, self._ids.next()).replace("_", ".").lower()
        header_id = compose.new_message_id(author.rpartition("@")[2], unique)
        now = int(time.time() * 1000)
        draft = Draft(
            sender=Person(author, None), to=(Person(recipient, None),), cc=(), bcc=(), reply_to=(), subject=subject,
            text=text, html=None, attachments=(), in_reply_to=None, references=(), header_id=header_id, date_at=now,
            extra_headers=(("Auto-Submitted", "auto-generated"),),
        )  # fmt: skip
        raw = await asyncio.get_running_loop().run_in_executor(self._executor, compose.compose, draft)
        queued, deliveries = self._enqueue.build(
            inbox, author, None, [Recipient(address.parse(recipient))], Terms(SOURCE, header_id, subject, len(raw))
        )
        record = Record((), now, len(raw), raw, None, queued, deliveries, is_news=False)
        await self._ingest.store(record, _nothing, _nothing_more)
        return True


def _author(snapshot: Snapshot, tenant_id: int) -> tuple[str, Inbox] | None:
    for domain in tenants.served_domains(snapshot, tenant_id):
        places = inboxes.postmaster(snapshot, domain.name)
        inbox = inboxes.get(snapshot, places[0].inbox_id) if places else None
        if inbox is not None:
            return f"{AUTHOR}@{domain.name}", inbox
    return None


def _nothing(tx: Transaction) -> None:
    """Nothing has to be so before."""


def _nothing_more(tx: Transaction, stored: tuple[StoredMessage, ...]) -> None:
    """The queue's rows are all."""

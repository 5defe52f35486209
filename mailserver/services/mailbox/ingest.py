"""Store messages: file, rows, thread, index, deliveries and events. The one way by which any message gets in."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.delivery import AUTO_ANSWER, Delivery, QueuedMessage, State
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.message import Visibility
from mailserver.mail import address as addresses
from mailserver.mail import message, threading
from mailserver.mail.message import Parsed
from mailserver.storage import audit, correspondents, deliveries, files, ingest, journal_state, labels, suppressions
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.files import MessageFiles
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record
from mailserver.storage.thread_book import NewMessage

log = structlog.get_logger()
PLACES = 500  # that one question names
Answer = TypeVar("Answer")
ApplyReport = Callable[[Transaction, str, int, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record whose files are written and whose bytes are read."""

    record: Record
    messages: tuple[NewMessage, ...]


class Follower(Protocol):
    """Somebody who does something about new messages, in the transaction that stores them."""

    def arrived(self, tx: Transaction, message: NewMessage, stored: StoredMessage) -> None:
        """A message has been stored: one that came in, or one of the inbox's own."""
        ...


class LostFile(Exception):
    """A record names a file that is not there."""


class Ingest:
    """Writes files and rows.

    `apply_report` takes what a bounce says about our mail into the same transaction, the followers what becomes of
    tickets and what an inbox's own rules do, in their order. None may fail because of what a stranger wrote.
    """

    def __init__(
        self,
        database: Database,
        message_files: MessageFiles,
        ids: IdSource,
        hostname: str,
        executor: Executor,
        apply_report: ApplyReport,
        followers: Sequence[Follower],
        node: int = 0,
    ) -> None:
        self.database = database
        self._files = message_files
        self._ids = ids
        self._hostname = hostname
        self._executor = executor
        self._apply_report = apply_report
        self._followers = tuple(followers)
        self._node = node

    async def store(
        self,
        record: Record,
        before: Callable[[Transaction], None],
        after: Callable[[Transaction, tuple[StoredMessage, ...]], Answer],
    ) -> Answer:
        """Store one message; on the disk, and readable, when this returns.

        `before` and `after` run in the same transaction; what `after` gives back is the answer.
        """
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(self._executor, lambda: self.prepare(record, sync=True))

        def change(tx: Transaction) -> Answer:
            before(tx)
            (stored,) = self.write(tx, [prepared], None)
            return after(tx, stored)

        return await self.database.write(change)

    def prepare(self, record: Record, *, sync: bool = False) -> Prepared:
        """Write the files of a record and read what its bytes say. Blocks."""
        raw = record.content
        try:
            if raw is None:
                raw = self._large(record)
            self._write_files(record, raw, sync=sync)
        except OSError as error:
            log.warning("storage.file.failed", error=str(error))
            raise errors.StoreUnavailable from error
        if not record.copies:
            return Prepared(record, ())
        parsed = message.parse(raw)
        blob = hashlib.sha256(raw).digest()
        return Prepared(record, tuple(self._new_message(copy, record, parsed, blob) for copy in record.copies))

    def write(
        self, tx: Transaction, batch: Sequence[Prepared], sequence: int | None
    ) -> list[tuple[StoredMessage, ...]]:
        """Insert the rows of a batch; `sequence` is the last journal record in it."""
        now = int(time.time() * 1000)
        answers = ingest.store(tx, [new for prepared in batch for new in prepared.messages], now)
        by_message = {stored.copy.message_id: stored for stored in answers}
        results = []
        for prepared in batch:
            stored = tuple(
                by_message[copy.message_id] for copy in prepared.record.copies if copy.message_id in by_message
            )
            self._follow(tx, prepared, stored, now)
            results.append(stored)
        if sequence is not None:
            journal_state.set_applied(tx, self._node, sequence)
        return results

    def queue(self, tx: Transaction, queued: QueuedMessage, wanted: Sequence[Delivery], now: int) -> None:
        """Queue a message for its recipients, those aside whom the inbox must not write to."""
        deliveries.add(tx, queued, self._screened(tx, queued, wanted))
        if not queued.is_passed_on and queued.source != AUTO_ANSWER:
            written = [normal for delivery in wanted for normal in _forms(delivery.recipient)]
            correspondents.note(tx, queued.inbox_id, written, now)
        tx.ring("queue")

    def restore(self, batch: Sequence[Record], wanted: frozenset[str]) -> None:
        """Write those files of records again that rows name and that a crash took. Blocks."""
        for record in batch:
            places = [place for place in _places(record) if place in wanted]
            if not places:
                continue
            first = record.location or places[0]
            try:
                if record.content is not None and not self._is_there(first, record.content):
                    self._files.write(first, [record.content], sync=False)
                for place in places:
                    if place != first:
                        self._files.link(first, place)
            except FileNotFoundError:
                log.error("storage.file.lost", place=first)

    def _large(self, record: Record) -> bytes:
        """The bytes of a record that only names its file."""
        try:
            return self._files.read(record.location or "")
        except FileNotFoundError as error:  # waiting does not bring it back
            raise LostFile(record.location) from error

    def _write_files(self, record: Record, raw: bytes, *, sync: bool) -> None:
        """One file for the first, links for the others; a file that is there with the right size is left."""
        places = _places(record)
        if not places:
            return
        first = record.location or places[0]
        if record.location is None and (sync or not self._is_there(first, raw)):
            self._files.write(first, [raw], sync=sync)
        for place in places:
            if place != first:
                self._files.link(first, place)

    def _is_there(self, place: str, raw: bytes) -> bool:
        return self._files.size(place) == len(raw) and self._files.read(place) == raw

    def _new_message(self, copy: Copy, record: Record, parsed: Parsed, blob: bytes) -> NewMessage:
        own_id = parsed.header_id or f"<{identifiers.encode(Kind.MESSAGE, copy.message_id)}@{self._hostname}>"
        references = threading.reference_hashes(own_id, parsed.in_reply_to, parsed.references)
        own = threading.reference_hashes(own_id, None, ())[-1]
        base = threading.base_subject(parsed.subject)
        is_reply = base.casefold() != parsed.subject.strip().casefold() and not record.begins_thread
        return NewMessage(
            copy=copy,
            parsed=parsed,
            header_id=own_id,
            blob=blob,
            size=record.size,
            received_at=record.received_at,
            references=(own, *(reference for reference in references if reference != own)),
            subject_hash=threading.subject_hash(parsed.subject),
            joins_by_subject=is_reply and not parsed.references and not parsed.in_reply_to and bool(base),
        )

    def _follow(self, tx: Transaction, prepared: Prepared, stored: tuple[StoredMessage, ...], now: int) -> None:
        """What belongs to the same change: deliveries, events, and what a report says about our mail."""
        record = prepared.record
        by_id = {message.copy.message_id: message for message in prepared.messages}
        for one in stored:
            if one.is_new:
                if one.copy.labels:
                    labels.attach(tx, self._ids, one.copy.tenant_id, one.copy.message_id, one.copy.labels)
                if record.is_news:
                    self._publish(tx, one, now)
                    for follower in self._followers:
                        follower.arrived(tx, by_id[one.copy.message_id], one)
        is_new = any(one.is_new for one in stored) or not record.copies
        if record.queued and record.deliveries and not deliveries.is_queued(tx, record.queued.id):
            thread_id = next((one.thread_id for one in stored), record.queued.thread_id)
            self.queue(tx, replace(record.queued, thread_id=thread_id), record.deliveries, now)
        if record.report and is_new:
            self._apply_report(tx, record.report, now, [one.copy.message_id for one in stored])

    def _screened(self, tx: Transaction, queued: QueuedMessage, wanted: Sequence[Delivery]) -> list[Delivery]:
        """The deliveries, those to suppressed addresses marked as never to be tried, and said so in an event.

        What an inbox writes itself is meant, not what it passes on.
        """
        if queued.is_passed_on:
            return list(wanted)
        forms = {delivery.id: _forms(delivery.recipient) for delivery in wanted}
        asked = sorted(set().union(*forms.values()))
        stopped = {row.address for row in suppressions.find(tx, wanted[0].inbox_id, asked)}
        screened = []
        now = int(time.time() * 1000)
        for delivery in wanted:
            if not forms[delivery.id] & stopped:
                screened.append(delivery)
                continue
            screened.append(replace(delivery, state=State.SUPPRESSED, finished_at=now))
            message_id = identifiers.encode(Kind.MESSAGE, queued.message_id) if queued.message_id else None
            body = {"recipient": delivery.recipient, "message_id": message_id}
            kind = EventType.MESSAGE_SUPPRESSED
            tx.publish(Event(self._ids.next(), delivery.tenant_id, delivery.inbox_id, kind, now, body))
        return screened

    def _publish(self, tx: Transaction, stored: StoredMessage, now: int) -> None:
        copy = stored.copy
        tx.ring(f"inbox:{copy.inbox_id}")
        if not copy.role:
            return
        kind = EventType.MESSAGE_SENT if copy.is_ours else _received(copy)
        body = {
            "message_id": identifiers.encode(Kind.MESSAGE, copy.message_id),
            "thread_id": identifiers.encode(Kind.THREAD, stored.thread_id),
            "folder": copy.role,
        }
        tx.publish(Event(self._ids.next(), copy.tenant_id, copy.inbox_id, kind, now, body))


def needed_files(snapshot: Snapshot, batch: Sequence[Record]) -> frozenset[str]:
    """The files of records that a message or a delivery that waits still names."""
    places = sorted({place for record in batch for place in _places(record)})
    chunks = (places[start : start + PLACES] for start in range(0, len(places), PLACES))
    return frozenset(place for chunk in chunks for place in audit.named(snapshot, chunk))


def _places(record: Record) -> list[str]:
    """Where the files of a record lie, the first copy's first."""
    places = [files.location(copy.inbox_id, copy.message_id) for copy in record.copies]
    if record.queued and record.queued.location not in places:
        places.append(record.queued.location)
    return places


def _forms(recipient: str) -> set[str]:
    """The normal forms by which an address may be suppressed: as it is, and before its plus-tag."""
    try:
        parsed = addresses.parse(recipient)
    except addresses.AddressError:
        return {recipient.lower()}
    return {parsed.normal, parsed.without_tag().normal}


def _received(copy: Copy) -> EventType:
    """What is told of a message that came in: junk is not what people wait for."""
    if copy.role != Role.JUNK.value:
        return EventType.MESSAGE_RECEIVED
    is_blocked = copy.visibility == Visibility.BLOCKED
    return EventType.MESSAGE_RECEIVED_BLOCKED if is_blocked else EventType.MESSAGE_RECEIVED_SPAM

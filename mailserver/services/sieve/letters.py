"""Letters that come of scripts and notices: noted with the message, written and queued behind it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.delivery import AUTO_ANSWER
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.mail import compose, dsn, headers
from mailserver.mail.address import Person
from mailserver.mail.compose import Draft
from mailserver.mail.dsn import ReportedRecipient
from mailserver.mail.encoding import HARD_LINE, InjectionError
from mailserver.mail.envelope import Recipient
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.sieve import answering
from mailserver.services.sieve.answering import Letter
from mailserver.storage import auto_letters, inboxes, vacations
from mailserver.storage.auto_letters import WaitingLetter
from mailserver.storage.database import Database, Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record
from mailserver.storage.thread_book import NewMessage

POLL_SECONDS = 30.0  # between looks for letters that nobody rang for, such as those of another node
TROUBLE_SECONDS = 5.0  # before the store is asked again after it failed
AT_ONCE = 50
HEADER = ("Auto-Submitted", "auto-replied")  # RFC 3834 5.1
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that a letter waits."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class LetterBook:
    """Notes letters, in the transaction of what they answer: a repetition of it notes nothing twice."""

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids

    def arrived(self, tx: Transaction, message: NewMessage, stored: StoredMessage) -> None:
        """A message has been stored; with it goes the letter that answers it."""
        del message
        if stored.copy.letter is not None:
            self.note(tx, stored.copy, answering.read(stored.copy.letter))

    def note(self, tx: Transaction, copy: Copy, letter: Letter) -> None:
        """Let a letter be written, unless its recipient has had one of its kind."""
        now = int(time.time() * 1000)
        if letter.handle and not vacations.claim(
            tx, copy.inbox_id, letter.handle, letter.to.lower(), now, now + letter.seconds * 1000
        ):
            log.info("sieve.answer.withheld", inbox_id=copy.inbox_id, message_id=copy.message_id, why="answered")
            return
        auto_letters.add(tx, WaitingLetter(self._ids.next(), copy.tenant_id, copy.inbox_id, letter.as_json()))


class _Gone(Exception):
    """Another node has written the letter."""


class LetterDesk:
    """Writes the letters. Several nodes may run one: a letter goes away in the transaction that queues it."""

    def __init__(
        self,
        database: Database,
        ingest: Ingest,
        enqueue: Enqueue,
        executor: Executor,
        bell: Bell,
        hostname: str,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._enqueue = enqueue
        self._executor = executor
        self._bell = bell
        self._hostname = hostname
        self._clock = clock
        self._is_stopped = False

    async def run(self) -> None:
        """Write what waits, then wait for more, until told to stop."""
        while not self._is_stopped:
            try:
                await self.once()
            except errors.Temporary as error:
                log.warning("sieve.letters.failed", error=error.message)
                await self._bell.wait(auto_letters.TOPIC, TROUBLE_SECONDS)
                continue
            if not self._is_stopped:
                await self._bell.wait(auto_letters.TOPIC, POLL_SECONDS)

    def stop(self) -> None:
        """Stop after what is in hand."""
        self._is_stopped = True
        self._bell.ring(auto_letters.TOPIC)

    async def once(self) -> int:
        """Write every letter that waits; how many."""
        behind = count = 0
        while found := await self._database.read(auto_letters.waiting, behind, AT_ONCE):
            for waiting in found:
                if self._is_stopped:
                    return count
                await self._settle(waiting)
                behind, count = waiting.id, count + 1
        return count

    async def _settle(self, waiting: WaitingLetter) -> None:
        try:
            await self._send(waiting)
        except errors.Temporary:
            raise
        except Exception:  # the root of a letter: one that cannot be written must not keep the others waiting
            log.exception("sieve.letter.failed", inbox_id=waiting.inbox_id, letter_id=waiting.id)
            await self._database.write(auto_letters.remove, waiting.id)

    async def _send(self, waiting: WaitingLetter) -> None:
        inbox = await self._database.read(inboxes.get, waiting.inbox_id)
        letter = answering.read(waiting.body)
        raw = None
        if inbox is not None and inbox.status == "active":
            raw = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._written, waiting, letter, inbox
            )
        if inbox is None or raw is None:
            await self._database.write(auto_letters.remove, waiting.id)
            return
        header_id = self._header_id(waiting, inbox)
        recipient = addresses.parse(letter.to)
        # RFC 3834 3.3, RFC 5230 5.1: the null sender, so that nothing ever answers an answer.
        queued, deliveries = self._enqueue.build(
            inbox, "", None, [Recipient(recipient, "NEVER")],
            Terms(
                AUTO_ANSWER, header_id, letter.subject, len(raw), eight_bit=not raw.isascii(),
                smtputf8=not recipient.is_ascii,
            ),
        )  # fmt: skip
        record = Record((), self._clock(), len(raw), raw, None, queued, deliveries, is_news=False)

        def before(tx: Transaction) -> None:
            if not auto_letters.remove(tx, waiting.id):
                raise _Gone

        try:
            await self._ingest.store(record, before, _nothing_more)
        except _Gone:
            return
        log.info("sieve.letter.queued", inbox_id=inbox.id, queue_id=queued.queue_id, kind=letter.kind)

    def _header_id(self, waiting: WaitingLetter, inbox: Inbox) -> str:
        unique = identifiers.encode(Kind.MESSAGE, waiting.id).replace("_", ".").lower()
        return compose.new_message_id(inbox.address.rpartition("@")[2], unique)

    def _written(self, waiting: WaitingLetter, letter: Letter, inbox: Inbox) -> bytes | None:
        """The bytes of a letter; None where what a script says cannot stand in one."""
        if letter.kind == "refusal":
            return self._refusal(waiting, letter, inbox)
        draft = Draft(
            sender=Person(letter.sender, inbox.display_name), to=(Person(letter.to),), cc=(), bcc=(), reply_to=(),
            subject=letter.subject, text=letter.text, html=letter.html, attachments=(),
            in_reply_to=letter.in_reply_to, references=letter.references,
            header_id=self._header_id(waiting, inbox), date_at=self._clock(), extra_headers=(HEADER,),
        )  # fmt: skip
        try:
            raw = compose.compose(draft)
        except (InjectionError, addresses.AddressError) as error:
            log.warning("sieve.letter.unwritable", inbox_id=inbox.id, error=str(error))
            return None
        return (_with_entity(raw, letter.text or "") or raw) if letter.is_mime else raw

    def _refusal(self, waiting: WaitingLetter, letter: Letter, inbox: Inbox) -> bytes:
        """A report of non-delivery that says why (RFC 5429 2.1.2, 2.2)."""
        now = self._clock()
        reason = " ".join((letter.text or "").split()) or "The recipient does not want this message."
        return dsn.write(
            reporting_mta=self._hostname, to=letter.to, from_=letter.sender,
            header_id=self._header_id(waiting, inbox), at=now, arrival_at=now, envid=None,
            recipients=[ReportedRecipient(letter.recipient, "failed", "5.7.1", f"550 5.7.1 {reason}")],
            original=letter.original.encode("latin-1"), ret_full=False, kind="failed",
            smtputf8=not letter.to.isascii(),
        )  # fmt: skip


def _with_entity(raw: bytes, text: str) -> bytes | None:
    """The letter with the MIME entity of a script in the place of its body (RFC 5230 4.4); None where it is none."""
    octets = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
    head, start = headers.split(octets)
    fields = [(name, value) for name, value in head.fields if name.lower().startswith(b"content-")]
    if head.defects or not any(name.lower() == b"content-type" for name, _ in fields):
        return None
    lines = b"".join(b"%s:%s\r\n" % field for field in fields)
    body = octets[start:]
    if not lines.isascii() or max(map(len, (lines + body).split(b"\r\n"))) > HARD_LINE:
        return None
    own, _, _ = raw.partition(b"MIME-Version: 1.0\r\n")
    return own + b"MIME-Version: 1.0\r\n" + lines + b"\r\n" + body


def _nothing_more(tx: Transaction, stored: tuple[StoredMessage, ...]) -> None:
    """The queue's rows are all."""

"""Send and reply: compose, store the sent copy with its queue rows, answer."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Protocol

import orjson

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.delivery import State
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Flag
from mailserver.entities.ticket import Fork
from mailserver.mail import address as addresses
from mailserver.mail import answer, compose
from mailserver.mail.address import AddressError, Person
from mailserver.mail.compose import Draft
from mailserver.mail.encoding import InjectionError
from mailserver.mail.envelope import Recipient
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.mailbox.messages import Messages
from mailserver.services.outbound import outgoing as outgoing_fields
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.senders import Room, SendLists, refuse_blocked, refuse_unless_allowed
from mailserver.storage import arrange, bayes, deliveries, idempotency
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.idempotency import Answered
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Repeatable:
    """An Idempotency-Key with a fingerprint of the request that it came with."""

    key: str
    fingerprint: str
    is_tenants: bool = False  # one key for all inboxes of the tenant, not one for each

    def within(self, inbox: Inbox) -> "Repeatable":
        """The same under the name that it is kept by."""
        owner = "all" if self.is_tenants else f"{inbox.id:x}"
        return replace(self, key=f"{owner} {self.key}")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was stored and queued; `suppressed` are the recipients that get nothing."""

    message_id: int
    thread_id: int
    header_id: str
    suppressed: tuple[str, ...] = field(default=())


class Forking(Protocol):
    """What belongs to a message that begins a thread beside another one."""

    def begun(self, tx: Transaction, inbox: Inbox, fork: Fork, thread_id: int) -> None:
        """The message was stored in a thread."""
        ...


class _Repeated(Exception):
    """The request was answered before."""

    def __init__(self, answered: Answered) -> None:
        super().__init__()
        self.answered = answered


class Sending:
    """Every way by which the APIs send."""

    def __init__(
        self,
        database: Database,
        ingest: Ingest,
        messages: Messages,
        inboxes: Inboxes,
        enqueue: Enqueue,
        allowance: Allowance,
        lists: SendLists,
        room: Room,
        ids: IdSource,
        executor: Executor,
        most_recipients: int,
        most_bytes: int,
        forking: Forking,
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._messages = messages
        self._inboxes = inboxes
        self._enqueue = enqueue
        self._allowance = allowance
        self._lists = lists
        self._room = room
        self._ids = ids
        self._executor = executor
        self._most_recipients = most_recipients
        self._most_bytes = most_bytes
        self._forking = forking

    async def answered(self, caller: Caller, inbox: Inbox, repeatable: Repeatable | None) -> Sent | None:
        """The first answer to a repeated request; None where there is none yet."""
        refuse_unless_allowed(caller)
        if repeatable is None:
            return None
        _check_key(repeatable)
        kept = repeatable.within(inbox)
        found = await self._database.read(idempotency.get, inbox.tenant_id, kept.key, int(time.time() * 1000))
        return _repeat(found, kept) if found is not None else None

    async def send(
        self,
        caller: Caller,
        inbox: Inbox,
        outgoing: Outgoing,
        repeatable: Repeatable | None = None,
        also: Callable[[Transaction, Sent], None] | None = None,
    ) -> Sent:
        """Store and queue a message; on the disk when this returns. A repeated request gets the first answer.

        `also` is done in the same transaction.
        """
        known = await self.answered(caller, inbox, repeatable)
        if known is not None:
            return known
        repeatable = repeatable.within(inbox) if repeatable is not None else None
        outgoing_fields.check(outgoing)
        self._refuse_now(inbox)
        message_id = self._ids.next()
        draft = await self._draft(inbox, outgoing, message_id)
        recipients = self._recipients(draft)
        await refuse_blocked(self._lists, inbox, [recipient.address for recipient in recipients])
        raw = await self._compose(draft)
        queued, rows = self._enqueue.build(
            inbox, inbox.address, message_id, recipients,
            Terms(
                "api", draft.header_id, draft.subject, len(raw), eight_bit=not raw.isascii(),
                smtputf8=not all(recipient.address.is_ascii for recipient in recipients),
            ),
        )  # fmt: skip
        copy = Copy(
            message_id, inbox.id, inbox.tenant_id, Role.SENT.value, flags=int(Flag.SEEN), labels=outgoing.labels,
            is_ours=True, bcc=tuple(person.address for person in draft.bcc),
        )  # fmt: skip
        record = Record(
            (copy,), draft.date_at, len(raw), raw, None, queued, rows, begins_thread=outgoing.fork is not None
        )

        def before(tx: Transaction) -> None:
            if repeatable is not None:
                known = idempotency.get(tx, inbox.tenant_id, repeatable.key, int(time.time() * 1000))
                if known is not None:
                    raise _Repeated(known)

        def after(tx: Transaction, stored: tuple[StoredMessage, ...]) -> Sent:
            sent = self._finish(tx, stored, draft, outgoing, queued.id, inbox, repeatable)
            if outgoing.reaches_somebody and len(sent.suppressed) == len(rows):
                raise errors.Suppressed
            if also is not None:
                also(tx, sent)
            return sent

        try:
            async with self._allowance.spending(inbox.id, len(rows)):
                return await self._ingest.store(record, before, after)
        except _Repeated as repeated:
            if repeatable is None:
                raise
            return _repeat(repeated.answered, repeatable)

    async def written(self, inbox: Inbox, outgoing: Outgoing, message_id: int) -> tuple[Draft, bytes]:
        """A message as it would go out, to be kept as a draft: it may have nobody that it goes to yet."""
        outgoing_fields.check(outgoing)
        self._refuse_now(inbox)
        draft = await self._draft(inbox, outgoing, message_id)
        return draft, await self._compose(draft)

    async def addressed(self, inbox: Inbox, outgoing: Outgoing) -> tuple[list[str], str]:
        """Whom a message would go to, and its subject: those of an answer are derived. Invalid where it cannot go."""
        outgoing_fields.check(outgoing)
        draft = await self._draft(inbox, outgoing, 0)
        return [str(recipient.address) for recipient in self._recipients(draft)], draft.subject

    async def forget(self) -> None:
        """Forget the answers to repeated requests that are older than a day."""
        await self._database.write(idempotency.expire, int(time.time() * 1000))

    def _refuse_now(self, inbox: Inbox) -> None:
        if inbox.status != "active":
            raise errors.Conflict("The inbox is paused.")
        if not self._room.is_there:
            raise errors.StoreFull

    # -- the message --------------------------------------------------------------------------------------------

    async def _draft(self, inbox: Inbox, outgoing: Outgoing, message_id: int) -> Draft:
        to, cc, subject = outgoing.to, outgoing.cc, outgoing.subject
        in_reply_to, references = outgoing.in_reply_to, outgoing.references
        original = outgoing.reply_to_message
        if original is not None:
            own = await self._inboxes.addresses(inbox)
            parsed = await self._messages.parsed(original)
            if not outgoing.to and (parsed.headers.first("return-path") or b"").strip() == b"<>":
                sentence = "The original came from nobody, as reports do; an answer would reach nobody."
                raise errors.Invalid(sentence, reply_to_message_id=sentence)
            derived = answer.reply(parsed, set(own), outgoing.reply_all)
            to = to or derived.to
            cc = cc or derived.cc
            subject = subject or outgoing_fields.plain_name(derived.subject)
            in_reply_to = derived.in_reply_to or original.header_id
            references = derived.references or (original.header_id,)
            if not to and not cc:
                raise errors.Invalid("The original has no address to reply to.", to="The original names nobody.")
        unique = identifiers.encode(Kind.MESSAGE, message_id).replace("_", ".").lower()
        return Draft(
            sender=Person(inbox.address, inbox.display_name), to=to, cc=cc, bcc=outgoing.bcc,
            reply_to=outgoing.reply_to, subject=subject or "", text=outgoing.text, html=outgoing.html,
            attachments=outgoing.attachments, in_reply_to=in_reply_to, references=references,
            header_id=compose.new_message_id(inbox.address.rpartition("@")[2], unique),
            date_at=int(time.time() * 1000), extra_headers=outgoing.headers,
        )  # fmt: skip

    def _recipients(self, draft: Draft) -> list[Recipient]:
        """Each address once, whatever field it stands in."""
        found: dict[str, Recipient] = {}
        for name, people in (("to", draft.to), ("cc", draft.cc), ("bcc", draft.bcc)):
            for person in people:
                try:
                    parsed = addresses.parse(person.address)
                except AddressError as error:
                    raise errors.Invalid(f"{person.address!r} is not an address.", **{name: str(error)}) from error
                found.setdefault(parsed.normal, Recipient(parsed))
        if not found:
            raise errors.Invalid("The message has no recipient.", to="At least one recipient is required.")
        if len(found) > self._most_recipients:
            raise errors.Invalid(
                f"A message has at most {self._most_recipients} recipients.", to="There are too many recipients."
            )
        return list(found.values())

    async def _compose(self, draft: Draft) -> bytes:
        try:
            raw = await asyncio.get_running_loop().run_in_executor(self._executor, compose.compose, draft)
        except (InjectionError, AddressError) as error:
            raise errors.Invalid(str(error), headers=str(error)) from error
        if len(raw) > self._most_bytes:
            raise errors.TooLarge(f"A message has at most {self._most_bytes} octets.")
        return raw

    # -- its transaction ----------------------------------------------------------------------------------------

    def _finish(
        self,
        tx: Transaction,
        stored: tuple[StoredMessage, ...],
        draft: Draft,
        outgoing: Outgoing,
        queued_id: int,
        inbox: Inbox,
        repeatable: Repeatable | None,
    ) -> Sent:
        """What belongs to the same change: the original's mark, and the answer to a repetition."""
        if not stored:
            raise errors.NotFound("There is no such inbox.")
        (one,) = stored
        now = int(time.time() * 1000)
        if outgoing.reply_to_message is not None and _is_there(tx, outgoing.reply_to_message.id):
            arrange.set_flags(tx, outgoing.reply_to_message.id, Flag.ANSWERED, Flag(0), now)
            if not outgoing.reply_to_message.is_ours:
                bayes.ask(tx, outgoing.reply_to_message.id, inbox.id, False, now)  # nobody answers junk
        for number, flag in outgoing.marks:
            if _is_there(tx, number):
                arrange.set_flags(tx, number, flag, Flag(0), now)
        suppressed = tuple(
            delivery.recipient for delivery in deliveries.of_queued(tx, queued_id) if delivery.state is State.SUPPRESSED
        )
        sent = Sent(one.copy.message_id, one.thread_id, draft.header_id, suppressed)
        if outgoing.fork is not None:
            self._forking.begun(tx, inbox, outgoing.fork, sent.thread_id)
        if repeatable is not None:
            body = orjson.dumps([sent.message_id, sent.thread_id, sent.header_id, sent.suppressed]).decode()
            idempotency.put(tx, inbox.tenant_id, repeatable.key, Answered(repeatable.fingerprint, body), now)
        return sent


def fingerprint(*parts: object) -> str:
    """What makes two requests the same: their door, their inbox and their body."""
    return hashlib.sha256(orjson.dumps([str(part) for part in parts])).hexdigest()


def _check_key(repeatable: Repeatable) -> None:
    if not 1 <= len(repeatable.key) <= LONGEST_KEY or not repeatable.key.isprintable():
        raise errors.Invalid("The Idempotency-Key has between 1 and 255 printable characters.")


def _repeat(answered: Answered, repeatable: Repeatable) -> Sent:
    if answered.fingerprint != repeatable.fingerprint:
        raise errors.Conflict("The Idempotency-Key was used for another request.")
    message_id, thread_id, header_id, suppressed = orjson.loads(answered.answer)
    return Sent(message_id, thread_id, header_id, tuple(suppressed))


def _is_there(snapshot: Snapshot, message_id: int) -> bool:
    return snapshot.one("SELECT 1 FROM message WHERE id = ?", (message_id,)) is not None

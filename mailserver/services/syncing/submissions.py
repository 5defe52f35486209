"""Mail that a client hands over to be sent: a stored message with an envelope (RFC 8621 7)."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.delivery import Delivery, State
from mailserver.entities.email import Email
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.submission import StoredSubmission, Submitted, UndoStatus
from mailserver.mail import address as addresses
from mailserver.mail import dsn_parameters, headers
from mailserver.mail.address import Address
from mailserver.mail.envelope import Recipient
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.outbound.senders import SendLists, owned, refuse_blocked, refuse_unless_allowed
from mailserver.storage import deliveries, email_submissions, emails, files
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.files import MessageFiles

KEPT_MS = 30 * 86_400_000
TRIMMED_AT_ONCE = 200
MOST_LISTED = 10_000


class Refused(errors.ServiceError):
    """A submission that JMAP has a word of its own for; `kind` is that word."""

    def __init__(self, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.more = more


@dataclass(frozen=True, slots=True)
class Letter:
    """What is handed over. `sender` and `recipients` are None where the message itself says them."""

    email_id: int
    identity_id: int
    sender: str | None
    recipients: tuple[tuple[str, Mapping[str, str | None]], ...] | None
    hold_until: int | None  # unix milliseconds
    envid: str | None = None
    ret: str | None = None
    parameters: Mapping[str, str | None] | None = None  # of the sender, as the client gave them


@dataclass(frozen=True, slots=True)
class _Read:
    """What the message says of itself."""

    authors: tuple[Address, ...]
    recipients: tuple[Address, ...]
    header_id: str
    subject: str
    is_ascii: bool
    has_ascii_head: bool


class Submissions:
    """What a client has handed over, through the caller's eyes."""

    def __init__(
        self,
        database: Database,
        message_files: MessageFiles,
        executor: Executor,
        ingest: Ingest,
        owners: Inboxes,
        enqueue: Enqueue,
        allowance: Allowance,
        lists: SendLists,
        ids: IdSource,
        separator: str,
        most_recipients: int,
    ) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor
        self._ingest = ingest
        self._owners = owners
        self._enqueue = enqueue
        self._allowance = allowance
        self._lists = lists
        self._ids = ids
        self._separator = separator
        self.most_recipients = most_recipients

    # -- reading ------------------------------------------------------------------------------------------------

    async def get(self, caller: Caller, inbox: Inbox, ids: Sequence[int] | None) -> list[Submitted]:
        """Submissions by their ids, or the newest ones; what has become of each."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> list[Submitted]:
            if ids is None:
                found = email_submissions.of_inbox(snapshot, inbox.id, MOST_LISTED)
            else:
                found = email_submissions.get(snapshot, inbox.id, ids)
            told = email_submissions.reports(snapshot, [each.id for each in found])
            return [_submitted(snapshot, each, told.get(each.id, ())) for each in found]

        return await self._database.read(read)

    # -- writing ------------------------------------------------------------------------------------------------

    async def create(self, caller: Caller, inbox: Inbox, letter: Letter) -> Submitted:
        """Hand a stored message over to the queue; on the disk, with its deliveries, when this returns."""
        try:
            refuse_unless_allowed(caller)
        except errors.Forbidden as error:
            raise Refused("forbiddenToSend", error.message) from error
        email = (await self._database.read(emails.get, inbox.id, [letter.email_id])).get(letter.email_id)
        if email is None:
            raise Refused("invalidProperties", "There is no such message.", properties=["emailId"])
        content = await asyncio.get_running_loop().run_in_executor(self._executor, self._look, email)
        sender, recipients = await self._envelope(inbox, letter, content)
        try:
            await refuse_blocked(self._lists, inbox, [each.address for each in recipients])
        except errors.MessageRefused as error:
            raise Refused("forbiddenToSend", error.message) from error
        now = _now()
        terms = Terms(
            source="submission", header_id=content.header_id, subject=content.subject, size=email.size,
            eight_bit=not content.is_ascii, smtputf8=_needs_smtputf8(content, sender, recipients),
            release_at=letter.hold_until, envid=_wish(dsn_parameters.envelope_id, letter.envid, "envelope/mailFrom"),
            ret=letter.ret,
        )  # fmt: skip
        queued, wanted = self._enqueue.build(inbox, str(sender) if sender else "", email.id, recipients, terms)
        stored = StoredSubmission(
            self._ids.next(), inbox.tenant_id, inbox.id, queued.id, letter.identity_id, email.id, email.thread_id,
            _shown(sender, recipients, letter), letter.hold_until or now, is_canceled=False, created_at=now,
        )  # fmt: skip

        def write(tx: Transaction) -> Submitted:
            if email.id not in emails.get(tx, inbox.id, [email.id]):
                raise Refused("invalidProperties", "There is no such message.", properties=["emailId"])
            self._ingest.queue(tx, replace(queued, thread_id=email.thread_id), wanted, now)
            email_submissions.add(tx, stored)
            emails.mark_ours(tx, email.id)
            body = {
                "message_id": identifiers.encode(Kind.MESSAGE, email.id),
                "thread_id": identifiers.encode(Kind.THREAD, email.thread_id),
                "folder": Role.SENT.value,
            }
            tx.publish(Event(self._ids.next(), inbox.tenant_id, inbox.id, EventType.MESSAGE_SENT, now, body))
            return _submitted(tx, stored)

        async with self._allowance.spending(inbox.id, len(wanted)):
            return await self._database.write(write)

    async def cancel(self, caller: Caller, inbox: Inbox, number: int) -> None:
        """Take a submission back; cannotUnsend once something of it is on its way."""
        caller.require(Scope.EMAIL_SEND)

        def write(tx: Transaction) -> None:
            stored = _one(tx, inbox, number)
            present = _submitted(tx, stored)
            if present.status is UndoStatus.CANCELED:
                return
            if present.status is not UndoStatus.PENDING:
                raise Refused("cannotUnsend", "It is on its way.")
            now = _now()
            rows = [(State.DROPPED, now, "", "", "none", each.id) for each in present.deliveries if _waits(each)]
            deliveries.finish(tx, rows)
            deliveries.close_in_queued(tx, [stored.queued_id] * len(rows), now)
            email_submissions.cancel(tx, stored)

        await self._database.write(write)

    async def remove(self, caller: Caller, inbox: Inbox, number: int) -> None:
        """Forget a submission; what it has sent, or is going to send, is not touched."""
        caller.require(Scope.EMAIL_SEND)

        def write(tx: Transaction) -> None:
            email_submissions.remove(tx, inbox.id, _one(tx, inbox, number).id)

        await self._database.write(write)

    async def sweep(self) -> int:
        """Forget what was handed over a month ago; how many."""
        total = 0
        while number := await self._database.write(email_submissions.trim, _now() - KEPT_MS, TRIMMED_AT_ONCE):
            total += number
        return total

    # -- inside -------------------------------------------------------------------------------------------------

    def _look(self, email: Email) -> _Read:
        try:
            raw = self._files.read(files.location(email.inbox_id, email.id))
        except FileNotFoundError as error:
            raise errors.StoreUnavailable from error
        head, body_offset = headers.split(raw)
        if head.defects or head.count("from") != 1:
            raise Refused("invalidEmail", "The message needs one From field, and a header that can be read.",
                          properties=["from"])  # fmt: skip
        if head.count("date") != 1:
            raise Refused("invalidEmail", "The message needs one Date field.", properties=["sentAt"])
        authors = [*headers.people(head.first("from"))]
        for name in ("sender", "resent-from", "resent-sender"):
            for value in head.all(name):
                authors += headers.people(value)
        people = [
            person for name in ("to", "cc", "bcc") for value in head.all(name) for person in headers.people(value)
        ]
        ids = headers.message_ids(head.first("message-id"))
        if not ids:
            raise Refused("invalidEmail", "The message needs a Message-ID.", properties=["messageId"])
        return _Read(
            tuple(_parsed(each.address, "from") for each in authors),
            tuple(_parsed(each.address, "to") for each in people), ids[0], head.text("subject"), raw.isascii(),
            raw[:body_offset].isascii(),
        )  # fmt: skip

    async def _envelope(self, inbox: Inbox, letter: Letter, content: _Read) -> tuple[Address | None, list[Recipient]]:
        own = await self._owners.addresses(inbox)
        if not content.authors or not all(owned(each, own, self._separator) for each in content.authors):
            raise Refused("forbiddenFrom", "The message is written in the name of another address.")
        if letter.sender is None:
            sender: Address | None = content.authors[0]
        else:
            sender = _parsed(letter.sender, "envelope/mailFrom") if letter.sender else None
        if sender is not None and not owned(sender, own, self._separator):
            raise Refused("forbiddenMailFrom", "The envelope names another sender than the inbox.")
        if letter.recipients is None:
            recipients = [Recipient(each) for each in content.recipients]
        else:
            recipients = [_recipient(address, more) for address, more in letter.recipients]
        each = {one.address.normal: one for one in reversed(recipients)}
        chosen = [*each.values()][::-1]
        if not chosen:
            raise Refused("noRecipients", "The message names nobody to send it to.")
        most = self.most_recipients
        if len(chosen) > most:
            raise Refused("tooManyRecipients", f"At most {most:,} recipients.", maxRecipients=most)
        return sender, chosen


def _recipient(address: str, more: Mapping[str, str | None]) -> Recipient:
    try:
        parsed = addresses.parse(address)
    except addresses.AddressError as error:
        raise Refused("invalidRecipients", f"{address[:200]} is no address.", invalidRecipients=[address]) from error
    return Recipient(
        parsed,
        _wish(dsn_parameters.notify, more.get("NOTIFY"), "envelope/rcptTo"),
        _wish(dsn_parameters.original_recipient, more.get("ORCPT"), "envelope/rcptTo"),
    )


def _wish(write: Callable[[str], str], text: str | None, where: str) -> str | None:
    """A wish as SMTP says it: what a client gives is plain (RFC 8621 7), and must not end a parameter."""
    try:
        return write(text) if text is not None else None
    except dsn_parameters.BadParameter as error:
        raise Refused("invalidProperties", str(error), properties=[where]) from error


def _needs_smtputf8(content: _Read, sender: Address | None, recipients: Sequence[Recipient]) -> bool:
    everyone = [each.address for each in recipients] + ([sender] if sender is not None else [])
    return not content.has_ascii_head or not all(each.is_ascii for each in everyone)


def _parsed(text: str, where: str) -> Address:
    try:
        return addresses.parse(text)
    except addresses.AddressError as error:
        if where == "to":
            raise Refused("invalidRecipients", f"{text[:200]} is no address.", invalidRecipients=[text]) from error
        if where == "from":
            raise Refused("invalidEmail", f"{text[:200]} is no address.", properties=["from"]) from error
        raise Refused("invalidProperties", f"{text[:200]} is no address.", properties=[where]) from error


def _shown(sender: Address | None, recipients: Sequence[Recipient], letter: Letter) -> dict[str, Any]:
    """The envelope as the client sees it."""
    given = {addresses.parse(address).normal: more for address, more in reversed(letter.recipients or ())}

    def address(one: Recipient) -> dict[str, Any]:
        return {"email": str(one.address), "parameters": dict(given.get(one.address.normal, {})) or None}

    parameters = dict(letter.parameters or {}) or None
    return {
        "mailFrom": {"email": str(sender) if sender else "", "parameters": parameters},
        "rcptTo": [address(one) for one in recipients],
    }


def _one(snapshot: Snapshot, inbox: Inbox, number: int) -> StoredSubmission:
    found = email_submissions.get(snapshot, inbox.id, [number])
    if not found:
        raise errors.NotFound("There is no such submission.")
    return found[0]


def _submitted(snapshot: Snapshot, stored: StoredSubmission, reports: tuple[bytes, ...] = ()) -> Submitted:
    """What has become of it. One that was delayed can be taken back until the queue claims the first of it."""
    found = tuple(deliveries.of_queued(snapshot, stored.queued_id))
    wanted = [each for each in found if each.state is not State.SUPPRESSED]
    if stored.is_canceled:
        status = UndoStatus.CANCELED
    elif stored.send_at > stored.created_at and wanted and all(map(_waits, wanted)):
        status = UndoStatus.PENDING
    else:
        status = UndoStatus.FINAL
    return Submitted(stored, status, found, reports)


def _waits(delivery: Delivery) -> bool:
    return delivery.state in (State.QUEUED, State.HELD) and delivery.attempts == 0


def _now() -> int:
    return int(time.time() * 1000)

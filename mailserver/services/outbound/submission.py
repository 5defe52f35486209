"""What an authenticated SMTP client may send, and what is mended in it on the way (RFC 6409 8)."""

import re
import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Flag
from mailserver.mail import address as addresses
from mailserver.mail import compose, dates, headers, trace
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.headers import Headers
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.mailbox.acceptance import Acceptance, Content
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.outbound.senders import Room, SendLists, owned, refuse_blocked, refuse_unless_allowed
from mailserver.storage.records import Copy, Record

_BLIND = re.compile(rb"^(?:resent-)?bcc[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)


class Submission:
    """The service of 587 and 465. One for the process."""

    def __init__(
        self,
        inboxes: Inboxes,
        acceptance: Acceptance,
        enqueue: Enqueue,
        allowance: Allowance,
        lists: SendLists,
        room: Room,
        ids: IdSource,
        hostname: str,
        separator: str,
        *,
        hide_client: bool,
        save_sent: bool,
    ) -> None:
        self._inboxes = inboxes
        self._acceptance = acceptance
        self._enqueue = enqueue
        self._allowance = allowance
        self._lists = lists
        self._room = room
        self._ids = ids
        self._hostname = hostname
        self._separator = separator
        self._hide_client = hide_client
        self._save_sent = save_sent

    async def may_send(self, caller: Caller, sender: Address | None) -> None:
        """Refuse with SenderNotOwned a reverse-path that is not the login's; the null one is anybody's."""
        refuse_unless_allowed(caller)
        inbox = await self._inboxes.of(caller, None)
        if sender is not None and not owned(sender, await self._inboxes.addresses(inbox), self._separator):
            raise errors.SenderNotOwned
        await self._allowance.check(inbox.id)

    async def check_recipient(self, caller: Caller, address: Address) -> None:
        """Every address that no list forbids is taken; what becomes of it is the queue's answer."""
        caller.require(Scope.EMAIL_SEND)
        inbox = await self._inboxes.of(caller, None)
        await self._allowance.check(inbox.id, recipients=1)
        await refuse_blocked(self._lists, inbox, [address])

    def room(self) -> bool:
        """Whether the disk can take another message."""
        return self._room.is_there

    def begin(self, envelope: Envelope, caller: Caller) -> "SubmittedMessage":
        """Start to take a message."""
        del envelope
        return SubmittedMessage(self, caller, self._acceptance.content())

    async def accept(self, envelope: Envelope, caller: Caller, content: Content) -> str:
        """Take responsibility for a message and queue it; the id that its trace has."""
        refuse_unless_allowed(caller)
        inbox = await self._inboxes.of(caller, None)
        head = content.headers()
        if head.defects:  # others might find a second From where we have not looked
            raise errors.Invalid("The header of the message cannot be read to its end.")
        self._refuse_foreign(head, await self._inboxes.addresses(inbox))
        _refuse_binary(envelope, content)
        message_id = self._ids.next()
        queue_id = identifiers.encode(Kind.MESSAGE if self._save_sent else Kind.QUEUED, message_id)
        now = time.time()
        header_id, added = self._missing(head, inbox, queue_id, now)
        block = content.head()[: content.body_offset]
        kept = _BLIND.sub(b"", block)
        received = trace.received(
            envelope=envelope, by=self._hostname, id=queue_id, at=now, hide_client=self._hide_client, for_=None
        )
        top = received + added
        terms = Terms(
            source="submission",
            header_id=header_id,
            subject=headers.decode(head.first("subject") or b""),
            size=len(top) + len(kept) + content.size - content.body_offset,
            eight_bit=not content.is_ascii,
            smtputf8=envelope.smtputf8 and _needs_smtputf8(envelope, block),
            require_tls=envelope.require_tls,
            ret=envelope.ret,
            envid=envelope.envid,
            release_at=envelope.release_at,
            deliver_by=envelope.deliver_by,
            priority=envelope.priority,
        )
        sender = str(envelope.sender) if envelope.sender else ""
        saved, own = (message_id, None) if self._save_sent else (None, message_id)
        each = {recipient.address.normal: recipient for recipient in reversed(envelope.recipients)}
        queued, deliveries = self._enqueue.build(inbox, sender, saved, [*each.values()][::-1], terms, own)
        copies = (self._sent_copy(inbox, message_id, head, envelope),) if self._save_sent else ()
        record = Record(copies, int(now * 1000), 0, queued=queued, deliveries=deliveries)
        async with self._allowance.spending(inbox.id, len(deliveries)):
            await self._acceptance.commit(content, top + kept, record, skip=content.body_offset)
        return queue_id

    def _sent_copy(self, inbox: Inbox, message_id: int, head: Headers, envelope: Envelope) -> Copy:
        named = {
            person.address for field in ("to", "cc") for value in head.all(field) for person in headers.people(value)
        }
        blind = tuple(str(each.address) for each in envelope.recipients if str(each.address) not in named)
        return Copy(
            message_id, inbox.id, inbox.tenant_id, Role.SENT.value, flags=int(Flag.SEEN), is_ours=True,
            bcc=blind if head.count("bcc") else (),
        )  # fmt: skip

    def _refuse_foreign(self, head: Headers, own: frozenset[str]) -> None:
        """RFC 6409 6.1: From and Sender name nobody but the login."""
        if head.count("from") != 1:
            raise errors.SenderNotOwned("The message needs exactly one From field.")
        people = [*headers.people(head.first("from") or b"")]
        for field in ("sender", "resent-from", "resent-sender"):
            for value in head.all(field):
                people.extend(headers.people(value))
        if not people:
            raise errors.SenderNotOwned("The From field names nobody.")
        for person in people:
            try:
                author = addresses.parse(person.address)
            except addresses.AddressError as error:
                raise errors.SenderNotOwned from error
            if not owned(author, own, self._separator):
                raise errors.SenderNotOwned

    def _missing(self, head: Headers, inbox: Inbox, queue_id: str, now: float) -> tuple[str, bytes]:
        """The Message-ID, and the fields that the client left out (RFC 6409 8.2, 8.3)."""
        added = b""
        ids = headers.message_ids(head.first("message-id") or b"")
        if ids:
            header_id = ids[0]
        else:
            header_id = compose.new_message_id(inbox.address.rpartition("@")[2], queue_id.replace("_", "."))
            added += f"Message-ID: {header_id}\r\n".encode()
        if not head.count("date"):
            added += f"Date: {dates.write(int(now))}\r\n".encode()
        return header_id, added


class SubmittedMessage:
    """One message that a mail client is sending."""

    def __init__(self, submission: Submission, caller: Caller, content: Content) -> None:
        self._submission = submission
        self._caller = caller
        self._content = content
        self.add = content.add
        self.flush = content.flush
        self.discard = content.discard

    async def accept(self, envelope: Envelope) -> str:
        """Take responsibility for it, or refuse it."""
        try:
            return await self._submission.accept(envelope, self._caller, self._content)
        finally:
            self._content.discard()


def _refuse_binary(envelope: Envelope, content: Content) -> None:
    """RFC 3030 3: what is not made of lines can be stored, but hardly any server takes it from us."""
    if envelope.body != "BINARYMIME":
        return
    octets = b"" if content.is_spooled else content.octets()
    lines = octets.count(b"\r\n")
    if content.is_spooled or lines != octets.count(b"\n") or lines != octets.count(b"\r") or b"\0" in octets:
        raise errors.Invalid("Binary content cannot be sent on; send it encoded.")


def _needs_smtputf8(envelope: Envelope, block: bytes) -> bool:
    everyone = [each.address for each in envelope.recipients]
    if envelope.sender is not None:
        everyone.append(envelope.sender)
    return not block.isascii() or not all(each.is_ascii for each in everyone)

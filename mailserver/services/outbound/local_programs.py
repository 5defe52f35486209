"""What programs on this machine send by sendmail(8): cron, monitors, whatever knows no login."""

import math
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.mail import piped_message
from mailserver.mail.address import Address, AddressError, Person
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.mail.piped_message import PipedMessage
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.outbound.senders import owned
from mailserver.services.outbound.submission import Submission

HERE = Peer("127.0.0.1", 0, "localhost", esmtp=True)
CHUNK = 256 << 10


class Known(Protocol):
    """Knows whether an address of ours leads anywhere."""

    async def find(self, address: Address) -> object:
        """Where it leads; UnknownRecipient where it leads nowhere."""


@dataclass(frozen=True, slots=True)
class Piped:
    """What a program says beside its message."""

    user: str  # who runs it, as the command says
    recipients: tuple[str, ...]
    reads_header: bool = False  # -t: those in the header too
    ends_at_dot: bool = True
    sender: str | None = None  # -f; '' is the null sender
    full_name: str | None = None  # -F
    notify: str | None = None
    ret: str | None = None
    envid: str | None = None


class LocalPrograms:
    """Sends as one inbox; an operator may send as any."""

    def __init__(
        self, inboxes: Inboxes, submission: Submission, known: Known, inbox: str, hostname: str, separator: str,
        message_bytes: int,
    ) -> None:  # fmt: skip
        self._inboxes = inboxes
        self._submission = submission
        self._known = known
        self._inbox = inbox
        self._hostname = hostname
        self._separator = separator
        self._message_bytes = message_bytes

    async def send(self, piped: Piped, raw: bytes, *, by_operator: bool) -> str:
        """Take responsibility for a message; the id that its trace has.

        From becomes the inbox where it names somebody else, whose address stays in X-Original-From. A name without a
        domain is one of the inbox's domain, or its postmaster where there is no such one.
        """
        if len(raw) > self._message_bytes:
            raise errors.TooLarge(f"A message has at most {self._message_bytes:,} octets.")
        message = piped_message.read(raw, ends_at_dot=piped.ends_at_dot)
        inbox = await self._sending(message, piped, by_operator=by_operator)
        own = addresses.parse(inbox.address)
        wanted = [*piped.recipients, *(message.recipients() if piped.reads_header else ())]
        if not wanted:
            raise errors.Invalid("Nobody is named whom the message is for; name somebody, or use -t.")
        recipients = [await self._recipient(text, own.domain) for text in dict.fromkeys(wanted)]
        named = message.qualified(own.domain)
        if not await self._is_of(inbox, message):
            _, name = message.author()
            name = piped.full_name or name or f"{piped.user} on {self._hostname}"
            named = named.sent_by(Person(inbox.address, name))
        content = named.content
        envelope = Envelope(
            HERE,
            await self._reverse_path(inbox, piped, own),
            tuple(Recipient(each, piped.notify) for each in recipients),
            body="7BIT" if content.isascii() else "8BITMIME",
            smtputf8=not all(each.is_ascii for each in recipients),
            ret=piped.ret,
            envid=piped.envid,
        )
        caller = Caller(inbox.tenant_id, Credential.ADMIN, 0, ALL_SCOPES, inbox.id)
        for each in recipients:
            await self._submission.check_recipient(caller, each)
        taken = self._submission.begin(envelope, caller)
        for index in range(math.ceil(len(content) / CHUNK)):
            if taken.add(content[index * CHUNK : (index + 1) * CHUNK]):
                await taken.flush()
        return await taken.accept(envelope)

    async def _sending(self, message: PipedMessage, piped: Piped, *, by_operator: bool) -> Inbox:
        author, _ = message.author()
        if by_operator:
            for text in (author.address if author else None, piped.sender):
                try:
                    return await self._inboxes.at(text or "")
                except (errors.NotFound, errors.Invalid):
                    continue  # somebody else's, or nobody's: it is sent as the inbox that is set
        if not self._inbox:
            raise errors.Invalid(
                "Nobody is set as whom programs send; set sendmail.inbox, or name an inbox of ours in From."
            )
        return await self._inboxes.at(self._inbox)

    async def _is_of(self, inbox: Inbox, message: PipedMessage) -> bool:
        author, _ = message.author()
        try:
            own = await self._inboxes.addresses(inbox)
            return author is not None and owned(addresses.parse(author.address), own, self._separator)
        except AddressError:
            return False

    async def _reverse_path(self, inbox: Inbox, piped: Piped, own: Address) -> Address | None:
        if piped.sender is None:
            return own
        if piped.sender in ("", "<>"):
            return None
        try:
            wanted = addresses.parse(piped.sender)
        except AddressError:
            return own
        return wanted if owned(wanted, await self._inboxes.addresses(inbox), self._separator) else own

    async def _recipient(self, text: str, domain: str) -> Address:
        try:
            found = addresses.parse(piped_message.address_of(text, domain))
        except AddressError as error:
            raise errors.Invalid(f"{text!r} is not an address. {error}") from error
        if "@" not in text:
            try:
                await self._known.find(found)
            except errors.UnknownRecipient:
                return Address("postmaster", domain)
        return found

"""What programs on this machine send by sendmail(8): cron, monitors, whatever knows no login."""

import math
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.mail import dsn_parameters, piped_message
from mailserver.mail.address import Address, AddressError, Person
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.mail.piped_message import PipedMessage
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.outbound.senders import owned
from mailserver.services.outbound.submission import Submission

HERE = Peer("127.0.0.1", 0, "localhost", esmtp=True)
CHUNK = 256 << 10
MOST_RECIPIENTS = 1_000  # those of the header included
LONGEST_NAME = 200
_RETURNED = (None, "FULL", "HDRS")


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
        notify, envid = _asked(piped)
        inbox = await self._sending(message, piped, by_operator=by_operator)
        self._refuse_now(inbox)
        own = addresses.parse(inbox.address)
        wanted = [*piped.recipients, *(message.recipients() if piped.reads_header else ())]
        if not wanted:
            raise errors.Invalid("Nobody is named whom the message is for; name somebody, or use -t.")
        if len(wanted) > MOST_RECIPIENTS:
            raise errors.TooLarge(f"A message has at most {MOST_RECIPIENTS:,} recipients.")
        recipients = [await self._recipient(text, own.domain) for text in dict.fromkeys(wanted)]
        named = message.qualified(own.domain)
        if not await self._is_of(inbox, message):
            _, name = message.author()
            name = _shown(piped.full_name or "") or _shown(name) or _shown(f"{piped.user} on {self._hostname}")
            named = named.sent_by(Person(inbox.address, name))
        content = named.content
        envelope = Envelope(
            HERE,
            await self._reverse_path(inbox, piped, own),
            tuple(Recipient(each, notify) for each in recipients),
            body="7BIT" if content.isascii() else "8BITMIME",
            smtputf8=not all(each.is_ascii for each in recipients),
            ret=piped.ret,
            envid=envid,
        )
        caller = Caller.operator(inbox.tenant_id, inbox.id)
        for each in recipients:
            await self._submission.check_recipient(caller, each)
        taken = self._submission.begin(envelope, caller)
        for index in range(math.ceil(len(content) / CHUNK)):
            if taken.add(content[index * CHUNK : (index + 1) * CHUNK]):
                await taken.flush()
        return await taken.accept(envelope)

    def _refuse_now(self, inbox: Inbox) -> None:
        if inbox.status != "active":
            raise errors.Conflict("The inbox is paused.")
        if not self._submission.room():
            raise errors.StoreFull

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


def _asked(piped: Piped) -> tuple[str | None, str | None]:
    """NOTIFY and ENVID as SMTP has them; Invalid for what they cannot say."""
    if piped.ret not in _RETURNED:
        raise errors.Invalid("What is returned of a message is FULL or HDRS.")
    try:
        return (
            dsn_parameters.notify(piped.notify) if piped.notify else None,
            dsn_parameters.envelope_id(piped.envid) if piped.envid else None,
        )
    except dsn_parameters.BadParameter as error:
        raise errors.Invalid(str(error)) from error


def _shown(name: str) -> str:
    """A name as a header field may have it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:LONGEST_NAME]

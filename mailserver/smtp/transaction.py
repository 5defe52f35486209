"""The commands of a message: MAIL, RCPT, DATA and BDAT (RFC 5321 3.3, RFC 3030)."""

import re
import time
from collections.abc import Awaitable

from mailserver.entities import errors
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Recipient
from mailserver.mail.reply import Reply
from mailserver.smtp import parameters, paths, replies
from mailserver.smtp.commands import SessionCommands
from mailserver.smtp.data import Intake
from mailserver.smtp.parameters import PLAIN_MAIL, PLAIN_RECIPIENT, MailParameters
from mailserver.smtp.session import Transaction

HOLD_GRACE_MS = 60_000  # EHLO may have been a while ago
_BDAT = re.compile(r"([0-9]{1,10})( +LAST)?", re.IGNORECASE)


class Receiver(SessionCommands):
    """The whole server side of a connection."""

    __slots__ = ("_envelope",)
    _envelope: Envelope

    def smtp_MAIL(self, argument: str) -> Reply | None:  # noqa: N802, PLR0911  aiosmtpd's naming; one return a rule
        """Begin a message (RFC 5321 4.1.1.2)."""
        peer, listener = self.peer, self.listener
        if not peer.helo:
            return replies.HELO_FIRST
        if peer.transaction:
            return replies.NESTED_MAIL
        if peer.messages >= listener.limits.messages_per_session:
            self.give_up(replies.TOO_MANY_TRANSACTIONS)
            return None
        refusal = listener.policy.before_mail(peer)
        if refusal and refusal.code == 421:
            self.give_up(refusal)
            return None
        if refusal:
            return refusal
        peer.messages += 1
        begun = self._begin(argument)
        if isinstance(begun, Reply):
            return begun
        decision = listener.policy.sender(peer, begun.sender)
        if isinstance(decision, Reply):
            return decision
        if decision is None:
            peer.transaction = begun
            return replies.SENDER_OK
        self.start(decision, lambda _: self._sender_accepted(begun), replies.sender_refusal)
        return None

    def smtp_RCPT(self, argument: str) -> Reply | None:  # noqa: N802, PLR0911  as MAIL
        """Add a recipient (RFC 5321 4.1.1.3)."""
        transaction = self.peer.transaction
        if not transaction:
            return replies.MAIL_FIRST if self.peer.helo else replies.HELO_FIRST
        if self.intake:
            return replies.BDAT_UNDER_WAY
        most = self.listener.limits.recipients
        if len(transaction.recipients) >= most:
            transaction.refused_recipients += 1
            if transaction.refused_recipients > most:  # RFC 5321 4.5.3.1.10: the rest comes again, but not for ever
                self.give_up(replies.TOO_MANY_ERRORS)
                return None
            return replies.TOO_MANY_RECIPIENTS
        recipient = self._recipient(argument, transaction)
        if isinstance(recipient, Reply):
            transaction.refused_recipients += 1
            return recipient
        decision = self.listener.policy.recipient(self.peer, recipient.address)
        if decision is None:
            transaction.recipients.append(recipient)
            return replies.RECIPIENT_OK
        if isinstance(decision, Reply):
            transaction.refused_recipients += 1
            return decision
        self._decide_later(decision, transaction, recipient)
        return None

    def smtp_DATA(self, argument: str) -> Reply | None:  # noqa: N802
        """Receive the content up to the lone dot (RFC 5321 4.1.1.4)."""
        if argument:
            return replies.NO_ARGUMENT
        if self.intake:
            return replies.BDAT_UNDER_WAY
        transaction = self.peer.transaction
        refusal = self._refuse_content(transaction)
        if refusal or not transaction:
            return refusal
        if transaction.parameters.body == "BINARYMIME":
            return replies.NEEDS_BDAT  # RFC 3030 3
        intake = self._receive(transaction)
        if isinstance(intake, Reply):
            return intake
        intake.read_dots()
        return replies.START_DATA

    def smtp_BDAT(self, argument: str) -> Reply | None:  # noqa: N802
        """Receive a chunk of the content (RFC 3030 2)."""
        found = _BDAT.fullmatch(argument)
        limits = self.listener.limits
        if not found or int(found[1]) > limits.message_bytes * 2:
            # How much content follows is not known, or too much to read: no command can be told from it.
            self.give_up(replies.TOO_LARGE if found else replies.BAD_ARGUMENT)
            return None
        size, is_last = int(found[1]), bool(found[2])
        transaction = self.peer.transaction
        intake = self.intake
        if intake is None:
            refusal = self._refuse_content(transaction)
            begun = refusal or (self._receive(transaction) if transaction else replies.MAIL_FIRST)
            if isinstance(begun, Reply):
                intake = self.intake = Intake.refused(begun, limits, started_at=self.listener.clock())
            else:
                intake = begun
        intake.read_counted(size, is_last=is_last)
        if size == 0:
            self.take_content(intake, b"")
        return None

    def take_content(self, intake: Intake, data: bytes) -> bytes:
        """Hand content over and return what follows it."""
        rest = intake.take(data)
        if rest is None:
            if intake.is_beyond_bounds:
                self.intake = None
                intake.refuse(replies.TOO_LARGE)
                self._count_refused(replies.TOO_LARGE)
                self.give_up(replies.TOO_LARGE)
            elif intake.wants_flush:
                self.start(intake.flush(), lambda _: None, self._flush_failed)
            return b""
        if intake.refusal:
            self.intake = None
            self._message_refused(intake.refusal)
        elif intake.is_last:
            self.intake = None
            self._accept(intake)
        elif intake.wants_flush:
            self.start(intake.flush(), lambda _: replies.chunk_received(intake.chunk_bytes), self._flush_failed)
        else:
            self.answer(replies.chunk_received(intake.chunk_bytes))
        return rest

    def _accept(self, intake: Intake) -> None:
        try:
            accepting = intake.arrival.accept(self._envelope)
        except Exception as error:  # noqa: BLE001  the listener logs what is no refusal
            self._accept_refused(self.listener.refusal(error, self.verb))
        else:
            self.start(accepting, lambda queue_id: self._message_accepted(queue_id, intake), self._accept_refused)

    def _begin(self, argument: str) -> Transaction | Reply:  # noqa: PLR0911  one return a rule
        """Read what MAIL says."""
        try:
            path, rest = paths.split(argument, "FROM:")
            sender = paths.mailbox(path) if path else None  # RFC 5321 4.5.5: the null reverse-path
        except paths.PathError:
            return replies.BAD_SENDER
        given = PLAIN_MAIL
        if rest:
            if not self.peer.esmtp:
                return replies.BAD_PARAMETER
            tls, is_submission = self.peer.tls is not None, self.listener.policy.authenticator is not None
            now = int(time.time() * 1000)
            try:
                given = parameters.mail(rest, tls=tls, auth=is_submission, wished_at=now if is_submission else None)
            except parameters.ParameterUnknown:
                return replies.BAD_PARAMETER
            except parameters.ParameterMalformed:
                return replies.BAD_ARGUMENT
            refusal = self._refuse_wishes(given, now)
            if refusal:
                return refusal
        if given.size and given.size > self.listener.limits.message_bytes:
            return replies.TOO_LARGE  # RFC 1870 6.1
        if not path.isascii() and not given.smtputf8:
            return replies.NEEDS_SMTPUTF8  # RFC 6531 3.5
        return Transaction(sender, given)

    def _refuse_wishes(self, given: MailParameters, now: int) -> Reply | None:
        limits = self.listener.limits
        if given.release_at is not None:
            if not limits.longest_hold_seconds:
                return replies.BAD_PARAMETER
            if given.release_at > now + limits.longest_hold_seconds * 1000 + HOLD_GRACE_MS:
                return replies.HELD_TOO_LONG  # RFC 4865 4
        by = given.deliver_by
        if by is None or not by.is_returned:
            return None
        if given.release_at is not None and by.at <= given.release_at:
            return replies.WANTED_TOO_SOON
        return replies.NOT_SO_FAST if by.at < now + limits.soonest_by_seconds * 1000 else None  # RFC 2852 4

    def _recipient(self, argument: str, transaction: Transaction) -> Recipient | Reply:
        """Read what RCPT says."""
        try:
            path, rest = paths.split(argument, "TO:")
            is_ours = path.upper() == "POSTMASTER"  # RFC 5321 4.1.1.3: with no domain it is ours
            address = Address(path, self.listener.hostname) if is_ours else paths.mailbox(path)
        except paths.PathError:
            return replies.BAD_RECIPIENT
        if not path.isascii() and not transaction.parameters.smtputf8:
            return replies.NEEDS_SMTPUTF8
        given = PLAIN_RECIPIENT
        if rest:
            if not self.peer.esmtp:
                return replies.BAD_PARAMETER
            try:
                given = parameters.recipient(rest)
            except parameters.ParameterUnknown:
                return replies.BAD_PARAMETER
            except parameters.ParameterMalformed:
                return replies.BAD_ARGUMENT
        return Recipient(address, given.notify, given.orcpt)

    def _decide_later(self, decision: Awaitable[None], transaction: Transaction, recipient: Recipient) -> None:
        def accepted(_: None) -> Reply:
            transaction.recipients.append(recipient)
            return replies.RECIPIENT_OK

        def refused(error: errors.ServiceError) -> Reply:
            transaction.refused_recipients += 1
            return replies.refusal(error)

        self.start(decision, accepted, refused)

    def _sender_accepted(self, transaction: Transaction) -> Reply:
        self.peer.transaction = transaction
        return replies.SENDER_OK

    def _refuse_content(self, transaction: Transaction | None) -> Reply | None:
        if not transaction:
            return replies.MAIL_FIRST if self.peer.helo else replies.HELO_FIRST
        if transaction.recipients:
            return None
        return replies.NO_VALID_RECIPIENTS if transaction.refused_recipients else replies.RECIPIENT_FIRST

    def _receive(self, transaction: Transaction) -> Intake | Reply:
        self._envelope = self.peer.envelope(transaction, self.listener.hostname)
        listener = self.listener
        try:
            arrival = listener.policy.begin(self.peer, self._envelope)
        except errors.ServiceError as error:
            return replies.refusal(error)
        binary = transaction.parameters.body == "BINARYMIME"
        self.intake = Intake(arrival, listener.limits, binary=binary, started_at=listener.clock())
        return self.intake

    def _flush_failed(self, error: errors.ServiceError) -> Reply | None:
        """Refuse at the end of the message, where the peer can hear it; at the end of a chunk that is now."""
        intake, reply = self.intake, replies.refusal(error)
        if intake is None:
            return reply
        intake.refuse(reply)
        if intake.is_reading:
            return None
        self.intake = None
        self._message_refused(reply)
        return None

    def _message_accepted(self, queue_id: str, intake: Intake) -> None:
        peer, listener, envelope = self.peer, self.listener, self._envelope
        peer.transaction = None
        peer.errors = peer.junk = 0
        listener.counts.messages[(listener.name, "accepted")] += 1
        listener.counts.sizes.add(intake.content_bytes)
        self.answer_raw(replies.queued(queue_id))
        listener.log.info(
            "smtp.message.accepted",
            queue_id=queue_id,
            peer=peer.address,
            protocol=envelope.protocol,
            recipients=len(envelope.recipients),
            size_bytes=intake.content_bytes,
        )

    def _accept_refused(self, error: errors.ServiceError) -> None:
        self._message_refused(replies.refusal(error))

    def _message_refused(self, reply: Reply) -> None:
        self._count_refused(reply)
        self.answer(reply)

    def _count_refused(self, reply: Reply) -> None:
        self.peer.transaction = None
        listener = self.listener
        listener.counts.messages[(listener.name, "refused" if reply.is_permanent else "deferred")] += 1

"""Ports 587 and 465: our own users, inside TLS, after AUTH (RFC 6409, RFC 8314)."""

from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.reply import Reply
from mailserver.smtp import replies
from mailserver.smtp.authentication import Authenticator
from mailserver.smtp.contracts import Arrival, Logins, Submission
from mailserver.smtp.policy import Decision
from mailserver.smtp.session import Session


class SubmissionPolicy:
    """Lets nobody send before AUTH, and nobody as somebody else."""

    meets_strangers = False

    def __init__(self, submission: Submission, logins: Logins) -> None:
        self._submission = submission
        self._authenticator = Authenticator(logins)

    @property
    def authenticator(self) -> Authenticator | None:
        """See `Policy`."""
        return self._authenticator

    def turn_away(self, address: str) -> Reply | None:
        """See `Policy`."""
        return replies.BANNED if self._authenticator.is_banned(address) else None

    def before_mail(self, session: Session) -> Reply | None:
        """See `Policy`."""
        if not session.tls:
            return replies.TLS_FIRST
        if not session.caller:
            return replies.AUTHENTICATE_FIRST
        return None if self._submission.room() else replies.NO_ROOM

    def sender(self, session: Session, sender: Address | None) -> Decision:
        """See `Policy`."""
        assert session.caller is not None
        return self._submission.may_send(session.caller, sender)

    def recipient(self, session: Session, address: Address) -> Decision:
        """See `Policy`."""
        assert session.caller is not None
        return self._submission.check_recipient(session.caller, address)

    def begin(self, session: Session, envelope: Envelope) -> Arrival:
        """See `Policy`."""
        assert session.caller is not None
        return self._submission.begin(envelope, session.caller)

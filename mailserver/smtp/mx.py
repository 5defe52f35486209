"""Port 25: strangers may write to our own recipients, and to nobody else."""

from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.reply import Reply
from mailserver.smtp import replies
from mailserver.smtp.authentication import Authenticator
from mailserver.smtp.conduct import Conduct
from mailserver.smtp.contracts import Arrival, Reception
from mailserver.smtp.policy import Decision
from mailserver.smtp.session import Session


class MxPolicy:
    """Asks the reception; logins do not exist here, so that nothing can be relayed by one."""

    authenticator: Authenticator | None = None
    meets_strangers = True

    def __init__(self, reception: Reception, conduct: Conduct) -> None:
        self._reception = reception
        self._conduct = conduct

    def turn_away(self, address: str) -> Reply | None:
        """See `Policy`."""
        return self._conduct.refuse(address)

    def before_mail(self, session: Session) -> Reply | None:
        """See `Policy`."""
        if not self._reception.room():
            return replies.NO_ROOM
        return self._conduct.refuse(session.address) or self._conduct.refuse_message(session.address)

    def sender(self, session: Session, sender: Address | None) -> Decision:  # noqa: ARG002  anyone may write to us
        """See `Policy`."""
        return None

    def recipient(self, session: Session, address: Address) -> Decision:
        """See `Policy`."""
        refusal = self._conduct.refuse_recipient(session.address)
        if refusal:
            return refusal
        known = self._reception.known(address)
        if known is None:
            return self._reception.route(address)
        return None if known else replies.UNKNOWN_RECIPIENT

    def begin(self, session: Session, envelope: Envelope) -> Arrival:
        """See `Policy`."""
        self._conduct.count_message(session.address)
        return self._reception.begin(envelope)

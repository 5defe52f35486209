"""Port 25: strangers may write to our own recipients, and to nobody else."""

from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.reply import Reply
from mailserver.smtp import replies
from mailserver.smtp.authentication import Authenticator
from mailserver.smtp.contracts import Arrival, Reception
from mailserver.smtp.policy import Decision
from mailserver.smtp.session import Session


class MxPolicy:
    """Asks the reception; logins do not exist here, so that nothing can be relayed by one."""

    authenticator: Authenticator | None = None

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def before_mail(self, session: Session) -> Reply | None:  # noqa: ARG002  a Policy is given the session
        """See `Policy`."""
        return None if self._reception.room() else replies.NO_ROOM

    def sender(self, session: Session, sender: Address | None) -> Decision:  # noqa: ARG002  anyone may write to us
        """See `Policy`."""
        return None

    def recipient(self, session: Session, address: Address) -> Decision:  # noqa: ARG002  a Policy is given the session
        """See `Policy`."""
        known = self._reception.known(address)
        if known is None:
            return self._reception.route(address)
        return None if known else replies.UNKNOWN_RECIPIENT

    def begin(self, session: Session, envelope: Envelope) -> Arrival:  # noqa: ARG002  a Policy is given the session
        """See `Policy`."""
        return self._reception.begin(envelope)

"""What port 25 and the submission ports decide differently."""

from collections.abc import Awaitable
from typing import Protocol

from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.reply import Reply
from mailserver.smtp.authentication import Authenticator
from mailserver.smtp.contracts import Arrival
from mailserver.smtp.session import Session

Decision = Reply | Awaitable[None] | None
"""A refusal; something to wait for, which may raise a ServiceError; or None: go on."""


class Policy(Protocol):
    """The decisions of one kind of port."""

    @property
    def authenticator(self) -> Authenticator | None:
        """Who checks logins; None where AUTH is not offered."""
        ...

    @property
    def meets_strangers(self) -> bool:
        """Whether it is the peer's address that counts, and how it behaves."""
        ...

    def turn_away(self, address: str) -> Reply | None:
        """Return why a connection is not worth having."""
        ...

    def before_mail(self, session: Session) -> Reply | None:
        """Return why a transaction cannot begin."""
        ...

    def sender(self, session: Session, sender: Address | None) -> Decision:
        """Decide on a sender."""
        ...

    def recipient(self, session: Session, address: Address) -> Decision:
        """Decide on a recipient."""
        ...

    def begin(self, session: Session, envelope: Envelope) -> Arrival:
        """Start to receive the content."""
        ...

"""What one connection has said so far, and the transaction under way (RFC 5321 4.1.4)."""

from mailserver.entities.access import Caller
from mailserver.mail import peer_signs
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.smtp.handshake import Shown
from mailserver.smtp.parameters import MailParameters
from mailserver.smtp.scram import Bindings


class Transaction:
    """From MAIL to the end of the message."""

    __slots__ = ("parameters", "recipients", "refused_recipients", "sender")

    def __init__(self, sender: Address | None, parameters: MailParameters) -> None:
        self.sender = sender
        self.parameters = parameters
        self.recipients: list[Recipient] = []
        self.refused_recipients = 0


class Session:
    """From the greeting, or from STARTTLS, to the end of the connection."""

    __slots__ = (
        "_peer",
        "_signs",
        "address",
        "caller",
        "errors",
        "esmtp",
        "failed_logins",
        "helo",
        "junk",
        "login",
        "messages",
        "port",
        "shown",
        "transaction",
    )

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.helo = ""
        self.esmtp = False
        self.shown: Shown | None = None
        self._peer: Peer | None = None  # as the next envelope names it
        self._signs: tuple[str, ...] = ()
        self.login: str | None = None
        self.caller: Caller | None = None
        self.transaction: Transaction | None = None
        self.errors = 0
        self.junk = 0
        self.messages = 0
        self.failed_logins = 0

    @property
    def tls(self) -> str | None:
        """The TLS version; None in clear."""
        return self.shown.protocol if self.shown else None

    def greet(self, name: str, *, esmtp: bool) -> None:
        """Take down what the peer calls itself."""
        self.helo = name
        self.esmtp = esmtp
        self._peer = None

    def log_in(self, name: str, caller: Caller) -> None:
        """Take down who has logged in."""
        self.login = name
        self.caller = caller
        self._peer = None

    def mark(self, sign: str) -> None:
        """Take down what the peer did that others do not, one of the words of `peer_signs`."""
        if sign not in self._signs:
            self._signs = (*self._signs, sign)
            self._peer = None

    def start_tls(self, shown: Shown) -> None:
        """Forget everything that was said in clear, but not how often it was wrong (RFC 3207 4.2)."""
        self.shown = shown
        self.greet("", esmtp=False)
        self.login = None
        self.caller = None
        self.transaction = None

    def bindings(self) -> Bindings:
        """Return what a login can be tied to on this connection."""
        return self.shown.bindings() if self.shown else Bindings()

    def envelope(self, transaction: Transaction, hostname: str) -> Envelope:
        """Freeze the transaction; `hostname` is ours, which no peer should call itself."""
        parameters = transaction.parameters
        if self._peer is None:
            cipher = self.shown.cipher if self.shown else None
            odd = None if self.login else peer_signs.helo_sign(self.helo, hostname)
            signs = (*self._signs, odd) if odd else self._signs
            self._peer = Peer(self.address, self.port, self.helo, self.esmtp, self.tls, cipher, self.login, signs)
        return Envelope(
            peer=self._peer,
            sender=transaction.sender,
            recipients=tuple(transaction.recipients),
            body=parameters.body,
            smtputf8=parameters.smtputf8,
            require_tls=parameters.require_tls,
            ret=parameters.ret,
            envid=parameters.envid,
            declared_size=parameters.size,
            release_at=parameters.release_at,
            deliver_by=parameters.deliver_by,
            priority=parameters.priority,
        )

"""Envelope and peer of one SMTP transaction (RFC 5321 2.3.1, RFC 3461)."""

from dataclasses import dataclass

from mailserver.mail.address import Address


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection and what it has said of itself."""

    address: str  # IP address as text
    port: int
    helo: str
    esmtp: bool
    tls: str | None = None  # protocol version, None in clear
    cipher: str | None = None
    login: str | None = None  # authenticated name


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient with the parameters of RFC 3461 4.1 and 4.2."""

    address: Address
    notify: str | None = None  # NEVER, or a comma list of SUCCESS, FAILURE, DELAY
    orcpt: str | None = None  # addr-type;xtext, as received


@dataclass(frozen=True, slots=True)
class Envelope:
    """What MAIL and RCPT said. `sender` is None for the null reverse-path."""

    peer: Peer
    sender: Address | None
    recipients: tuple[Recipient, ...]
    body: str = "7BIT"  # 7BIT, 8BITMIME or BINARYMIME
    smtputf8: bool = False
    require_tls: bool = False  # RFC 8689
    ret: str | None = None  # FULL or HDRS
    envid: str | None = None
    declared_size: int | None = None

    @property
    def protocol(self) -> str:
        """The `with` word of Received (RFC 3848, RFC 6531 4.3)."""
        if not self.peer.esmtp:
            return "SMTP"
        word = "UTF8SMTP" if self.smtputf8 else "ESMTP"
        return word + ("S" if self.peer.tls else "") + ("A" if self.peer.login else "")

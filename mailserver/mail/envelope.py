"""Envelope and peer of one SMTP transaction (RFC 5321 2.3.1, RFC 3461, RFC 2852)."""

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
    signs: tuple[str, ...] = ()  # words of `peer_signs` for what it did that others do not


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient with the parameters of RFC 3461 4.1 and 4.2."""

    address: Address
    notify: str | None = None  # NEVER, or a comma list of SUCCESS, FAILURE, DELAY
    orcpt: str | None = None  # addr-type;xtext, as received


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """By when a message is wanted (RFC 2852 3): at that time it goes back, or its sender is told."""

    at: int  # unix milliseconds
    is_returned: bool  # by-mode R, else N
    is_traced: bool = False  # by-trace: the sender is told of every relay

    @property
    def mode(self) -> str:
        """The letters behind the semicolon of BY."""
        return ("R" if self.is_returned else "N") + ("T" if self.is_traced else "")


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
    release_at: int | None = None  # RFC 4865: held until then, unix milliseconds
    deliver_by: DeliverBy | None = None
    priority: int = 0  # RFC 6710: -9 to 9

    @property
    def protocol(self) -> str:
        """The `with` word of Received (RFC 3848, RFC 6531 4.3)."""
        if not self.peer.esmtp:
            return "SMTP"
        word = "UTF8SMTP" if self.smtputf8 else "ESMTP"
        return word + ("S" if self.peer.tls else "") + ("A" if self.peer.login else "")

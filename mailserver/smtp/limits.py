"""What a peer may cost us: named limits, and the counts of open connections."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from mailserver.mail import network
from mailserver.mail.reply import Reply
from mailserver.smtp import replies

MINUTE_SECONDS = 60.0
COUNTED_ADDRESSES = 65_536  # addresses whose connection rate is remembered at a time


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Every bound of this room; 0 is no bound, or no delay, for rates and delays."""

    message_bytes: int = 52_428_800
    recipients: int = 1_000  # RFC 5321 4.5.3.1.8: at least 100
    messages_per_session: int = 10_000
    line_bytes: int = 65_536  # a content line without its CRLF; RFC 5321 4.5.3.1.6 lets us take more than 998
    errors: int = 20  # since the last accepted message
    junk_commands: int = 100  # NOOP, RSET and the like since the last accepted message
    idle_seconds: float = 300.0  # RFC 5321 4.5.3.2.7
    data_seconds: float = 600.0
    session_seconds: float = 1_800.0
    tls_handshake_seconds: float = 30.0
    connections: int = 10_000
    connections_per_address: int = 50  # an IPv6 /64 counts as one address
    connections_per_network: int = 200  # IPv4 /24, IPv6 /48
    connections_per_loopback_address: int = 10_000
    new_connections_per_minute: int = 600  # of one address
    new_loopback_connections_per_minute: int = 0
    login_attempts: int = 5  # failures in one session
    login_delay_seconds: float = 1.0  # before the answer to a failure, times the failures of the address
    longest_login_delay_seconds: float = 10.0
    # What one address, and one network, may do on port 25 within an hour.
    messages_per_address_per_hour: int = 3_000
    recipients_per_address_per_hour: int = 10_000
    messages_per_network_per_hour: int = 10_000
    recipients_per_network_per_hour: int = 30_000
    messages_per_loopback_address_per_hour: int = 0
    recipients_per_loopback_address_per_hour: int = 0
    unknown_recipients_per_address_per_hour: int = 100
    unknown_recipients_per_loopback_address_per_hour: int = 0
    tarpit_errors: int = 5  # in a session, and unknown recipients of an address, that are answered at once
    tarpit_seconds: float = 10.0  # the longest wait before the answer to more of them
    loopback_tarpit_seconds: float = 0.0
    greeting_delay_seconds: float = 0.5  # on port 25, to see who does not wait for it
    loopback_greeting_delay_seconds: float = 0.0
    refuse_early_talkers: bool = True
    # What a submission may ask for.
    longest_hold_seconds: int = 2_592_000  # RFC 4865; 0 does not offer it
    soonest_by_seconds: int = 60  # RFC 2852 3: of messages that go back at their time


class Clock(Protocol):
    """Seconds that only grow."""

    def __call__(self) -> float:
        """Return the time."""
        ...


class Door:
    """Counts the open connections of all listeners and says who may not come in."""

    def __init__(self, limits: SmtpLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._total = 0
        self._recent: Counter[str] = Counter()
        self._minute_ends_at = 0.0

    @property
    def open_connections(self) -> int:
        """How many are in."""
        return self._total

    def enter(self, address: str) -> Reply | None:
        """Count a connection in, or return why it may not come in."""
        limits = self._limits
        if self._total >= limits.connections:
            return replies.SERVER_BUSY
        one, whole, loopback = network.origin(address)
        if self._open[one] >= (limits.connections_per_loopback_address if loopback else limits.connections_per_address):
            return replies.TOO_MANY_CONNECTIONS
        if not loopback and self._open[whole] >= limits.connections_per_network:
            return replies.TOO_MANY_CONNECTIONS
        rate = limits.new_loopback_connections_per_minute if loopback else limits.new_connections_per_minute
        if rate and self._recently(one) > rate:
            return replies.CONNECTING_TOO_FAST
        self._total += 1
        self._open[one] += 1
        if not loopback:
            self._open[whole] += 1
        return None

    def leave(self, address: str) -> None:
        """Count a connection out that was let in."""
        self._total -= 1
        one, whole, loopback = network.origin(address)
        for key in (one,) if loopback else (one, whole):
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def _recently(self, key: str) -> int:
        now = self._clock()
        if now >= self._minute_ends_at or len(self._recent) >= COUNTED_ADDRESSES:
            self._recent.clear()
            self._minute_ends_at = now + MINUTE_SECONDS
        self._recent[key] += 1
        return self._recent[key]

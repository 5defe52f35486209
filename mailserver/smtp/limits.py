"""What a peer may cost us: named limits, and the counts of open connections."""

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from mailserver.mail.reply import Reply
from mailserver.smtp import replies

MINUTE_SECONDS = 60.0
COUNTED_ADDRESSES = 65_536  # addresses whose connection rate is remembered at a time


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Every bound of this room; 0 is no bound for the three rates per minute."""

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
    login_delay_seconds: float = 1.0  # before each answer to a failure


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
        keys, loopback = _keys(address)
        if self._open[keys[0]] >= (
            limits.connections_per_loopback_address if loopback else limits.connections_per_address
        ):
            return replies.TOO_MANY_CONNECTIONS
        if not loopback and self._open[keys[1]] >= limits.connections_per_network:
            return replies.TOO_MANY_CONNECTIONS
        rate = limits.new_loopback_connections_per_minute if loopback else limits.new_connections_per_minute
        if rate and self._recently(keys[0]) > rate:
            return replies.CONNECTING_TOO_FAST
        self._total += 1
        for key in keys:
            self._open[key] += 1
        return None

    def leave(self, address: str) -> None:
        """Count a connection out that was let in."""
        self._total -= 1
        for key in _keys(address)[0]:
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


def _keys(address: str) -> tuple[tuple[str, ...], bool]:
    """Name the address and the network that a peer counts for, and whether it is this machine."""
    if ":" not in address:
        if address.startswith("127."):
            return (address,), True
        return (address, address.rpartition(".")[0] + ".0/24"), False
    parsed = ipaddress.IPv6Address(address.partition("%")[0])
    if parsed.ipv4_mapped:
        return _keys(str(parsed.ipv4_mapped))
    if parsed.is_loopback:
        return (address,), True
    octets = parsed.packed
    return (f"{octets[:8].hex()}/64", f"{octets[:6].hex()}/48"), False

"""What mail programs may be told to use here."""

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """What is spoken."""

    SUBMISSION = "submission"
    IMAP = "imap"
    JMAP = "jmap"


class Security(StrEnum):
    """When TLS begins."""

    AT_ONCE = "tls"
    STARTTLS = "starttls"


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to the mail of an address. Programs log in with the address; `url` is set where they ask by HTTP."""

    protocol: Protocol
    host: str
    port: int
    security: Security = Security.AT_ONCE
    url: str = ""

    @property
    def service(self) -> str:
        """The name of the service in SRV records (RFC 6186 3, RFC 8314 5.1, RFC 8620 2.2)."""
        if self.protocol is Protocol.JMAP or self.security is Security.STARTTLS:
            return self.protocol.value
        return f"{self.protocol.value}s"

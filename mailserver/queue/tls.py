"""How much TLS a host must give, and what it gave."""

import ssl
from dataclasses import dataclass
from enum import IntEnum


class TlsLevel(IntEnum):
    """From nothing to a certificate that names the host; more is better."""

    CLEAR = 0
    ENCRYPTED = 1  # any certificate: RFC 7435's opportunistic security
    VERIFIED = 2


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """One context for each way to look at a certificate."""

    verifying: ssl.SSLContext
    unverifying: ssl.SSLContext

    def of(self, level: TlsLevel) -> ssl.SSLContext:
        """The context for a level above CLEAR."""
        return self.verifying if level is TlsLevel.VERIFIED else self.unverifying


def contexts(authorities: str | None = None) -> TlsContexts:
    """Contexts that trust the system's authorities, or those of a PEM file."""
    verifying = ssl.create_default_context(cafile=authorities)
    unverifying = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverifying.check_hostname = False
    unverifying.verify_mode = ssl.CERT_NONE
    for context in (verifying, unverifying):
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: nothing older
    return TlsContexts(verifying, unverifying)


def verdict(level: TlsLevel, version: str | None) -> str:
    """What is recorded with a delivery: `none`, `unverified TLSv1.3`, `verified TLSv1.3`."""
    if version is None:
        return "none"
    return f"{'verified' if level is TlsLevel.VERIFIED else 'unverified'} {version}"

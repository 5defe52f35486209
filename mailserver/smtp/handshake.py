"""Go over from clear text to TLS (RFC 3207, RFC 8314 3.3)."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.smtp import scram

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS context, which may be reloaded in place, and the DER of the certificate that it shows just now."""

    context: ssl.SSLContext
    certificate: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A TLS connection, and what it agreed on."""

    transport: asyncio.Transport
    protocol: str
    cipher: str | None
    end_point: bytes | None  # RFC 5929 4: the hash of the certificate that was shown

    def bindings(self) -> scram.Bindings:
        """Return what a login can be tied to on this connection."""
        unique: bytes | None = None
        if self.protocol != "TLSv1.3":  # RFC 9266 1: tls-unique is not defined there
            unique = self.transport.get_extra_info("ssl_object").get_channel_binding("tls-unique")
        return scram.Bindings(unique, self.end_point)


async def start(clear: asyncio.Transport, protocol: asyncio.Protocol, tls: Tls, seconds: float) -> Shown | None:
    """Take an open connection over to TLS; None where the peer would not or could not."""
    certificate = tls.certificate()
    try:
        transport = await asyncio.get_running_loop().start_tls(
            clear, protocol, tls.context, server_side=True, ssl_handshake_timeout=seconds
        )
    except (OSError, ssl.SSLError) as error:
        peer = clear.get_extra_info("peername")
        logger.info("smtp.tls.failed", peer=peer[0] if peer else None, reason=str(error))
        return None
    return None if transport is None or transport.is_closing() else shown(transport, certificate)


def shown(transport: asyncio.Transport, certificate: bytes | None) -> Shown:
    """Read what a TLS connection agreed on."""
    agreed = transport.get_extra_info("ssl_object")
    cipher = agreed.cipher()
    end_point = scram.end_point(certificate) if certificate else None
    return Shown(transport, agreed.version() or "TLS", cipher[0] if cipher else None, end_point)

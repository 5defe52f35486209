"""Fakes of what the SMTP room asks of the services, and a running set of listeners."""

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import scramp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from mailserver.entities import errors
from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.inbox import ScramKeys
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.smtp.handshake import Tls
from mailserver.smtp.limits import Clock, SmtpLimits
from mailserver.smtp.listeners import Listeners, Ports

PASSWORD = "correct horse"
AGENT = Caller(1, Credential.PASSWORD, 7, ALL_SCOPES, inbox_id=3)


@dataclass
class Accepted:
    envelope: Envelope
    content: bytes
    caller: Caller | None = None


class FakeArrival:
    def __init__(self, services: "FakeServices", envelope: Envelope, caller: Caller | None = None) -> None:
        self.services = services
        self.envelope = envelope
        self.caller = caller
        self.chunks: list[bytes] = []
        self.held = 0
        self.flushes = 0
        self.is_discarded = False

    def add(self, chunk: bytes) -> bool:
        if self.services.add_fails:
            raise self.services.add_fails
        self.held += len(chunk)
        self.services.total += len(chunk)
        self.services.largest_chunk = max(self.services.largest_chunk, len(chunk))
        if self.services.keeps:
            self.chunks.append(chunk)
        return self.held >= self.services.spool_bytes

    async def flush(self) -> None:
        self.flushes += 1
        self.services.flushes += 1
        self.services.most_held = max(self.services.most_held, self.held)
        await asyncio.sleep(self.services.flush_seconds)
        if self.services.flush_gate:
            await self.services.flush_gate.wait()
        if self.services.flush_fails:
            raise self.services.flush_fails
        self.held = 0

    async def accept(self, envelope: Envelope) -> str:
        self.services.accepting += 1
        self.services.most_accepting = max(self.services.most_accepting, self.services.accepting)
        try:
            if self.services.gate:
                await self.services.gate.wait()
            if self.services.accept_fails:
                raise self.services.accept_fails
        finally:
            self.services.accepting -= 1
        self.services.accepted.append(Accepted(envelope, b"".join(self.chunks), self.caller))
        return f"que_{len(self.services.accepted)}"

    def discard(self) -> None:
        self.is_discarded = True
        self.services.discarded += 1


@dataclass
class FakeServices:
    """Reception, Submission and Logins in one."""

    accepted: list[Accepted] = field(default_factory=list)
    has_room: bool = True
    spool_bytes: int = 1 << 30
    flush_seconds: float = 0.0
    flush_gate: asyncio.Event | None = None
    keeps: bool = True
    gate: asyncio.Event | None = None
    route_gate: asyncio.Event | None = None
    accept_fails: Exception | None = None
    add_fails: Exception | None = None
    flush_fails: Exception | None = None
    begin_fails: Exception | None = None
    flushes: int = 0
    most_held: int = 0
    largest_chunk: int = 0
    total: int = 0
    discarded: int = 0
    accepting: int = 0
    most_accepting: int = 0
    routed: list[str] = field(default_factory=list)
    scram_names: list[str] = field(default_factory=list)
    scram_failures: list[str] = field(default_factory=list)
    arrivals: list[FakeArrival] = field(default_factory=list)
    banned: set[str] = field(default_factory=set)

    def known(self, address: Address) -> bool | None:
        if address.local == "explode":
            raise RuntimeError("db password=hunter2 lost")
        if address.local.startswith("slow") or address.domain != "local.test":
            return None
        return address.local != "nobody"

    async def route(self, address: Address) -> None:
        self.routed.append(str(address))
        if self.route_gate:
            await self.route_gate.wait()
        await asyncio.sleep(0)
        if address.local == "slowexplode":
            raise RuntimeError("db password=hunter2 lost")
        if address.local == "slowfull":
            raise errors.InboxFull
        if address.local == "slowlater":
            raise errors.Temporary
        if address.local == "slownobody":
            raise errors.UnknownRecipient
        if address.domain not in ("local.test", "mx.local.test"):
            raise errors.RelayDenied

    async def may_send(self, caller: Caller, sender: Address | None) -> None:
        assert caller is AGENT
        await asyncio.sleep(0)
        if sender and str(sender) != "agent@local.test":
            raise errors.SenderNotOwned

    async def check_recipient(self, caller: Caller, address: Address) -> None:
        await asyncio.sleep(0)
        if address.local == "toomany":
            raise errors.TooMany

    def begin(self, envelope: Envelope, caller: Caller | None = None) -> FakeArrival:
        if self.begin_fails:
            raise self.begin_fails
        self.arrivals.append(FakeArrival(self, envelope, caller))
        return self.arrivals[-1]

    def room(self) -> bool:
        return self.has_room

    async def password(self, name: str, secret: str, peer: str) -> Caller:
        assert peer == "127.0.0.1"
        await asyncio.sleep(0)
        if name == "explode":
            raise RuntimeError("db password=hunter2 lost")
        if name == "flood":
            raise errors.TooMany
        if (name, secret) != ("agent@local.test", PASSWORD):
            raise errors.Unauthenticated
        return AGENT

    async def scram_keys(self, name: str, peer: str) -> ScramKeys:
        self.scram_names.append(name)
        known = name in ("agent@local.test", "a,b=c@local.test")
        salt, stored, server, count = scramp.ScramMechanism("SCRAM-SHA-256").make_auth_info(
            PASSWORD if known else "invented for a stranger", salt=b"0123456789abcdef"
        )
        return ScramKeys(salt, count, stored, server)

    async def scram_failed(self, name: str, peer: str) -> None:
        self.scram_failures.append(peer)

    def is_banned(self, peer: str) -> bool:
        return peer in self.banned

    def failures(self, peer: str) -> int:
        return 0

    async def scram_login(self, name: str, peer: str) -> Caller:
        return AGENT


@dataclass(frozen=True)
class Certificate:
    tls: Tls
    trust: ssl.SSLContext
    der: bytes


def make_certificate(directory: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.local.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.local.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    trust = ssl.create_default_context(cafile=str(pem))
    return Certificate(Tls(context, lambda: der), trust, der)


@dataclass
class Running:
    """Listeners at work, with the fakes behind them."""

    listeners: Listeners
    services: FakeServices
    registry: CollectorRegistry

    @property
    def mx(self) -> str:
        return self.listeners.addresses["smtp"][0]

    @property
    def submission(self) -> str:
        return self.listeners.addresses["submission"][0]

    @property
    def submissions(self) -> str:
        return self.listeners.addresses["submissions"][0]


@asynccontextmanager
async def running(
    certificate: Certificate | None,
    limits: SmtpLimits | None = None,
    services: FakeServices | None = None,
    *,
    mx: tuple[str, ...] = ("127.0.0.1:0",),
    clock: Clock = time.monotonic,
) -> AsyncIterator[Running]:
    services = services or FakeServices()
    registry = CollectorRegistry()
    ports = Ports(
        mx=mx,
        submission=("127.0.0.1:0",),
        submissions=("127.0.0.1:0",) if certificate else (),
    )
    listeners = Listeners(
        "mx.local.test",
        ports,
        limits or SmtpLimits(login_delay_seconds=0.0),
        certificate.tls if certificate else None,
        services,
        services,
        services,
        registry,
        clock,
    )
    async with listeners:
        yield Running(listeners, services, registry)

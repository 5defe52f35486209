"""The one outgoing HTTP client: every address is checked before it is connected to, and every answer has bounds."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from mailserver import __version__, trust
from mailserver.mail import network
from mailserver.mail.resolver import LookupFailed

TIMEOUT_SECONDS = 10.0
LIMIT_BYTES = 5 << 20
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 15.0  # a kept connection that nobody uses
CONNECTIONS = 100
CONNECTIONS_PER_HOST = 8
LONGEST_URL = 2048
CHUNK_BYTES = 65_536
PORTS = (80, 443)
REDIRECTS = (301, 302, 303, 307, 308)


Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class FetchFailed(Exception):
    """There is no answer that could be used; the sentence says why, without its dot."""


class CertificateRejected(FetchFailed):
    """The server's certificate does not prove the name that was asked for."""


class Addresses(Protocol):
    """Who knows the addresses of a host."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv6 and IPv4 addresses; LookupFailed where DNS gave no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status. `content_type` has no parameters; header names are in lower case."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None
    limit_bytes: int
    timeout_seconds: float
    https_only: bool
    redirects: int
    port: int | None
    trust: Path | None
    trusted: bool


class Fetch:
    """Asks others' web servers. A URL that a stranger may have chosen leads to nothing that is private.

    `allow_private` takes that guard away, for tests and networks of one's own.
    """

    def __init__(
        self,
        resolver: Addresses,
        *,
        allow_private: bool = False,
        connections: int = CONNECTIONS,
        connections_per_host: int = CONNECTIONS_PER_HOST,
    ) -> None:
        self._allow_private = allow_private
        self._connections = connections
        self._connections_per_host = connections_per_host
        self._resolvers = {
            trusted: _Checked(resolver, allow_private=trusted or allow_private) for trusted in (False, True)
        }
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._contexts: dict[Path | None, ssl.SSLContext] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave every server."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def get(
        self,
        url: str,
        *,
        headers: Headers | None = None,
        limit_bytes: int = LIMIT_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        https_only: bool = True,
        redirects: int = 0,
        port: int | None = None,
        trust: Path | None = None,
        trusted: bool = False,
    ) -> Fetched:
        """Get a resource; FetchFailed where there is no whole answer within the bounds.

        `redirects` is how many are followed, each checked as the first was; with none a redirect is the answer.
        `port` stands in for that of the URL, `trust` is a PEM file of further authorities, and `trusted` says that the
        operator himself chose the URL, so that it may lead anywhere.
        """
        asked = _Request(
            "GET", headers or {}, None, limit_bytes, timeout_seconds, https_only, redirects, port, trust, trusted
        )
        return await self._fetch(url, asked)

    async def post(
        self,
        url: str,
        body: bytes | AsyncIterator[bytes],
        *,
        headers: Headers | None = None,
        limit_bytes: int = LIMIT_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        https_only: bool = True,
        port: int | None = None,
        trust: Path | None = None,
        trusted: bool = False,
    ) -> Fetched:
        """Post a body; redirects are never followed."""
        asked = _Request("POST", headers or {}, body, limit_bytes, timeout_seconds, https_only, 0, port, trust, trusted)
        return await self._fetch(url, asked)

    def check(self, url: str, *, https_only: bool = True) -> str:
        """The host and port of a URL that may be asked, as far as that can be known without DNS; else FetchFailed."""
        asked = _Request("GET", {}, None, 0, 0, https_only, 0, None, None, trusted=False)
        where = self._target(url, asked)
        return f"{where.raw_host}:{where.port}"

    async def _fetch(self, text: str, asked: _Request) -> Fetched:
        where = self._target(text, asked)
        try:
            async with asyncio.timeout(asked.timeout_seconds):
                return await self._follow(where, asked)
        except TimeoutError as error:
            raise FetchFailed(f"{where.host} took longer than {asked.timeout_seconds:g} seconds") from error
        except aiohttp.ClientConnectorCertificateError as error:
            reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            raise CertificateRejected(
                f"The certificate of {where.host} is not accepted: {reason.rstrip('.')}"
            ) from error
        except aiohttp.ClientConnectorDNSError as error:
            raise FetchFailed(str(error.os_error)) from error
        except aiohttp.ClientSSLError as error:
            raise FetchFailed(f"TLS with {where.host} failed: {error.os_error.strerror or error}") from error
        except aiohttp.ClientConnectorError as error:
            raise FetchFailed(f"Cannot connect to {where.host}: {error.os_error.strerror or error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchFailed(
                f"{where.host} gave no answer that can be read: {error or type(error).__name__}"
            ) from error

    async def _follow(self, where: URL, asked: _Request) -> Fetched:
        left = asked.redirects
        while True:
            answer = await self._once(where, asked)
            location = answer.headers.get("location")
            if answer.status not in REDIRECTS or location is None or not asked.redirects:
                return answer
            if not left:
                raise FetchFailed(f"{where.host} redirects more than {asked.redirects} times")
            left -= 1
            where = self._target(str(where.join(URL(location))), asked)

    async def _once(self, where: URL, asked: _Request) -> Fetched:
        session = self._session(asked.trusted)
        # No compressed bodies: what they grow to would need bounds of its own.
        headers = CIMultiDict(asked.headers)
        headers.setdefault("User-Agent", f"mailserver/{__version__}")
        headers["Accept-Encoding"] = "identity"
        context = await self._context(asked.trust)
        async with session.request(
            asked.method, where, data=asked.body, headers=headers, allow_redirects=False, ssl=context
        ) as response:
            coding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if coding not in ("", "identity"):
                raise FetchFailed(f"{where.host} compressed its answer, which it was asked not to do")
            body = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > asked.limit_bytes:
                    raise FetchFailed(f"The answer of {where.host} is longer than {asked.limit_bytes} bytes")
            named = {name.lower(): value for name, value in response.headers.items()}
            kind = named.get("content-type", "").partition(";")[0].strip().lower()
            return Fetched(response.status, kind, named, bytes(body))

    def _target(self, text: str, asked: _Request) -> URL:
        """The URL to ask, if it may be asked at all."""
        if len(text) > LONGEST_URL:
            raise FetchFailed(f"The URL is longer than {LONGEST_URL} characters")
        try:
            where = URL(text)
            host, port = where.raw_host, where.port
        except ValueError as error:
            raise FetchFailed("The URL cannot be read") from error
        if where.scheme not in (("https",) if asked.https_only else ("https", "http")) or not host:
            raise FetchFailed(f"The URL is not one of {'HTTPS' if asked.https_only else 'HTTP'}")
        if where.user is not None or where.password is not None:
            raise FetchFailed("The URL has a user name or password in it")
        if (":" in host or host.replace(".", "").isdigit()) and not network.is_address(host):
            raise FetchFailed(f"{host} is no host name")  # aiohttp would let the system read 127.1 or 2130706433
        free = asked.trusted or self._allow_private
        if not free and asked.port is None and port not in PORTS:
            raise FetchFailed(f"The URL has the port {port}; only {' and '.join(map(str, PORTS))} are allowed")
        if not free and network.is_address(host) and not network.is_public(host):
            raise FetchFailed(f"{host} is no public address")  # aiohttp asks no resolver about an address
        return where.with_port(asked.port) if asked.port is not None else where

    def _session(self, trusted: bool) -> aiohttp.ClientSession:  # noqa: FBT001  one of two sessions, not an option
        session = self._sessions.get(trusted)
        if session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolvers[trusted],
                use_dns_cache=False,
                limit=self._connections,
                limit_per_host=self._connections_per_host,
                keepalive_timeout=IDLE_SECONDS,
            )
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
            self._sessions[trusted] = session
        return session

    async def _context(self, file: Path | None) -> ssl.SSLContext:
        """Reading the authorities takes tens of milliseconds, so a thread does it, once."""
        if file not in self._contexts:
            self._contexts[file] = await asyncio.to_thread(trust.context, file)
        return self._contexts[file]


class _Checked(AbstractResolver):
    """Our resolver for aiohttp: what it gives is connected to as it stands, so it is checked here."""

    def __init__(self, resolver: Addresses, *, allow_private: bool) -> None:
        self._resolver = resolver
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a host."""
        found = await self._addresses(host)
        allowed = [address for address in found if self._allow_private or network.is_public(address)]
        if not allowed:
            raise OSError(f"{host} has no public address" if found else f"{host} has no address")
        results: list[ResolveResult] = []
        for address in allowed:
            of = socket.AF_INET6 if ":" in address else socket.AF_INET
            if family in (socket.AF_UNSPEC, of):
                results.append(
                    ResolveResult(
                        hostname=host, host=address, port=port, family=of, proto=0, flags=socket.AI_NUMERICHOST
                    )
                )
        return results

    async def close(self) -> None:
        """The resolver belongs to somebody else."""

    async def _addresses(self, host: str) -> tuple[str, ...]:
        if host.rstrip(".") == "localhost":  # RFC 6761 6.3: never a question for DNS
            return ("127.0.0.1", "::1")
        try:
            return await self._resolver.addresses(host)
        except LookupFailed as error:
            raise OSError(f"DNS gave no answer about {host}") from error

"""How one gets into an IMAP account: TLS at once or by STARTTLS (RFC 3501 6.2.1), a password or a token (XOAUTH2)."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aioimaplib

MOST_LINES = 20  # that a server says before it answers STARTTLS
_TAG = b"starttls"


@dataclass(frozen=True, slots=True)
class Login:
    """Where an account is, and how one gets in. `secret` is asked for at each connection: tokens do not last."""

    host: str
    port: int
    user: str
    secret: Callable[[], str] = field(repr=False)
    tls: ssl.SSLContext | None
    starts_tls: bool = False
    is_token: bool = False


def connection(login: Login, seconds: float, lost: Callable[[Exception | None], None]) -> Any:
    """A connection that begins at once; `lost` hears of its end."""
    if login.starts_tls:
        return _StartTls(login.host, login.port, timeout=seconds, conn_lost_cb=lost, ssl_context=login.tls)
    return aioimaplib.IMAP4(login.host, login.port, timeout=seconds, conn_lost_cb=lost, ssl_context=login.tls)


async def log_in(client: Any, login: Login) -> Any:
    """The server's answer. ValueError where name or secret cannot be said in IMAP."""
    if not login.is_token:
        return await client.login(aioimaplib.quoted(login.user), login.secret())
    said = b64encode(f"user={login.user}\1auth=Bearer {login.secret()}\1\1".encode()).decode()
    async with asyncio.timeout(client.timeout):
        answer = await client.protocol.execute(_Bearer(client.protocol, said), scrub=said)
    if answer.result == "OK":
        client.protocol.state = aioimaplib.AUTH
    return answer


class _Bearer(aioimaplib.Command):  # type: ignore[misc]  # the library has no types
    """AUTHENTICATE XOAUTH2. A server that refuses says why in a challenge, and waits for an empty line before NO."""

    def __init__(self, protocol: Any, said: str) -> None:
        super().__init__("AUTHENTICATE", protocol.new_tag(), "XOAUTH2", said)
        self._protocol = protocol

    def __repr__(self) -> str:
        return f"{self.tag} AUTHENTICATE XOAUTH2 {self.args[1]}"

    def append_to_resp(self, line: bytes, result: str = "Pending") -> None:
        super().append_to_resp(line, result)
        if line.startswith(b"+"):
            self._protocol.transport.write(b"\r\n")


class _StartTls(aioimaplib.IMAP4):  # type: ignore[misc]  # the library has no types
    """Speaks in the clear until TLS begins; what a stranger pushed in before that is never read."""

    def create_client(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop | None,
        conn_lost_cb: Callable[[Exception | None], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Begin the connection."""
        assert ssl_context is not None
        running = loop or asyncio.get_running_loop()
        self.protocol = aioimaplib.IMAP4ClientProtocol(running, conn_lost_cb)
        self._client_task = running.create_task(self._begin(host, port, running, ssl_context))

    async def _begin(self, host: str, port: int, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext) -> None:
        reader = asyncio.StreamReader()
        clear, _ = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), host, port)
        try:
            await _agree(reader, clear)
            transport = await loop.start_tls(clear, self.protocol, context, server_hostname=host)
        except BaseException:
            clear.abort()
            raise
        self.protocol.connection_made(transport)
        self.protocol.state = aioimaplib.NONAUTH


async def _agree(reader: asyncio.StreamReader, writer: asyncio.WriteTransport) -> None:
    """Go as far as TLS may begin; aioimaplib.Error where the server does not."""
    try:
        greeting = await reader.readline()
        if not greeting.upper().startswith(b"* OK"):  # PREAUTH would keep us in the clear
            raise aioimaplib.Error("it does not greet as a server that one logs in to")
        writer.write(_TAG + b" STARTTLS\r\n")
        for _ in range(MOST_LINES):
            line = await reader.readline()
            if line.upper().startswith(_TAG.upper() + b" OK"):
                return
            if not line.startswith(b"*"):
                break
    except ValueError as error:
        raise aioimaplib.Error("its lines have no end") from error
    raise aioimaplib.Error("it has no STARTTLS")

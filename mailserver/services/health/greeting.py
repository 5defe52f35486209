"""Ask a mail server for its greeting, and for its certificate, as another server would."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailserver import trust

CONNECT_SECONDS = 8.0
REPLY_SECONDS = 10.0  # a server may make a stranger wait for its greeting
LARGEST_LINE_BYTES = 2048
MOST_LINES = 100


class NoGreeting(Exception):
    """The server did not answer as a mail server does; the sentence says what it did."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a mail server said. `certificate` is in DER, `distrust` why its chain is not accepted, both of TLS."""

    banner: str
    extensions: frozenset[str]
    certificate: bytes | None = None
    distrust: str = ""


async def ask(
    host: str, port: int, name: str, *, implicit_tls: bool = False, authorities: Path | None = None
) -> Greeting:
    """Connect, greet, and look at the certificate where there is TLS. NoGreeting where that does not go well."""
    try:
        first = await _talk(host, port, name, _unverified(), implicit_tls=implicit_tls)
        if first.certificate is None:
            return first
        try:
            trusting = await asyncio.to_thread(trust.context, authorities)
            await _talk(host, port, name, trusting, implicit_tls=implicit_tls)
        except ssl.SSLCertVerificationError as error:
            return Greeting(first.banner, first.extensions, first.certificate, error.verify_message)
    except TimeoutError as error:
        raise NoGreeting(f"{host} port {port} does not answer in time.") from error
    except (OSError, EOFError, ValueError) as error:
        raise NoGreeting(f"{host} port {port}: {error or type(error).__name__}.") from error
    return first


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, and nothing is told to it
    return context


async def _talk(host: str, port: int, name: str, context: ssl.SSLContext, *, implicit_tls: bool) -> Greeting:
    async with asyncio.timeout(CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(
            host, port, ssl=context if implicit_tls else None, server_hostname=name if implicit_tls else None,
            limit=LARGEST_LINE_BYTES,
        )  # fmt: skip
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            banner = await _reply(reader, "220")
            extensions = await _hello(reader, writer, name)
            if not implicit_tls and "STARTTLS" in extensions:
                writer.write(b"STARTTLS\r\n")
                await _reply(reader, "220")
                await writer.start_tls(context, server_hostname=name)
            wire = writer.get_extra_info("ssl_object")
            certificate = wire.getpeercert(binary_form=True) if wire is not None else None
            writer.write(b"QUIT\r\n")
            with suppress(OSError, EOFError, ValueError):  # some hang up without a word
                await _reply(reader, "221")
            return Greeting(banner[0], extensions, certificate)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> frozenset[str]:
    writer.write(f"EHLO {name}\r\n".encode())
    lines = await _reply(reader, "250")
    return frozenset(line.split(" ")[0].upper() for line in lines[1:] if line)


async def _reply(reader: asyncio.StreamReader, code: str) -> list[str]:
    found: list[str] = []
    while len(found) < MOST_LINES:
        line = (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            raise EOFError("it closed the connection")
        if line[:3] != code:
            raise ValueError(f"it said {line[:200]!r}")
        found.append(line[4:])
        if line[3:4] != "-":
            return found
    raise ValueError("its reply does not end")

"""Plays SMTP dialogs written as C: and S: lines against a real socket."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Self

REPLY_SECONDS = 60.0


class DialogError(AssertionError):
    """The server said something else."""


class Dialog:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, address: str, tls: ssl.SSLContext | None = None, source: str | None = None) -> "Dialog":
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(
            host.strip("[]"),
            int(port),
            ssl=tls,
            server_hostname="mx.local.test" if tls else None,
            local_addr=(source, 0) if source else None,
        )
        return cls(reader, writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> str:
        """Read one reply, all its lines; '' at the end of the connection."""
        lines: list[str] = []
        async with asyncio.timeout(REPLY_SECONDS):
            while True:
                try:
                    line = await self.reader.readline()
                except ConnectionResetError:
                    line = b""
                if not line:
                    return "\n".join(lines)
                assert line.endswith(b"\r\n"), line
                lines.append(line[:-2].decode())
                if line[3:4] != b"-":
                    return "\n".join(lines)

    async def expect(self, beginning: str) -> str:
        """Read one reply, whose last line begins so."""
        reply = await self.reply()
        if not reply.splitlines()[-1:] or not reply.splitlines()[-1].startswith(beginning):
            raise DialogError(f"expected {beginning!r}, the server said {reply!r}")
        return reply

    async def command(self, line: str, beginning: str) -> str:
        await self.send(line.encode() + b"\r\n")
        return await self.expect(beginning)

    async def is_closed(self) -> bool:
        """Whether the server closes without another word."""
        return await self.reply() == ""

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self.writer.start_tls(context, server_hostname="mx.local.test")

    async def play(self, script: str) -> None:
        """Send each `C:` line, and match each `S:` line with the beginning of one reply's last line."""
        for line in script.strip().splitlines():
            side, _, text = line.strip().partition(":")
            if side == "C":
                await self.send(text.removeprefix(" ").encode() + b"\r\n")
            elif side == "S":
                await self.expect(text.strip())
            else:
                raise ValueError(line)

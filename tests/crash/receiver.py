"""The outside world's mail server: takes everything for remote.test and remembers each byte."""

import asyncio
import hashlib
import re
from collections import defaultdict

TOKEN = re.compile(rb"^Subject: (tok[0-9a-f]{16})", re.MULTILINE)
HEADER_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE | re.IGNORECASE)


class Receiver:
    """One entry for every delivery: (Message-ID, checksum of all bytes)."""

    def __init__(self) -> None:
        self.received: dict[str, list[tuple[bytes, str]]] = defaultdict(list)
        self.strange = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=16 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 mx.remote.test ESMTP\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-mx.remote.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 60000000\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    self._remember(content)
                    writer.write(b"250 2.0.0 taken\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 2.0.0 bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 ok\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the server was killed in the middle
        finally:
            writer.close()

    def _remember(self, content: bytes) -> None:
        token = TOKEN.search(content)
        header_id = HEADER_ID.search(content)
        if token is None or header_id is None or b"\n" in content.replace(b"\r\n", b""):
            self.strange += 1
            return
        self.received[token[1].decode()].append((header_id[1], hashlib.sha256(content).hexdigest()))

"""Three kinds of clients that never stop: another server's MTA, a mail client, an application."""

import asyncio
import base64
import random
import ssl
from collections.abc import Callable

import aiohttp

from tests.crash.ledger import Answer, Ledger
from tests.support.server import PASSWORD, Server

PATIENCE_SECONDS = 20
PAUSE_SECONDS = 0.05
LARGE_EVERY = 150  # one in so many is larger than what the journal takes


def message(token: str, chance: random.Random, sender: str = "alice@elsewhere.test") -> bytes:
    size = 1_300_000 if chance.randrange(LARGE_EVERY) == 0 else chance.randrange(200, 12_000)
    lines = [chance.randbytes(54).hex() for _ in range(size // 110 + 1)]
    head = f"From: {sender}\r\nTo: agent@local.test\r\nSubject: {token}\r\nMessage-ID: <{token}@elsewhere.test>\r\n\r\n"
    return (head + "\r\n".join(lines) + "\r\n").encode()


class Clients:
    """The clients of one run. They live through every restart of the server."""

    def __init__(self, server: Server, ledger: Ledger, seed: int) -> None:
        self._server = server
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self.stopped = False

    def all(self, mx: int = 3, submission: int = 1, api: int = 2) -> list[Callable[[], object]]:
        return [self._mx] * mx + [self._submission] * submission + [self._api] * api

    async def _mx(self) -> None:
        while not self.stopped:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    reader, writer = await asyncio.open_connection(*self._server.smtp)
                    try:
                        await _reply(reader)
                        await _say(reader, writer, b"EHLO mta.elsewhere.test")
                        while not self.stopped:
                            token = self._ledger.token()
                            content = message(token, self._chance)
                            await self._transaction(
                                reader, writer, "mx", token, content, "alice@elsewhere.test", "agent@local.test"
                            )
                    finally:
                        writer.close()
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _submission(self) -> None:
        while not self.stopped:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    reader, writer = await asyncio.open_connection(*self._server.submissions, ssl=self._tls)
                    try:
                        await _reply(reader)
                        await _say(reader, writer, b"EHLO client.local.test")
                        plain = base64.b64encode(f"\0agent@local.test\0{PASSWORD}".encode())
                        await _say(reader, writer, b"AUTH PLAIN " + plain)
                        while not self.stopped:
                            token = self._ledger.token()
                            content = message(token, self._chance, "agent@local.test")
                            await self._transaction(
                                reader, writer, "submission", token, content, "agent@local.test", f"{token}@remote.test"
                            )
                    finally:
                        writer.close()
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _transaction(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kind: str,
        token: str,
        content: bytes,
        sender: str,
        to: str,
    ) -> None:
        self._ledger.ask(kind, content, token)
        try:
            for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA"):
                code = await _say(reader, writer, line.encode())
                if code >= 400:
                    self._ledger.answer(token, Answer.REFUSED)
                    raise ConnectionResetError
            writer.write(content + b".\r\n")
            await writer.drain()
            code = await _reply(reader)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            if self._ledger.asked[token].answer is None:
                self._ledger.answer(token, Answer.UNKNOWN)
            raise
        self._ledger.answer(token, Answer.ACCEPTED if code < 400 else Answer.REFUSED)

    async def _api(self) -> None:
        """Repeats a call under its Idempotency-Key until it has an answer, as an application would."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)) as client:
            while not self.stopped:
                token = self._ledger.ask("api")
                while True:
                    try:
                        code = await self._post(client, token)
                    except (aiohttp.ClientError, TimeoutError, OSError):
                        code = 0
                    if 200 <= code < 300:
                        self._ledger.answer(token, Answer.ACCEPTED)
                        break
                    if 400 <= code < 500:
                        self._ledger.answer(token, Answer.REFUSED)
                        break
                    if self.stopped:
                        self._ledger.answer(token, Answer.UNKNOWN)
                        break
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _post(self, client: aiohttp.ClientSession, token: str) -> int:
        form = {"to": [{"email": f"{token}@remote.test"}], "subject": token, "text_body": f"{token}\n" * 40}
        headers = {"Authorization": f"Bearer {self._server.account['agent_token']}", "Idempotency-Key": token}
        async with client.post(f"{self._server.http}/v1/messages/", json=form, headers=headers) as answer:
            await answer.read()
            return answer.status


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> int:
    writer.write(line + b"\r\n")
    await writer.drain()
    return await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> int:
    while True:
        line = await reader.readuntil(b"\n")
        if line[3:4] != b"-":
            return int(line[:3])

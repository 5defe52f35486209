"""A talk with the server of several verbs: over its admin socket, or with the data directory where none runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from mailserver.admin import address
from mailserver.cli import exits, lazy, ownership
from mailserver.cli.connection import ANSWER_SECONDS, OFFLINE, Operator
from mailserver.transfer.target import Ask, TargetRefused

LONGEST_ANSWER = 64 << 20
_GONE = "The server stopped answering. What it has stored stays; run the same command again to go on."


@asynccontextmanager
async def talking(operator: Operator) -> AsyncIterator[Ask]:
    """Somebody who runs verbs while the block runs; the end with its sentence where there is nobody."""
    loaded = operator.settings()
    door = _Door(loaded.runtime_dir / "admin.sock")
    if await door.is_there():
        yield door
        return
    ownership.refuse_anothers(loaded.data_dir)
    async with AsyncExitStack() as stack:
        offline = lazy.read(OFFLINE)  # all of the server: only where it is needed
        with offline.explained(loaded):
            ask: Ask = await stack.enter_async_context(offline.opened(loaded))
        yield ask


class _Door:
    """Asks over the socket, each verb over a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def is_there(self) -> bool:
        """Whether a server runs."""
        try:
            _, writer = await self._open()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError:
            exits.fail(
                exits.PERMISSION, f"The admin socket {self._path} belongs to another user; run this as the server's."
            )
        await _leave(writer)
        return True

    async def __call__(self, verb: str, content: bytes = b"", /, **arguments: Any) -> Any:
        """Run a verb; TargetRefused where the server does not."""
        request = {"verb": verb, "arguments": arguments, "octets": len(content)}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await self._open()
                try:
                    writer.write(orjson.dumps(request) + b"\n")
                    writer.write(content)
                    await writer.drain()
                    line = await reader.readline()
                finally:
                    await _leave(writer)
        except (OSError, TimeoutError) as error:
            raise TargetRefused("Temporary", _GONE) from error
        if not line:
            raise TargetRefused("Temporary", _GONE)
        answer = orjson.loads(line)
        if "error" in answer:
            raise TargetRefused(answer["error"], answer["message"])
        return answer["result"]

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with address.short(self._path) as place:
            return await asyncio.open_unix_connection(place, limit=LONGEST_ANSWER)


async def _leave(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # it is left either way
        await writer.wait_closed()

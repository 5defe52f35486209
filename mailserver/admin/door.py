"""The admin socket: one JSON request a line, one JSON answer a line. Who may open it is the file's mode: its owner.

A request that says how many `octets` follow its line has them as the argument `content`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog

from mailserver.admin import address
from mailserver.admin.verbs import Verbs
from mailserver.entities import errors

REQUEST_BYTES = 4 << 20
CONTENT_BYTES = 512 << 20  # more than any batch of an import, or any one message
REQUEST_SECONDS = 3600.0  # verify and reindex take their time
log = structlog.get_logger()


@asynccontextmanager
async def opened(path: Path, verbs: Verbs) -> AsyncIterator[None]:
    """Serve the socket while the block runs."""
    await asyncio.to_thread(path.unlink, missing_ok=True)
    before = os.umask(0o177)
    try:
        with address.short(path) as place:
            server = await asyncio.start_unix_server(_Requests(verbs).serve, place, limit=REQUEST_BYTES)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)


class _Requests:
    """Answers the requests of a connection, one after the other."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                while line := await reader.readline():
                    writer.write(orjson.dumps(await self._answer(line, reader)) + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, EOFError, ValueError) as error:
            log.warning("admin.connection.lost", error=str(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader) -> dict[str, object]:
        request = _read(line)
        if request is None:
            return {"error": "Invalid", "message": "A request is one JSON object a line, with verb and arguments."}
        if request.get("octets"):
            request["arguments"]["content"] = await reader.readexactly(_octets(request["octets"]))
        try:
            return {"result": await self._verbs.run(request["verb"], request["arguments"])}
        except errors.ServiceError as error:
            return {"error": type(error).__name__, "message": error.message}
        except Exception:
            log.exception("admin.request.failed")
            return {"error": "Temporary", "message": "The server met an internal error; its log has the details."}


def _read(line: bytes) -> dict[str, Any] | None:
    """A request; None for what is none."""
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    is_request = isinstance(request, dict) and isinstance(request.get("verb"), str)
    return request if is_request and isinstance(request.get("arguments"), dict) else None


def _octets(given: object) -> int:
    """How much follows; ValueError, which ends the connection, where nobody can tell where the next request begins."""
    if not isinstance(given, int) or not 0 < given <= CONTENT_BYTES:
        raise ValueError(f"{given!r} octets are none that a request may have")
    return given

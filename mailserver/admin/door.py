"""The admin socket: one JSON request a line, one JSON answer a line. Who may open it is the file's mode: its owner."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import structlog

from mailserver.admin import address
from mailserver.admin.verbs import Verbs
from mailserver.entities import errors

REQUEST_BYTES = 1 << 20
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
                    writer.write(orjson.dumps(await self._answer(line)) + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, ValueError) as error:
            log.warning("admin.connection.lost", error=str(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = orjson.loads(line)
            return {"result": await self._verbs.run(request["verb"], request["arguments"])}
        except errors.ServiceError as error:
            return {"error": type(error).__name__, "message": error.message}
        except Exception:
            log.exception("admin.request.failed")
            return {"error": "Temporary", "message": "The server met an internal error; its log has the details."}

"""Sockets of the operator and of programs on this machine: one JSON request a line, one JSON answer a line.

Who may open one is its file's mode: the admin socket is its owner's.

A request that says how many `octets` follow its line has them as the argument `content`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import orjson
import structlog

from mailserver.admin import address
from mailserver.entities import errors

REQUEST_BYTES = 4 << 20
log = structlog.get_logger()


class Runner(Protocol):
    """Runs verbs."""

    async def run(self, verb: str, arguments: dict[str, Any]) -> Any:
        """The answer to a verb; ServiceError where it is refused."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may come in, and what one request may take."""

    mode: int = 0o600
    content_bytes: int = 512 << 20  # more than any batch of an import, or any one message
    seconds: float = 3600.0  # verify and reindex take their time
    connections: int = 200


@asynccontextmanager
async def opened(path: Path, verbs: Runner, terms: Terms = Terms()) -> AsyncIterator[None]:
    """Serve the socket while the block runs."""
    await asyncio.to_thread(path.unlink, missing_ok=True)
    before = os.umask(0o777 & ~terms.mode)
    try:
        with address.short(path) as place:
            server = await asyncio.start_unix_server(_Requests(verbs, terms).serve, place, limit=REQUEST_BYTES)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)


class _Requests:
    """Answers the requests of a connection, one after the other."""

    def __init__(self, verbs: Runner, terms: Terms) -> None:
        self._verbs = verbs
        self._terms = terms
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(self._terms.seconds):
                while self._open <= self._terms.connections and (line := await reader.readline()):
                    writer.write(orjson.dumps(await self._answer(line, reader)) + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, EOFError, ValueError) as error:
            log.warning("admin.connection.lost", error=str(error))
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader) -> dict[str, object]:
        request = _read(line)
        if request is None:
            return {"error": "Invalid", "message": "A request is one JSON object a line, with verb and arguments."}
        if request.get("octets"):
            request["arguments"]["content"] = await reader.readexactly(
                _octets(request["octets"], self._terms.content_bytes)
            )
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
    if not is_request or not isinstance(request.get("arguments"), dict):
        return None
    request["arguments"].pop("content", None)  # that are the octets behind the line, and nothing else
    return cast("dict[str, Any]", request)


def _octets(given: object, most: int) -> int:
    """How much follows; ValueError, which ends the connection, where nobody can tell where the next request begins."""
    if not isinstance(given, int) or not 0 < given <= most:
        raise ValueError(f"{given!r} octets are none that a request may have")
    return given

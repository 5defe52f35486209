"""Bind, serve, drain."""

import asyncio
import functools
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import http_exceptions, web

HEAD_SECONDS = 30.0  # for the head of a connection's first request; KEEPALIVE_SECONDS bounds the others
KEEPALIVE_SECONDS = 75.0
HEADER_BYTES = 16 << 10
LINE_BYTES = 8 << 10
BACKLOG = 1024
log = structlog.get_logger()


@asynccontextmanager
async def running(
    app: web.Application,
    listen: Sequence[str],
    inherited: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    drain_seconds: float,
    head_seconds: float = HEAD_SECONDS,
    setting: str = "http.listen",
) -> AsyncIterator[tuple[str, ...]]:
    """Serve while the block runs; gives the bound addresses. Leaving finishes what is in hand."""
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS, shutdown_timeout=drain_seconds, handle_signals=False,
        logger=_Complaints("aiohttp.server"), max_line_size=LINE_BYTES, max_field_size=HEADER_BYTES,
    )  # fmt: skip
    await runner.setup()
    assert runner.server is not None
    connected = functools.partial(_watched, runner.server, head_seconds)
    loop = asyncio.get_running_loop()
    opened: list[asyncio.Server] = []
    try:
        sockets = list(inherited) or [await asyncio.to_thread(_bind, text, setting) for text in listen]
        addresses = []
        for bound in sockets:
            opened.append(await loop.create_server(connected, sock=bound, ssl=tls, backlog=BACKLOG))
            addresses.append(_name(bound))
        yield tuple(addresses)
    finally:
        for server in opened:
            server.close()
        await runner.cleanup()


class _Complaints(logging.Logger):
    """What aiohttp says: where a peer is at fault a line in our log, not a traceback with the peer's words."""

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        """See `logging.Logger`."""
        if isinstance(exc_info, (http_exceptions.HttpProcessingError, ConnectionError)):
            log.info("http.request.unreadable", error=type(exc_info).__name__, peer=str(args[0]) if args else None)
        else:
            logging.getLogger(self.name).error(msg, *args, exc_info=exc_info, **more)


def _watched(handlers: web.Server, head_seconds: float) -> web.RequestHandler:
    """A connection, which is closed where no request comes. aiohttp waits for the first one without an end."""
    connection = handlers()
    asyncio.get_running_loop().call_later(head_seconds, _close_unused, connection)
    return connection


def _close_unused(connection: web.RequestHandler) -> None:
    if connection._request_count == 0:  # noqa: SLF001  it tells nobody else
        connection.force_close()


def _bind(text: str, setting: str) -> socket.socket:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, int(port)))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"Cannot listen on {text} ({setting}): {error.strerror}") from error
    bound.setblocking(False)
    return bound


def _name(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

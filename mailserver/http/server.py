"""Bind, serve, drain."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

KEEPALIVE_SECONDS = 75.0
HEADER_BYTES = 16 << 10
LINE_BYTES = 8 << 10


@asynccontextmanager
async def running(
    app: web.Application,
    listen: Sequence[str],
    inherited: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    drain_seconds: float,
) -> AsyncIterator[tuple[str, ...]]:
    """Serve while the block runs; gives the bound addresses. Leaving finishes what is in hand."""
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS, shutdown_timeout=drain_seconds, handle_signals=False,
        max_line_size=LINE_BYTES, max_field_size=HEADER_BYTES,
    )  # fmt: skip
    await runner.setup()
    try:
        sockets = list(inherited) or [await asyncio.to_thread(_bind, text) for text in listen]
        addresses = []
        for bound in sockets:
            await web.SockSite(runner, bound, ssl_context=tls, backlog=1024).start()
            addresses.append(_name(bound))
        yield tuple(addresses)
    finally:
        await runner.cleanup()


def _bind(text: str) -> socket.socket:
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
        raise OSError(error.errno, f"Cannot listen on {text} (http.listen): {error.strerror}") from error
    bound.setblocking(False)
    return bound


def _name(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""/healthz, /readyz and /metrics."""

import hmac
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LOOPBACK = ("127.0.0.1", "::1", None)


class Metrics(Protocol):
    """Whoever writes what Prometheus reads."""

    async def page(self) -> bytes:
        """Everything that is known."""
        ...


class Health:
    """Says whether the process lives, whether it is ready, and what it counts.

    `troubles` names what keeps it from accepting mail; empty where nothing does. `token` opens the metrics to whoever
    does not ask from this machine; nothing does where it is empty.
    """

    def __init__(self, metrics: Metrics, token: str, troubles: Callable[[], list[str]]) -> None:
        self._metrics = metrics
        self._expected = f"Bearer {token}".encode() if token else b""
        self._troubles = troubles

    async def live(self, request: web.Request) -> web.Response:
        """200 while the event loop turns."""
        del request
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 while mail is accepted, else 503 with the reasons."""
        del request
        troubles = self._troubles()
        status = 503 if troubles else 200
        return web.json_response({"status": "not ready" if troubles else "ready", "troubles": troubles}, status=status)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text, for loopback or with the token: what a proxy forwards is somebody else's question."""
        is_near = request.remote in _LOOPBACK and "X-Forwarded-For" not in request.headers
        if not is_near and not self._is_known(request):
            raise web.HTTPNotFound
        return web.Response(body=await self._metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    def _is_known(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return bool(self._expected) and hmac.compare_digest(given, self._expected)

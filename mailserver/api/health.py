"""/healthz, /readyz and /metrics."""

import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from mailserver.services.registry import Services


class Health:
    """Says whether the process lives, whether it is ready, and what it counts.

    `troubles` names what keeps it from accepting mail; empty where nothing does.
    """

    def __init__(self, services: Services, registry: CollectorRegistry, troubles: Callable[[], list[str]]) -> None:
        self._services = services
        self._registry = registry
        self._troubles = troubles
        self._queue = Gauge("mailserver_queue_messages", "Deliveries that wait.", ("state",), registry=registry)
        self._age = Gauge("mailserver_queue_oldest_age_seconds", "Age of the oldest that waits.", registry=registry)

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
        """Prometheus text, for loopback only: what a proxy forwards is somebody else's question."""
        if request.remote not in ("127.0.0.1", "::1", None) or "X-Forwarded-For" in request.headers:
            raise web.HTTPNotFound
        counts = await self._services.queue.counts()
        self._queue.labels("queued").set(counts.queued)
        self._queue.labels("held").set(counts.held)
        self._age.set(time.time() - counts.oldest_at / 1000 if counts.oldest_at else 0)
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4"})

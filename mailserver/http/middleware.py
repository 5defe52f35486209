"""Around every request: its id, its log line, its metrics, what a browser is told, and what a failure looks like."""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from mailserver.http.routing import Errors

BODY_SECONDS = 600.0  # for a request's body to come
_ID_OF = web.RequestKey("request_id", str)
_BEGUN = web.RequestKey("begun", bool)
REQUEST_ID = "X-Request-Id"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger()


class Around:
    """The middleware of the whole application. `faces` are (prefix, how that face says no)."""

    def __init__(self, registry: CollectorRegistry, faces: Sequence[tuple[str, Errors]]) -> None:
        self._faces = faces
        self._requests = Counter(
            "mailserver_http_requests", "HTTP requests.", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "mailserver_http_request_duration_seconds", "Time to answer a request.", ("route",), registry=registry
        )

    def middleware(self) -> Middleware:
        """The function that aiohttp calls."""

        @web.middleware
        async def around(request: web.Request, handler: Next) -> web.StreamResponse:
            return await self._around(request, handler)

        return around

    async def _around(self, request: web.Request, following: Next) -> web.StreamResponse:
        started = time.perf_counter()
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        request[_ID_OF] = request_id
        impatience = asyncio.get_running_loop().call_later(BODY_SECONDS, _give_up, request)
        try:
            response = await self._safely(request, following, request_id)
        finally:
            impatience.cancel()
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        took = time.perf_counter() - started
        method = request.method if request.method in _METHODS else "other"  # a label that strangers cannot widen
        self._requests.labels(route, method, response.status).inc()
        self._seconds.labels(route).observe(took)
        log.info(
            "http.request.answered", request_id=request_id, method=request.method, route=route,
            status=response.status, ms=round(took * 1000, 1), peer=request.remote,
        )  # fmt: skip
        return response

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Complete the head of an answer, be it one that is made while it is sent."""
        request[_BEGUN] = True
        response.headers.setdefault(REQUEST_ID, request.get(_ID_OF, ""))
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Server"] = "mailserver"

    async def _safely(self, request: web.Request, following: Next, request_id: str) -> web.StreamResponse:
        errors = self._errors(request.path)
        try:
            return await following(request)
        except web.HTTPException as refusal:
            headers = {name: value for name, value in refusal.headers.items() if name in ("Allow", "Location")}
            if errors is None or refusal.status < 400:
                return web.Response(status=refusal.status, text=refusal.text, headers=headers)
            response = errors.unknown(refusal.status)
            response.headers.update(headers)
            return response
        except ConnectionError:
            raise
        except Exception:
            log.exception("http.request.failed", request_id=request_id, method=request.method)
            if request.get(_BEGUN) and request.transport is not None:
                request.transport.abort()  # a half answer must not look like a whole one
            return errors.failed() if errors else web.json_response({"error": "internal_error"}, status=500)

    def _errors(self, path: str) -> Errors | None:
        return next((errors for prefix, errors in self._faces if path.startswith(prefix)), None)


def _give_up(request: web.Request) -> None:
    """Drop a connection whose body does not come to its end; a long answer may go on."""
    if not request.content.is_eof() and request.transport is not None:
        request.transport.abort()

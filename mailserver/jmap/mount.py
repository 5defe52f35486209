"""The URLs of JMAP: session, requests, uploads and downloads (RFC 8620 2, 3.1, 6)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from mailserver.entities import errors as refusals
from mailserver.entities.access import Caller
from mailserver.http import downloads
from mailserver.jmap import blobs, errors, methods, request
from mailserver.jmap.capabilities import Limits
from mailserver.jmap.logins import Logins
from mailserver.jmap.push.connections import Connections
from mailserver.jmap.push.eventsource import Streams
from mailserver.jmap.push.websocket import Sockets
from mailserver.jmap.request import Methods
from mailserver.jmap.session import Session
from mailserver.services.registry import Services

LARGE_BYTES = 64 << 10  # above this a request is read in a thread
CHUNK_BYTES = 256 << 10
CORS = {
    "Access-Control-Allow-Origin": "*",  # no cookie is ever looked at: a page needs a password or token of its own
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, Last-Event-ID",
    "Access-Control-Expose-Headers": "Content-Range, Content-Disposition",
    "Access-Control-Max-Age": "86400",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Jmap:
    """The handlers. Every one asks first who is there."""

    def __init__(self, services: Services, base_url: str, limits: Limits) -> None:
        self._services = services
        self._limits = limits
        self._logins = Logins(services.access)
        self._session = Session(base_url, limits, methods.extensions(limits))
        self._methods = Methods(services, limits, methods.known())
        self._running: dict[tuple[int, int], int] = {}
        self._uploading: dict[tuple[int, int], int] = {}
        self._connections = connections = Connections()
        self._streams = Streams(services, self._logins, connections, CORS)
        self._sockets = Sockets(
            services, self._logins, connections, limits, self._session.known, self._answer, _of_service
        )

    @property
    def listeners(self) -> int:
        """How many streams and sockets are open."""
        return self._connections.number

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        for method, path, handler in (
            ("GET", "/.well-known/jmap", self.session),
            ("GET", "/jmap/session", self.session),
            ("POST", "/jmap/api", self.api),
            ("POST", "/jmap/upload/{account_id}", self.upload),
            ("GET", "/jmap/download/{account_id}/{blob_id}/{name}", self.download),
            ("GET", "/jmap/eventsource", self._streams.serve),
            ("GET", "/jmap/ws", self._sockets.serve),
        ):
            app.router.add_route(method, path, self._guarded(handler))
            app.router.add_route("OPTIONS", path, preflight)
        app.on_shutdown.append(self._streams.close)
        app.on_shutdown.append(self._sockets.close)

    # -- handlers -------------------------------------------------------------------------------------------------

    async def session(self, asked: web.Request) -> web.StreamResponse:
        """The session object."""
        caller = await self._logins.of(asked)
        return _json(await self._session_of(caller), headers={"Cache-Control": "no-cache, no-store, must-revalidate"})

    async def api(self, asked: web.Request) -> web.StreamResponse:
        """A request with its method calls."""
        caller = await self._logins.of(asked)
        if asked.content_type != "application/json":
            raise errors.RequestRefused("notJSON", "The Content-Type of a request is application/json.")
        body = await _body(asked, self._limits.request_bytes)
        known, limits = self._session.known, self._limits
        if len(body) > LARGE_BYTES:
            wanted = await asyncio.to_thread(request.read, body, known, limits)
        else:
            wanted = request.read(body, known, limits)
        return _json(await self._answer(caller, wanted))

    async def upload(self, asked: web.Request) -> web.StreamResponse:
        """A file that a client brings; kept for seven days unless something refers to it."""
        caller = await self._logins.of(asked)
        inbox = await self._services.inboxes.of(caller, asked.match_info["account_id"])
        kind = asked.headers.get("Content-Type", "application/octet-stream")[:255]
        if (asked.content_length or 0) > self._limits.upload_bytes:
            raise request.over("maxSizeUpload", f"A file has at most {self._limits.upload_bytes:,} octets.")
        with self._counted(self._uploading, caller, self._limits.concurrent_upload, "maxConcurrentUpload"):
            kept = await self._services.attachments.upload(caller, inbox, _chunks(asked), kind, None)
        answer = {
            "accountId": asked.match_info["account_id"], "blobId": blobs.of(kept.hash), "type": kind,
            "size": kept.size,
        }  # fmt: skip
        return _json(answer, status=201)

    async def download(self, asked: web.Request) -> web.StreamResponse:
        """The bytes of a blob, under the name and type that the client gives."""
        caller = await self._logins.of(asked)
        inbox = await self._services.inboxes.of(caller, asked.match_info["account_id"])
        blob = blobs.read(asked.match_info["blob_id"])
        if blob is None:
            raise refusals.NotFound("There is no such blob.")
        content = await self._services.syncing.blobs.read(caller, inbox, blob.digest, blob.sections)
        kind = asked.query.get("type", "application/octet-stream")
        response = downloads.attachment(asked, content, kind, asked.match_info["name"])
        response.headers["Cache-Control"] = "private, immutable, max-age=31536000"
        return response

    # -- around them ------------------------------------------------------------------------------------------------

    async def _answer(self, caller: Caller, wanted: request.Request) -> dict[str, Any]:
        with self._counted(self._running, caller, self._limits.concurrent_requests, "maxConcurrentRequests"):
            answers, made = await self._methods.answer(caller, wanted)
            session = await self._session_of(caller)
        answer: dict[str, Any] = {"methodResponses": answers, "sessionState": session["state"]}
        return {**answer, "createdIds": made} if wanted.made is not None else answer

    async def _session_of(self, caller: Caller) -> dict[str, Any]:
        inboxes = await self._services.inboxes.all_of(caller)
        name = inboxes[0].address if caller.inbox_id is not None and inboxes else caller.label or "organization"
        return self._session.write(caller, name, inboxes)

    def _counted(self, counts: dict[tuple[int, int], int], caller: Caller, most: int, limit: str) -> "_Counted":
        return _Counted(counts, (caller.tenant_id, caller.credential_id), most, limit)

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(asked: web.Request) -> web.StreamResponse:
            try:
                response = await handler(asked)
            except errors.RequestRefused as refusal:
                response = _problem(refusal)
            except refusals.ServiceError as refusal:
                response = _problem(_of_service(refusal))
                if isinstance(refusal, refusals.Unauthenticated):
                    response.headers["WWW-Authenticate"] = 'Basic realm="mail", charset="UTF-8"'
                    response.headers.add("WWW-Authenticate", 'Bearer realm="mail"')
            if not response.prepared:
                response.headers.update(CORS)
            return response

        return guarded


class _Counted:
    """What runs at the same time for one credential, at most so many."""

    def __init__(self, counts: dict[tuple[int, int], int], key: tuple[int, int], most: int, limit: str) -> None:
        self._counts, self._key, self._most, self._limit = counts, key, most, limit

    def __enter__(self) -> None:
        present = self._counts.get(self._key, 0)
        if present >= self._most:
            raise request.over(self._limit, f"At most {self._most} at the same time.")
        self._counts[self._key] = present + 1

    def __exit__(self, *_: object) -> None:
        self._counts[self._key] -= 1
        if not self._counts[self._key]:
            del self._counts[self._key]


async def preflight(asked: web.Request) -> web.StreamResponse:
    """What a browser asks before it asks; nobody has to be logged in for that."""
    del asked
    return web.Response(status=204, headers=CORS)


async def _body(asked: web.Request, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in asked.content.iter_chunked(CHUNK_BYTES):
        size += len(piece)
        if size > most:
            raise request.over("maxSizeRequest", f"A request has at most {most:,} octets.")
        pieces.append(piece)
    return b"".join(pieces)


async def _chunks(asked: web.Request) -> AsyncIterator[bytes]:
    async for piece in asked.content.iter_chunked(CHUNK_BYTES):
        yield piece


def _of_service(refusal: refusals.ServiceError) -> errors.RequestRefused:
    status = 500
    for kind, number in (
        (refusals.Unauthenticated, 401), (refusals.Forbidden, 403), (refusals.NotFound, 404), (refusals.TooLarge, 413),
        (refusals.TooMany, 429), (refusals.StoreFull, 507), (refusals.Temporary, 503), (refusals.Invalid, 400),
    ):  # fmt: skip
        if isinstance(refusal, kind):
            status = number
            break
    return errors.RequestRefused("about:blank", refusal.message, status)


def _problem(refusal: errors.RequestRefused) -> web.Response:
    return web.Response(
        body=orjson.dumps(refusal.problem), status=refusal.status, content_type="application/problem+json"
    )


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)

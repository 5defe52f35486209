"""Requests, answers and new states over one websocket (RFC 8887)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from mailserver.entities import errors as refusals
from mailserver.entities.access import Caller, Scope
from mailserver.jmap import errors, request
from mailserver.jmap.capabilities import Limits
from mailserver.jmap.logins import Logins
from mailserver.jmap.push import states
from mailserver.jmap.push.connections import Connections
from mailserver.jmap.request import Request
from mailserver.jmap.session import MOST_ACCOUNTS
from mailserver.services.registry import Services
from mailserver.services.syncing import state_changes
from mailserver.services.syncing.state_changes import Listener

PROTOCOL = "jmap"
LARGE_BYTES = 64 << 10  # above this a frame is read in a thread
MOST_GARBAGE = 100  # frames of one socket that are no request
MOST_TYPES = 1_000  # that one frame may name
LONGEST_ID = 1_024
PING_SECONDS = 30.0  # a peer that does not answer within half of it is gone
SEND_SECONDS = 20.0  # for a frame to be taken
CLOSE_SECONDS = 5.0  # for the peer to say good-bye
FINISH_SECONDS = 10.0  # for requests under way when the socket ends
TICK_SECONDS = 5.0
ASK_AGAIN_SECONDS = 20.0  # how soon a credential that is good no more ends its sockets
log = structlog.get_logger()
Answer = Callable[[Caller, Request], Awaitable[dict[str, Any]]]
Refused = Callable[[refusals.ServiceError], errors.RequestRefused]


@dataclass(slots=True)
class _Open:
    """A socket, and what goes on on it."""

    socket: web.WebSocketResponse
    asked: web.Request
    group: asyncio.TaskGroup
    places: asyncio.Semaphore
    running: set[asyncio.Task[None]] = field(default_factory=set)
    listener: Listener | None = None
    telling: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a client sends. The request is there for a frame of that type."""

    type: str
    id: str | None
    body: dict[str, Any]
    request: Request | None = None


class _Unreadable(Exception):
    """A frame that cannot be answered but by RequestError."""

    def __init__(self, refusal: errors.RequestRefused, frame_id: str | None = None) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.frame_id = frame_id


class Sockets:
    """Every open socket of this process. `answer` runs a request, as it would be run over HTTP."""

    def __init__(
        self,
        services: Services,
        logins: Logins,
        connections: Connections,
        limits: Limits,
        known: frozenset[str],
        answer: Answer,
        refused: Refused,
    ) -> None:
        self._services = services
        self._logins = logins
        self._connections = connections
        self._limits = limits
        self._known = known
        self._answer = answer
        self._refused = refused
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, asked: web.Request) -> web.StreamResponse:
        """Know who asks before the protocol is changed; then answer until somebody leaves."""
        caller = await self._logins.of(asked)
        caller.require(Scope.EMAIL_READ)
        socket = web.WebSocketResponse(
            heartbeat=PING_SECONDS, max_msg_size=self._limits.request_bytes, timeout=CLOSE_SECONDS,
            protocols=(PROTOCOL,), compress=False,
        )  # fmt: skip
        ready = socket.can_prepare(asked)
        if not ready.ok or ready.protocol != PROTOCOL:
            raise errors.RequestRefused("about:blank", f"Open a websocket with the subprotocol {PROTOCOL}.")
        with self._connections.one_of(caller):
            try:
                await socket.prepare(asked)
                self._open.add(socket)
                await self._talk(socket, asked)
            finally:
                self._open.discard(socket)
                transport = asked.transport
                if transport is not None and (not socket.closed or transport.get_write_buffer_size()):
                    transport.abort()  # to close it waits for a peer that may never read what it has not taken
        return socket

    async def close(self, app: web.Application) -> None:
        """Say good-bye to everybody: the server stops."""
        del app
        await asyncio.gather(
            *(_close(socket, WSCloseCode.GOING_AWAY, "The server stops.") for socket in tuple(self._open))
        )

    async def _talk(self, socket: web.WebSocketResponse, asked: web.Request) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                places = asyncio.Semaphore(self._limits.concurrent_requests)
                opened = _Open(socket, asked, group, places)
                asking = group.create_task(self._ask_again(opened))
                try:
                    await self._listen(opened)
                finally:
                    asking.cancel()
                    self._disable(opened)
                    await _finish(opened.running)
        except* ConnectionError:
            log.info("jmap.socket.lost")

    async def _listen(self, opened: _Open) -> None:
        """Read frames until the socket is closed; no further one while as many requests run as may."""
        garbage = 0
        async for message in opened.socket:
            if message.type is not WSMsgType.TEXT:  # RFC 8887 4.1: what is binary has another way
                await _close(opened.socket, WSCloseCode.UNSUPPORTED_DATA, "A frame is text.")
                return
            try:
                frame = await self._read(message.data)
            except _Unreadable as error:
                garbage += 1
                if garbage > MOST_GARBAGE:
                    await _close(opened.socket, WSCloseCode.POLICY_VIOLATION, "Too many frames that are no request.")
                    return
                await _send(opened.socket, _problem(error.refusal, error.frame_id))
                continue
            await opened.places.acquire()
            if frame.request is None:
                await self._one(opened, frame)  # what holds from now on holds in the order of the frames
            else:
                task = opened.group.create_task(self._one(opened, frame))
                opened.running.add(task)
                task.add_done_callback(opened.running.discard)

    async def _one(self, opened: _Open, frame: _Frame) -> None:
        """Answer a frame."""
        frame_id = frame.id
        try:
            caller = await self._logins.of(opened.asked)
            if frame.request is not None:
                answer = {"@type": "Response", **({"requestId": frame_id} if frame_id is not None else {})}
                await _send(opened.socket, answer | await self._answer(caller, frame.request))
            elif frame.type == "WebSocketPushEnable":
                await self._enable(opened, caller, frame)
            else:
                self._disable(opened)
        except errors.RequestRefused as refusal:
            await _send(opened.socket, _problem(refusal, frame_id))
        except (refusals.Unauthenticated, refusals.Forbidden) as error:
            await _close(opened.socket, WSCloseCode.POLICY_VIOLATION, error.message)
        except refusals.ServiceError as error:
            await _send(opened.socket, _problem(self._refused(error), frame_id))
        except ConnectionError:
            log.info("jmap.socket.lost")
        except Exception:
            log.exception("jmap.socket.failed")
            failed = errors.RequestRefused("about:blank", "The server is at fault; try again later.", 500)
            await _send(opened.socket, _problem(failed, frame_id))
        finally:
            opened.places.release()

    async def _read(self, text: str) -> _Frame:
        if len(text) > LARGE_BYTES:
            return await asyncio.to_thread(read, text, self._known, self._limits)
        return read(text, self._known, self._limits)

    # -- new states -------------------------------------------------------------------------------------------------

    async def _enable(self, opened: _Open, caller: Caller, frame: _Frame) -> None:
        """Tell of new states from now on, and at once of those that the client's token does not know."""
        names, known = frame.body.get("dataTypes"), frame.body.get("pushState")
        caller.require(Scope.EMAIL_READ)
        self._disable(opened)
        listener = Listener(state_changes.types(names))
        opened.listener = listener
        await self._watch(listener, caller)
        listener.begin(is_known=known is None or known == state_changes.token(listener.present))
        if opened.listener is listener:  # no other frame came in between
            opened.telling = opened.group.create_task(self._tell(opened.socket, listener))

    def _disable(self, opened: _Open) -> None:
        listener, opened.listener = opened.listener, None
        if listener is not None:
            listener.end()
            self._services.syncing.state_changes.leave(listener)
        if opened.telling is not None:
            opened.telling.cancel()
            opened.telling = None

    async def _watch(self, listener: Listener, caller: Caller) -> None:
        inboxes = await self._services.inboxes.all_of(caller)
        if not listener.is_ended:
            watched = [inbox.id for inbox in inboxes[:MOST_ACCOUNTS]]
            await self._services.syncing.state_changes.watch(listener, watched)

    async def _tell(self, socket: web.WebSocketResponse, listener: Listener) -> None:
        while not listener.is_ended:
            new = await listener.next(TICK_SECONDS)
            if new is not None:
                await _send(socket, states.change(new) | {"pushState": state_changes.token(listener.present)})

    async def _ask_again(self, opened: _Open) -> None:
        """End a socket whose credential is good no more; its inboxes may be others by now."""
        while True:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            try:
                caller = await self._logins.of(opened.asked)
                caller.require(Scope.EMAIL_READ)
                if opened.listener is not None:
                    await self._watch(opened.listener, caller)
            except refusals.Temporary:
                continue
            except refusals.ServiceError as error:
                await _close(opened.socket, WSCloseCode.POLICY_VIOLATION, error.message)


def read(text: str, known: frozenset[str], limits: Limits) -> _Frame:
    """Read a frame (RFC 8887 4.2, 4.3)."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Unreadable(errors.RequestRefused("notJSON", f"The frame is not I-JSON: {error}."[:300])) from error
    if not isinstance(given, dict):
        raise _Unreadable(_not_request("A frame is an object."))
    frame_id, kind = given.get("id"), given.get("@type")
    if frame_id is not None and not (isinstance(frame_id, str) and len(frame_id) <= LONGEST_ID):
        raise _Unreadable(_not_request(f"The id of a frame is a string of at most {LONGEST_ID:,} characters."))
    if kind == "Request":
        return _Frame(kind, frame_id, given, _request(given, frame_id, known, limits))
    if kind == "WebSocketPushEnable":
        names, state = given.get("dataTypes"), given.get("pushState")
        if state is not None and not isinstance(state, str):
            raise _Unreadable(_not_request("pushState is a string, or null."), frame_id)
        if names is not None and not (
            isinstance(names, list) and len(names) <= MOST_TYPES and all(isinstance(name, str) for name in names)
        ):
            raise _Unreadable(_not_request(f"dataTypes is a list of at most {MOST_TYPES:,} names, or null."), frame_id)
        return _Frame(kind, frame_id, given)
    if kind == "WebSocketPushDisable":
        return _Frame(kind, frame_id, given)
    raise _Unreadable(_not_request("@type is Request, WebSocketPushEnable or WebSocketPushDisable."), frame_id)


def _request(given: dict[str, Any], frame_id: str | None, known: frozenset[str], limits: Limits) -> Request:
    try:
        return request.of_object(given, known, limits)
    except errors.RequestRefused as refusal:
        raise _Unreadable(refusal, frame_id) from refusal


def _not_request(detail: str) -> errors.RequestRefused:
    return errors.RequestRefused("notRequest", detail)


def _problem(refusal: errors.RequestRefused, frame_id: str | None) -> dict[str, Any]:
    return {"@type": "RequestError", "requestId": frame_id, **refusal.problem}


async def _finish(running: set[asyncio.Task[None]]) -> None:
    """Let requests that have begun come to their end."""
    if running:
        await asyncio.wait(tuple(running), timeout=FINISH_SECONDS)
    for task in tuple(running):
        task.cancel()


async def _send(socket: web.WebSocketResponse, body: dict[str, Any]) -> None:
    """Send a frame; a peer that does not take it is let go."""
    if socket.closed:
        return
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_str(orjson.dumps(body).decode())
    except TimeoutError:
        await _close(socket, WSCloseCode.TRY_AGAIN_LATER, "The frame was not taken in time.")


async def _close(socket: web.WebSocketResponse, code: WSCloseCode, reason: str) -> None:
    log.info("jmap.socket.closed", code=code.value, reason=reason)
    try:
        async with asyncio.timeout(CLOSE_SECONDS * 2):
            await socket.close(code=code, message=reason.encode()[:120], drain=False)
    except (TimeoutError, ConnectionError):
        log.info("jmap.socket.lost", code=code.value)  # whoever serves it aborts the connection

"""Events as they happen, over a websocket on the face's own path."""

import asyncio
import contextlib

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import ValidationError

from mailserver.api.agentry import webhook_answers
from mailserver.api.agentry.errors import AgentryErrors
from mailserver.api.agentry.event_bodies import EventBodies
from mailserver.api.agentry.schemas import websocket as shapes
from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.permission import Permission
from mailserver.services.notify import agent_events
from mailserver.services.notify.live_events import Listener, Wish
from mailserver.services.registry import Services

PATH = "/agent/v0"
MOST_SOCKETS = 50  # of one tenant, in one process
MOST_FRAMES = 1_000  # that one socket may send
FRAME_BYTES = 16 << 10
PING_SECONDS = 30.0  # a peer that does not answer within half of it is gone
SILENCE_SECONDS = 60.0  # for the first subscription to come
SEND_SECONDS = 20.0  # for a frame to be taken
CLOSE_SECONDS = 5.0  # for the peer to say good-bye
ASK_AGAIN_SECONDS = 30.0  # how soon a key that is good no more ends its sockets
LONGEST_KEY = 512
log = structlog.get_logger()


class Sockets:
    """Every open socket of this process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._bodies = EventBodies(services)
        self._errors = AgentryErrors()
        self._open: set[web.WebSocketResponse] = set()
        self._begun: dict[int, int] = {}  # sockets of each tenant, those that are being opened included

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Know who asks before the protocol is changed; then tell of events until somebody leaves."""
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=FRAME_BYTES, timeout=CLOSE_SECONDS)
        if not socket.can_prepare(request).ok:
            return self._errors.unknown(404)
        key = _key(request)
        try:
            caller = await self._caller(key)
            if self._begun.get(caller.tenant_id, 0) >= MOST_SOCKETS:
                raise errors.TooMany(f"There are {MOST_SOCKETS} open sockets already; close some first.")
        except errors.ServiceError as error:
            return self._errors.refused(error)
        self._begun[caller.tenant_id] = self._begun.get(caller.tenant_id, 0) + 1
        try:
            await socket.prepare(request)
            self._open.add(socket)
            await self._talk(socket, caller, key)
        finally:
            self._open.discard(socket)
            self._begun[caller.tenant_id] -= 1
            if not self._begun[caller.tenant_id]:
                del self._begun[caller.tenant_id]
            transport = request.transport
            if transport is not None and (not socket.closed or transport.get_write_buffer_size()):
                transport.abort()  # a close waits for a peer that may never read what it has not taken
        return socket

    async def close(self, app: web.Application) -> None:
        """Say good-bye to everybody: the server stops."""
        del app
        for socket in tuple(self._open):
            await _close(socket, WSCloseCode.GOING_AWAY, "The server stops.")

    async def _caller(self, key: str) -> Caller:
        caller = await self._services.access.token(key)
        if caller.credential is not Credential.API_KEY:
            raise errors.Unauthenticated
        caller.require(Scope.EMAIL_READ)
        caller.permit(Permission.MESSAGE_READ)
        return caller

    async def _talk(self, socket: web.WebSocketResponse, caller: Caller, key: str) -> None:
        listener = Listener(caller.tenant_id, caller.inbox_id, caller.pod_id)
        try:
            async with asyncio.TaskGroup() as group:
                others = [
                    group.create_task(self._tell(socket, caller, listener)),
                    group.create_task(self._watch(socket, listener)),
                    group.create_task(self._ask_again(socket, key)),
                ]
                try:
                    await self._listen(socket, caller, listener)
                finally:
                    for task in others:
                        task.cancel()
        except* ConnectionError:
            log.info("api.socket.lost", tenant_id=caller.tenant_id)
        finally:
            self._services.notify.live.leave(listener)

    async def _listen(self, socket: web.WebSocketResponse, caller: Caller, listener: Listener) -> None:
        """Read frames until the socket is closed."""
        frames = 0
        async for frame in socket:
            frames += 1
            if frame.type is not WSMsgType.TEXT or frames > MOST_FRAMES:
                await _close(socket, WSCloseCode.POLICY_VIOLATION, "Too many frames, or frames that are no text.")
                return
            await _send(socket, await self._answer(caller, listener, frame.data))

    async def _answer(self, caller: Caller, listener: Listener, text: str) -> str:
        """What is said to a frame; what it asks for holds from then on, in place of what was asked before."""
        try:
            asked = shapes.Subscribe.model_validate_json(text)
            wish = await self._wish(caller, asked)
            await self._begin(listener, asked)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            named = ".".join(str(part) for part in problem["loc"])
            return _problem("ValidationError", f"{named}: {problem['msg']}" if named else problem["msg"])
        except errors.NotFound as error:
            return _problem("NotFoundError", error.message)
        except errors.Forbidden as error:
            return _problem("ForbiddenError", error.message)
        except errors.Invalid as error:
            return _problem("ValidationError", error.message)
        except errors.ServiceError as error:
            return _problem("ServiceUnavailableError", error.message)
        listener.wish = wish
        echo = asked.model_dump(exclude={"type", "last_event_id"})
        return shapes.Subscribed(**echo).model_dump_json(exclude_none=True)

    async def _begin(self, listener: Listener, asked: shapes.Subscribe) -> None:
        """With the first frame, say from where on the socket listens; nothing is told before there is a wish."""
        if listener.wish is None:
            await self._services.notify.live.join(listener, asked.last_event_id)
        elif asked.last_event_id is not None:
            raise errors.Invalid("A socket goes on behind last_event_id with its first frame only.")

    async def _wish(self, caller: Caller, asked: shapes.Subscribe) -> Wish:
        types = webhook_answers.types_for(caller, asked.event_types or ())
        agent_events.check(types)
        webhook_answers.permit(caller, types)
        pod_ids = await self._services.pods.ids_of(caller, asked.pod_ids or ())
        names = dict.fromkeys(asked.inbox_ids or ())
        return Wish(types, tuple([(await self._services.inboxes.of(caller, name)).id for name in names]), pod_ids)

    async def _tell(self, socket: web.WebSocketResponse, caller: Caller, listener: Listener) -> None:
        while True:
            told = await self._services.notify.live.next(listener)
            if told is None:
                return  # whoever watches closes the socket
            text = await self._bodies.text(caller, told)
            if text is not None:
                await _send(socket, text)

    async def _watch(self, socket: web.WebSocketResponse, listener: Listener) -> None:
        """End a socket on which nothing was asked for, or whose peer does not keep up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_SECONDS):
                await listener.is_late.wait()
        if listener.wish is None:
            await _close(socket, WSCloseCode.POLICY_VIOLATION, "Nothing was subscribed to.")
            return
        await listener.is_late.wait()
        await _close(socket, WSCloseCode.TRY_AGAIN_LATER, "What this socket should hear of next has gone.")

    async def _ask_again(self, socket: web.WebSocketResponse, key: str) -> None:
        """End a socket whose key is good no more."""
        while True:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            try:
                await self._caller(key)
            except errors.Temporary:
                continue
            except errors.ServiceError as error:
                await _close(socket, WSCloseCode.POLICY_VIOLATION, error.message)


def _key(request: web.Request) -> str:
    """The header, or, where browsers cannot set one, the query."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else request.query.get("api_key", "")
    return key if len(key) <= LONGEST_KEY else ""


async def _send(socket: web.WebSocketResponse, text: str) -> None:
    """Send a frame; a peer that does not take it is let go."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_str(text)
    except TimeoutError:
        await _close(socket, WSCloseCode.TRY_AGAIN_LATER, "The frame was not taken in time.")


async def _close(socket: web.WebSocketResponse, code: WSCloseCode, reason: str) -> None:
    log.info("api.socket.closed", code=code.value, reason=reason)
    try:
        async with asyncio.timeout(CLOSE_SECONDS * 2):
            await socket.close(code=code, message=reason.encode(), drain=False)
    except (TimeoutError, ConnectionError):
        log.info("api.socket.lost", code=code.value)  # whoever serves it aborts the connection


def _problem(name: str, message: str) -> str:
    return shapes.Problem(name=name, message=message[:2000]).model_dump_json()

"""The stream of events: a GET that goes on for as long as somebody listens (RFC 8620 7.3)."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import structlog
from aiohttp import web

from mailserver.entities import errors as refusals
from mailserver.entities.access import Caller, Scope
from mailserver.jmap import errors
from mailserver.jmap.logins import Logins
from mailserver.jmap.push import states
from mailserver.jmap.push.connections import Connections
from mailserver.jmap.session import MOST_ACCOUNTS
from mailserver.services.registry import Services
from mailserver.services.syncing import state_changes
from mailserver.services.syncing.state_changes import Listener

SHORTEST_PING, LONGEST_PING = 30, 900  # seconds
SEND_SECONDS = 20.0  # for an event to be taken
TICK_SECONDS = 5.0  # how soon it is seen that a peer has gone
ASK_AGAIN_SECONDS = 20.0  # how soon a credential that is good no more ends its streams, less a tick
SILENCE_SECONDS = 300.0  # after which a comment finds out whether the peer is there, where no pings are asked for
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for."""

    types: frozenset[int]
    closes_after_state: bool
    ping_seconds: int  # 0 for none


class Streams:
    """Every open stream of this process."""

    def __init__(
        self, services: Services, logins: Logins, connections: Connections, headers: Mapping[str, str]
    ) -> None:
        self._services = services
        self._logins = logins
        self._connections = connections
        self._headers = {
            **headers, "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
        }  # fmt: skip
        self._open: set[Listener] = set()

    async def serve(self, asked: web.Request) -> web.StreamResponse:
        """Tell of new states until the client leaves, or the wish is fulfilled."""
        caller = await self._logins.of(asked)
        caller.require(Scope.EMAIL_READ)
        wish = read(asked.query)
        with self._connections.one_of(caller):
            listener = Listener(wish.types)
            self._open.add(listener)
            try:
                await self._watch(listener, caller)
                return await self._stream(asked, listener, wish)
            finally:
                self._open.discard(listener)
                self._services.syncing.state_changes.leave(listener)

    async def close(self, app: web.Application) -> None:
        """End every stream: the server stops."""
        del app
        for listener in self._open:
            listener.end()

    async def _watch(self, listener: Listener, caller: Caller) -> None:
        inboxes = await self._services.inboxes.all_of(caller)
        watched = [inbox.id for inbox in inboxes[:MOST_ACCOUNTS]]
        await self._services.syncing.state_changes.watch(listener, watched)

    async def _stream(self, asked: web.Request, listener: Listener, wish: Wish) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._headers)
        present = state_changes.token(listener.present)
        is_known = asked.headers.get("Last-Event-ID") in (None, "", present)
        listener.begin(is_known=is_known)
        try:
            await response.prepare(asked)
            # No event, only where it begins: whoever is cut off before the first one misses nothing either.
            await _send(response, f"id: {present}\n\n" if is_known else ":\n\n")
            await self._tell(asked, response, listener, wish)
            async with asyncio.timeout(SEND_SECONDS):
                await response.write_eof()
        except (TimeoutError, ConnectionError):
            log.info("jmap.stream.lost")
            if asked.transport is not None:
                asked.transport.abort()
        return response

    async def _tell(self, asked: web.Request, response: web.StreamResponse, listener: Listener, wish: Wish) -> None:
        spoke_at = asked_at = time.monotonic()
        while not listener.is_ended and asked.transport is not None and not asked.transport.is_closing():
            silence = wish.ping_seconds or SILENCE_SECONDS
            new = await listener.next(max(0.0, min(TICK_SECONDS, spoke_at + silence - time.monotonic())))
            now = time.monotonic()
            if new is not None:
                await _send(response, _event("state", states.change(new), state_changes.token(listener.present)))
                if wish.closes_after_state:
                    return
                spoke_at = now
            elif now - spoke_at >= silence:
                await _send(response, _event("ping", {"interval": silence}) if wish.ping_seconds else ":\n\n")
                spoke_at = now
            if now - asked_at >= ASK_AGAIN_SECONDS:
                asked_at = now
                if not await self._may_go_on(asked, listener):
                    return

    async def _may_go_on(self, asked: web.Request, listener: Listener) -> bool:
        """Whether the credential is still good; its inboxes may be others by now."""
        try:
            caller = await self._logins.of(asked)
            caller.require(Scope.EMAIL_READ)
            await self._watch(listener, caller)
        except refusals.Temporary:
            return True
        except refusals.ServiceError as error:
            log.info("jmap.stream.ended", reason=error.message)
            return False
        return True


def read(query: Mapping[str, str]) -> Wish:
    """The wish that a URL says; RequestRefused for values that are none."""
    types, closes, ping = query.get("types", "*"), query.get("closeafter", "no"), query.get("ping", "0")
    if closes not in ("state", "no"):
        raise _refused('closeafter is "state" or "no".')
    if not (ping.isascii() and ping.isdigit() and len(ping) <= 9):
        raise _refused("ping is a whole number of seconds.")
    seconds = int(ping)
    return Wish(
        state_changes.types(None if types == "*" else types.split(",")),
        closes == "state",
        min(max(seconds, SHORTEST_PING), LONGEST_PING) if seconds else 0,
    )


def _refused(detail: str) -> errors.RequestRefused:
    return errors.RequestRefused("about:blank", detail)


def _event(kind: str, body: object, event_id: str | None = None) -> str:
    first = f"id: {event_id}\n" if event_id is not None else ""
    return f"{first}event: {kind}\ndata: {orjson.dumps(body).decode()}\n\n"


async def _send(response: web.StreamResponse, text: str) -> None:
    """Send; a peer that does not take it is let go."""
    async with asyncio.timeout(SEND_SECONDS):
        await response.write(text.encode())

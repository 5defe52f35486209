"""Somebody's web server that webhooks are posted to, and the engines that post them.

async with Receiver() as receiver, posting(house):
    receiver.answers = lambda hook: 500
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.event import Event, EventType
from mailserver.entities.figures import Figures
from mailserver.events.dispatcher import Dispatcher, Limits
from mailserver.events.follower import Follower
from mailserver.services.notify.webhooks import WebhookChange
from tests.support import waiting
from tests.support.inside import House


@dataclass(frozen=True, slots=True)
class Hook:
    """What came in."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Receiver:
    """Keeps what it gets, and answers with the status, or the response, that `answers` says."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.connections: set[Any] = set()
        self.answers: Callable[[Hook], Any] = lambda hook: 204
        self.port = 0

    async def __aenter__(self) -> "Receiver":
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def got(self, path: str = "") -> list[Hook]:
        return [hook for hook in self.hooks if hook.path == f"/{path}"]

    def numbers(self, path: str = "") -> list[int]:
        """What `tell` put into each event; what came twice is there once."""
        seen = {hook.id: hook.json["data"].get("number") for hook in self.got(path)}
        return list(seen.values())

    async def until(self, condition: Callable[[], Any], seconds: float = waiting.LONGEST_SECONDS) -> None:
        await waiting.until(condition, seconds)

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        hook = Hook(request.path, headers, await request.read())
        self.hooks.append(hook)
        self.connections.add(id(request.transport))
        answer = self.answers(hook)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return answer if isinstance(answer, web.Response) else web.Response(status=answer)


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        import time

        return int(time.time() * 1000) + self.ahead_ms


async def owner(house: House) -> Caller:
    assert house.account is not None
    return Caller(house.account.tenant.id, Credential.SESSION, 1, ALL_SCOPES, is_owner=True)


async def hook(house: House, url: str, *types: str, tenant_wide: bool = False, **more: Any) -> tuple[Any, str]:
    """A webhook of the first inbox, and its secret."""
    assert house.account is not None
    inbox = None if tenant_wide else house.account.inbox
    return await house.services.notify.webhooks.create(await owner(house), inbox, WebhookChange(url, types, **more))


async def tell(house: House, numbers: Sequence[int], kind: EventType = EventType.MESSAGE_SENT) -> None:
    """Publish an event for each number, in one transaction."""
    assert house.account is not None
    inbox = house.account.inbox

    def write(tx: Any) -> None:
        for number in numbers:
            tx.publish(
                Event(house.store.ids.next(), inbox.tenant_id, inbox.id, kind, 1_800_000_000_000, {"number": number})
            )

    await house.store.database.write(write)


@asynccontextmanager
async def posting(
    house: House, *, clock: Any = None, posting: Any = None, killed: bool = False
) -> AsyncIterator[Dispatcher]:
    """Run follower and dispatcher; `killed` lets them end without a word, as kill -9 does."""
    told = house.services.notify
    clock = clock or Clock()
    told.lines._clock = clock
    dispatcher = Dispatcher(told.lines, posting or told.posting, house.doorbell, Limits(), clock, Figures())
    follower = Follower(house.assembled.fanout, house.doorbell)
    tasks = [asyncio.create_task(dispatcher.run()), asyncio.create_task(follower.run())]
    try:
        yield dispatcher
    finally:
        if killed:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        else:
            follower.stop()
            dispatcher.stop()
            await asyncio.gather(*tasks)

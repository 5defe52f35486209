"""Clients that are told of new states, and the engine that tells them.

async with told(site), stream(site, client, types="Email") as events:
    event = await events.next("state")
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.support.jmap import Client
from tests.support.served import Site


@dataclass(slots=True)
class Event:
    """What a stream says."""

    type: str
    body: Any
    id: str | None


class Events:
    """A stream that is read as the standard of server-sent events has it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id: str | None = None

    async def next(self, type: str = "state", seconds: float = 5.0) -> Event:
        """The next event, which is of this type."""
        async with asyncio.timeout(seconds):
            event = await self._event()
        assert event is not None, "the stream has ended"
        assert event.type == type, event
        return event

    async def silence(self, seconds: float) -> bool:
        """Whether nothing comes for a while."""
        try:
            async with asyncio.timeout(seconds):
                return await self._event() is None
        except TimeoutError:
            return True

    async def ends(self, seconds: float = 5.0) -> bool:
        """Whether the stream comes to its end, with nothing more before it."""
        async with asyncio.timeout(seconds):
            return await self._event() is None

    async def begun(self) -> None:
        """Wait until the stream says where it begins."""
        while True:
            line = (await self.response.content.readline()).decode()
            self._note(line)
            if line == "\n":
                return

    def _note(self, line: str) -> None:
        if line.startswith("id: "):
            self.last_id = line[4:].rstrip("\n")

    async def _event(self) -> Event | None:
        kind, lines, event_id = "message", list[str](), None
        while raw := await self.response.content.readline():
            line = raw.decode()
            self._note(line)
            if line.startswith("event: "):
                kind = line[7:].strip()
            elif line.startswith("data: "):
                lines.append(line[6:].rstrip("\n"))
            elif line.startswith("id: "):
                event_id = line[4:].strip()
            elif line == "\n" and lines:
                return Event(kind, json.loads("\n".join(lines)), event_id)
        return None


@asynccontextmanager
async def stream(
    site: Site, client: Client, *, types: str = "*", closeafter: str = "no", ping: str = "0", last_id: str | None = None
) -> AsyncIterator[Events]:
    """A stream of events that is open."""
    headers = {"Authorization": f"Bearer {client.token}", **({"Last-Event-ID": last_id} if last_id else {})}
    url = f"{site.base}/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}"
    async with site.client.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as response:
        assert response.status == 200, await response.read()
        events = Events(response)
        await events.begun()
        yield events


@asynccontextmanager
async def told(site: Site) -> AsyncIterator[None]:
    """Run what tells of new states."""
    changes = site.house.services.syncing.state_changes
    task = asyncio.create_task(changes.run())
    try:
        yield
    finally:
        changes.stop()
        await task

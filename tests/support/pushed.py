"""Clients that are told of new states, and the engine that tells them.

async with told(site), stream(site, client, types="Email") as events:
    event = await events.next("state")
"""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.jmap.push.pusher import Pusher
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

    async def next(self, type: str = "state", seconds: float = 30) -> Event:
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

    async def ends(self, seconds: float = 30) -> bool:
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


@asynccontextmanager
async def pushing(site: Site) -> AsyncIterator[Pusher]:
    """Run what posts to subscriptions."""
    syncing = site.house.services.syncing
    pusher = Pusher(syncing.push_subscriptions, syncing.push_posting, syncing.state_changes, site.house.doorbell)
    task = asyncio.create_task(pusher.run())
    try:
        yield pusher
    finally:
        pusher.stop()
        await task


class Browser:
    """Keys as a browser has them, and the other half of RFC 8291: what it reads out of a message."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._secret = os.urandom(16)

    @property
    def keys(self) -> dict[str, str]:
        return {
            "p256dh": base64.urlsafe_b64encode(self._point).decode().rstrip("="),
            "auth": base64.urlsafe_b64encode(self._secret).decode().rstrip("="),
        }

    def read(self, body: bytes) -> Any:
        salt, record, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender = body[21 : 21 + length]
        assert len(body) <= record
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        material = HKDF(hashes.SHA256(), 32, self._secret, b"WebPush: info\0" + self._point + sender).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(material)
        plain = AESGCM(key).decrypt(nonce, body[21 + length :], None)
        return json.loads(plain.rstrip(b"\0")[:-1])

"""The services of an appliance in this process, on a directory of their own: no ports, no queue runner.

async with inside(tmp_path) as house:
    await house.receive(b"...", to=["agent@local.test"])
    await house.settled()
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.inbox import Inbox
from mailserver.fetch import Fetch
from mailserver.mail import address
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.services import assembly
from mailserver.services.accounts.bootstrap import Bootstrapped
from mailserver.services.assembled import Assembled, Threadpools
from mailserver.services.notify.doorbell import Doorbell
from mailserver.services.registry import Services
from mailserver.settings.configuration import Settings
from mailserver.storage import journal_state, store
from mailserver.storage.store import Store
from tests.support.zone import FakeResolver

PASSWORD = "correct horse battery"
PEER = Peer("203.0.113.9", 40000, "client.remote.test", esmtp=True)
LOGIN = Peer("203.0.113.9", 40000, "laptop", esmtp=True, tls="TLSv1.3", login="agent@local.test")


@dataclass(slots=True)
class House:
    """What stands inside."""

    store: Store
    assembled: Assembled
    rung: list[str]
    account: Bootstrapped | None = None
    callers: dict[str, Caller] = field(default_factory=dict)
    doorbell: Doorbell = field(default_factory=Doorbell)

    @property
    def services(self) -> Services:
        return self.assembled.services

    async def caller(self, inbox: Inbox | None = None) -> Caller:
        """A caller with every scope, bound to an inbox where one is named."""
        assert self.account is not None
        return Caller(
            inbox.tenant_id if inbox else self.account.tenant.id, Credential.AGENT_TOKEN, 1, ALL_SCOPES,
            inbox.id if inbox else None,
        )  # fmt: skip

    async def receive(
        self, raw: bytes, to: Sequence[str] = ("agent@local.test",), sender: str | None = "a@remote.test"
    ) -> str:
        """Take a message as port 25 does."""
        envelope = enveloped(to, sender)
        arrival = self.services.reception.begin(envelope)
        for start in range(0, len(raw), 65_536):
            if arrival.add(raw[start : start + 65_536]):
                await arrival.flush()
        return await arrival.accept(envelope)

    async def submit(self, raw: bytes, inbox: Inbox, to: Sequence[str] = ("b@remote.test",), peer: Peer = LOGIN) -> str:
        """Take a message as port 587 does."""
        envelope = enveloped(to, inbox.address, peer)
        message = self.services.submission.begin(envelope, await self.caller(inbox))
        for start in range(0, len(raw), 65_536):
            if message.add(raw[start : start + 65_536]):
                await message.flush()
        return await message.accept(envelope)

    async def settled(self) -> None:
        """Wait until everything that was accepted has its rows."""
        async with asyncio.timeout(60):
            while await self.store.database.read(journal_state.applied, 0) < self.store.journal.appended:
                await asyncio.sleep(0.01)

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """What the database says."""
        return await self.store.database.read(lambda snapshot: snapshot.all(sql, values))


def enveloped(to: Sequence[str], sender: str | None, peer: Peer = PEER, **more: Any) -> Envelope:
    recipients = tuple(Recipient(address.parse(text)) for text in to)
    return Envelope(peer, address.parse(sender) if sender else None, recipients, **more)


def settings(directory: Path, **sections: Any) -> Settings:
    """Settings of a small house; sections as `queue={...}`."""
    chosen: dict[str, Any] = {
        "hostname": "mail.local.test",
        "data_dir": directory / "data",
        "storage": {"journal_segment_bytes": 4 << 20, "reserve_bytes": 0, "checkpoint_seconds": 0.2},
    }
    for name, section in sections.items():
        chosen[name] = {**chosen.get(name, {}), **section} if isinstance(section, dict) else section
    return Settings(**chosen)


Made = TypeVar("Made")
_MADE: dict[Any, tuple[tempfile.TemporaryDirectory[str], Any]] = {}  # RSA keys take longer than most tests


async def furnished(data: Path, furnish: Callable[[Path], Awaitable[Made]]) -> Made:
    """Put a copy of what was furnished once into a directory that is not there yet."""
    if furnish not in _MADE:
        place = tempfile.TemporaryDirectory()
        _MADE[furnish] = place, await furnish(Path(place.name))
    place, made = _MADE[furnish]
    await asyncio.to_thread(shutil.copytree, Path(place.name) / "data", data)
    return made


async def _first_tenant(directory: Path) -> Bootstrapped:
    async with inside(directory, bootstrap=False) as house:
        return await house.services.bootstrap.run("local.test", "agent@local.test", PASSWORD)


@asynccontextmanager
async def inside(
    directory: Path, *, bootstrap: bool = True, resolver: Any = None, **sections: Any
) -> AsyncIterator[House]:
    """Open a house; its stage runs, and ends with everything stored. Without a resolver no name exists."""
    loaded = settings(directory, **sections)
    rung: list[str] = []
    account = None
    if bootstrap and not (directory / "data").exists():
        account = await furnished(directory / "data", _first_tenant)
    async with AsyncExitStack() as stack:
        pools = Threadpools(*(stack.enter_context(ThreadPoolExecutor(2)) for _ in range(4)))
        heard = [rung.append]
        opened = await stack.enter_async_context(
            store.opened(loaded, lambda topic: [listener(topic) for listener in heard])
        )
        names = resolver or FakeResolver()
        fetch = await stack.enter_async_context(Fetch(names, allow_private=True))
        doorbell = Doorbell()
        assembled = assembly.assemble(loaded, opened, pools, names, fetch, fetch, doorbell)
        heard += [doorbell.ring, assembled.forget]
        await assembled.begin()
        applied = await opened.database.read(journal_state.applied, 0)
        left = await asyncio.to_thread(opened.journal.open, applied)
        opened.journal.start()
        stack.push_async_callback(asyncio.to_thread, opened.journal.stop)
        await assembled.stage.replay(left, applied)
        task = asyncio.create_task(assembled.stage.run())

        async def finish() -> None:
            assembled.stage.drain()
            await task

        stack.push_async_callback(finish)
        house = House(opened, assembled, rung, account, doorbell=doorbell)
        if bootstrap and account is None:
            house.account = await assembled.services.bootstrap.run("local.test", "agent@local.test", PASSWORD)
        yield house

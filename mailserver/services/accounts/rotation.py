"""Change the signing keys of a domain: publish new ones, wait until DNS shows them, switch, retire the old ones.

No message leaves with a signature that nobody can check: a new key signs only once its record is there, and an old
record stays until the last signature by its key has expired.
"""

import asyncio
import string
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.tenant import DkimKey, KeyStage
from mailserver.mail import dkim
from mailserver.mail.resolver import LookupFailed, TextAnswer
from mailserver.services.accounts import domains
from mailserver.services.accounts.keystore import KeyStore
from mailserver.storage import tenants
from mailserver.storage.database import Database, Transaction

PROPAGATION_MS = 3_600_000  # a secondary name server may lag behind the one that we were answered by
RETIRED_MS = 1000 * (dkim.LIFE_SECONDS + dkim.DAY_SECONDS)
log = structlog.get_logger()


class Resolver(Protocol):
    """Reads what is published."""

    async def text(self, name: str) -> TextAnswer:
        """TXT records; LookupFailed where DNS gave no answer."""
        ...


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key with its record, whether DNS has it (None where DNS did not answer), and what happens next."""

    key: DkimKey
    name: str
    record: str
    is_published: bool | None
    next: str


class Rotation:
    """The keys of every domain and their change."""

    def __init__(
        self,
        database: Database,
        keystore: KeyStore,
        executor: Executor,
        resolver: Resolver,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._executor = executor
        self._resolver = resolver
        self._now = now_ms

    async def show(self, text: str) -> list[KeyShown]:
        """The keys of a domain, oldest first."""
        name = await self._known(text)
        return await asyncio.gather(*(self._shown(key) for key in await self._database.read(tenants.keys, name)))

    async def rotate(self, text: str, *, at_once: bool = False) -> list[KeyShown]:
        """Begin to change the keys of a domain, or go on with it; `at_once` does not wait for DNS."""
        name = await self._known(text)
        keys = await self._database.read(tenants.keys, name)
        if not any(key.stage is KeyStage.WAITING for key in keys):
            await self._make(name, keys)
        await self._advance(name, at_once=at_once)
        return await self.show(name)

    async def advance(self) -> int:
        """Switch where DNS shows the new keys, and forget old ones whose signatures have expired; a job's call."""
        changed = 0
        for name in sorted({key.domain for key in await self._database.read(tenants.keys)}):
            changed += await self._advance(name, at_once=False)
        return changed

    async def _known(self, text: str) -> str:
        name = domains.parse(text)
        if await self._database.read(tenants.domain, name) is None:
            raise errors.NotFound(
                f"The domain {name} is not served here; `mailserver domain list` shows those that are."
            )
        return name

    async def _make(self, name: str, keys: list[DkimKey]) -> None:
        month = time.strftime("%Y%m", time.gmtime(self._now() / 1000))
        taken = {key.selector for key in keys}
        made = []
        for prefix, algorithm in domains.ALGORITHMS:
            selector = next(
                one
                for one in (f"{prefix}{month}{letter}" for letter in ("", *string.ascii_lowercase))
                if one not in taken
            )
            public = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._keystore.make, name, selector, algorithm, KeyStage.WAITING
            )
            made.append(DkimKey(name, selector, algorithm, public, active=False))
        now = self._now()

        def insert(tx: Transaction) -> None:
            if any(key.stage is KeyStage.WAITING for key in tenants.keys(tx, name)):
                return  # somebody else was faster
            for key in made:
                tenants.add_key(tx, key, now)

        await self._database.write(insert)
        log.info("dkim.keys.made", domain=name, selectors=[key.selector for key in made])

    async def _advance(self, name: str, *, at_once: bool) -> int:
        keys = await self._database.read(tenants.keys, name)
        waiting = [key for key in keys if key.stage is KeyStage.WAITING]
        now = self._now()
        old = [key for key in keys if key.retired_at is not None and key.retired_at + RETIRED_MS < now]
        switches = bool(waiting) and (at_once or await self._are_ready(waiting, now))
        if switches:
            await self._database.write(tenants.switch_keys, name, now)
            log.info("dkim.keys.switched", domain=name, selectors=[key.selector for key in waiting])
        # Also where nothing changed: a crash between the database and the files is mended here.
        await self._run(self._keystore.settle, name, await self._database.read(tenants.keys, name))
        for key in old:
            await self._run(self._keystore.discard, key)
            await self._database.write(tenants.forget_key, key)
            log.info("dkim.key.forgotten", domain=name, selector=key.selector)
        return int(switches) + len(old)

    async def _are_ready(self, waiting: list[DkimKey], now: int) -> bool:
        if any(key.created_at + PROPAGATION_MS > now for key in waiting):
            return False
        return all(await asyncio.gather(*(self._is_published(key) for key in waiting)))

    async def _is_published(self, key: DkimKey) -> bool | None:
        try:
            answer = await self._resolver.text(_name(key))
        except LookupFailed:
            return None
        wanted = "".join(dkim.record(key.public_key).split())
        return any("".join(found.decode("ascii", "replace").split()) == wanted for found in answer.records)

    async def _shown(self, key: DkimKey) -> KeyShown:
        is_published = await self._is_published(key)
        following = {
            KeyStage.WAITING: "signs once DNS has shown its record for an hour",
            KeyStage.ACTIVE: "signs",
            KeyStage.RETIRED: f"its record can go after {_day((key.retired_at or 0) + RETIRED_MS)}",
        }[key.stage]
        if key.stage is KeyStage.WAITING and not is_published:
            following = "publish its record; it signs once DNS has shown it for an hour"
        if key.stage is KeyStage.ACTIVE and is_published is None:
            following = "signs; DNS did not say whether its record is there"
        if key.stage is KeyStage.ACTIVE and is_published is False:
            following = "signs, but its record is missing: receivers cannot check what it signs"
        return KeyShown(key, _name(key), dkim.record(key.public_key), is_published, following)

    async def _run(self, function: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _name(key: DkimKey) -> str:
    return f"{key.selector}._domainkey.{key.domain}"


def _day(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(milliseconds / 1000))

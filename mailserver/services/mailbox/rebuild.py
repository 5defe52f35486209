"""Rows from files: what an index that was lost, or restored from an older backup, does not know of."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Any

import structlog

from mailserver.entities import identifiers
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Flag
from mailserver.mail import address, headers
from mailserver.services.mailbox.ingest import Ingest
from mailserver.storage import audit, files, inboxes
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles
from mailserver.storage.inboxes import Destination
from mailserver.storage.records import Copy, Record

SLICE = 100
HEAD_BYTES = 160 << 10
log = structlog.get_logger()


class Rebuild:
    """Adopts message files that no row names. Folders, flags and labels lived in the rows and are gone with them."""

    def __init__(self, database: Database, message_files: MessageFiles, ingest: Ingest, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._ingest = ingest
        self._executor = executor

    async def adopt(self) -> dict[str, Any]:
        """Give every such file a row: in Sent where its inbox wrote it, else in Inbox, read, at its old time.

        A file in the directory of an inbox that is not there any more goes to the inbox that it was delivered to, or
        that wrote it, by its address. What has none is counted and left.
        """
        walk = self._files.places()
        adopted = homeless = 0
        while places := await self._run(lambda: list(islice(walk, SLICE))):
            known = await self._database.read(audit.named, places)
            gone = await self._database.read(audit.removed, places)
            for place in places:
                if place in known or place in gone or place.startswith(f"{files.OUTBOUND}/"):
                    continue
                if await self._adopt(place):
                    adopted += 1
                else:
                    homeless += 1
        return {"adopted": adopted, "homeless": homeless}

    async def _adopt(self, place: str) -> bool:
        owner, _, name = place.partition("/cur/")
        try:
            message_id = identifiers.decode(Kind.MESSAGE, name.rpartition("/")[2])
            inbox_id = identifiers.decode(Kind.INBOX, owner)
        except identifiers.BadIdentifier:
            return False
        head, _ = headers.split(await self._run(self._head, place))
        delivered = [value.decode("utf-8", "replace").strip() for value in head.all("delivered-to")]
        wrote = [person.address for value in head.all("from") for person in headers.people(value)]
        home = await self._home(inbox_id, [*delivered, *wrote])
        if home is None:
            return False
        is_ours = not delivered
        role = Role.SENT if is_ours else Role.INBOX
        copy = Copy(message_id, home.inbox_id, home.tenant_id, role.value, flags=int(Flag.SEEN), is_ours=is_ours)
        target = files.location(home.inbox_id, message_id)
        await self._run(self._files.link, place, target)
        size = await self._run(self._files.size, target)
        received_at = identifiers.created_ms(message_id)
        record = Record((copy,), received_at, size or 0, location=target, is_news=False)
        prepared = await self._run(self._ingest.prepare, record)
        await self._database.write(self._ingest.write, [prepared], None)
        log.info("storage.file.adopted", message_id=identifiers.encode(Kind.MESSAGE, message_id), role=role.value)
        return True

    async def _home(self, inbox_id: int, candidates: Sequence[str]) -> Destination | None:
        inbox = await self._database.read(inboxes.get, inbox_id)
        if inbox is not None:
            return Destination(inbox.id, inbox.tenant_id, is_active=True)
        for text in candidates:
            try:
                parsed = address.parse(text)
            except address.AddressError:
                continue
            for form in (parsed, parsed.without_tag()):
                found = await self._database.read(inboxes.exact, form.normal)
                if found:
                    return found[0]
        return None

    def _head(self, place: str) -> bytes:
        with self._files.path(place).open("rb") as file:
            return file.read(HEAD_BYTES)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

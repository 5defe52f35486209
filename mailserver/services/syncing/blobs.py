"""Bytes by their hash: a message or an upload of an inbox, or a part of one (RFC 8620 6)."""

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.mail import message
from mailserver.storage import emails, files
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.files import MessageFiles


class Uploads(Protocol):
    """Where uploaded files lie."""

    def place(self, digest: bytes) -> Path:
        """The path of the file that has a hash."""
        ...


@dataclass(frozen=True, slots=True)
class _Root:
    message_id: int | None
    size: int


class Blobs:
    """What an inbox refers to, by hash. A hash alone grants nothing: it is looked for within the inbox."""

    def __init__(self, database: Database, message_files: MessageFiles, uploads: Uploads, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._uploads = uploads
        self._executor = executor

    async def read(self, caller: Caller, inbox: Inbox, digest: bytes, sections: tuple[str, ...] = ()) -> bytes:
        """The bytes; NotFound where the inbox has none of that hash, or no such part in them."""
        caller.require(Scope.EMAIL_READ)
        root = await self._root(inbox, digest)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._read, inbox, root, digest, sections)

    async def message_with(self, caller: Caller, inbox: Inbox, digest: bytes) -> int | None:
        """A message of the inbox that has these bytes."""
        caller.require(Scope.EMAIL_READ)
        found = await self._database.read(emails.with_blob, inbox.id, digest)
        return found[0] if found else None

    async def _root(self, inbox: Inbox, digest: bytes) -> _Root:
        now = int(time.time() * 1000)

        def find(snapshot: Snapshot) -> _Root | None:
            stored = emails.with_blob(snapshot, inbox.id, digest)
            if stored is not None:
                return _Root(*stored)
            uploaded = emails.upload_with(snapshot, inbox.id, digest, now)
            return _Root(None, uploaded[0]) if uploaded else None

        root = await self._database.read(find)
        if root is None:
            raise errors.NotFound("There is no such blob.")
        return root

    def _read(self, inbox: Inbox, root: _Root, digest: bytes, sections: tuple[str, ...]) -> bytes:
        try:
            if root.message_id is not None:
                content = self._files.read(files.location(inbox.id, root.message_id))
            else:
                content = self._uploads.place(digest).read_bytes()
            for section in sections:
                content = message.part(content, section)
        except (FileNotFoundError, KeyError) as error:
            raise errors.NotFound("There is no such blob.") from error
        return content

"""Bytes by their hash: a message, an upload or a script of an inbox, or a part of one (RFC 8620 6)."""

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
from mailserver.storage import emails, files, sieve_scripts
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.files import MessageFiles

MOST_REFERRING = 500  # messages of one blob


class Uploads(Protocol):
    """Where uploaded files lie."""

    def place(self, digest: bytes) -> Path:
        """The path of the file that has a hash."""
        ...


@dataclass(frozen=True, slots=True)
class _Root:
    message_id: int | None
    size: int
    content: bytes | None = None  # of a script, which is no file


@dataclass(frozen=True, slots=True)
class Referring:
    """What refers to a blob: messages with their threads and folders, and scripts."""

    message_ids: tuple[int, ...] = ()
    thread_ids: tuple[int, ...] = ()
    folder_ids: tuple[int, ...] = ()
    script_ids: tuple[int, ...] = ()


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

    async def size_of_root(self, caller: Caller, inbox: Inbox, digest: bytes) -> int:
        """How large that is which has to be read for a blob or a part of it; NotFound where there is none."""
        caller.require(Scope.EMAIL_READ)
        return (await self._root(inbox, digest)).size

    async def referring(self, caller: Caller, inbox: Inbox, digest: bytes) -> Referring:
        """What of the inbox a hash is the content of; nothing where it has none of that hash."""
        caller.require(Scope.EMAIL_READ)

        def find(snapshot: Snapshot) -> Referring:
            numbers = emails.referring(snapshot, inbox.id, digest, MOST_REFERRING)
            found = emails.get(snapshot, inbox.id, numbers).values()
            scripts = sieve_scripts.of_inbox(snapshot, inbox.id)
            return Referring(
                tuple(sorted(each.id for each in found)),
                tuple(sorted({each.thread_id for each in found})),
                tuple(sorted({folder_id for each in found for folder_id in each.folder_ids})),
                tuple(each.id for each in scripts if each.hash == digest),
            )

        return await self._database.read(find)

    async def _root(self, inbox: Inbox, digest: bytes) -> _Root:
        now = int(time.time() * 1000)

        def find(snapshot: Snapshot) -> _Root | None:
            stored = emails.with_blob(snapshot, inbox.id, digest)
            if stored is not None:
                return _Root(*stored)
            uploaded = emails.upload_with(snapshot, inbox.id, digest, now)
            if uploaded is not None:
                return _Root(None, uploaded[0])
            script = sieve_scripts.content(snapshot, inbox.id, digest)
            return _Root(None, len(script), script) if script is not None else None

        root = await self._database.read(find)
        if root is None:
            raise errors.NotFound("There is no such blob.")
        return root

    def _read(self, inbox: Inbox, root: _Root, digest: bytes, sections: tuple[str, ...]) -> bytes:
        try:
            if root.message_id is not None:
                content = self._files.read(files.location(inbox.id, root.message_id))
            elif root.content is not None:
                content = root.content
            else:
                content = self._uploads.place(digest).read_bytes()
            for section in sections:
                content = message.part(content, section)
        except (FileNotFoundError, KeyError) as error:
            raise errors.NotFound("There is no such blob.") from error
        return content

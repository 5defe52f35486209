"""Messages as clients keep copies of them: their rows, and what is read from their files."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TypeVar

import structlog

from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.email import Email
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.storage import emails, files
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles

log = structlog.get_logger()
Found = TypeVar("Found")


class Emails:
    """Messages of an inbox, through the caller's eyes."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    async def get(self, caller: Caller, inbox: Inbox, ids: Sequence[int]) -> dict[int, Email]:
        """Those of some ids that are messages in a folder of the inbox."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(emails.get, inbox.id, ids)

    async def of_threads(self, caller: Caller, inbox: Inbox, thread_ids: Sequence[int]) -> dict[int, list[int]]:
        """The messages of threads of the inbox, oldest first."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(emails.of_threads, inbox.id, thread_ids)

    async def placed(self, caller: Caller, inbox: Inbox, ids: Sequence[int]) -> dict[int, int]:
        """Those of some ids that are messages in a folder of the inbox, with their threads."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(emails.placed, inbox.id, ids)

    async def examine(self, found: Sequence[Email], look: Callable[[Email, bytes], Found]) -> Mapping[int, Found]:
        """What a function sees in the bytes of messages, off the loop; one whose file is gone is left out."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._examine, found, look)

    def _examine(self, found: Sequence[Email], look: Callable[[Email, bytes], Found]) -> dict[int, Found]:
        seen: dict[int, Found] = {}
        for email in found:
            try:
                raw = self._files.read(files.location(email.inbox_id, email.id))
            except FileNotFoundError:  # destroyed between the row and the file, or lost
                log.warning("storage.file.missing", message_id=identifiers.encode(Kind.MESSAGE, email.id))
                continue
            seen[email.id] = look(email, raw)
        return seen

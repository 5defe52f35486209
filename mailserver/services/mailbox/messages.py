"""List, get, flag, move and delete messages."""

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities import listing as listings
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.listing import Filter
from mailserver.entities.message import Flag, MessageBody, MessageSummary, Visibility
from mailserver.entities.paging import Page
from mailserver.entities.search import SearchQuery
from mailserver.mail import message as parsing
from mailserver.mail.message import Parsed
from mailserver.services.mailbox import folders as folder_names
from mailserver.services.mailbox import resolve
from mailserver.storage import arrange, files, folders, messages, search, verdicts
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.files import MessageFiles

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder list is asked for. Times are unix milliseconds."""

    query: SearchQuery | None = None  # overrides the others
    folder: str | None = None  # a role or a folder's name
    mailbox_id: str | None = None
    after: int | None = None
    before: int | None = None
    unread: bool | None = None
    starred: bool | None = None
    position: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Update:
    """What is changed of a message; None leaves as it is."""

    read: bool | None = None
    starred: bool | None = None
    mailbox_id: str | None = None


class Messages:
    """Stored messages, through the caller's eyes."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    # -- reading ------------------------------------------------------------------------------------------------

    async def page(self, caller: Caller, inbox: Inbox, listing: Listing) -> Page[MessageSummary]:
        """A folder's messages, an inbox's, or what a search finds, newest first."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_page, inbox, listing)

    async def across(
        self, caller: Caller, where: Filter, cursor: tuple[int, int] | None, limit: int
    ) -> list[MessageSummary]:
        """Messages over inboxes by time; the filter is narrowed to what the caller may see."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_across, listings.narrowed(caller, where), cursor, limit)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> MessageSummary:
        """One message by our id or its Message-ID."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_one, caller, text, inbox.id if inbox else None)

    async def find(self, caller: Caller, text: str, inbox: Inbox | None = None) -> MessageSummary:
        """One message for a purpose that has a scope of its own, such as answering it."""
        return await self._database.read(_one, caller, text, inbox.id if inbox else None)

    async def verdict(self, caller: Caller, text: str, inbox: Inbox | None = None) -> tuple[int, dict[str, Any]]:
        """What was found out about a message and its sender, with the message's id.

        NotFound for one that was not judged: our own, and what came in before there were verdicts.
        """
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_verdict, caller, text, inbox.id if inbox else None)

    def place(self, summary: MessageSummary) -> Path:
        """Where the file of a message lies."""
        return self._files.path(files.location(summary.inbox_id, summary.id))

    async def raw(self, summary: MessageSummary) -> bytes:
        """The bytes of a message, as its file has them."""
        place = files.location(summary.inbox_id, summary.id)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._files.read, place)
        except FileNotFoundError as error:
            log.error("storage.file.missing", message_id=identifiers.encode(Kind.MESSAGE, summary.id))
            raise errors.StoreUnavailable from error

    async def parsed(self, summary: MessageSummary) -> Parsed:
        """What a message says, read from its file."""
        raw = await self.raw(summary)
        return await asyncio.get_running_loop().run_in_executor(self._executor, parsing.parse, raw)

    async def body(self, summary: MessageSummary) -> MessageBody:
        """The readable parts of a message."""
        raw = await self.raw(summary)
        text, html = await asyncio.get_running_loop().run_in_executor(self._executor, parsing.bodies, raw)
        return MessageBody(text, html)

    async def part(self, summary: MessageSummary, number: str) -> bytes:
        """The decoded bytes of a part; NotFound where there is none of that number."""
        raw = await self.raw(summary)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, parsing.part, raw, number)
        except KeyError as error:
            raise errors.NotFound("There is no such attachment.") from error

    # -- arranging ----------------------------------------------------------------------------------------------

    async def update(self, caller: Caller, inbox: Inbox, text: str, update: Update) -> None:
        """Change flags and folder of a message."""
        caller.require(Scope.EMAIL_WRITE)
        await self._database.write(_update, caller, inbox, text, update)

    async def delete(self, caller: Caller, inbox: Inbox, text: str) -> None:
        """Move a message to Trash; one that lies there already is gone for good."""
        caller.require_at_once(Scope.EMAIL_DELETE)
        await self._database.write(delete_in, caller, inbox.id, text)


def _page(snapshot: Snapshot, inbox: Inbox, listing: Listing) -> Page[MessageSummary]:
    if listing.query is not None:
        ids, total = _found(snapshot, inbox, listing.query, listing)
    else:
        where = Filter(
            inbox_ids=(inbox.id,), after=listing.after, before=listing.before, unread=listing.unread,
            starred=listing.starred,
        )  # fmt: skip
        folder = _folder(snapshot, inbox, listing)
        if folder is None:
            ids = messages.in_inboxes(snapshot, where, None, listing.limit, listing.position)
            total = messages.count_in_inbox(snapshot, where)
        else:
            in_folder = Filter(
                folder_id=folder.id, after=listing.after, before=listing.before, unread=listing.unread,
                starred=listing.starred,
            )  # fmt: skip
            ids, total = messages.in_folder(snapshot, in_folder, listing.position, listing.limit)
    return Page(tuple(messages.summaries(snapshot, ids)), total, listing.position, listing.limit)


def _found(snapshot: Snapshot, inbox: Inbox, query: SearchQuery, listing: Listing) -> tuple[list[int], int]:
    """What a search finds; nothing where it names a folder that there is not."""
    folder_id = None
    if query.folder is not None:
        named = _named_folder(snapshot, inbox, query.folder)
        if named is None:
            return [], 0
        folder_id = named.id
    return search.page(snapshot, inbox.id, query, folder_id, listing.position, listing.limit)


def _named_folder(snapshot: Snapshot, inbox: Inbox, text: str) -> Folder | None:
    """A folder by its role or by its name."""
    name = text.lower()
    found = folders.by_role(snapshot, inbox.id, Role(name)) if name in set(Role) else None
    return found or folders.by_name(snapshot, inbox.id, text)


def _folder(snapshot: Snapshot, inbox: Inbox, listing: Listing) -> Folder | None:
    if listing.mailbox_id is not None:
        return folder_names.one(snapshot, inbox.id, listing.mailbox_id)
    if listing.folder is None:
        return None
    found = _named_folder(snapshot, inbox, listing.folder)
    if found is None:
        raise errors.NotFound("There is no such folder.")
    return found


def _across(snapshot: Snapshot, where: Filter, cursor: tuple[int, int] | None, limit: int) -> list[MessageSummary]:
    return messages.summaries(snapshot, messages.in_inboxes(snapshot, where, cursor, limit))


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None) -> MessageSummary:
    number = resolve.message_id(snapshot, caller, text, inbox_id)
    (summary,) = messages.summaries(snapshot, [number])
    return summary


def _verdict(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None) -> tuple[int, dict[str, Any]]:
    number = resolve.message_id(snapshot, caller, text, inbox_id)
    found = verdicts.get(snapshot, number)
    if found is None:
        raise errors.NotFound("The message was not judged: it is one of ours, or came from this server.")
    return number, found


def _update(tx: Transaction, caller: Caller, inbox: Inbox, text: str, update: Update) -> None:
    number = resolve.message_id(tx, caller, text, inbox.id)
    now = int(time.time() * 1000)
    on, off = Flag(0), Flag(0)
    for wanted, flag in ((update.read, Flag.SEEN), (update.starred, Flag.FLAGGED)):
        if wanted is True:
            on |= flag
        elif wanted is False:
            off |= flag
    if on or off:
        arrange.set_flags(tx, number, on, off, now)
    if update.mailbox_id is not None:
        arrange.move(tx, number, folder_names.one(tx, inbox.id, update.mailbox_id).id, now)


def delete_in(tx: Transaction, caller: Caller, inbox_id: int, text: str) -> None:
    """Move a message to Trash, or out of it for good, inside a transaction."""
    number = resolve.message_id(tx, caller, text, inbox_id)
    now = int(time.time() * 1000)
    (summary,) = messages.summaries(tx, [number])
    trash = folders.by_role(tx, inbox_id, Role.TRASH)
    if trash is None or summary.visibility == Visibility.TRASH:
        arrange.remove(tx, number, now)
    else:
        arrange.move(tx, number, trash.id, now)

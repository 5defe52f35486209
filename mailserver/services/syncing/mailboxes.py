"""Folders as clients arrange them: several changes in one transaction, each as a part of its own (RFC 8621 2.5)."""

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.services.mailbox import folder_tree
from mailserver.services.syncing import changes
from mailserver.services.syncing.changes import Delta, Type
from mailserver.storage import arrange, folders
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200
MOST = 1000  # of one inbox
MOST_TOUCHED = 2 * MOST  # a query is asked anew behind more than this
REMOVED_AT_ONCE = 200  # messages of one transaction
CUSTOM_ORDER = folders.CUSTOM_ORDER


class HasChild(errors.ServiceError):
    """The folder has folders in it."""


class HasEmail(errors.ServiceError):
    """The folder has messages in it."""


class AlreadyExists(errors.ServiceError):
    """There is a folder of that name already."""

    def __init__(self, folder_id: int) -> None:
        super().__init__()
        self.folder_id = folder_id


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be true of a folder."""

    name: str
    parent_id: int | None
    sort_order: int
    is_subscribed: bool
    role: Role | None = None


class Mailboxes:
    """The folders of an inbox, as a client of its own sees and changes them."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def all_of(self, caller: Caller, inbox: Inbox) -> list[Folder]:
        """Every folder with its counts."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(folders.of_inbox, inbox.id)

    async def since(self, caller: Caller, inbox: Inbox, state: str) -> tuple[Delta, list[Folder]]:
        """What was touched behind a state, and every folder at the same moment; Unknown where that cannot be told."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> tuple[Delta, list[Folder]]:
            delta = changes.since(snapshot, inbox.id, Type.MAILBOX, state, MOST_TOUCHED)
            if delta.has_more:
                raise changes.Unknown
            return delta, folders.of_inbox(snapshot, inbox.id)

        return await self._database.read(read)

    async def create(self, caller: Caller, inbox: Inbox, wanted: Place) -> int:
        """Make a folder; its id."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> int:
            every = folders.of_inbox(tx, inbox.id)
            if len(every) >= MOST:
                raise errors.Forbidden(f"An inbox has {MOST:,} folders at most.")
            if wanted.role is not None:
                raise errors.Invalid("Every role has its folder already.", role="The role is in use.")
            name = _name(wanted.name)
            _check_place(every, None, name, wanted.parent_id)
            made = self._ids.next()
            folders.add(tx, inbox.id, made, name, wanted.parent_id)
            if wanted.sort_order != CUSTOM_ORDER or not wanted.is_subscribed:
                folders.arrange(tx, inbox.id, made, wanted.sort_order, is_subscribed=wanted.is_subscribed)
            return made

        return await self._database.write(write)

    async def change(self, caller: Caller, inbox: Inbox, folder_id: int, change: Callable[[Folder], Place]) -> None:
        """Rename a folder, put it elsewhere, or arrange it; `change` says what is to be true of what is there."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> None:
            known = _one(tx, inbox, folder_id)
            wanted = change(known)
            if wanted.role is not known.role:
                raise errors.Invalid("The role of a folder stays as it is.", role="It cannot be changed.")
            name = wanted.name if wanted.name == known.name else _name(wanted.name)
            if (name, wanted.parent_id) != (known.name, known.parent_id):
                if known.role is not None:
                    raise errors.Forbidden(f"The folder {known.name} is the server's own; it stays where it is.")
                _check_place(folders.of_inbox(tx, inbox.id), known, name, wanted.parent_id)
                folders.change(tx, inbox.id, known.id, name, wanted.parent_id)
            if (wanted.sort_order, wanted.is_subscribed) != (known.sort_order, known.is_subscribed):
                folders.arrange(tx, inbox.id, known.id, wanted.sort_order, is_subscribed=wanted.is_subscribed)

        await self._database.write(write)

    async def remove(self, caller: Caller, inbox: Inbox, folder_id: int, *, with_mail: bool) -> None:
        """Remove a folder; with its mail, where that is wanted: what lies elsewhere too stays there."""
        caller.require(Scope.EMAIL_WRITE)
        if with_mail:
            caller.require_at_once(Scope.EMAIL_DELETE)

        def write(tx: Transaction) -> bool:
            known = _one(tx, inbox, folder_id)
            if known.role is not None:
                raise errors.Forbidden(f"The folder {known.name} is the server's own; it stays.")
            if any(each.parent_id == known.id for each in folders.of_inbox(tx, inbox.id)):
                raise HasChild
            some = folders.some_messages(tx, known.id, REMOVED_AT_ONCE)
            if some and not with_mail:
                raise HasEmail
            now = int(time.time() * 1000)
            for message_id in some:
                arrange.take_out(tx, message_id, known.id, now)
            if len(some) == REMOVED_AT_ONCE:
                return False
            folders.remove(tx, inbox.id, known.id)
            return True

        while not await self._database.write(write):
            pass


def _one(snapshot: Snapshot, inbox: Inbox, folder_id: int) -> Folder:
    found = folders.get(snapshot, inbox.id, folder_id)
    if found is None:
        raise errors.NotFound("There is no such folder.")
    return found


def _check_place(every: Sequence[Folder], moved: Folder | None, name: str, parent_id: int | None) -> None:
    """Refuse a place that there is not, inside itself, too deep, or beside one of the same name."""
    moved_id = moved.id if moved else None
    if parent_id is not None and all(each.id != parent_id for each in every):
        raise errors.Invalid("There is no such parent.", parentId="There is no such folder.")
    if moved_id is not None and folder_tree.is_inside(every, moved_id, parent_id):
        raise errors.Invalid("A folder cannot lie inside itself.", parentId="It lies inside the folder.")
    if folder_tree.depth_at(every, moved_id, parent_id) > folder_tree.DEEPEST:
        raise errors.Invalid("The folder would lie too deep.", parentId=f"At most {folder_tree.DEEPEST} levels.")
    there = folder_tree.named_beside(every, moved_id, parent_id, name)
    if there is not None:
        raise AlreadyExists(there.id)


def _name(text: str) -> str:
    """A name as it is kept (RFC 8621 2): Net-Unicode, printable, of a length that other clients can show."""
    name = unicodedata.normalize("NFC", text)
    if not name.strip() or len(name.encode()) > LONGEST_NAME or not name.isprintable():
        raise errors.Invalid("The name cannot be used.", name=f"1 to {LONGEST_NAME} octets of printable characters.")
    return name

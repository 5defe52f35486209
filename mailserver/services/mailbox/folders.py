"""Folders and roles: those of an inbox, and those that people make beside them."""

import time
import unicodedata

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.services.mailbox import folder_tree
from mailserver.storage import arrange, folders, inboxes
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200
MOST = 1000  # of one inbox
MOVED_AT_ONCE = 200  # messages of one transaction


class Folders:
    """The folders of an inbox. Those with a role stay as they are."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def all_of(self, caller: Caller, inbox: Inbox) -> list[Folder]:
        """Every folder with its counts."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(folders.of_inbox, inbox.id)

    async def create(self, caller: Caller, inbox: Inbox, name: str, parent: str | None) -> Folder:
        """Make a folder, inside another or at the top; Conflict where one of the name lies there."""
        caller.require(Scope.EMAIL_WRITE)
        wanted = _name(name)

        def write(tx: Transaction) -> Folder:
            if inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            every = folders.of_inbox(tx, inbox.id)
            if len(every) >= MOST:
                raise errors.Conflict(f"An inbox has {MOST:,} folders at most.")
            above = one(tx, inbox.id, parent) if parent else None
            _check_place(every, None, wanted, above)
            made = self._ids.next()
            folders.add(tx, inbox.id, made, wanted, above.id if above else None)
            return _known(tx, inbox.id, made)

        return await self._database.write(write)

    async def change(self, caller: Caller, inbox: Inbox, text: str, name: str | None, parent: str | None) -> Folder:
        """Rename a folder, or put it elsewhere: '' is the top."""
        caller.require(Scope.EMAIL_WRITE)
        wanted = _name(name) if name is not None else None

        def write(tx: Transaction) -> Folder:
            known = _own(tx, inbox.id, text)
            every = folders.of_inbox(tx, inbox.id)
            above_id = known.parent_id
            if parent is not None:
                above_id = one(tx, inbox.id, parent).id if parent else None
            above = next((each for each in every if each.id == above_id), None)
            _check_place(every, known, wanted or known.name, above)
            folders.change(tx, inbox.id, known.id, wanted or known.name, above_id)
            return _known(tx, inbox.id, known.id)

        return await self._database.write(write)

    async def remove(self, caller: Caller, inbox: Inbox, text: str, *, is_forced: bool) -> None:
        """Remove a folder; Conflict where it is not empty, unless its mail is to go to Trash."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> bool:
            known = _own(tx, inbox.id, text)
            if any(each.parent_id == known.id for each in folders.of_inbox(tx, inbox.id)):
                raise errors.Conflict("The folder has folders in it; remove or move them first.")
            some = folders.some_messages(tx, known.id, MOVED_AT_ONCE)
            if some and not is_forced:
                raise errors.Conflict("The folder is not empty; force=true moves its mail to Trash.")
            trash = folders.by_role(tx, inbox.id, Role.TRASH)
            assert trash is not None, "every inbox has a Trash"
            now = int(time.time() * 1000)
            for message_id in some:
                arrange.move(tx, message_id, trash.id, now)
            if len(some) == MOVED_AT_ONCE:
                return False
            folders.remove(tx, inbox.id, known.id)
            return True

        while not await self._database.write(write):
            pass


def one(snapshot: Snapshot, inbox_id: int, text: str) -> Folder:
    """A folder of an inbox by its id; NotFound for another's."""
    try:
        found = folders.get(snapshot, inbox_id, identifiers.decode(Kind.FOLDER, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None:
        raise errors.NotFound("There is no such folder.")
    return found


def _own(tx: Transaction, inbox_id: int, text: str) -> Folder:
    """A folder that people made."""
    found = one(tx, inbox_id, text)
    if found.role is not None:
        raise errors.Forbidden(f"The folder {found.name} is the server's own; it stays as it is.")
    return found


def _known(tx: Transaction, inbox_id: int, folder_id: int) -> Folder:
    found = folders.get(tx, inbox_id, folder_id)
    assert found is not None, "it was written in this transaction"
    return found


def _check_place(every: list[Folder], moved: Folder | None, name: str, above: Folder | None) -> None:
    """Refuse a place inside itself, too deep, or beside one of the same name."""
    moved_id, parent_id = moved.id if moved else None, above.id if above else None
    if moved_id is not None and folder_tree.is_inside(every, moved_id, parent_id):
        raise errors.Invalid("A folder cannot lie inside itself.", parent_id="It lies inside the folder.")
    if folder_tree.depth_at(every, moved_id, parent_id) > folder_tree.DEEPEST:
        raise errors.Invalid("The folder would lie too deep.", parent_id=f"At most {folder_tree.DEEPEST} levels.")
    there = folder_tree.named_beside(every, moved_id, parent_id, name)
    if there is not None:
        raise errors.Conflict(f"There is a folder {there.name} already.", name="The name is in use there.")


def _name(text: str) -> str:
    """A name as it is kept (RFC 5198, RFC 8621 2): composed, printable, no white space around it."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise errors.Invalid("The name cannot be used.", name=f"Between 1 and {LONGEST_NAME} printable characters.")
    if name.lower() in set(Role):
        raise errors.Conflict("The name is that of a role.", name="Choose another name.")
    return name

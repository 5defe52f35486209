"""Folders by the names that lead to them, made where they are missing, whatever another program called them."""

import hashlib
import unicodedata

from mailserver.entities import errors
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.moving import Place
from mailserver.services.mailbox import folder_tree
from mailserver.services.syncing import mailboxes
from mailserver.storage import folders
from mailserver.storage.database import Transaction


class Placing:
    """The folders of an inbox during a transaction."""

    def __init__(self, tx: Transaction, ids: IdSource, inbox_id: int) -> None:
        self._tx = tx
        self._ids = ids
        self._inbox_id = inbox_id
        self._every = folders.of_inbox(tx, inbox_id)
        self._found: dict[Place, int] = {}

    def folder_of(self, place: Place) -> int:
        """The id of the folder that a place means; Forbidden where there are too many already."""
        if place not in self._found:
            self._found[place] = self._look(place)
        return self._found[place]

    def roles(self) -> dict[int, Role | None]:
        """The role of every folder by its id."""
        return {each.id: each.role for each in self._every}

    def _look(self, place: Place) -> int:
        if place.role is not None:
            found = next((each.id for each in self._every if each.role is place.role), None)
            if found is not None:
                return found
        parent_id: int | None = None
        for name in _fitting(place.path):
            there = folder_tree.named_beside(self._every, None, parent_id, name)
            parent_id = there.id if there is not None else self._make(name, parent_id)
        if parent_id is None:
            raise errors.Invalid("A folder needs a name.")
        return parent_id

    def _make(self, name: str, parent_id: int | None) -> int:
        if len(self._every) >= mailboxes.MOST:
            raise errors.Forbidden(f"An inbox has {mailboxes.MOST:,} folders at most; there is no room for {name}.")
        made = self._ids.next()
        folders.add(self._tx, self._inbox_id, made, name, parent_id)
        self._every.append(Folder(made, self._inbox_id, parent_id, name, None, 0, 0, 0, 0))
        return made


def fitting(name: str) -> str:
    """A name that can be had for one that another program gave, the same where that can be had."""
    text = unicodedata.normalize("NFC", name)
    text = "".join(letter if letter.isprintable() else "_" for letter in text)
    if not text.strip():
        return "_"
    octets = text.encode("utf-8", "replace")
    if len(octets) <= mailboxes.LONGEST_NAME:
        return octets.decode()
    end = "~" + hashlib.sha256(octets).hexdigest()[:8]  # two long names with one beginning stay two
    return octets[: mailboxes.LONGEST_NAME - len(end)].decode("utf-8", "ignore") + end


def _fitting(path: tuple[str, ...]) -> list[str]:
    """The names of a path, those too deep together as the last one."""
    names = list(path)
    if len(names) > folder_tree.DEEPEST:
        names[folder_tree.DEEPEST - 1 :] = ["/".join(names[folder_tree.DEEPEST - 1 :])]
    return [fitting(name) for name in names]

"""Mail as it is written down elsewhere: folders by their paths, messages page by page."""

from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.folder import Folder
from mailserver.entities.inbox import Inbox
from mailserver.entities.moving import Kept, Place
from mailserver.storage import folders, moving
from mailserver.storage.database import Database, Snapshot

MOST = 1000  # of one page


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder with the names that lead to it, and how many messages lie in it."""

    folder_id: int
    place: Place
    messages: int


class Leaving:
    """What an export reads. The bytes are in the files, which never change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def shelves(self, inbox: Inbox) -> list[Shelf]:
        """Every folder of an inbox, those above first."""
        every = await self._database.read(folders.of_inbox, inbox.id)
        by_id = {each.id: each for each in every}
        found = [Shelf(each.id, Place(_path(each, by_id), each.role), each.total_messages) for each in every]
        return sorted(found, key=lambda shelf: len(shelf.place.path))

    async def page(self, inbox: Inbox, folder_id: int, after: tuple[int, int], limit: int) -> list[Kept]:
        """Messages of a folder, oldest first, behind one that is named by its time and id."""

        def read(snapshot: Snapshot) -> list[Kept]:
            if folders.get(snapshot, inbox.id, folder_id) is None:
                raise errors.NotFound("There is no such folder.")
            return moving.page(snapshot, folder_id, after, min(limit, MOST))

        return await self._database.read(read)


def _path(folder: Folder, by_id: dict[int, Folder]) -> tuple[str, ...]:
    names: list[str] = []
    at: Folder | None = folder
    while at is not None:
        names.append(at.name)
        at = by_id.get(at.parent_id) if at.parent_id is not None else None
    return tuple(reversed(names))

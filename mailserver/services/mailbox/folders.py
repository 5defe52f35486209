"""Folders and roles."""

from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Folder
from mailserver.entities.inbox import Inbox
from mailserver.storage import folders
from mailserver.storage.database import Database


class Folders:
    """The folders of an inbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all_of(self, caller: Caller, inbox: Inbox) -> list[Folder]:
        """Every folder with its counts."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(folders.of_inbox, inbox.id)

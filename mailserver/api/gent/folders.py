"""Endpoints of the messages page: folders."""

from mailserver.api.gent import present
from mailserver.api.gent.schemas import messages as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import get
from mailserver.services.registry import Services


class FoldersPage:
    """Folders of an inbox."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/folders/", scope=Scope.EMAIL_READ)
    async def list_folders(self, caller: Caller, query: shapes.OfInbox) -> list[shapes.FolderShown]:
        """List folders with their roles and counts."""
        return await self._folders(caller, query)

    @get("/folders/", scope=Scope.EMAIL_READ)
    async def list_folders_legacy(self, caller: Caller, query: shapes.OfInbox) -> list[shapes.FolderShown]:
        """List folders (legacy alias of /messages/folders/)."""
        return await self._folders(caller, query)

    async def _folders(self, caller: Caller, query: shapes.OfInbox) -> list[shapes.FolderShown]:
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return [present.folder(folder) for folder in await self._services.folders.all_of(caller, inbox)]

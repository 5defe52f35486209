"""Endpoints of the messages page: folders."""

from mailserver.api.gent import present
from mailserver.api.gent.schemas import messages as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import delete, get, patch, post
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

    @post("/messages/folders/", scope=Scope.EMAIL_WRITE, status=201, repeatable=True)
    async def create_folder(self, caller: Caller, body: shapes.CreateFolder) -> shapes.FolderShown:
        """Make a folder, inside another or at the top."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        return present.folder(await self._services.folders.create(caller, inbox, body.name, body.parent_id))

    @patch("/messages/folders/{mailbox_id}/", scope=Scope.EMAIL_WRITE)
    async def change_folder(self, caller: Caller, mailbox_id: str, body: shapes.ChangeFolder) -> shapes.FolderShown:
        """Rename a folder or put it elsewhere. Those with a role stay as they are."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        parent = (body.parent_id or "") if "parent_id" in body.model_fields_set else None
        return present.folder(await self._services.folders.change(caller, inbox, mailbox_id, body.name, parent))

    @delete("/messages/folders/{mailbox_id}/", scope=Scope.EMAIL_WRITE, status=204, answers={409: "It is not empty."})
    async def delete_folder(self, caller: Caller, mailbox_id: str, query: shapes.RemoveFolder) -> None:
        """Remove a folder; with force=true the mail in it goes to Trash."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        await self._services.folders.remove(caller, inbox, mailbox_id, is_forced=query.force)

    async def _folders(self, caller: Caller, query: shapes.OfInbox) -> list[shapes.FolderShown]:
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return [present.folder(folder) for folder in await self._services.folders.all_of(caller, inbox)]

"""Endpoints of a pod's API keys and lists pages."""

from mailserver.api.agentry.api_keys import ApiKeysPage
from mailserver.api.agentry.lists import ListsPage
from mailserver.api.agentry.schemas import api_keys as key_shapes
from mailserver.api.agentry.schemas import lists as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such pod, or the entry is not on its list."}
NO_KEY = {404: "There is no such pod, or no such API key of it."}


class PodApiKeysPage:
    """Keys that are bound to one pod, and those of its inboxes: they see nothing else."""

    def __init__(self, services: Services, keys: ApiKeysPage) -> None:
        self._services = services
        self._keys = keys

    @get("/pods/{pod_id}/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_READ, answers=NO_KEY)
    async def list_keys(self, caller: Caller, pod_id: str, query: key_shapes.ListKeys) -> key_shapes.KeyList:
        """List a pod's keys, newest first."""
        return await self._keys.list_keys(await self._services.pods.within(caller, pod_id), query)

    @post("/pods/{pod_id}/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_CREATE, answers=NO_KEY)
    async def create_key(self, caller: Caller, pod_id: str, body: key_shapes.NewKeyBody) -> key_shapes.KeyMade:
        """Make a key for one pod; its secret is shown this once."""
        return await self._keys.create_key(await self._services.pods.within(caller, pod_id), body)

    @patch(
        "/pods/{pod_id}/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_UPDATE, answers=NO_KEY
    )
    async def update_key(
        self, caller: Caller, pod_id: str, api_key_id: str, body: key_shapes.ChangeKey
    ) -> key_shapes.KeyShown:
        """Change the name of a pod's key, or what it may do."""
        return await self._keys.update_key(await self._services.pods.within(caller, pod_id), api_key_id, body)

    @delete(
        "/pods/{pod_id}/api-keys/{api_key_id}",
        scope=Scope.ADMIN,
        permission=Permission.API_KEY_DELETE,
        status=204,
        answers=NO_KEY,
    )
    async def delete_key(self, caller: Caller, pod_id: str, api_key_id: str) -> None:
        """Delete a pod's key; it is good no more at once."""
        await self._keys.delete_key(await self._services.pods.within(caller, pod_id), api_key_id)


class PodListsPage:
    """Allow and block lists of one pod: asked behind those of an inbox, before those of the organisation."""

    def __init__(self, services: Services, lists: ListsPage) -> None:
        self._services = services
        self._lists = lists

    @get(
        "/pods/{pod_id}/lists/{direction}/{list_type}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_READ,
        answers=GONE,
    )
    async def list_entries(
        self, caller: Caller, pod_id: str, direction: str, list_type: str, query: shapes.ListEntries
    ) -> shapes.EntryList:
        """List a pod's entries, by their text."""
        within = await self._services.pods.within(caller, pod_id)
        return await self._lists.list_entries(within, direction, list_type, query)

    @post(
        "/pods/{pod_id}/lists/{direction}/{list_type}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_CREATE,
        answers=GONE,
    )
    async def create_entry(
        self, caller: Caller, pod_id: str, direction: str, list_type: str, body: shapes.NewEntry
    ) -> shapes.EntryShown:
        """Put an address or a domain on a list of one pod."""
        within = await self._services.pods.within(caller, pod_id)
        return await self._lists.create_entry(within, direction, list_type, body)

    @get(
        "/pods/{pod_id}/lists/{direction}/{list_type}/{entry}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_READ,
        answers=GONE,
    )
    async def get_entry(
        self, caller: Caller, pod_id: str, direction: str, list_type: str, entry: str
    ) -> shapes.EntryShown:
        """Get one entry of a pod."""
        within = await self._services.pods.within(caller, pod_id)
        return await self._lists.get_entry(within, direction, list_type, entry)

    @delete(
        "/pods/{pod_id}/lists/{direction}/{list_type}/{entry}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_entry(self, caller: Caller, pod_id: str, direction: str, list_type: str, entry: str) -> None:
        """Take an entry off a list of a pod."""
        within = await self._services.pods.within(caller, pod_id)
        await self._lists.delete_entry(within, direction, list_type, entry)

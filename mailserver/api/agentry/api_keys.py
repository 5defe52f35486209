"""Endpoints of the API keys pages."""

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import api_keys as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.api_key import ApiKey
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.accounts.api_keys import NewKey
from mailserver.services.registry import Services

GONE = {404: "There is no such API key."}


class ApiKeysPage:
    """Keys of the organisation; a key that is bound to a pod or an inbox sees those of that."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_READ)
    async def list_keys(self, caller: Caller, query: shapes.ListKeys) -> shapes.KeyList:
        """List keys, newest first."""
        return await _page(self._services, self._cursors, caller, None, query)

    @post("/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_CREATE)
    async def create_key(self, caller: Caller, body: shapes.NewKeyBody) -> shapes.KeyMade:
        """Make a key with no more rights than the one that asks; its secret is shown this once."""
        return _made(*await self._services.api_keys.create(caller, None, _wanted(body)))

    @get("/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_READ, answers=GONE)
    async def get_key(self, caller: Caller, api_key_id: str) -> shapes.KeyShown:
        """Get a key."""
        return _shown(await self._services.api_keys.get(caller, None, api_key_id))

    @patch("/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_UPDATE, answers=GONE)
    async def update_key(self, caller: Caller, api_key_id: str, body: shapes.ChangeKey) -> shapes.KeyShown:
        """Change a key's name, or what it may do."""
        given = _permissions(body.permissions)
        return _shown(await self._services.api_keys.change(caller, None, api_key_id, body.name, given))

    @delete("/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_DELETE, status=204, answers=GONE)
    async def delete_key(self, caller: Caller, api_key_id: str) -> None:
        """Delete a key; it is good no more at once."""
        await self._services.api_keys.delete(caller, None, api_key_id)


class InboxApiKeysPage:
    """Keys that are bound to one inbox: they see nothing else."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/inboxes/{inbox_id}/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_READ)
    async def list_keys(self, caller: Caller, inbox_id: str, query: shapes.ListKeys) -> shapes.KeyList:
        """List an inbox's keys, newest first."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await _page(self._services, self._cursors, caller, inbox, query)

    @post("/inboxes/{inbox_id}/api-keys", scope=Scope.ADMIN, permission=Permission.API_KEY_CREATE)
    async def create_key(self, caller: Caller, inbox_id: str, body: shapes.NewKeyBody) -> shapes.KeyMade:
        """Make a key for one inbox; its secret is shown this once."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return _made(*await self._services.api_keys.create(caller, inbox, _wanted(body)))

    @patch(
        "/inboxes/{inbox_id}/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_UPDATE,
        answers=GONE,
    )  # fmt: skip
    async def update_key(
        self, caller: Caller, inbox_id: str, api_key_id: str, body: shapes.ChangeKey
    ) -> shapes.KeyShown:
        """Change the name of an inbox's key, or what it may do."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        given = _permissions(body.permissions)
        return _shown(await self._services.api_keys.change(caller, inbox, api_key_id, body.name, given))

    @delete(
        "/inboxes/{inbox_id}/api-keys/{api_key_id}", scope=Scope.ADMIN, permission=Permission.API_KEY_DELETE,
        status=204, answers=GONE,
    )  # fmt: skip
    async def delete_key(self, caller: Caller, inbox_id: str, api_key_id: str) -> None:
        """Delete an inbox's key; it is good no more at once."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.api_keys.delete(caller, inbox, api_key_id)


async def _page(
    services: Services, cursors: Cursors, caller: Caller, inbox: Inbox | None, query: shapes.ListKeys
) -> shapes.KeyList:
    asked = f"api keys {inbox.id if inbox else 0} {query.ascending} {query.type}"
    behind = cursors.read(caller, asked, query.page_token)
    if query.type == "public_key":
        return shapes.KeyList(count=0, api_keys=[])
    found = await services.api_keys.page(
        caller, inbox, behind[1] if behind else None, query.limit + 1, ascending=query.ascending
    )
    shown = found[: query.limit]
    token = cursors.make(caller, asked, 0, shown[-1].id) if len(found) > query.limit else None
    return shapes.KeyList(count=len(shown), next_page_token=token, api_keys=[_shown(one) for one in shown])


def _wanted(body: shapes.NewKeyBody) -> NewKey:
    return NewKey(body.name, _permissions(body.permissions), present.moment(body.expires_at, "expires_at"))


def _permissions(given: shapes.Permissions | None) -> frozenset[Permission] | None:
    return None if given is None else frozenset(name for name, is_given in given.items() if is_given)


def _spoken(permissions: frozenset[Permission] | None) -> dict[str, bool] | None:
    return None if permissions is None else {each.value: True for each in sorted(permissions)}


def _shown(key: ApiKey) -> shapes.KeyShown:
    return shapes.KeyShown(
        api_key_id=identifiers.encode(Kind.API_KEY, key.id), prefix=key.prefix, name=key.name,
        pod_id=present.pod_id(key.pod_id) if key.pod_id is not None else None, inbox_id=key.inbox_address,
        used_at=present.when(key.used_at) if key.used_at else None,
        permissions=_spoken(key.permissions), created_at=present.when(key.created_at),
        updated_at=present.when(key.updated_at), expires_at=present.when(key.expires_at) if key.expires_at else None,
    )  # fmt: skip


def _made(key: ApiKey, secret: str) -> shapes.KeyMade:
    shown = _shown(key).model_dump(exclude={"type", "used_at", "updated_at"})
    return shapes.KeyMade(**shown, api_key=secret)

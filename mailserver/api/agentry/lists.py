"""Endpoints of the lists page: who may write to us, and to whom we may write."""

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import lists as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission
from mailserver.entities.rule import Direction, ListType, Rule
from mailserver.http.routing import delete, get, post
from mailserver.services.registry import Services

GONE = {404: "The entry is not on the list."}


class ListsPage:
    """Allow and block lists of the organisation, or of the pod that a key is bound to, and of single inboxes."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/lists/{direction}/{list_type}", scope=Scope.ADMIN, permission=Permission.LIST_ENTRY_READ)
    async def list_entries(
        self, caller: Caller, direction: str, list_type: str, query: shapes.ListEntries
    ) -> shapes.EntryList:
        """List the organisation's entries, by their text."""
        return await self._page(caller, None, direction, list_type, query)

    @post("/lists/{direction}/{list_type}", scope=Scope.ADMIN, permission=Permission.LIST_ENTRY_CREATE)
    async def create_entry(
        self, caller: Caller, direction: str, list_type: str, body: shapes.NewEntry
    ) -> shapes.EntryShown:
        """Put an address or a domain on one of the organisation's lists; one that is there gets the new reason."""
        return await self._add(caller, None, direction, list_type, body)

    @get(
        "/lists/{direction}/{list_type}/{entry}", scope=Scope.ADMIN, permission=Permission.LIST_ENTRY_READ, answers=GONE
    )
    async def get_entry(self, caller: Caller, direction: str, list_type: str, entry: str) -> shapes.EntryShown:
        """Get one entry."""
        which = _which(direction, list_type)
        return _shown(await self._services.rules.get(caller, None, *which, entry), None)

    @delete(
        "/lists/{direction}/{list_type}/{entry}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_entry(self, caller: Caller, direction: str, list_type: str, entry: str) -> None:
        """Take an entry off a list."""
        await self._services.rules.remove(caller, None, *_which(direction, list_type), entry)

    @get("/inboxes/{inbox_id}/lists/{direction}/{list_type}", scope=Scope.ADMIN, permission=Permission.LIST_ENTRY_READ)
    async def list_inbox_entries(
        self, caller: Caller, inbox_id: str, direction: str, list_type: str, query: shapes.ListEntries
    ) -> shapes.EntryList:
        """List an inbox's entries, by their text."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._page(caller, inbox, direction, list_type, query)

    @post(
        "/inboxes/{inbox_id}/lists/{direction}/{list_type}", scope=Scope.ADMIN, permission=Permission.LIST_ENTRY_CREATE
    )
    async def create_inbox_entry(
        self, caller: Caller, inbox_id: str, direction: str, list_type: str, body: shapes.NewEntry
    ) -> shapes.EntryShown:
        """Put an address or a domain on a list of one inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._add(caller, inbox, direction, list_type, body)

    @get(
        "/inboxes/{inbox_id}/lists/{direction}/{list_type}/{entry}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_READ,
        answers=GONE,
    )
    async def get_inbox_entry(
        self, caller: Caller, inbox_id: str, direction: str, list_type: str, entry: str
    ) -> shapes.EntryShown:
        """Get one entry of an inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return _shown(await self._services.rules.get(caller, inbox, *_which(direction, list_type), entry), inbox)

    @delete(
        "/inboxes/{inbox_id}/lists/{direction}/{list_type}/{entry}",
        scope=Scope.ADMIN,
        permission=Permission.LIST_ENTRY_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_inbox_entry(
        self, caller: Caller, inbox_id: str, direction: str, list_type: str, entry: str
    ) -> None:
        """Take an entry off a list of an inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.rules.remove(caller, inbox, *_which(direction, list_type), entry)

    async def _page(
        self, caller: Caller, inbox: Inbox | None, direction: str, list_type: str, query: shapes.ListEntries
    ) -> shapes.EntryList:
        which = _which(direction, list_type)
        asked = f"lists {inbox.id if inbox else 0} {direction} {list_type}"
        after = self._cursors.read_text(caller, asked, query.page_token)
        found = await self._services.rules.page(caller, inbox, *which, after, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make_text(caller, asked, shown[-1].entry)
        return shapes.EntryList(
            count=len(shown), limit=query.limit, next_page_token=token, entries=[_shown(one, inbox) for one in shown]
        )

    async def _add(
        self, caller: Caller, inbox: Inbox | None, direction: str, list_type: str, body: shapes.NewEntry
    ) -> shapes.EntryShown:
        which = _which(direction, list_type)
        return _shown(await self._services.rules.add(caller, inbox, *which, body.entry, body.reason), inbox)


def _which(direction: str, list_type: str) -> tuple[Direction, ListType]:
    try:
        return Direction(direction), ListType(list_type)
    except ValueError:
        raise errors.NotFound(
            "There is no such list: the direction is send, receive or reply, the type allow or block."
        ) from None


def _shown(one: Rule, inbox: Inbox | None) -> shapes.EntryShown:
    pod_id = inbox.pod_id if inbox else one.scope.pod_id
    return shapes.EntryShown(
        entry=one.entry, organization_id=identifiers.encode(Kind.TENANT, one.scope.tenant_id),
        pod_id=present.pod_id(pod_id) if pod_id else None, inbox_id=inbox.address if inbox else None,
        reason=one.reason, direction=one.direction.value,
        list_type=one.list_type.value, entry_type=one.entry_type.value, created_at=present.when(one.created_at),
    )  # fmt: skip

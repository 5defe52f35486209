"""Endpoints of the distribution lists page."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import distribution_lists as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.distribution import DistributionList, ListMember
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import Answered, delete, get, patch, post
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class DistributionListsPage:
    """Addresses that fan out to inboxes of the team. Owners change them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/distribution-lists/", scope=Scope.EMAIL_READ)
    async def list_distribution_lists(self, caller: Caller) -> list[shapes.ListShown]:
        """List the distribution lists of the tenant, oldest first."""
        return [_shown(each) for each in await self._services.team.distribution_lists.all(caller)]

    @post(
        "/distribution-lists/", scope=Scope.ADMIN, credentials=PEOPLE, status=201, repeatable=True,
        answers={409: "The address is in use."},
    )  # fmt: skip
    async def create_distribution_list(self, caller: Caller, body: shapes.CreateList) -> shapes.ListShown:
        """Make a distribution list that nobody is on."""
        return _shown(await self._services.team.distribution_lists.create(caller, body.address, body.name))

    @patch("/distribution-lists/{list_id}/", scope=Scope.ADMIN, credentials=PEOPLE)
    async def rename_distribution_list(self, caller: Caller, list_id: str, body: shapes.RenameList) -> shapes.ListShown:
        """Call a list something else."""
        return _shown(await self._services.team.distribution_lists.rename(caller, list_id, body.name))

    @delete("/distribution-lists/{list_id}/", scope=Scope.ADMIN, credentials=PEOPLE, status=204)
    async def delete_distribution_list(self, caller: Caller, list_id: str) -> None:
        """Delete a list; mail to its address is refused from then on."""
        await self._services.team.distribution_lists.remove(caller, list_id)

    @get("/distribution-lists/{list_id}/members/", scope=Scope.EMAIL_READ)
    async def list_members(self, caller: Caller, list_id: str) -> list[shapes.MemberShown]:
        """List who is on a list, in the order in which they were added."""
        return [_member(each) for each in await self._services.team.distribution_lists.members(caller, list_id)]

    @post(
        "/distribution-lists/{list_id}/members/", scope=Scope.ADMIN, credentials=PEOPLE, status=201,
        answers={200: "The inbox is on the list already."},
    )  # fmt: skip
    async def add_member(self, caller: Caller, list_id: str, body: shapes.AddMember) -> Answered[shapes.MemberShown]:
        """Put an inbox on a list; it gets a copy of all mail to the list's address in its Inbox."""
        member, is_new = await self._services.team.distribution_lists.add_member(caller, list_id, body.inbox_id)
        return Answered(201 if is_new else 200, _member(member))

    @delete("/distribution-lists/{list_id}/members/{inbox_id}/", scope=Scope.ADMIN, credentials=PEOPLE, status=204)
    async def remove_member(self, caller: Caller, list_id: str, inbox_id: str) -> None:
        """Take an inbox off a list."""
        await self._services.team.distribution_lists.remove_member(caller, list_id, inbox_id)


def _shown(one: DistributionList) -> shapes.ListShown:
    return shapes.ListShown(
        list_id=identifiers.encode(Kind.DISTRIBUTION_LIST, one.id),
        address=one.address,
        name=one.name,
        created_by=identifiers.encode(Kind.USER, one.created_by) if one.created_by is not None else None,
        created_at=times.write(one.created_at, None),
    )


def _member(one: ListMember) -> shapes.MemberShown:
    return shapes.MemberShown(
        member_id=identifiers.encode(Kind.LIST_MEMBER, one.id),
        inbox_id=identifiers.encode(Kind.INBOX, one.inbox_id),
        inbox_address=one.inbox_address,
        added_at=times.write(one.added_at, None),
    )

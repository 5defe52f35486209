"""Endpoints of the users page: people of the tenant, for its owners."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import users as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.tenant import Member
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class UsersPage:
    """People of the tenant."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/users/", scope=Scope.ADMIN, credentials=PEOPLE, status=201, repeatable=True)
    async def create_user(self, caller: Caller, body: shapes.CreateUser) -> shapes.UserShown:
        """Make a person. Members reach every inbox of the tenant, and administer nothing."""
        return _shown(await self._services.users.create(caller, body.email, body.password, body.role))

    @get("/users/", scope=Scope.ADMIN, credentials=PEOPLE)
    async def list_users(self, caller: Caller, query: shapes.ListUsers) -> shapes.UserList:
        """List the people of the tenant, oldest first."""
        found, total = await self._services.users.page(caller, query.position, query.limit)
        return shapes.UserList(
            results=[_shown(one) for one in found], total=total, position=query.position, limit=query.limit
        )

    @get("/users/{user_id}/", scope=Scope.ADMIN, credentials=PEOPLE)
    async def get_user(self, caller: Caller, user_id: str) -> shapes.UserShown:
        """Get a person."""
        return _shown(await self._services.users.get(caller, user_id))

    @patch("/users/{user_id}/", scope=Scope.ADMIN, credentials=PEOPLE)
    async def change_user(self, caller: Caller, user_id: str, body: shapes.ChangeUser) -> shapes.UserShown:
        """Change a person's role or password, or take a lost second factor away."""
        return _shown(
            await self._services.users.change(caller, user_id, body.role, body.password, resets_factor=body.reset_mfa)
        )

    @delete("/users/{user_id}/", scope=Scope.ADMIN, credentials=PEOPLE, status=204)
    async def remove_user(self, caller: Caller, user_id: str) -> None:
        """Remove a person; the last owner stays."""
        await self._services.users.remove(caller, user_id)


def _shown(one: Member) -> shapes.UserShown:
    return shapes.UserShown(
        user_id=identifiers.encode(Kind.USER, one.id),
        email=one.email,
        role=one.role,
        mfa_enabled=one.totp_secret is not None,
        created_at=times.write(one.created_at, None),
    )

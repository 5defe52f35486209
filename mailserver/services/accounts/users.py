"""The people of a tenant, made and removed by its owners."""

import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.tenant import Member, User, UserRole
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.services.accounts import user_passwords
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.storage import members, sessions, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 10_000  # of one tenant


class Users:
    """Owners do everything; members reach every inbox of the tenant and administer nothing."""

    def __init__(self, database: Database, ids: IdSource, hasher: PasswordHasher, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._hasher = hasher
        self._audit = audit

    async def create(self, caller: Caller, email: str, password: str, role: UserRole) -> Member:
        """Make a person; Conflict where the address is in use."""
        user_passwords.check(password)
        parsed = _parse(email)
        argon2, _ = await self._hasher.hash(password)
        user = User(self._ids.next(), caller.tenant_id, parsed, role)

        def insert(tx: Transaction) -> Member:
            if members.by_email(tx, parsed) is not None:
                raise errors.Conflict("This address cannot be used.", email="Somebody logs in with it already.")
            if members.page(tx, caller.tenant_id, 0, 1)[1] >= MOST:
                raise errors.Conflict(f"There are {MOST:,} people already.")
            tenants.add_member(tx, user, argon2, int(time.time() * 1000))
            self._audit.add(tx, caller, "user.created", _id(user.id), email=parsed, role=role.value)
            return _get(tx, caller, _id(user.id))

        return await self._database.write(insert)

    async def page(self, caller: Caller, position: int, limit: int) -> tuple[list[Member], int]:
        """Some people of the tenant, oldest first, and how many there are."""
        return await self._database.read(members.page, caller.tenant_id, position, limit)

    async def get(self, caller: Caller, text: str) -> Member:
        """A person of the tenant."""
        return await self._database.read(_get, caller, text)

    async def at(self, email: str) -> Member:
        """The person of an address, for the operator; NotFound where there is none."""
        member = await self._database.read(members.by_email, _parse(email))
        if member is None:
            raise errors.NotFound(f"Nobody logs in with {email}; make them with: mailserver user add {email}")
        return member

    async def change(
        self, caller: Caller, text: str, role: UserRole | None, password: str | None, *, resets_factor: bool
    ) -> Member:
        """Change a person's role, set a password, or take a lost second factor away; their logins end."""
        argon2 = None
        if password is not None:
            user_passwords.check(password)
            argon2, _ = await self._hasher.hash(password)

        def write(tx: Transaction) -> Member:
            member = _get(tx, caller, text)
            if role is not None and role is not member.role:
                _refuse_last_owner(tx, member)
                members.set_role(tx, member.id, role)
            if argon2 is not None:
                members.set_password(tx, member.id, argon2)
            if resets_factor:
                members.set_factor(tx, member.id, None, None, 0)
                members.set_recovery_codes(tx, member.id, [])
            is_self = member.id == caller.user_id
            own = sessions.of_token(tx, caller.credential_id) if is_self else None
            is_demoted = role is UserRole.MEMBER and is_self
            sessions.end_all(
                tx, member.id, None if is_demoted else own, caller.credential_id if is_self and not is_demoted else None
            )
            self._audit.add(
                tx, caller, "user.changed", _id(member.id), role=role.value if role else None,
                password=argon2 is not None, mfa_reset=resets_factor,
            )  # fmt: skip
            return _get(tx, caller, text)

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str) -> None:
        """Remove a person; their inboxes stay with the tenant. The last owner stays."""

        def write(tx: Transaction) -> None:
            member = _get(tx, caller, text)
            _refuse_last_owner(tx, member)
            members.remove(tx, member.id)
            self._audit.add(tx, caller, "user.removed", _id(member.id), email=member.email)

        await self._database.write(write)


def _get(snapshot: Snapshot, caller: Caller, text: str) -> Member:
    try:
        number = identifiers.decode(Kind.USER, text)
    except identifiers.BadIdentifier as error:
        raise errors.NotFound("There is no such user.") from error
    member = members.get(snapshot, number)
    if member is None or member.tenant_id != caller.tenant_id:
        raise errors.NotFound("There is no such user.")
    return member


def _refuse_last_owner(snapshot: Snapshot, member: Member) -> None:
    if member.role is UserRole.OWNER and members.owners(snapshot, member.tenant_id) == 1:
        raise errors.Conflict("A tenant needs an owner; make somebody else one first.")


def _parse(email: str) -> str:
    try:
        return inbox_names.parse(email).normal
    except errors.Invalid as error:
        raise errors.Invalid(error.message, email=error.message) from error


def _id(number: int) -> str:
    return identifiers.encode(Kind.USER, number)

"""Verbs about people."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.tenant import Member, UserRole
from mailserver.services.registry import Services

Arguments = dict[str, Any]
MOST_SHOWN = 10_000


def table(
    services: Services, tenant: Callable[[str | None], Awaitable[int]]
) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def operator(given: Arguments) -> Caller:
        return Caller.operator(await tenant(given.get("tenant")))

    async def of(given: Arguments) -> tuple[Caller, str]:
        """The person with an address, through the operator's eyes; NotFound where there is none."""
        member = await services.users.at(given["email"])
        caller = Caller.operator(member.tenant_id)
        return caller, identifiers.encode(Kind.USER, member.id)

    async def add(given: Arguments) -> Arguments:
        role = UserRole(given.get("role") or UserRole.MEMBER)
        return _row(await services.users.create(await operator(given), given["email"], given["password"], role))

    async def show(given: Arguments) -> list[Arguments]:
        found, _ = await services.users.page(await operator(given), 0, MOST_SHOWN)
        return [_row(member) for member in found]

    async def change(given: Arguments) -> Arguments:
        caller, text = await of(given)
        role = UserRole(given["role"]) if given.get("role") else None
        resets = bool(given.get("reset_mfa"))
        return _row(await services.users.change(caller, text, role, given.get("password"), resets_factor=resets))

    async def remove(given: Arguments) -> Arguments:
        caller, text = await of(given)
        await services.users.remove(caller, text)
        return {"email": given["email"], "removed": True}

    return {"user.add": add, "user.list": show, "user.set": change, "user.rm": remove}


def _row(member: Member) -> Arguments:
    return {
        "user_id": identifiers.encode(Kind.USER, member.id),
        "email": member.email,
        "role": member.role.value,
        "mfa_enabled": member.totp_secret is not None,
        "created_at": member.created_at,
    }

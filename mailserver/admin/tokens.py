"""Verbs about agent tokens and organisation keys."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.api_key import ApiKey
from mailserver.entities.identifiers import Kind
from mailserver.services.registry import Services

Arguments = dict[str, Any]
MOST_SHOWN = 10_000


def table(
    services: Services, tenant: Callable[[str | None], Awaitable[int]]
) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""

    async def operator(given: Arguments) -> Caller:
        return Caller.operator(await tenant(given.get("tenant")))

    async def create(given: Arguments) -> Arguments:
        if given.get("api_key"):
            tenant_id = await tenant(given.get("tenant"))
            token, text = await services.access.create_token(tenant_id, "api_key", given["name"])
            return {"api_key_id": identifiers.encode(Kind.API_KEY, token.id), "api_key": text}
        inbox = await services.inboxes.at(given["inbox"])
        scopes, approval = _scopes(given["scopes"]), _scopes(given.get("requires_approval") or [])
        token, text = await services.access.create_token(
            inbox.tenant_id, "agent", given.get("name") or "token", inbox_id=inbox.id, scopes=scopes,
            requires_approval=approval,
        )  # fmt: skip
        return {
            "token_id": identifiers.encode(Kind.TOKEN, token.id),
            "token": text,
            "inbox_id": identifiers.encode(Kind.INBOX, inbox.id),
            "scopes": sorted(scope.value for scope in scopes),
        }

    async def show(given: Arguments) -> list[Arguments]:
        caller = await operator(given)
        tokens = [
            _row(
                identifiers.encode(Kind.TOKEN, each.id), "agent", each.label, each.prefix, each.inbox_id,
                each.last_used_at, each.expires_at, sorted(scope.value for scope in each.scopes),
            )
            for each in await services.agent_tokens.all(caller, None)
        ]  # fmt: skip
        keys = await services.api_keys.page(caller, None, None, MOST_SHOWN)
        return tokens + [_key(each) for each in keys]

    async def revoke(given: Arguments) -> Arguments:
        caller = await operator(given)
        if given["id"].startswith(f"{Kind.API_KEY.value}_"):
            await services.api_keys.delete(caller, None, given["id"])
        else:
            await services.agent_tokens.revoke(caller, given["id"])
        return {"id": given["id"], "revoked": True}

    return {"token.create": create, "token.list": show, "token.revoke": revoke}


def _key(key: ApiKey) -> Arguments:
    number = identifiers.encode(Kind.API_KEY, key.id)
    return _row(number, "api_key", key.name, key.prefix, key.inbox_id, key.used_at, key.expires_at, None)


def _row(
    text: str, kind: str, name: str, prefix: str, inbox_id: int | None, used: int | None, ends: int | None,
    scopes: list[str] | None,
) -> Arguments:  # fmt: skip
    return {
        "id": text,
        "kind": kind,
        "name": name,
        "prefix": prefix,
        "inbox_id": None if inbox_id is None else identifiers.encode(Kind.INBOX, inbox_id),
        "last_used_at": used,
        "expires_at": ends,
        "scopes": scopes,
    }


def _scopes(names: list[str]) -> frozenset[Scope]:
    try:
        return frozenset(Scope(name) for name in names)
    except ValueError as error:
        known = ", ".join(scope.value for scope in Scope)
        raise errors.Invalid(f"{error}. The scopes are {known}.") from error

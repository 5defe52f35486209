"""Endpoints of the tokens page."""

from typing import Any

from mailserver.api.gent import times
from mailserver.api.gent.schemas import tokens as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope, Token
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class TokensPage:
    """Tokens of agents, made by people."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/tokens/", credentials=PEOPLE, status=201, repeatable=True)
    async def create_token(self, caller: Caller, body: shapes.CreateToken) -> shapes.TokenMade:
        """Make a token for an inbox; its secret is shown this once."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        expires_at = times.read(body.expires_at, times.zone(inbox.default_timezone), "expires_at")
        token, secret = await self._services.agent_tokens.create(
            caller, inbox, body.label, frozenset(body.scopes), frozenset(body.requires_approval), expires_at
        )
        return shapes.TokenMade(token=secret, **_fields(token))

    @get("/tokens/", credentials=PEOPLE)
    async def list_tokens(self, caller: Caller, query: shapes.ListTokens) -> list[shapes.TokenShown]:
        """List the tokens of an inbox, or of the tenant."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None
        found = await self._services.agent_tokens.all(caller, inbox)
        return [shapes.TokenShown(**_fields(token)) for token in found]

    @patch("/tokens/{token_id}/", credentials=PEOPLE)
    async def change_token(self, caller: Caller, token_id: str, body: shapes.ChangeToken) -> shapes.TokenShown:
        """Change a token."""
        made = await self._services.agent_tokens.change(
            caller, token_id, body.label, _set(body.scopes), _set(body.requires_approval),
            times.read(body.expires_at, None, "expires_at"),
            never_expires="expires_at" in body.model_fields_set and body.expires_at is None,
        )  # fmt: skip
        return shapes.TokenShown(**_fields(made))

    @post("/tokens/{token_id}/rotate/", credentials=PEOPLE, repeatable=True)
    async def rotate_token(self, caller: Caller, token_id: str, body: shapes.RotateToken) -> shapes.TokenMade:
        """Give a token another secret; the old one is good for the grace time."""
        token, secret = await self._services.agent_tokens.rotate(caller, token_id, body.grace_seconds)
        return shapes.TokenMade(token=secret, **_fields(token))

    @delete("/tokens/{token_id}/", credentials=PEOPLE, status=204)
    async def revoke_token(self, caller: Caller, token_id: str) -> None:
        """Revoke a token."""
        await self._services.agent_tokens.revoke(caller, token_id)


def _set(scopes: list[Scope] | None) -> frozenset[Scope] | None:
    return None if scopes is None else frozenset(scopes)


def _fields(token: Token) -> dict[str, Any]:
    def when(milliseconds: int | None) -> str | None:
        return None if milliseconds is None else times.write(milliseconds, None)

    return {
        "token_id": identifiers.encode(Kind.TOKEN, token.id),
        "inbox_id": None if token.inbox_id is None else identifiers.encode(Kind.INBOX, token.inbox_id),
        "label": token.label,
        "scopes": sorted(scope.value for scope in token.scopes),
        "requires_approval": sorted(scope.value for scope in token.requires_approval),
        "created_at": times.write(token.created_at, None),
        "last_used_at": when(token.last_used_at),
        "expires_at": when(token.expires_at),
        "prefix": token.prefix,
    }

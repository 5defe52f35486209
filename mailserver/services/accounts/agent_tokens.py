"""Tokens of agents: made, changed, given another secret and revoked by people."""

import time
from dataclasses import replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope, Token
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.services.accounts import secrets
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.audit import Audit
from mailserver.storage import credentials
from mailserver.storage.database import Database, Transaction

MOST = 10_000  # of one tenant
LONGEST_LABEL = 200
LONGEST_GRACE_SECONDS = 30 * 86_400
KIND = "agent"


class AgentTokens:
    """The tokens that are bound to inboxes of a tenant."""

    def __init__(self, database: Database, ids: IdSource, access: Access, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._access = access
        self._audit = audit

    async def create(
        self, caller: Caller, inbox: Inbox, label: str, scopes: frozenset[Scope], approval: frozenset[Scope],
        expires_at: int | None,
    ) -> tuple[Token, str]:  # fmt: skip
        """Make a token with no more rights than its maker has; its secret is in the answer and nowhere else."""
        _check(caller, label, scopes, expires_at)
        if await self._database.read(credentials.count_tokens, caller.tenant_id, KIND) >= MOST:
            raise errors.Conflict(f"There are {MOST:,} tokens already; revoke some first.")

        def noted(tx: Transaction, token: Token) -> None:
            self._audit.add(tx, caller, "token.created", _id(token), inbox.id, scopes=sorted(scopes))
            self._tell(tx, EventType.TOKEN_CREATED, token)

        return await self._access.create_token(
            inbox.tenant_id, KIND, label, inbox_id=inbox.id, scopes=scopes, requires_approval=approval,
            expires_at=expires_at, also=noted,
        )  # fmt: skip

    async def all(self, caller: Caller, inbox: Inbox | None) -> list[Token]:
        """The tokens of an inbox, or of the tenant, oldest first."""
        inbox_id = inbox.id if inbox else None
        found = await self._database.read(credentials.tokens, caller.tenant_id, KIND, inbox_id)
        return [stored.token for stored in found]

    async def change(
        self, caller: Caller, text: str, label: str | None, scopes: frozenset[Scope] | None,
        approval: frozenset[Scope] | None, expires_at: int | None, *, never_expires: bool = False,
    ) -> Token:  # fmt: skip
        """Change a token; what is None stays."""

        def write(tx: Transaction) -> Token:
            known = _find(tx, caller, text)
            made = replace(
                known,
                label=known.label if label is None else label,
                scopes=known.scopes if scopes is None else scopes,
                requires_approval=known.requires_approval if approval is None else approval,
                expires_at=None if never_expires else known.expires_at if expires_at is None else expires_at,
            )
            _check(caller, made.label, made.scopes, expires_at)
            credentials.change_token(tx, made)
            self._audit.add(tx, caller, "token.changed", _id(made), made.inbox_id, scopes=sorted(made.scopes))
            return made

        return await self._database.write(write)

    async def rotate(self, caller: Caller, text: str, grace_seconds: int) -> tuple[Token, str]:
        """Give a token another secret; the one that it had is good for a while longer."""
        secret = secrets.new_token(secrets.AGENT_PREFIX)
        shown = secret[: len(secrets.AGENT_PREFIX) + secrets.SHOWN_LETTERS]
        until = int(time.time() * 1000) + grace_seconds * 1000

        def write(tx: Transaction) -> Token:
            known = _find(tx, caller, text)
            if not known.scopes <= caller.scopes:
                raise errors.Forbidden("The token has rights that you have not.")
            credentials.rotate_token(tx, known.id, shown, secrets.digest(secret), until)
            self._audit.add(tx, caller, "token.rotated", _id(known), known.inbox_id, grace_seconds=grace_seconds)
            self._tell(tx, EventType.TOKEN_ROTATED, known)
            return replace(known, prefix=shown)

        return await self._database.write(write), secret

    async def revoke(self, caller: Caller, text: str) -> None:
        """Delete a token; it is refused here at once, and by other nodes within a second."""

        def write(tx: Transaction) -> None:
            known = _find(tx, caller, text)
            credentials.revoke(tx, caller.tenant_id, known.id)
            self._audit.add(tx, caller, "token.revoked", _id(known), known.inbox_id)
            self._tell(tx, EventType.TOKEN_REVOKED, known)

        await self._database.write(write)

    def _tell(self, tx: Transaction, kind: EventType, token: Token) -> None:
        body = {"token_id": _id(token), "label": token.label, "scopes": sorted(token.scopes)}
        now = int(time.time() * 1000)
        tx.publish(Event(self._ids.next(), token.tenant_id, token.inbox_id or 0, kind, now, body))


def _find(tx: Transaction, caller: Caller, text: str) -> Token:
    try:
        number = identifiers.decode(Kind.TOKEN, text)
    except identifiers.BadIdentifier as error:
        raise errors.NotFound("There is no such token.") from error
    stored = credentials.token_by_id(tx, caller.tenant_id, number)
    if stored is None or stored.kind != KIND:
        raise errors.NotFound("There is no such token.")
    return stored.token


def _check(caller: Caller, label: str, scopes: frozenset[Scope], expires_at: int | None) -> None:
    if not label.isprintable() or len(label) > LONGEST_LABEL:
        sentence = f"A label has at most {LONGEST_LABEL} printable characters."
        raise errors.Invalid(sentence, label=sentence)
    missing = sorted(scope.value for scope in scopes - caller.scopes)
    if missing:
        raise errors.Forbidden(f"You cannot give rights that you have not: {', '.join(missing)}.")
    if expires_at is not None and expires_at <= time.time() * 1000:
        raise errors.Invalid("The time is over.", expires_at="The time is over.")


def _id(token: Token) -> str:
    return identifiers.encode(Kind.TOKEN, token.id)

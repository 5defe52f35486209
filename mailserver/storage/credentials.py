"""Passwords and tokens: hashes only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peewee

from mailserver.entities.access import Scope, Token
from mailserver.entities.inbox import ScramKeys
from mailserver.entities.permission import Permission
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.tables.accounts import Member, Password
from mailserver.storage.tables.accounts import Token as TokenRow

TOPIC = "credentials"  # rung when a token is not good for what it was any more
MOST_TOKENS = 10_000  # of one tenant
_TOKEN = (
    TokenRow.id, TokenRow.tenant_id, TokenRow.inbox_id, TokenRow.label, TokenRow.prefix, TokenRow.scopes,
    TokenRow.requires_approval, TokenRow.created_at, TokenRow.last_used_at, TokenRow.expires_at, TokenRow.kind,
    TokenRow.user_id, Member.role, TokenRow.permissions, TokenRow.pod_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """A password of an inbox, as its hashes."""

    id: int
    inbox_id: int
    argon2: str
    scram: ScramKeys


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token with what only the server needs to know of it."""

    token: Token
    kind: str
    user_id: int | None
    role: str | None = None  # of the person whose login it is


def set_password(tx: Transaction, password: StoredPassword, label: str, now: int) -> None:
    """Store a password; one with the same label is replaced."""
    tx.execute(Password.delete().where(Password.inbox_id == password.inbox_id, Password.label == label))
    scram = password.scram
    tx.execute(
        Password.insert(
            id=password.id, inbox_id=password.inbox_id, label=label, argon2=password.argon2,
            scram_salt=scram.salt.hex(), scram_iterations=scram.iterations, scram_stored_key=scram.stored_key.hex(),
            scram_server_key=scram.server_key.hex(), created_at=now,
        )
    )  # fmt: skip


def passwords(snapshot: Snapshot, inbox_id: int) -> list[StoredPassword]:
    """The passwords of an inbox, the main one first."""
    rows = snapshot.all(
        Password.select(
            Password.id, Password.inbox_id, Password.argon2, Password.scram_salt, Password.scram_iterations,
            Password.scram_stored_key, Password.scram_server_key,
        )
        .where(Password.inbox_id == inbox_id)
        .order_by(Password.label != "main", Password.id)
    )  # fmt: skip
    return [
        StoredPassword(
            row[0],
            row[1],
            row[2],
            ScramKeys(bytes.fromhex(row[3]), row[4], bytes.fromhex(row[5]), bytes.fromhex(row[6])),
        )
        for row in rows
    ]


def add_token(
    tx: Transaction, token: Token, kind: str, digest: str, user_id: int | None, session_id: int | None = None
) -> None:
    """Insert a token by the hash of its secret."""
    tx.execute(
        TokenRow.insert(
            id=token.id, tenant_id=token.tenant_id, inbox_id=token.inbox_id, user_id=user_id, kind=kind,
            label=token.label, prefix=token.prefix, hash=digest, scopes=_words(token.scopes),
            requires_approval=_words(token.requires_approval), created_at=token.created_at,
            expires_at=token.expires_at, session_id=session_id, permissions=permission_words(token.permissions),
            updated_at=token.created_at, pod_id=token.pod_id,
        )
    )  # fmt: skip


def token_by_hash(snapshot: Snapshot, digest: str, now: int) -> StoredToken | None:
    """A token by the hash of its secret, or of the one that it had before, as long as that is good."""
    row = snapshot.one(_tokens().where(TokenRow.hash == digest))
    if row is None:
        row = snapshot.one(_tokens().where(TokenRow.previous_hash == digest, TokenRow.previous_until > now))
    return _token(row) if row else None


def token_by_id(snapshot: Snapshot, tenant_id: int, token_id: int) -> StoredToken | None:
    """A token of a tenant."""
    row = snapshot.one(_tokens().where(TokenRow.id == token_id, TokenRow.tenant_id == tenant_id))
    return _token(row) if row else None


def tokens(snapshot: Snapshot, tenant_id: int, kind: str, inbox_id: int | None = None) -> list[StoredToken]:
    """The tokens of a kind that a tenant has, or an inbox of it, oldest first."""
    query = _tokens().where(TokenRow.tenant_id == tenant_id, TokenRow.kind == kind)
    if inbox_id is not None:
        query = query.where(TokenRow.inbox_id == inbox_id)
    return [_token(row) for row in snapshot.all(query.order_by(TokenRow.id).limit(MOST_TOKENS))]


def count_tokens(snapshot: Snapshot, tenant_id: int, kind: str) -> int:
    """How many tokens of a kind a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM token WHERE tenant_id = ? AND kind = ?", (tenant_id, kind))[0]
    return number


def change_token(tx: Transaction, token: Token) -> None:
    """Write what an owner may change of a token."""
    tx.execute(
        "UPDATE token SET label = ?, scopes = ?, requires_approval = ?, expires_at = ? WHERE id = ?",
        (token.label, _words(token.scopes), _words(token.requires_approval), token.expires_at, token.id),
    )
    tx.ring(TOPIC)


def rotate_token(tx: Transaction, token_id: int, prefix: str, digest: str, previous_until: int) -> None:
    """Give a token another secret; the one that it had is good for a while."""
    tx.execute(
        "UPDATE token SET previous_hash = hash, previous_until = ?, hash = ?, prefix = ? WHERE id = ?",
        (previous_until, digest, prefix, token_id),
    )
    tx.ring(TOPIC)


def touch_tokens(tx: Transaction, used: dict[int, int]) -> None:
    """Note when tokens were last used."""
    tx.executemany("UPDATE token SET last_used_at = ? WHERE id = ?", [(at, identity) for identity, at in used.items()])


def revoke(tx: Transaction, tenant_id: int, token_id: int) -> bool:
    """Delete a token; False where the tenant has no such token."""
    cursor = tx.execute(TokenRow.delete().where(TokenRow.id == token_id, TokenRow.tenant_id == tenant_id))
    tx.ring(TOPIC)
    return cursor.rowcount > 0


def _tokens() -> Any:
    return TokenRow.select(*_TOKEN).join(Member, peewee.JOIN.LEFT_OUTER, on=(Member.id == TokenRow.user_id))


def _words(scopes: frozenset[Scope]) -> str:
    return " ".join(sorted(scope.value for scope in scopes))


def permission_words(permissions: frozenset[Permission] | None) -> str | None:
    """Permissions as they are kept; None for all of them."""
    return None if permissions is None else " ".join(sorted(permissions))


def permissions_of(words: str | None) -> frozenset[Permission] | None:
    """Permissions as they were kept."""
    return None if words is None else frozenset(map(Permission, words.split()))


def _token(row: Sequence[Any]) -> StoredToken:
    identity, tenant_id, inbox_id, label, prefix, scopes, approval, created_at, used_at, expires_at, *rest = row
    kind, user_id, role, permissions, pod_id = rest
    token = Token(
        identity, tenant_id, inbox_id, label, prefix, frozenset(map(Scope, scopes.split())),
        frozenset(map(Scope, approval.split())), created_at, used_at, expires_at, permissions_of(permissions), pod_id,
    )  # fmt: skip
    return StoredToken(token, kind, user_id, role)

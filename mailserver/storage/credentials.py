"""Passwords and tokens: hashes only."""

from dataclasses import dataclass

from mailserver.entities.access import Scope, Token
from mailserver.entities.inbox import ScramKeys
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.tables.accounts import Password
from mailserver.storage.tables.accounts import Token as TokenRow

_TOKEN = (
    TokenRow.id, TokenRow.tenant_id, TokenRow.inbox_id, TokenRow.label, TokenRow.prefix, TokenRow.scopes,
    TokenRow.requires_approval, TokenRow.created_at, TokenRow.last_used_at, TokenRow.expires_at, TokenRow.kind,
    TokenRow.user_id,
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


def add_token(tx: Transaction, token: Token, kind: str, digest: str, user_id: int | None) -> None:
    """Insert a token by the hash of its secret."""
    tx.execute(
        TokenRow.insert(
            id=token.id, tenant_id=token.tenant_id, inbox_id=token.inbox_id, user_id=user_id, kind=kind,
            label=token.label, prefix=token.prefix, hash=digest, scopes=_words(token.scopes),
            requires_approval=_words(token.requires_approval), created_at=token.created_at,
            expires_at=token.expires_at,
        )
    )  # fmt: skip


def token_by_hash(snapshot: Snapshot, digest: str) -> StoredToken | None:
    """A token by the hash of its secret."""
    row = snapshot.one(TokenRow.select(*_TOKEN).where(TokenRow.hash == digest))
    return _token(row) if row else None


def tokens(snapshot: Snapshot, tenant_id: int, kind: str) -> list[StoredToken]:
    """The tokens of a kind that a tenant has, oldest first."""
    query = TokenRow.select(*_TOKEN).where(TokenRow.tenant_id == tenant_id, TokenRow.kind == kind)
    return [_token(row) for row in snapshot.all(query.order_by(TokenRow.id))]


def touch_tokens(tx: Transaction, used: dict[int, int]) -> None:
    """Note when tokens were last used."""
    tx.executemany("UPDATE token SET last_used_at = ? WHERE id = ?", [(at, identity) for identity, at in used.items()])


def revoke(tx: Transaction, tenant_id: int, token_id: int) -> bool:
    """Delete a token; False where the tenant has no such token."""
    cursor = tx.execute(TokenRow.delete().where(TokenRow.id == token_id, TokenRow.tenant_id == tenant_id))
    return cursor.rowcount > 0


def _words(scopes: frozenset[Scope]) -> str:
    return " ".join(sorted(scope.value for scope in scopes))


def _token(
    row: tuple[int, int, int | None, str, str, str, str, int, int | None, int | None, str, int | None],
) -> StoredToken:
    identity, tenant_id, inbox_id, label, prefix, scopes, approval, created_at, used_at, expires_at, kind, user_id = row
    token = Token(
        identity, tenant_id, inbox_id, label, prefix, frozenset(map(Scope, scopes.split())),
        frozenset(map(Scope, approval.split())), created_at, used_at, expires_at,
    )  # fmt: skip
    return StoredToken(token, kind, user_id)

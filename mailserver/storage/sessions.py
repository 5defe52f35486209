"""Logins of people, and the codes on the way to them: hashes only."""

from dataclasses import dataclass

from mailserver.storage import credentials
from mailserver.storage.database import Snapshot, Transaction


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A login that may be refreshed."""

    id: int
    tenant_id: int
    member_id: int
    refresh_hash: str
    previous_hash: str | None
    rotated_at: int
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class LoginCode:
    """A login that waits for its second factor (`mfa`), or a code that was mailed (`reset`)."""

    hash: str
    member_id: int
    purpose: str
    code_hash: str
    tries: int
    created_at: int
    expires_at: int


_SESSION = "id, tenant_id, member_id, refresh_hash, previous_hash, rotated_at, created_at, expires_at"
_CODE = "hash, member_id, purpose, code_hash, tries, created_at, expires_at"


def add(tx: Transaction, session: StoredSession) -> None:
    """Insert a session."""
    tx.execute(
        f"INSERT INTO session({_SESSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id, session.tenant_id, session.member_id, session.refresh_hash, session.previous_hash,
            session.rotated_at, session.created_at, session.expires_at,
        ),
    )  # fmt: skip


def by_refresh(snapshot: Snapshot, digest: str) -> StoredSession | None:
    """The session whose refresh token this is, or was before."""
    row = snapshot.one(f"SELECT {_SESSION} FROM session WHERE refresh_hash = ?", (digest,))
    if row is None:
        row = snapshot.one(f"SELECT {_SESSION} FROM session WHERE previous_hash = ?", (digest,))
    return StoredSession(*row) if row else None


def rotate(tx: Transaction, session_id: int, digest: str, previous: str, now: int, expires_at: int) -> None:
    """Give a session another refresh token, and take its access tokens away that have run out."""
    tx.execute(
        "UPDATE session SET refresh_hash = ?, previous_hash = ?, rotated_at = ?, expires_at = ? WHERE id = ?",
        (digest, previous, now, expires_at, session_id),
    )
    tx.execute("DELETE FROM token WHERE session_id = ? AND expires_at <= ?", (session_id, now))


def of_token(snapshot: Snapshot, token_id: int) -> int | None:
    """The session that an access token belongs to."""
    row = snapshot.one("SELECT session_id FROM token WHERE id = ?", (token_id,))
    return row[0] if row else None


def end(tx: Transaction, session_id: int) -> None:
    """End a session with all its tokens."""
    tx.execute("DELETE FROM token WHERE session_id = ?", (session_id,))
    tx.ring(credentials.TOPIC)
    tx.execute("DELETE FROM session WHERE id = ?", (session_id,))


def end_all(tx: Transaction, member_id: int, but: int | None = None, but_token: int | None = None) -> None:
    """End every session of a person, except one."""
    tx.execute(
        "DELETE FROM token WHERE user_id = ? AND kind = 'session' AND id IS NOT ? AND (session_id IS NULL OR "
        "session_id IS NOT ?)",
        (member_id, but_token, but),
    )
    tx.ring(credentials.TOPIC)
    tx.execute("DELETE FROM session WHERE member_id = ? AND id IS NOT ?", (member_id, but))


def add_code(tx: Transaction, code: LoginCode) -> None:
    """Insert a code, in the place of those of its kind that a person had."""
    tx.execute("DELETE FROM login_code WHERE member_id = ? AND purpose = ?", (code.member_id, code.purpose))
    tx.execute(
        f"INSERT INTO login_code({_CODE}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (code.hash, code.member_id, code.purpose, code.code_hash, code.tries, code.created_at, code.expires_at),
    )


def code_by_hash(snapshot: Snapshot, digest: str, purpose: str) -> LoginCode | None:
    """A code by the hash of what the client holds."""
    row = snapshot.one(f"SELECT {_CODE} FROM login_code WHERE hash = ? AND purpose = ?", (digest, purpose))
    return LoginCode(*row) if row else None


def code_of(snapshot: Snapshot, member_id: int, purpose: str) -> LoginCode | None:
    """A person's code of a kind."""
    row = snapshot.one(f"SELECT {_CODE} FROM login_code WHERE member_id = ? AND purpose = ?", (member_id, purpose))
    return LoginCode(*row) if row else None


def count_try(tx: Transaction, digest: str) -> None:
    """Count a wrong answer."""
    tx.execute("UPDATE login_code SET tries = tries + 1 WHERE hash = ?", (digest,))


def remove_code(tx: Transaction, digest: str) -> None:
    """Use a code up."""
    tx.execute("DELETE FROM login_code WHERE hash = ?", (digest,))


def expire(tx: Transaction, now: int) -> int:
    """Remove sessions, access tokens and codes that have run out; how many."""
    number = tx.execute("DELETE FROM login_code WHERE expires_at <= ?", (now,)).rowcount
    number += tx.execute(
        "DELETE FROM token WHERE session_id IN (SELECT id FROM session WHERE expires_at <= ?)", (now,)
    ).rowcount
    number += tx.execute("DELETE FROM token WHERE session_id IS NOT NULL AND expires_at <= ?", (now,)).rowcount
    return number + tx.execute("DELETE FROM session WHERE expires_at <= ?", (now,)).rowcount

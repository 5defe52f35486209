"""People of a tenant: their passwords, second factors and recovery codes."""

from collections.abc import Iterable

from mailserver.entities.tenant import Member, UserRole
from mailserver.storage import credentials
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "id, tenant_id, email, role, password, totp_secret, totp_waiting, totp_step, created_at"


def by_email(snapshot: Snapshot, email: str) -> Member | None:
    """A person by their address in normal form."""
    return _entity(snapshot.one(f"SELECT {_COLUMNS} FROM member WHERE email = ?", (email,)))


def get(snapshot: Snapshot, member_id: int) -> Member | None:
    """A person by their id."""
    return _entity(snapshot.one(f"SELECT {_COLUMNS} FROM member WHERE id = ?", (member_id,)))


def page(snapshot: Snapshot, tenant_id: int, position: int, limit: int) -> tuple[list[Member], int]:
    """Some people of a tenant, oldest first, and how many there are."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM member WHERE tenant_id = ? ORDER BY id LIMIT ? OFFSET ?", (tenant_id, limit, position)
    )
    total: int = snapshot.one("SELECT COUNT(*) FROM member WHERE tenant_id = ?", (tenant_id,))[0]
    return [found for row in rows if (found := _entity(row)) is not None], total


def owners(snapshot: Snapshot, tenant_id: int) -> int:
    """How many owners a tenant has."""
    number: int = snapshot.one(
        "SELECT COUNT(*) FROM member WHERE tenant_id = ? AND role = ?", (tenant_id, UserRole.OWNER.value)
    )[0]
    return number


def set_password(tx: Transaction, member_id: int, argon2: str) -> None:
    """Store the hash of a password."""
    tx.execute("UPDATE member SET password = ? WHERE id = ?", (argon2, member_id))


def set_role(tx: Transaction, member_id: int, role: UserRole) -> None:
    """Make an owner a member, or a member an owner."""
    tx.execute("UPDATE member SET role = ? WHERE id = ?", (role.value, member_id))
    tx.ring(credentials.TOPIC)


def remove(tx: Transaction, member_id: int) -> None:
    """Delete a person; their inboxes stay with the tenant."""
    tx.execute("UPDATE inbox SET owner_user_id = NULL WHERE owner_user_id = ?", (member_id,))
    for table in ("recovery_code", "login_code", "session"):
        tx.execute(f"DELETE FROM {table} WHERE member_id = ?", (member_id,))
    tx.execute("DELETE FROM token WHERE user_id = ? AND kind = 'session'", (member_id,))
    tx.ring(credentials.TOPIC)
    tx.execute("DELETE FROM login_address WHERE inbox_id = ?", (member_id,))
    tx.execute("DELETE FROM member WHERE id = ?", (member_id,))


def set_factor(tx: Transaction, member_id: int, secret: str | None, waiting: str | None, step: int) -> None:
    """Store the secret of a second factor, or one that waits for its first code."""
    tx.execute(
        "UPDATE member SET totp_secret = ?, totp_waiting = ?, totp_step = ? WHERE id = ?",
        (secret, waiting, step, member_id),
    )


def with_open_factor(snapshot: Snapshot, mark: str) -> list[Member]:
    """Whose secret of a second factor does not begin with a mark."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM member WHERE COALESCE(substr(totp_secret, 1, ?1) <> ?2, 0) "
        "OR COALESCE(substr(totp_waiting, 1, ?1) <> ?2, 0)",
        (len(mark), mark),
    )
    return [found for row in rows if (found := _entity(row)) is not None]


def set_recovery_codes(tx: Transaction, member_id: int, hashes: Iterable[str]) -> None:
    """Put recovery codes in the place of those that there were."""
    tx.execute("DELETE FROM recovery_code WHERE member_id = ?", (member_id,))
    tx.executemany("INSERT INTO recovery_code(member_id, hash) VALUES (?, ?)", [(member_id, one) for one in hashes])


def use_recovery_code(tx: Transaction, member_id: int, digest: str) -> bool:
    """Use a code up; False where there is none such."""
    return tx.execute("DELETE FROM recovery_code WHERE member_id = ? AND hash = ?", (member_id, digest)).rowcount > 0


def _entity(row: tuple[int, int, str, str, str | None, str | None, str | None, int, int] | None) -> Member | None:
    if row is None:
        return None
    identity, tenant_id, email, role, password, secret, waiting, step, created_at = row
    return Member(identity, tenant_id, email, UserRole(role), password, secret, waiting, step, created_at)

"""Tenant, member and domain queries."""

from mailserver.entities.tenant import DkimKey, Domain, DomainStatus, Tenant, User, UserRole
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.tables.accounts import DkimKey as KeyRow
from mailserver.storage.tables.accounts import Domain as DomainRow
from mailserver.storage.tables.accounts import Inbox as InboxRow
from mailserver.storage.tables.accounts import Member
from mailserver.storage.tables.accounts import Tenant as TenantRow
from mailserver.storage.tables.agentry import Pod as PodRow

_DOMAIN = (
    DomainRow.id, DomainRow.tenant_id, DomainRow.name, DomainRow.status, DomainRow.catch_all_inbox_id,
    DomainRow.created_at, DomainRow.verify_token, DomainRow.domain_use, DomainRow.dmarc_policy, DomainRow.pod_id,
)  # fmt: skip


def add(tx: Transaction, tenant: Tenant) -> None:
    """Insert a tenant with its own pod, which has its number."""
    tx.execute(TenantRow.insert(id=tenant.id, name=tenant.name, created_at=tenant.created_at))
    tx.execute(
        PodRow.insert(
            id=tenant.id, tenant_id=tenant.id, name="Default", created_at=tenant.created_at,
            updated_at=tenant.created_at,
        )
    )  # fmt: skip


def get(snapshot: Snapshot, tenant_id: int) -> Tenant | None:
    """A tenant."""
    row = snapshot.one(
        TenantRow.select(TenantRow.id, TenantRow.name, TenantRow.created_at).where(TenantRow.id == tenant_id)
    )
    return Tenant(*row) if row else None


def every(snapshot: Snapshot) -> list[Tenant]:
    """All tenants, oldest first."""
    return [Tenant(*row) for row in snapshot.all("SELECT id, name, created_at FROM tenant ORDER BY id")]


def add_member(tx: Transaction, user: User, password: str | None, now: int) -> None:
    """Insert a member; `password` is its Argon2 hash."""
    tx.execute(
        Member.insert(
            id=user.id,
            tenant_id=user.tenant_id,
            email=user.email,
            role=user.role.value,
            password=password,
            created_at=now,
        )
    )


def owner(snapshot: Snapshot, tenant_id: int) -> User | None:
    """The first owner of a tenant."""
    row = snapshot.one(
        Member.select(Member.id, Member.tenant_id, Member.email, Member.role)
        .where(Member.tenant_id == tenant_id, Member.role == UserRole.OWNER.value)
        .order_by(Member.id)
        .limit(1)
    )
    return User(row[0], row[1], row[2], UserRole(row[3])) if row else None


def add_domain(tx: Transaction, domain: Domain) -> None:
    """Insert a domain."""
    tx.execute(
        DomainRow.insert(
            id=domain.id, tenant_id=domain.tenant_id, name=domain.name, status=domain.status.value,
            catch_all_inbox_id=domain.catch_all_inbox_id, created_at=domain.created_at,
            verify_token=domain.verify_token, domain_use=domain.domain_use, dmarc_policy=domain.dmarc_policy,
            pod_id=domain.pod_id or domain.tenant_id,
        )
    )  # fmt: skip


def domain(snapshot: Snapshot, name: str) -> Domain | None:
    """A domain by its A-label name."""
    row = snapshot.one(DomainRow.select(*_DOMAIN).where(DomainRow.name == name))
    return _domain(row) if row else None


def served(snapshot: Snapshot, name: str) -> Domain | None:
    """A domain that we take mail for: one whose owner has shown that it is theirs."""
    found = domain(snapshot, name)
    return found if found is not None and found.status is DomainStatus.VERIFIED else None


def served_domains(snapshot: Snapshot, tenant_id: int | None = None) -> list[Domain]:
    """Every domain that we take mail for, or those of a tenant, by name."""
    return [each for each in domains(snapshot, tenant_id) if each.status is DomainStatus.VERIFIED]


def verify(tx: Transaction, name: str) -> None:
    """Take mail for a domain from now on."""
    tx.execute(DomainRow.update(status=DomainStatus.VERIFIED.value).where(DomainRow.name == name))


def domains(snapshot: Snapshot, tenant_id: int | None = None, pod_id: int | None = None) -> list[Domain]:
    """Every domain, or those of a tenant or of one of its pods, by name."""
    query = DomainRow.select(*_DOMAIN).order_by(DomainRow.name)
    if pod_id is not None:
        query = query.where(DomainRow.pod_id == pod_id)
    elif tenant_id is not None:
        query = query.where(DomainRow.tenant_id == tenant_id)
    return [_domain(row) for row in snapshot.all(query)]


def remove_domain(tx: Transaction, name: str) -> None:
    """Delete a domain and its keys' public halves."""
    tx.execute(KeyRow.delete().where(KeyRow.domain == name))
    tx.execute(DomainRow.delete().where(DomainRow.name == name))


def inboxes_of_domain(snapshot: Snapshot, name: str) -> int:
    """How many inboxes have an address on a domain."""
    row = snapshot.one(InboxRow.select(InboxRow.id).where(InboxRow.address.endswith(f"@{name}")).limit(1))
    return 1 if row else 0


def add_key(tx: Transaction, key: DkimKey, now: int) -> None:
    """Insert the public half of a key."""
    tx.execute(
        KeyRow.insert(
            domain=key.domain, selector=key.selector, algorithm=key.algorithm, public_key=key.public_key,
            active=int(key.active), created_at=now,
        )
    )  # fmt: skip


def keys(snapshot: Snapshot, name: str | None = None) -> list[DkimKey]:
    """The keys of a domain, or all, oldest first."""
    query = KeyRow.select(
        KeyRow.domain, KeyRow.selector, KeyRow.algorithm, KeyRow.public_key, KeyRow.active, KeyRow.created_at,
        KeyRow.retired_at,
    ).order_by(KeyRow.created_at, KeyRow.selector)  # fmt: skip
    if name is not None:
        query = query.where(KeyRow.domain == name)
    return [DkimKey(row[0], row[1], row[2], row[3], bool(row[4]), row[5], row[6]) for row in snapshot.all(query)]


def switch_keys(tx: Transaction, name: str, now: int) -> None:
    """Let the waiting keys of a domain sign, in the place of those that did."""
    mine, active = KeyRow.domain == name, KeyRow.active == 1
    tx.execute(KeyRow.update(active=0, retired_at=now).where(mine, active))
    tx.execute(KeyRow.update(active=1).where(mine, KeyRow.active == 0, KeyRow.retired_at.is_null()))


def forget_key(tx: Transaction, key: DkimKey) -> None:
    """Delete a key's public half."""
    tx.execute(KeyRow.delete().where(KeyRow.domain == key.domain, KeyRow.selector == key.selector))


def _domain(row: tuple[int, int, str, str, int | None, int, str, str, str, int]) -> Domain:
    identity, tenant_id, name, status, catch_all, created_at, token, use, policy, pod_id = row
    return Domain(identity, tenant_id, name, DomainStatus(status), catch_all, created_at, token, use, policy, pod_id)

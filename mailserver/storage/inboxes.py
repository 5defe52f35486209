"""Inbox queries, and the addresses that lead to an inbox."""

from dataclasses import dataclass

from mailserver.entities.folder import FIRST_FOLDERS
from mailserver.entities.inbox import Inbox, InboxSettings
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.ingest import MAILBOX
from mailserver.storage.tables.accounts import Alias
from mailserver.storage.tables.accounts import Inbox as InboxRow
from mailserver.storage.tables.mailbox import Folder

DELETED = "deleted"  # its rows go bit by bit
_COLUMNS = (
    InboxRow.id, InboxRow.tenant_id, InboxRow.address, InboxRow.display_name, InboxRow.status,
    InboxRow.default_timezone, InboxRow.used_bytes, InboxRow.message_count, InboxRow.modseq, InboxRow.created_at,
    InboxRow.owner_user_id, InboxRow.pod_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Destination:
    """An inbox that an address leads to."""

    inbox_id: int
    tenant_id: int
    is_active: bool
    member: str = ""  # its own address, where a distribution list leads to it


def add(tx: Transaction, inbox: Inbox, folder_ids: tuple[int, ...]) -> None:
    """Insert an inbox with its first folders, for which ids are given in the order of FIRST_FOLDERS."""
    count = len(FIRST_FOLDERS)
    tx.execute(
        InboxRow.insert(
            id=inbox.id, tenant_id=inbox.tenant_id, address=inbox.address, display_name=inbox.display_name,
            status=inbox.status, default_timezone=inbox.default_timezone, modseq=count, next_uidvalidity=count + 1,
            used_bytes=0, message_count=0, created_at=inbox.created_at, pod_id=inbox.pod_id or inbox.tenant_id,
        )
    )  # fmt: skip
    for number, ((role, name), folder_id) in enumerate(zip(FIRST_FOLDERS, folder_ids, strict=True), start=1):
        tx.execute(
            Folder.insert(
                id=folder_id, inbox_id=inbox.id, name=name, role=role.value, sort_order=number, uidvalidity=number,
                created_modseq=number, modseq=number, props_modseq=number, highestmodseq=number,
            )
        )  # fmt: skip
    tx.execute("INSERT INTO type_state(inbox_id, type, modseq) VALUES (?, ?, ?)", (inbox.id, MAILBOX, count))


def get(snapshot: Snapshot, inbox_id: int) -> Inbox | None:
    """An inbox by its id."""
    row = snapshot.one(InboxRow.select(*_COLUMNS).where(InboxRow.id == inbox_id, InboxRow.status != DELETED))
    return Inbox(*row) if row else None


def by_address(snapshot: Snapshot, address: str) -> Inbox | None:
    """An inbox by its own address, in normal form."""
    row = snapshot.one(InboxRow.select(*_COLUMNS).where(InboxRow.address == address))
    return Inbox(*row) if row else None


def of_tenant(snapshot: Snapshot, tenant_id: int) -> list[Inbox]:
    """Every inbox of a tenant, oldest first."""
    query = InboxRow.select(*_COLUMNS).where(InboxRow.tenant_id == tenant_id, InboxRow.status != DELETED)
    return [Inbox(*row) for row in snapshot.all(query.order_by(InboxRow.id))]


def page(snapshot: Snapshot, tenant_id: int, position: int, limit: int) -> tuple[list[Inbox], int]:
    """Some inboxes of a tenant, oldest first, and how many there are."""
    where = (InboxRow.tenant_id == tenant_id, InboxRow.status != DELETED)
    rows = snapshot.all(InboxRow.select(*_COLUMNS).where(*where).order_by(InboxRow.id).offset(position).limit(limit))
    total: int = snapshot.one("SELECT COUNT(*) FROM inbox WHERE tenant_id = ? AND status != ?", (tenant_id, DELETED))[0]
    return [Inbox(*row) for row in rows], total


def change(tx: Transaction, inbox: Inbox) -> None:
    """Write what may be changed of an inbox."""
    tx.execute(
        "UPDATE inbox SET display_name = ?, status = ?, default_timezone = ?, owner_user_id = ? WHERE id = ?",
        (inbox.display_name, inbox.status, inbox.default_timezone, inbox.owner_user_id, inbox.id),
    )


def settings(snapshot: Snapshot, inbox_id: int) -> InboxSettings:
    """What an inbox's owner has chosen."""
    row = snapshot.one(
        "SELECT signature_text, signature_html, retention_days FROM inbox_settings WHERE inbox_id = ?", (inbox_id,)
    )
    return InboxSettings(*row) if row else InboxSettings()


def set_settings(tx: Transaction, inbox_id: int, chosen: InboxSettings, now: int) -> None:
    """Write what an inbox's owner has chosen."""
    tx.execute(
        "INSERT INTO inbox_settings(inbox_id, signature_text, signature_html, retention_days, changed_at) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT(inbox_id) DO UPDATE SET signature_text = excluded.signature_text, "
        "signature_html = excluded.signature_html, retention_days = excluded.retention_days, "
        "changed_at = excluded.changed_at",
        (inbox_id, chosen.signature_text, chosen.signature_html, chosen.retention_days, now),
    )


def sent_since(snapshot: Snapshot, inbox_id: int, *starts: int) -> list[int]:
    """How many messages an inbox has sent since each of these times."""
    return [
        snapshot.one("SELECT COUNT(*) FROM queued WHERE inbox_id = ? AND created_at >= ?", (inbox_id, start))[0]
        for start in starts
    ]


def retentions(snapshot: Snapshot) -> list[tuple[int, int]]:
    """Inboxes that keep mail for a number of days only, with that number."""
    return snapshot.all("SELECT inbox_id, retention_days FROM inbox_settings WHERE retention_days IS NOT NULL")


def first_of_tenant(snapshot: Snapshot, tenant_id: int) -> Inbox | None:
    """The oldest inbox of a tenant."""
    query = InboxRow.select(*_COLUMNS).where(InboxRow.tenant_id == tenant_id, InboxRow.status != DELETED)
    row = snapshot.one(query.order_by(InboxRow.id).limit(1))
    return Inbox(*row) if row else None


def first_of_user(snapshot: Snapshot, user_id: int) -> Inbox | None:
    """The oldest inbox of a person."""
    query = InboxRow.select(*_COLUMNS).where(InboxRow.owner_user_id == user_id, InboxRow.status != DELETED)
    row = snapshot.one(query.order_by(InboxRow.id).limit(1))
    return Inbox(*row) if row else None


def add_alias(tx: Transaction, address: str, tenant_id: int, inbox_id: int, now: int) -> None:
    """Let a further address lead to an inbox."""
    tx.execute(Alias.insert(address=address, tenant_id=tenant_id, inbox_id=inbox_id, created_at=now))


def aliases(snapshot: Snapshot, inbox_id: int) -> list[str]:
    """The further addresses of an inbox, with those of the lists that it is on."""
    rows = snapshot.all(
        "SELECT address FROM alias WHERE inbox_id = ?1 UNION "
        "SELECT l.address FROM list_member m JOIN distribution_list l ON l.id = m.list_id WHERE m.inbox_id = ?1",
        (inbox_id,),
    )
    return [row[0] for row in rows]


def is_taken(snapshot: Snapshot, address: str) -> bool:
    """Whether an address leads somewhere already, or is a list that nobody is on."""
    return (
        snapshot.one(
            "SELECT 1 FROM inbox WHERE address = ?1 UNION ALL SELECT 1 FROM alias WHERE address = ?1 "
            "UNION ALL SELECT 1 FROM distribution_list WHERE address = ?1",
            (address,),
        )
        is not None
    )


def exact(snapshot: Snapshot, address: str) -> list[Destination]:
    """Who gets mail for exactly this address: an inbox, an alias, or the members of a distribution list."""
    rows = snapshot.all(
        "SELECT id, tenant_id, status, '' FROM inbox WHERE address = ?1 "
        "UNION ALL SELECT i.id, i.tenant_id, i.status, '' FROM alias a JOIN inbox i ON i.id = a.inbox_id "
        "WHERE a.address = ?1 "
        "UNION SELECT i.id, i.tenant_id, i.status, i.address FROM distribution_list l "
        "JOIN list_member m ON m.list_id = l.id JOIN inbox i ON i.id = m.inbox_id WHERE l.address = ?1",
        (address,),
    )
    return [Destination(row[0], row[1], row[2] == "active", row[3]) for row in rows]


def catch_all(snapshot: Snapshot, domain: str) -> list[Destination]:
    """Who gets mail for addresses of a domain that nobody has."""
    rows = snapshot.all(
        "SELECT i.id, i.tenant_id, i.status FROM domain d JOIN inbox i ON i.id = d.catch_all_inbox_id WHERE d.name = ?",
        (domain,),
    )
    return [Destination(row[0], row[1], row[2] == "active") for row in rows]


def set_catch_all(tx: Transaction, domain: str, inbox_id: int | None) -> None:
    """Say who gets mail for addresses of a domain that nobody has."""
    tx.execute("UPDATE domain SET catch_all_inbox_id = ? WHERE name = ?", (inbox_id, domain))


def postmaster(snapshot: Snapshot, domain: str) -> list[Destination]:
    """Who stands in for postmaster and abuse of a domain: the owner's inbox, else the first one of the tenant."""
    rows = snapshot.all(
        "SELECT i.id, i.tenant_id, i.status FROM domain d JOIN inbox i ON i.tenant_id = d.tenant_id "
        "LEFT JOIN member m ON m.tenant_id = d.tenant_id AND m.email = i.address AND m.role = 'owner' "
        "WHERE d.name = ? AND i.status = 'active' ORDER BY m.id IS NULL, i.id LIMIT 1",
        (domain,),
    )
    return [Destination(row[0], row[1], is_active=True) for row in rows]

"""Days of the year on which something is told about a contact: kept beside the contact, told once a year."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities.contact import Anniversary
from mailserver.storage.database import Snapshot, Transaction


@dataclass(frozen=True, slots=True)
class ContactDay:
    """A day of a contact, with what is needed to tell of it. `day` is `MM-DD`."""

    contact_id: int
    type: str
    day: str
    first_year: int | None
    inbox_id: int
    tenant_id: int
    zone: str | None
    full_name: str


def keep(tx: Transaction, contact_id: int, inbox_id: int, days: Sequence[Anniversary]) -> None:
    """Write the days of a contact; what was told of those that stay is not told again."""
    told = {
        (kind, day): year
        for kind, day, year in tx.all(
            "SELECT type, day, told_year FROM contact_day WHERE contact_id = ?", (contact_id,)
        )
    }
    forget(tx, contact_id)
    for each in days:
        day, year = each.date[-5:], None if each.date.startswith("--") else int(each.date[:4])
        tx.execute(
            "INSERT INTO contact_day(contact_id, type, day, inbox_id, first_year, told_year) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (contact_id, each.type, day, inbox_id, year, told.get((each.type, day), 0)),
        )


def forget(tx: Transaction, contact_id: int) -> None:
    """Delete the days of a contact."""
    tx.execute("DELETE FROM contact_day WHERE contact_id = ?", (contact_id,))


def untold(snapshot: Snapshot, day: str, year: int, after: int, limit: int) -> list[ContactDay]:
    """Some contacts' days of a day that were not told of in a year, behind a contact, in the order of the contacts."""
    rows = snapshot.all(
        "SELECT d.contact_id, d.type, d.day, d.first_year, d.inbox_id, i.tenant_id, i.default_timezone, "
        "c.full_name FROM contact_day d JOIN contact c ON c.id = d.contact_id JOIN inbox i ON i.id = d.inbox_id "
        "WHERE d.day = ? AND d.contact_id > ? AND d.told_year < ? AND i.status != 'deleted' "
        "ORDER BY d.contact_id LIMIT ?",
        (day, after, year, limit),
    )
    return [ContactDay(*row) for row in rows]


def told(tx: Transaction, one: ContactDay, year: int) -> bool:
    """Note that a day was told of in a year; False where it was already, or the contact is gone."""
    return (
        tx.execute(
            "UPDATE contact_day SET told_year = ? WHERE contact_id = ? AND type = ? AND day = ? AND told_year < ?",
            (year, one.contact_id, one.type, one.day, year),
        ).rowcount
        > 0
    )

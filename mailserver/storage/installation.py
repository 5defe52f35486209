"""Values that the installation makes for itself once: secrets, marks of its state."""

from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.tables.accounts import Setting


def get(snapshot: Snapshot, name: str) -> str | None:
    """A value, None where it was never set."""
    row = snapshot.one(Setting.select(Setting.value).where(Setting.name == name))
    return row[0] if row else None


def get_or_set(tx: Transaction, name: str, value: str) -> str:
    """The value that stands; the one given where none did."""
    tx.execute(Setting.insert(name=name, value=value).on_conflict_ignore())
    return str(tx.one(Setting.select(Setting.value).where(Setting.name == name))[0])

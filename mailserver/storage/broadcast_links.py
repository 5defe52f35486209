"""The links of broadcasts, and how often pictures and links were asked for."""

from collections.abc import Mapping, Sequence

from mailserver.entities.broadcast import TrackedLink
from mailserver.storage.database import Snapshot, Transaction


def add(tx: Transaction, broadcast_id: int, inbox_id: int, links: Sequence[TrackedLink]) -> None:
    """Insert the links of a broadcast."""
    tx.executemany(
        "INSERT INTO broadcast_link(id, broadcast_id, inbox_id, url) VALUES (?, ?, ?, ?)",
        [(each.id, broadcast_id, inbox_id, each.url) for each in links],
    )


def get(snapshot: Snapshot, link_id: str) -> tuple[int, str] | None:
    """The broadcast of a link, and where it leads."""
    row = snapshot.one("SELECT broadcast_id, url FROM broadcast_link WHERE id = ?", (link_id,))
    return (row[0], row[1]) if row else None


def click(tx: Transaction, link_id: str, number: int) -> tuple[int, str] | None:
    """Count clicks on a link; the broadcast and where the link leads, where these were its first."""
    row = tx.one(
        "UPDATE broadcast_link SET click_count = click_count + ? WHERE id = ? RETURNING broadcast_id, url, click_count",
        (number, link_id),
    )
    return (row[0], row[1]) if row is not None and row[2] == number else None


def count(tx: Transaction, opened: Mapping[int, int], clicked: Mapping[int, int], at: int) -> None:
    """Add to the counts of broadcasts."""
    for column, found in (("open_count", opened), ("click_count", clicked)):
        tx.executemany(
            f"UPDATE broadcast SET {column} = {column} + ?, updated_at = MAX(updated_at, ?) WHERE id = ?",
            [(number, at, broadcast_id) for broadcast_id, number in found.items()],
        )

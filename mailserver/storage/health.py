"""What an examination asks the tables; each question is answered by an index, or gives up after a while."""

from dataclasses import dataclass

from mailserver.storage.audit import Listed
from mailserver.storage.database import Snapshot

MOST_DESTINATIONS = 5
MOST_NAMED = 5
_OPEN = "('queued', 'held')"
_SAMPLE = "SELECT id, inbox_id, tenant_id, size, blob FROM message WHERE id >= ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Deferred:
    """A destination whose mail was put off."""

    domain: str
    deliveries: int
    last_reply: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A webhook that fails, or was switched off for that."""

    host: str
    failing_since: int | None
    is_enabled: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Pages:
    """How large the database is, and how much of it is empty."""

    page_bytes: int
    pages: int
    free: int


def deferred(snapshot: Snapshot, seconds: float) -> list[Deferred]:
    """The destinations with the most deliveries that were tried in vain; TookTooLong after so many seconds."""
    with snapshot.within(seconds):
        rows = snapshot.all(
            "SELECT domain, COUNT(*), MAX(COALESCE(last_reply, '')) FROM delivery "
            f"WHERE state IN {_OPEN} AND attempts > 0 GROUP BY domain ORDER BY COUNT(*) DESC LIMIT ?",
            (MOST_DESTINATIONS,),
        )
    return [Deferred(*row) for row in rows]


def failing_webhooks(snapshot: Snapshot, tenant_id: int | None) -> tuple[int, list[Failing]]:
    """How many webhooks fail, and some of them; of one tenant, or of all."""
    where, values = "removed_at IS NULL AND (failing_since IS NOT NULL OR disabled_reason IS NOT NULL)", ()
    if tenant_id is not None:
        where, values = f"tenant_id = ? AND {where}", (tenant_id,)  # type: ignore[assignment]
    count = snapshot.one(f"SELECT COUNT(*) FROM webhook_endpoint WHERE {where}", values)[0]
    rows = snapshot.all(
        f"SELECT host, failing_since, enabled, waiting FROM webhook_endpoint WHERE {where} "
        "ORDER BY failing_since LIMIT ?",
        (*values, MOST_NAMED),
    )
    return count, [Failing(row[0], row[1], bool(row[2]), row[3]) for row in rows]


def quick_check(snapshot: Snapshot, seconds: float) -> str:
    """`ok`, or what the database says of itself; TookTooLong after so many seconds."""
    with snapshot.within(seconds):
        return str(snapshot.one("PRAGMA quick_check(1)")[0])


def pages(snapshot: Snapshot) -> Pages:
    """How large the database is."""
    return Pages(
        snapshot.one("PRAGMA page_size")[0], snapshot.one("PRAGMA page_count")[0],
        snapshot.one("PRAGMA freelist_count")[0],
    )  # fmt: skip


def bounds(snapshot: Snapshot) -> tuple[int, int] | None:
    """The smallest and the largest id of a message; None where there is none."""
    row = snapshot.one("SELECT MIN(id), MAX(id) FROM message")
    return None if row[0] is None else (row[0], row[1])


def sample(snapshot: Snapshot, starts: list[int], each: int) -> list[Listed]:
    """A few messages from each of some places in the order of ids."""
    found = {row[0]: Listed(*row) for start in starts for row in snapshot.all(_SAMPLE, (start, each))}
    return list(found.values())


def is_only_tenant(snapshot: Snapshot) -> bool:
    """Whether there is one tenant and no other."""
    return len(snapshot.all("SELECT id FROM tenant LIMIT 2")) == 1

"""Full-text search over inboxes by pages that stay right while mail arrives: from behind a message, newest first."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities.hidden import NOTHING, Hidden
from mailserver.entities.message import Flag, Visibility
from mailserver.entities.search import SearchQuery
from mailserver.storage import narrowing, pods, search
from mailserver.storage.database import Snapshot

MOST_TOKENS = 500  # inboxes that are named to the index; a tenant with more is kept apart by its rows


def messages(
    snapshot: Snapshot,
    tenant_id: int,
    inbox_ids: Sequence[int],
    query: SearchQuery,
    behind: int | None,
    limit: int,
    *,
    pod_ids: Sequence[int] = (),
    hidden: Hidden = NOTHING,
) -> list[int]:
    """Ids of messages with these words, newest first; junk, trash and drafts are left out.

    With `pod_ids`, those in the inboxes and those in the pods; without either, those of the tenant.
    """
    named = [*inbox_ids]
    for pod_id in pod_ids:
        named += pods.inbox_ids(snapshot, pod_id, MOST_TOKENS + 1)
    if pod_ids and not named:
        return []
    where, values = _where(tenant_id, named, query, None, hidden)
    if pod_ids and len(named) > MOST_TOKENS:
        inboxes, of_pods = ", ".join("?" * len(inbox_ids)), ", ".join("?" * len(pod_ids))
        where += f" AND (m.inbox_id IN ({inboxes}) OR m.inbox_id IN (SELECT id FROM inbox WHERE pod_id IN ({of_pods})))"
        values += [*inbox_ids, *pod_ids]
    if behind is not None:
        where, values = f"{where} AND s.rowid < ?", [*values, behind]
    rows = snapshot.all(
        f"SELECT m.id FROM search s CROSS JOIN message m ON m.id = s.rowid WHERE {where} ORDER BY s.rowid DESC LIMIT ?",
        [*values, limit],
    )
    return [row[0] for row in rows]


def threads(
    snapshot: Snapshot,
    tenant_id: int,
    inbox_ids: Sequence[int],
    query: SearchQuery,
    behind: int | None,
    limit: int,
    *,
    pod_id: int | None = None,
    hidden: Hidden = NOTHING,
) -> list[tuple[int, int]]:
    """(thread, its newest message with these words), the newest first."""
    where, values = _where(tenant_id, inbox_ids, query, pod_id, hidden)
    having = ""
    if behind is not None:
        having, values = "HAVING MAX(m.id) < ?", [*values, behind]
    rows = snapshot.all(
        f"SELECT m.thread_id, MAX(m.id) FROM search s CROSS JOIN message m ON m.id = s.rowid WHERE {where} "
        f"GROUP BY m.thread_id {having} ORDER BY MAX(m.id) DESC LIMIT ?",
        [*values, limit],
    )
    return [(row[0], row[1]) for row in rows]


def _where(
    tenant_id: int, inbox_ids: Sequence[int], query: SearchQuery, pod_id: int | None, hidden: Hidden
) -> tuple[str, list[Any]]:
    named = inbox_ids if len(inbox_ids) <= MOST_TOKENS else ()
    conditions = [
        "search MATCH ?", "m.tenant_id = ?", f"m.visibility = {int(Visibility.NORMAL)}",
        f"(m.flags & {int(Flag.DRAFT)}) = 0",
    ]  # fmt: skip
    values: list[Any] = [search.expression_within(named, query), tenant_id]
    if len(inbox_ids) == 1:
        conditions.append("m.inbox_id = ?")
        values.append(inbox_ids[0])
    if pod_id is not None and not named:
        conditions.append(f"m.inbox_id IN ({narrowing.IN_POD})")
        values.append(pod_id)
    seen, their_values = narrowing.of_seen(hidden)
    conditions, values = [*conditions, *seen], [*values, *their_values]
    more, their_values = search.narrowed(query)
    return " AND ".join([*conditions, *more]), [*values, *their_values]

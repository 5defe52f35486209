"""Thread queries."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities.hidden import NOTHING, Hidden
from mailserver.entities.listing import Filter
from mailserver.entities.message import Flag, MessageSummary, Visibility
from mailserver.entities.thread import ThreadSummary
from mailserver.mail.address import Person
from mailserver.storage import labels, messages, narrowing, ranges
from mailserver.storage.database import Snapshot

LARGEST_MESSAGES = 1000  # of one thread that is shown
IN_A_LIST = 200  # of a thread in a list that its summary looks at, the newest


def find(snapshot: Snapshot, thread_id: int) -> tuple[int, int] | None:
    """The tenant and inbox of a thread."""
    row = snapshot.one("SELECT tenant_id, inbox_id FROM thread WHERE id = ?", (thread_id,))
    return (row[0], row[1]) if row else None


def message_ids(
    snapshot: Snapshot, thread_id: int, limit: int = LARGEST_MESSAGES, offset: int = 0, *, hidden: Hidden = NOTHING
) -> list[int]:
    """The messages of a thread, oldest first."""
    more, values = narrowing.of_seen(hidden)
    clause = " AND ".join(["m.thread_id = ?", *more])
    rows = snapshot.all(
        f"SELECT m.id FROM message m WHERE {clause} ORDER BY m.received_at, m.id LIMIT ? OFFSET ?",
        (thread_id, *values, limit, offset),
    )
    return [row[0] for row in rows]


def members(
    snapshot: Snapshot,
    thread_id: int,
    behind: tuple[int, int] | None,
    limit: int,
    *,
    drafts: bool = True,
    hidden: Hidden = NOTHING,
) -> list[int]:
    """Messages of a thread, oldest first, from behind one (received_at, id)."""
    more, values = narrowing.of_seen(hidden)
    kept = [] if drafts else [f"(m.flags & {int(Flag.DRAFT)}) = 0"]
    clause = " AND ".join(["m.thread_id = ?", *kept, *more, "(m.received_at, m.id) > (?, ?)"])
    rows = snapshot.all(
        f"SELECT m.id FROM message m WHERE {clause} ORDER BY m.received_at, m.id LIMIT ?",
        (thread_id, *values, *(behind or (-1, 0)), limit),
    )
    return [row[0] for row in rows]


def subject(snapshot: Snapshot, thread_id: int) -> str:
    """The subject of the oldest message of a thread."""
    row = snapshot.one(
        "SELECT d.subject FROM message m JOIN message_data d ON d.message_id = m.id WHERE m.thread_id = ? "
        "ORDER BY m.received_at, m.id LIMIT 1",
        (thread_id,),
    )
    return (row[0] or "") if row else ""


def page(snapshot: Snapshot, where: Filter, cursor: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
    """(id, last_received_at) of threads by time, from behind a cursor; one index range for each visibility."""
    direction, comparison = ("ASC", ">") if where.ascending else ("DESC", "<")
    conditions: list[str] = []
    values: list[Any] = []
    if where.after is not None:
        conditions.append("t.last_received_at > ?")
        values.append(where.after)
    if where.before is not None:
        conditions.append("t.last_received_at < ?")
        values.append(where.before)
    if where.unread is not None:
        conditions.append("t.unread_count > 0" if where.unread else "t.unread_count = 0")
    if where.ours is not None:
        conditions.append(
            f"EXISTS (SELECT 1 FROM message m WHERE m.thread_id = t.id AND m.is_ours = {int(where.ours)})"
        )
    if cursor is not None:
        conditions.append(f"(t.last_received_at, t.id) {comparison} (?, ?)")
        values += cursor
    for name in where.labels:
        conditions.append(
            "EXISTS (SELECT 1 FROM thread_label tl JOIN label l ON l.id = tl.label_id "
            "WHERE tl.thread_id = t.id AND l.tenant_id = t.tenant_id AND l.atom = ?)"
        )
        values.append(name)
    more, their_values = narrowing.of_thread(where)
    conditions, values = [*conditions, *more], [*values, *their_values]
    owners, within, pod = narrowing.owners(snapshot, where, "t.")
    conditions, values = [*conditions, *within], [*values, *pod]
    parts: list[str] = []
    groups: list[list[Any]] = []
    for column, owner in owners:
        for visibility in where.visibilities:
            clause = " AND ".join([f"{column} = ?", "t.visibility = ?", *conditions])
            parts.append(
                f"SELECT t.id AS id, t.last_received_at AS at FROM thread t WHERE {clause} "
                f"ORDER BY t.last_received_at {direction}, t.id {direction} LIMIT ?"
            )
            groups.append([owner, int(visibility), *values])
    if not parts:
        return []
    rows = snapshot.all(ranges.merged(parts, direction), ranges.values(groups, limit, 0))
    return [(row[0], row[1]) for row in rows]


def summaries(
    snapshot: Snapshot, ids: Sequence[int], *, drafts: bool = True, hidden: Hidden = NOTHING
) -> list[ThreadSummary]:
    """Threads in the order of their ids as given; those that are gone, or of which nothing is seen, are left out.

    Without drafts, a thread is what was sent and received of it; of a very long one the newest are looked at.
    """
    if not ids:
        return []
    marks = ",".join("?" * len(ids))
    rows = snapshot.all(
        "SELECT id, inbox_id, tenant_id, last_message_id, message_count, unread_count, last_received_at, visibility "
        f"FROM thread WHERE id IN ({marks})",
        ids,
    )
    threads = {row[0]: row[1:] for row in rows}
    members: dict[int, list[MessageSummary]] = {thread_id: [] for thread_id in threads}
    left_out = dict.fromkeys(threads, 0)
    for message in messages.summaries(snapshot, _members(snapshot, rows)):
        is_kept = drafts or not message.flags & Flag.DRAFT
        if is_kept and not hidden.covers(message.visibility, message.labels):
            members[message.thread_id].append(message)
        else:
            left_out[message.thread_id] += 1
    named = labels.of_threads(snapshot, ids)
    return [
        _summary(thread_id, threads[thread_id], members[thread_id], named.get(thread_id, ()), left_out[thread_id])
        for thread_id in ids
        if members.get(thread_id)
    ]


def _members(snapshot: Snapshot, rows: Sequence[Any]) -> list[int]:
    """The messages of threads, oldest first; of a very long one those that a summary looks at."""
    short = [row[0] for row in rows if row[4] <= IN_A_LIST]
    marks = ",".join("?" * len(short))
    found = [
        row[0]
        for row in snapshot.all(
            f"SELECT id, received_at FROM message WHERE thread_id IN ({marks}) ORDER BY received_at, id", short
        )
    ]
    for row in rows:
        if row[4] > IN_A_LIST:
            found += message_ids(snapshot, row[0], IN_A_LIST, row[4] - IN_A_LIST)
    return found


def _summary(
    thread_id: int, row: Sequence[Any], members: Sequence[MessageSummary], names: tuple[str, ...], left_out: int
) -> ThreadSummary:
    last, unread_count, place = members[-1], row[4], Visibility(row[6])
    if left_out:
        unread_count = sum(not member.flags & (Flag.SEEN | Flag.DRAFT) for member in members)
        place = min(member.visibility for member in members)
    received = [member.received_at for member in members if not member.is_ours]
    sent = [member.received_at for member in members if member.is_ours]
    return ThreadSummary(
        id=thread_id, inbox_id=row[0], tenant_id=row[1], inbox_address=last.inbox_address,
        subject=members[0].subject, preview=last.preview, last_message_id=last.id, last_header_id=last.header_id,
        message_count=row[3] - left_out, unread_count=unread_count, size=sum(member.size for member in members),
        last_received_at=last.received_at if left_out else row[5],
        received_at=max(received, default=None), sent_at=max(sent, default=None),
        senders=_people(person for member in members for person in member.sender),
        recipients=_people(person for member in members for person in (*member.to, *member.cc)),
        labels=names, attachments=tuple(each for member in members for each in member.attachments),
        visibility=place, created_at=members[0].created_at,
        updated_at=max(member.updated_at for member in members), last_is_named=last.is_named,
    )  # fmt: skip


def _people(everyone: Any) -> tuple[Person, ...]:
    """Each address once, with the first name that it had."""
    found: dict[str, Person] = {}
    for person in everyone:
        known = found.get(person.address.lower())
        if known is None or (person.name and not known.name):
            found[person.address.lower()] = person
    return tuple(found.values())


def known(snapshot: Snapshot, inbox_ids: Sequence[int], references: Sequence[int]) -> frozenset[int]:
    """Those inboxes that have a message which one of these hashes of Message-IDs names."""
    if not references or not inbox_ids:
        return frozenset()
    inboxes, hashes = ",".join("?" * len(inbox_ids)), ",".join("?" * len(references))
    rows = snapshot.all(
        f"SELECT DISTINCT inbox_id FROM thread_ref WHERE inbox_id IN ({inboxes}) AND header_hash IN ({hashes})",
        [*inbox_ids, *references],
    )
    return frozenset(row[0] for row in rows)

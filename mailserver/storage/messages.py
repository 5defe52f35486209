"""Message queries: summaries of lists, one message, and where it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mailserver.entities.hidden import Hidden
from mailserver.entities.listing import Filter
from mailserver.entities.message import Attachment, Flag, MessageSummary, Visibility
from mailserver.mail.address import Person
from mailserver.storage import labels, narrowing, ranges
from mailserver.storage.database import Snapshot

LARGEST_PAGE = 200
AT_ONCE = 500  # ids of one statement


def find(snapshot: Snapshot, message_id: int) -> tuple[int, int] | None:
    """The tenant and inbox of a message."""
    row = snapshot.one("SELECT tenant_id, inbox_id FROM message WHERE id = ?", (message_id,))
    return (row[0], row[1]) if row else None


def place(snapshot: Snapshot, message_id: int) -> tuple[int, int] | None:
    """The inbox and thread of a message."""
    row = snapshot.one("SELECT inbox_id, thread_id FROM message WHERE id = ?", (message_id,))
    return (row[0], row[1]) if row else None


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """What is told of a message elsewhere; `people` is JSON, lists of [address, name]."""

    id: int
    thread_id: int
    received_at: int
    has_attachment: bool
    subject: str
    people: str
    preview: str


def told(snapshot: Snapshot, message_id: int) -> ToldMessage | None:
    """What is told of a message; None where it is gone."""
    row = snapshot.one(
        "SELECT m.id, m.thread_id, m.received_at, m.has_attachment, d.subject, d.people, d.preview "
        "FROM message m JOIN message_data d ON d.message_id = m.id WHERE m.id = ?",
        (message_id,),
    )
    return ToldMessage(row[0], row[1], row[2], bool(row[3]), *row[4:]) if row else None


def by_header_hash(snapshot: Snapshot, tenant_id: int, header_hash: int) -> list[tuple[int, int, str]]:
    """Messages of a tenant by the hash of their Message-ID: (id, inbox id, Message-ID), oldest first."""
    return snapshot.all(
        "SELECT m.id, m.inbox_id, d.header_id FROM message m JOIN message_data d ON d.message_id = m.id "
        "WHERE m.tenant_id = ? AND m.header_hash = ? ORDER BY m.id",
        (tenant_id, header_hash),
    )


def is_seen(snapshot: Snapshot, message_id: int, hidden: Hidden) -> bool:
    """Whether a message is there for whoever does not see all of them."""
    conditions, values = narrowing.of_seen(hidden)
    clause = " AND ".join(["m.id = ?", *conditions])
    return snapshot.one(f"SELECT 1 FROM message m WHERE {clause}", [message_id, *values]) is not None


def summaries(snapshot: Snapshot, ids: Sequence[int]) -> list[MessageSummary]:
    """Messages in the order of their ids as given; those that are gone are left out."""
    found: list[MessageSummary] = []
    for start in range(0, len(ids), AT_ONCE):
        found += _summaries(snapshot, ids[start : start + AT_ONCE])
    return found


def _summaries(snapshot: Snapshot, ids: Sequence[int]) -> list[MessageSummary]:
    marks = ",".join("?" * len(ids))
    rows = snapshot.all(
        "SELECT m.id, m.inbox_id, m.tenant_id, m.thread_id, d.header_id, d.subject, d.people, d.in_reply_to, d.refs, "
        "d.preview, m.size, m.received_at, m.sent_at, m.flags, m.visibility, m.is_ours, d.parse_error, m.updated_at, "
        "m.blob, i.address, m.has_attachment, NOT EXISTS (SELECT 1 FROM message o WHERE o.tenant_id = m.tenant_id "
        "AND o.header_hash = m.header_hash AND o.id < m.id) FROM message m JOIN message_data d ON d.message_id = m.id "
        f"JOIN inbox i ON i.id = m.inbox_id WHERE m.id IN ({marks})",
        ids,
    )
    with_files = [row[0] for row in rows if row[20]]
    attachments = attachments_of(snapshot, with_files) if with_files else {}
    named = labels.of_messages(snapshot, ids)
    roles: dict[int, list[str]] = {}
    for message_id, role in snapshot.all(
        "SELECT p.message_id, COALESCE(f.role, '') FROM placement p JOIN folder f ON f.id = p.folder_id "
        f"WHERE p.message_id IN ({marks})",
        ids,
    ):
        roles.setdefault(message_id, []).append(role)
    found = {
        row[0]: _summary(row, named.get(row[0], ()), tuple(roles.get(row[0], ())), attachments.get(row[0], ()))
        for row in rows
    }
    return [found[message_id] for message_id in ids if message_id in found]


def attachments_of(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, tuple[Attachment, ...]]:
    """The attachments of messages."""
    marks = ",".join("?" * len(ids))
    found: dict[int, list[Attachment]] = {}
    for row in snapshot.all(
        "SELECT message_id, number, content_type, size, hash, filename, disposition, content_id FROM part "
        f"WHERE message_id IN ({marks}) AND is_attachment = 1 ORDER BY message_id, number",
        ids,
    ):
        found.setdefault(row[0], []).append(Attachment(*row[1:], *row[:1]))
    return {message_id: tuple(items) for message_id, items in found.items()}


def in_folder(snapshot: Snapshot, where: Filter, offset: int, limit: int) -> tuple[list[int], int]:
    """Ids of a folder's messages, newest first, and how many there are in all: from the folder's own indexes."""
    conditions, values = _times(where, "p.")
    if where.unread is not None:
        conditions.append("p.unread = 1" if where.unread else "p.unread = 0")
    if where.starred is not None:
        conditions.append("p.flagged = 1" if where.starred else "p.flagged = 0")
    clause = " AND ".join(["p.folder_id = ?", *conditions])
    parameters = [where.folder_id, *values]
    rows = snapshot.all(
        f"SELECT p.message_id FROM placement p WHERE {clause} "
        "ORDER BY p.received_at DESC, p.message_id DESC LIMIT ? OFFSET ?",
        [*parameters, limit, offset],
    )
    if not conditions:
        total = snapshot.one("SELECT total_messages FROM folder WHERE id = ?", (where.folder_id,))[0]
    elif conditions == ["p.unread = 1"]:
        total = snapshot.one("SELECT unread_messages FROM folder WHERE id = ?", (where.folder_id,))[0]
    else:
        total = snapshot.one(f"SELECT COUNT(*) FROM placement p WHERE {clause}", parameters)[0]
    return [row[0] for row in rows], total


def in_inboxes(
    snapshot: Snapshot, where: Filter, cursor: tuple[int, int] | None, limit: int, offset: int = 0
) -> list[int]:
    """Ids across folders, by time, from behind a cursor (received_at, id); one index range for each visibility."""
    direction, comparison = ("ASC", ">") if where.ascending else ("DESC", "<")
    conditions, values = _times(where, "m.")
    conditions += _flag_conditions(where)
    if cursor is not None:
        conditions.append(f"(m.received_at, m.id) {comparison} (?, ?)")
        values += cursor
    for name in where.labels:
        conditions.append(narrowing.LABELLED)
        values.append(name)
    more, their_values = narrowing.of_message(where)
    conditions, values = [*conditions, *more], [*values, *their_values]
    owners, within, pod = narrowing.owners(snapshot, where, "m.")
    conditions, values = [*conditions, *within], [*values, *pod]
    parts: list[str] = []
    groups: list[list[Any]] = []
    for column, owner in owners:
        for visibility in where.visibilities:
            clause = " AND ".join([f"{column} = ?", "m.visibility = ?", *conditions])
            parts.append(
                f"SELECT m.received_at AS at, m.id AS id FROM message m WHERE {clause} "
                f"ORDER BY m.received_at {direction}, m.id {direction} LIMIT ?"
            )
            groups.append([owner, int(visibility), *values])
    if not parts:
        return []
    rows = snapshot.all(ranges.merged(parts, direction), ranges.values(groups, limit, offset))
    return [row[1] for row in rows]


def count_in_inbox(snapshot: Snapshot, where: Filter) -> int:
    """How many messages a filter over one inbox shows; the usual ones are known without counting."""
    if where == Filter(inbox_ids=where.inbox_ids):
        return _normal_in_inbox(snapshot, where.inbox_ids[0])
    conditions, values = _times(where, "m.")
    conditions += _flag_conditions(where)
    marks = ",".join("?" * len(where.visibilities))
    clause = " AND ".join(["m.inbox_id = ?", f"m.visibility IN ({marks})", *conditions])
    parameters = [where.inbox_ids[0], *map(int, where.visibilities), *values]
    return int(snapshot.one(f"SELECT COUNT(*) FROM message m WHERE {clause}", parameters)[0])


def _normal_in_inbox(snapshot: Snapshot, inbox_id: int) -> int:
    """What an inbox holds, less the few that lie in Junk or Trash or are blocked."""
    row = snapshot.one(
        "SELECT i.message_count - "
        "(SELECT COUNT(*) FROM message m WHERE m.inbox_id = i.id AND m.visibility IN (1, 2, 3)) "
        "FROM inbox i WHERE i.id = ?",
        (inbox_id,),
    )
    return int(row[0])


def _times(where: Filter, prefix: str) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if where.after is not None:
        conditions.append(f"{prefix}received_at > ?")
        values.append(where.after)
    if where.before is not None:
        conditions.append(f"{prefix}received_at < ?")
        values.append(where.before)
    return conditions, values


def _flag_conditions(where: Filter) -> list[str]:
    conditions = []
    if where.unread is not None:
        conditions.append(f"(m.flags & {int(Flag.SEEN | Flag.DRAFT)}) {'=' if where.unread else '!='} 0")
    if where.starred is not None:
        conditions.append(f"(m.flags & {int(Flag.FLAGGED)}) {'!=' if where.starred else '='} 0")
    if where.ours is not None:
        conditions.append(f"m.is_ours = {int(where.ours)}")
    return conditions


def _summary(
    row: Sequence[Any], names: tuple[str, ...], roles: tuple[str, ...], attachments: tuple[Attachment, ...]
) -> MessageSummary:
    people = orjson.loads(row[6])

    def persons(kind: str) -> tuple[Person, ...]:
        return tuple(Person(address, name) for address, name in people[kind])

    return MessageSummary(
        id=row[0], inbox_id=row[1], tenant_id=row[2], thread_id=row[3], header_id=row[4], subject=row[5],
        sender=persons("from"), to=persons("to"), cc=persons("cc"), bcc=persons("bcc"), reply_to=persons("reply_to"),
        in_reply_to=row[7], references=tuple(row[8].split()), preview=row[9], size=row[10], received_at=row[11],
        sent_at=row[12], flags=Flag(row[13]), visibility=Visibility(row[14]), labels=names, folder_roles=roles,
        attachments=attachments, is_ours=bool(row[15]), parse_error=row[16], created_at=row[11], updated_at=row[17],
        inbox_address=row[19], blob=row[18], is_named=bool(row[21]),
    )  # fmt: skip

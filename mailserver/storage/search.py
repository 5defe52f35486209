"""Full-text search: what is looked for, within one inbox, newest first."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities import label
from mailserver.entities.message import Flag, Visibility
from mailserver.entities.search import SearchQuery, Term
from mailserver.mail import searchable
from mailserver.storage.database import Snapshot
from mailserver.storage.ingest import search_token

_ANYWHERE = "subject sender recipients body attachments"


def page(
    snapshot: Snapshot, inbox_id: int, query: SearchQuery, folder_id: int | None, offset: int, limit: int
) -> tuple[list[int], int]:
    """Ids of matching messages, newest first, and how many there are in all.

    Without a folder, those in Junk and Trash are left out. The time grows with what the words find.
    """
    conditions, values = narrowed(query)
    match = expression(inbox_id, query)
    tables, order = "message m", "m.received_at DESC, m.id DESC"
    if match is not None:  # CROSS: the words come first, never a walk over the inbox that asks the index about each
        tables, order = "search s CROSS JOIN message m ON m.id = s.rowid", "s.rowid DESC"
        conditions, values = ["search MATCH ?", *conditions], [match, *values]
    elif not query.narrows:
        return [], 0
    if folder_id is not None:
        tables += f" {'CROSS ' if match is not None else ''}JOIN placement p ON p.message_id = m.id"
        conditions, values = [*conditions, "p.folder_id = ?"], [*values, folder_id]
        order = order if match is not None else "p.received_at DESC, p.message_id DESC"
    else:
        conditions, values = [*conditions, "m.inbox_id = ?"], [*values, inbox_id]
        conditions.append(f"m.visibility = {int(Visibility.NORMAL)}")
    where = " AND ".join(conditions)
    rows = snapshot.all(
        f"SELECT m.id FROM {tables} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM {tables} WHERE {where}", values)[0]
    return [row[0] for row in rows], total


def expression(inbox_id: int, query: SearchQuery) -> str | None:
    """The FTS5 expression of the words that are looked for; None where there are none."""
    return expression_within([inbox_id], query)


def expression_within(inbox_ids: Sequence[int], query: SearchQuery) -> str | None:
    """The same within several inboxes; within none for one that keeps to its inboxes in another way."""
    if not query.groups and not query.left_out:
        return None
    wanted = [" OR ".join(_phrase(term) for term in group) for group in query.groups]
    tokens = " OR ".join(search_token(each) for each in inbox_ids)
    places = [f"(inbox : ({tokens}))"] if len(inbox_ids) > 1 else [f"(inbox : {tokens})"] if tokens else []
    found = " AND ".join([*places, *(f"({each})" for each in wanted)])
    if query.left_out:
        found = f"({found}) NOT ({' OR '.join(_phrase(term) for term in query.left_out)})"
    return found


def _phrase(term: Term) -> str:
    """A term in the index's language; quoted, so that nothing in it is an operator."""
    words = searchable.sought(term.words).strip().replace('"', '""')
    beginning = "*" if term.is_beginning or searchable.is_single(term.words) else ""
    return f'({{{term.place or _ANYWHERE}}} : "{words}"{beginning})'


def narrowed(query: SearchQuery) -> tuple[list[str], list[Any]]:
    """What a message's row has to be, beside its place."""
    conditions: list[str] = []
    values: list[Any] = []
    for bound, comparison in ((query.after, ">="), (query.before, "<")):
        if bound is not None:
            conditions.append(f"m.received_at {comparison} ?")
            values.append(bound)
    if query.has_attachment is not None:
        conditions.append(f"m.has_attachment = {int(query.has_attachment)}")
    for wanted, flag in ((_negated(query.unread), Flag.SEEN), (query.starred, Flag.FLAGGED)):
        if wanted is not None:
            conditions.append(f"(m.flags & {int(flag)}) {'!=' if wanted else '='} 0")
    if query.label is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM message_label ml JOIN label l ON l.id = ml.label_id "
            "WHERE ml.message_id = m.id AND l.tenant_id = m.tenant_id AND l.atom = ?)"
        )
        values.append(label.atom(query.label))
    return conditions, values


def _negated(value: bool | None) -> bool | None:  # noqa: FBT001  a value of three, not an option
    return None if value is None else not value

"""Conditions of a list that its index does not know: they are tried on the rows that it walks."""

from typing import Any

from mailserver.entities.hidden import Hidden
from mailserver.entities.listing import Filter
from mailserver.entities.message import Flag
from mailserver.storage import pods
from mailserver.storage.database import Snapshot

FEW = 100  # inboxes: with every kind of mail 400 ranges, of the 500 that one statement may have
IN_POD = "SELECT i.id FROM inbox i WHERE i.pod_id = ?"
LABELLED = (
    "EXISTS (SELECT 1 FROM message_label ml JOIN label l ON l.id = ml.label_id "
    "WHERE ml.message_id = m.id AND l.tenant_id = m.tenant_id AND l.atom = ?)"
)
_SENDER = "SELECT value FROM json_each(d.people, '$.from')"
_RECIPIENT = " UNION ALL ".join(f"SELECT value FROM json_each(d.people, '$.{kind}')" for kind in ("to", "cc", "bcc"))


def of_message(where: Filter) -> tuple[list[str], list[Any]]:
    """What a row `m` of messages has to be."""
    conditions, values = _plain(where)
    for wanted, source in ((where.senders, _SENDER), (where.recipients, _RECIPIENT)):
        for text in wanted:
            conditions.append(
                f"EXISTS (SELECT 1 FROM message_data d WHERE d.message_id = m.id "
                f"AND EXISTS (SELECT 1 FROM ({source}) p WHERE p.value LIKE ? ESCAPE '\\'))"
            )
            values.append(containing(text))
    for text in where.subjects:
        conditions.append(
            "EXISTS (SELECT 1 FROM message_data d WHERE d.message_id = m.id AND d.subject LIKE ? ESCAPE '\\')"
        )
        values.append(containing(text))
    return conditions, values


def of_seen(hidden: Hidden) -> tuple[list[str], list[Any]]:
    """What a row `m` of messages has to be for whoever does not see all of them."""
    return _plain(Filter(without_visibilities=tuple(sorted(hidden.visibilities)), without_labels=tuple(hidden.labels)))


def owners(snapshot: Snapshot, where: Filter, prefix: str) -> tuple[list[tuple[str, int]], list[str], list[Any]]:
    """The ranges that a list is put together from, as (column, number), and what else a row has to be.

    Of a pod with few inboxes they are those of its inboxes; of one with many that of its tenant, with the others'
    rows passed over. No range at all means an empty list.
    """
    if where.inbox_ids:
        return [(f"{prefix}inbox_id", inbox_id) for inbox_id in where.inbox_ids], [], []
    if where.pod_id is None:
        return [(f"{prefix}tenant_id", where.tenant_id)], [], []
    found = pods.inbox_ids(snapshot, where.pod_id, FEW + 1)
    if len(found) <= FEW:
        return [(f"{prefix}inbox_id", inbox_id) for inbox_id in found], [], []
    return [(f"{prefix}tenant_id", where.tenant_id)], [f"{prefix}inbox_id IN ({IN_POD})"], [where.pod_id]


def of_thread(where: Filter) -> tuple[list[str], list[Any]]:
    """What a row `t` of threads has to be: each condition is met by one of its messages."""
    plain, values = _plain(where)
    groups = [(plain, values)] if plain else []
    alone = [
        *(Filter(drafts=where.drafts, senders=(text,)) for text in where.senders),
        *(Filter(drafts=where.drafts, recipients=(text,)) for text in where.recipients),
        *(Filter(drafts=where.drafts, subjects=(text,)) for text in where.subjects),
    ]
    groups += [of_message(each) for each in alone]
    conditions = [
        f"EXISTS (SELECT 1 FROM message m WHERE m.thread_id = t.id AND {' AND '.join(each)})" for each, _ in groups
    ]
    return conditions, [value for _, some in groups for value in some]


def containing(text: str) -> str:
    """A pattern of LIKE for what has a text in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _plain(where: Filter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    if where.drafts is not None:
        conditions.append(f"(m.flags & {int(Flag.DRAFT)}) {'!=' if where.drafts else '='} 0")
    if where.without_visibilities:
        conditions.append(f"m.visibility NOT IN ({', '.join(str(int(each)) for each in where.without_visibilities)})")
    conditions += [f"NOT {LABELLED}" for _ in where.without_labels]
    return conditions, list(where.without_labels)

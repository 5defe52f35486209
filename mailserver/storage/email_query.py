"""The messages that a client's query finds, in its order, as far as they are asked for."""

import functools
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import email_query, keyword
from mailserver.entities.email_query import NEWEST_FIRST, Condition, Field, Operator, Order, Query
from mailserver.entities.message import Flag
from mailserver.mail import threading
from mailserver.storage.database import Snapshot
from mailserver.storage.email_conditions import PLACED, Conditions

RUN = 10_000  # rows that are sorted in one go: nothing else runs while that is done
_COLUMNS = {"receivedAt": "m.received_at", "sentAt": "COALESCE(m.sent_at, m.received_at)", "size": "m.size"}
_PEOPLE = {"from": "from", "to": "to"}
Headers = Mapping[Condition, frozenset[int]]
Row = tuple[int, int]  # message, thread


@dataclass(frozen=True, slots=True)
class Statement:
    """What is asked of the database; rows are (message, thread), in order, whole or in parts."""

    sql: str
    values: tuple[Any, ...]

    def walk(self, snapshot: Snapshot) -> Iterator[Row]:
        """Every row, as many at once as are bearable."""
        cursor = snapshot.execute(self.sql, self.values)
        yield from iter(cursor.fetchone, None)

    def page(self, snapshot: Snapshot, offset: int, limit: int) -> list[Row]:
        """Some rows."""
        rows: list[Row] = snapshot.all(f"{self.sql} LIMIT ? OFFSET ?", (*self.values, limit, offset))
        return rows


def folder_of(query: Query) -> int | None:
    """The folder whose own list answers a query: all of its mail, newest first, and nothing else is asked."""
    root = query.filter
    while isinstance(root, Operator) and root.name in ("AND", "OR") and len(root.parts) == 1:
        root = root.parts[0]
    if isinstance(root, Condition) and root.field is Field.IN_MAILBOX and query.order == NEWEST_FIRST:
        return int(root.value)
    return None


def of_folder(folder_id: int, *, collapses: bool) -> Statement:
    """The list of a folder from its own indexes: of messages, or of threads by their newest message there."""
    if collapses:
        return Statement(
            "SELECT last_message_id, thread_id FROM folder_thread WHERE folder_id = ? "
            "ORDER BY last_received_at DESC, last_message_id DESC",
            (folder_id,),
        )
    return Statement(
        "SELECT message_id, thread_id FROM placement WHERE folder_id = ? ORDER BY received_at DESC, message_id DESC",
        (folder_id,),
    )


def folder_total(snapshot: Snapshot, inbox_id: int, folder_id: int, *, collapses: bool) -> int:
    """How long that list is; 0 for a folder that there is not."""
    column = "total_threads" if collapses else "total_messages"
    row = snapshot.one(f"SELECT {column} FROM folder WHERE id = ? AND inbox_id = ?", (folder_id, inbox_id))
    return int(row[0]) if row else 0


def statement(
    snapshot: Snapshot, inbox_id: int, tenant_id: int, query: Query, headers: Headers,
    among: Sequence[int] | None = None,
) -> Statement | None:  # fmt: skip
    """Any query; None where the order is one that the database does not know (`sorted_rows`).

    In the order of time a page is read from an index as far as it goes, words aside.
    """
    source = _source(Conditions(snapshot, inbox_id, tenant_id, headers), inbox_id, query, among)
    order = _order(source, query.order)
    if order is None:
        return None
    text = f"SELECT m.id, m.thread_id FROM {source.tables} WHERE {source.where} ORDER BY {order[0]}"
    return Statement(text, (*source.values, *order[1]))


def sorted_rows(snapshot: Snapshot, inbox_id: int, tenant_id: int, query: Query, headers: Headers) -> list[Row]:
    """Every row, sorted by names and subjects as people read them."""
    source = _source(Conditions(snapshot, inbox_id, tenant_id, headers), inbox_id, query, None)
    columns: list[str] = []
    more: list[Any] = []
    for each in query.order:
        text, some = _key_column(source.conditions, each)
        columns.append(text)
        more += some
    rows = snapshot.all(
        f"SELECT m.id, m.thread_id, {', '.join(columns)} FROM {source.tables} "
        f"JOIN message_data d ON d.message_id = m.id WHERE {source.where} ORDER BY m.id DESC",
        (*more, *source.values),
    )
    for position, each in reversed([*enumerate(query.order, 2)]):
        rows = _sorted(rows, functools.partial(_key_at, each, position), falls=not each.is_ascending)
    return [(row[0], row[1]) for row in rows]


def touched_threads(snapshot: Snapshot, inbox_id: int, modseq: int, most: int) -> list[int]:
    """The threads that something was done to behind a state."""
    rows = snapshot.all(
        "SELECT id FROM thread WHERE inbox_id = ? AND modseq > ? ORDER BY modseq LIMIT ?", (inbox_id, modseq, most)
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows come from, what they have to meet, and where their id is read."""

    conditions: Conditions
    tables: str
    where: str
    values: tuple[Any, ...]
    id: str


def _source(conditions: Conditions, inbox_id: int, query: Query, among: Sequence[int] | None) -> _Source:
    """Words come first, then a label, then a folder; else the inbox is walked."""
    needed = email_query.required(query.filter)
    words = next((each for each in needed if each.field in email_query.OF_WORDS and conditions.match(each)), None)
    label = next((each for each in needed if each.field is Field.HAS_KEYWORD and conditions.label_of(each)), None)
    folder = next((each for each in needed if each.field is Field.IN_MAILBOX), None)
    number = "m.id"
    where = [PLACED]
    values: list[Any] = []
    if among is not None:
        tables = "message m"
        where.append(f"m.id IN ({','.join('?' * len(among))})")
        values += among
    elif words is not None:
        tables = "search s CROSS JOIN message m ON m.id = s.rowid"
        where.insert(0, "search MATCH ?")
        values.append(conditions.match(words))
        conditions.settled = words
    elif label is not None:
        tables = "message_label k CROSS JOIN message m ON m.id = k.message_id"
        where.insert(0, "k.label_id = ? AND k.inbox_id = ?")
        values += [conditions.label_of(label), inbox_id]
        conditions.time, number = "k.received_at", "k.message_id"
        conditions.settled = label
    elif folder is not None:
        tables = "placement f CROSS JOIN message m ON m.id = f.message_id"
        where = ["f.folder_id = ?"]
        values.append(folder.value)
        if any(each.field is Field.HAS_KEYWORD and keyword.FLAGS.get(each.value) is Flag.FLAGGED for each in needed):
            where.append("f.flagged = 1")  # there is an index of these
        conditions.time, number = "f.received_at", "f.message_id"
        conditions.settled = folder
    else:
        tables = "message m"
    where.append("m.inbox_id = ?" if tables == "message m" and among is None else "+m.inbox_id = ?")
    values.append(inbox_id)
    if query.filter is not None:
        text, some = conditions.sql(query.filter)
        where.append(text)
        values += some
    return _Source(conditions, tables, " AND ".join(where), tuple(values), number)


def _order(source: _Source, order: Sequence[Order]) -> tuple[str, list[Any]] | None:
    texts: list[str] = []
    values: list[Any] = []
    for each in order:
        direction = "ASC" if each.is_ascending else "DESC"
        if each.property == "receivedAt":
            texts.append(f"{source.conditions.time} {direction}")
        elif each.property in _COLUMNS:
            texts.append(f"{_COLUMNS[each.property]} {direction}")
        elif each.keyword is not None:
            text, some = _by_keyword(source.conditions, each)
            texts.append(f"({text}) {direction}")
            values += some
        else:
            return None
    last = "ASC" if order and order[0].is_ascending and order[0].property in _COLUMNS else "DESC"
    return ", ".join([*texts, f"{source.id} {last}"]), values


def _sorted(rows: list[Any], key: Callable[[Sequence[Any]], Any], *, falls: bool) -> list[Any]:
    """Rows in order, sorted piece by piece, so that other threads get their turn in between."""
    runs = [sorted(rows[start : start + RUN], key=key, reverse=falls) for start in range(0, len(rows), RUN)]
    return list(heapq.merge(*runs, key=key, reverse=falls))


def _by_keyword(conditions: Conditions, order: Order) -> tuple[str, list[Any]]:
    fields = {
        "hasKeyword": Field.HAS_KEYWORD, "allInThreadHaveKeyword": Field.ALL_IN_THREAD,
        "someInThreadHaveKeyword": Field.SOME_IN_THREAD,
    }  # fmt: skip
    return conditions.sql(Condition(fields[order.property], order.keyword))


def _key_column(conditions: Conditions, order: Order) -> tuple[str, list[Any]]:
    if order.property in _COLUMNS:
        return _COLUMNS[order.property], []
    if order.property in _PEOPLE:
        path = f"$.{_PEOPLE[order.property]}[0]"
        text = f"COALESCE(json_extract(d.people, '{path}[1]'), json_extract(d.people, '{path}[0]'), '')"
        return text, []
    if order.property == "subject":
        return "d.subject", []
    text, some = _by_keyword(conditions, order)
    return f"({text})", some


def _key_at(order: Order, position: int, row: Sequence[Any]) -> Any:
    value = row[position]
    if order.property == "subject":
        return threading.base_subject(value).casefold()
    return value.casefold() if isinstance(value, str) else value

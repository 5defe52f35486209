"""The messages that a client's query finds, in its order, as far as they are asked for."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import email_query
from mailserver.entities.email_query import NEWEST_FIRST, Condition, Field, Operator, Order, Query
from mailserver.mail import threading
from mailserver.storage.database import Snapshot
from mailserver.storage.email_conditions import PLACED, Conditions

CHUNK = 1_000  # rows that are read at once where a whole result is walked
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
    """Any query; None where the order is one that the database does not know (`sorted_rows`)."""
    order = _order(Conditions(snapshot, inbox_id, tenant_id, headers), query.order)
    if order is None:
        return None
    tables, where, values = _source(snapshot, inbox_id, tenant_id, query, headers, among)
    return Statement(f"SELECT m.id, m.thread_id FROM {tables} WHERE {where} ORDER BY {order[0]}", (*values, *order[1]))


def sorted_rows(snapshot: Snapshot, inbox_id: int, tenant_id: int, query: Query, headers: Headers) -> list[Row]:
    """Every row, sorted by names and subjects as people read them."""
    tables, where, values = _source(snapshot, inbox_id, tenant_id, query, headers, None)
    conditions = Conditions(snapshot, inbox_id, tenant_id, headers)
    columns: list[str] = []
    more: list[Any] = []
    for each in query.order:
        text, some = _key_column(conditions, each)
        columns.append(text)
        more += some
    rows = snapshot.all(
        f"SELECT m.id, m.thread_id, {', '.join(columns)} FROM {tables} JOIN message_data d ON d.message_id = m.id "
        f"WHERE {where} ORDER BY m.id DESC",
        (*more, *values),
    )
    for position, each in reversed([*enumerate(query.order, 2)]):
        rows.sort(key=functools.partial(_key_at, each, position), reverse=not each.is_ascending)
    return [(row[0], row[1]) for row in rows]


def touched_threads(snapshot: Snapshot, inbox_id: int, modseq: int, most: int) -> list[int]:
    """The threads that something was done to behind a state."""
    rows = snapshot.all(
        "SELECT id FROM thread WHERE inbox_id = ? AND modseq > ? ORDER BY modseq LIMIT ?", (inbox_id, modseq, most)
    )
    return [row[0] for row in rows]


def _source(
    snapshot: Snapshot, inbox_id: int, tenant_id: int, query: Query, headers: Headers, among: Sequence[int] | None
) -> tuple[str, str, list[Any]]:
    """Tables and conditions. Words come first, then a folder; else the inbox is walked."""
    conditions = Conditions(snapshot, inbox_id, tenant_id, headers)
    tables, where = "message m", ["m.inbox_id = ?"]
    values: list[Any] = [inbox_id]
    needed = email_query.required(query.filter)
    first = next((each for each in needed if each.field in email_query.OF_WORDS and conditions.match(each)), None)
    folder = next((each for each in needed if each.field is Field.IN_MAILBOX), None)
    if among is not None:
        where.append(f"m.id IN ({','.join('?' * len(among))})")
        values += among
    elif first is not None:
        tables = "search s CROSS JOIN message m ON m.id = s.rowid"
        where.insert(0, "search MATCH ?")
        values.insert(0, conditions.match(first))
    elif folder is not None:
        tables = "placement f CROSS JOIN message m ON m.id = f.message_id"
        where.insert(0, "f.folder_id = ?")
        values.insert(0, folder.value)
    if folder is None or among is not None or first is not None:
        where.append(PLACED)
    if query.filter is not None:
        text, some = conditions.sql(query.filter)
        where.append(text)
        values += some
    return tables, " AND ".join(where), values


def _order(conditions: Conditions, order: Sequence[Order]) -> tuple[str, list[Any]] | None:
    texts: list[str] = []
    values: list[Any] = []
    for each in order:
        direction = "ASC" if each.is_ascending else "DESC"
        if each.property in _COLUMNS:
            texts.append(f"{_COLUMNS[each.property]} {direction}")
        elif each.keyword is not None:
            text, some = _by_keyword(conditions, each)
            texts.append(f"({text}) {direction}")
            values += some
        else:
            return None
    last = "ASC" if order and order[0].is_ascending and order[0].property in _COLUMNS else "DESC"
    return ", ".join([*texts, f"m.id {last}"]), values


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

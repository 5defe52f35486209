"""A client's filter as SQL over the rows `m` of messages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from mailserver.entities import email_query, keyword
from mailserver.entities.email_query import Condition, Field, Filter
from mailserver.entities.message import Flag
from mailserver.entities.search import Term
from mailserver.mail import searchable
from mailserver.storage.database import Snapshot
from mailserver.storage.ingest import search_token
from mailserver.storage.narrowing import containing

Sql = tuple[str, list[Any]]
NOTHING: Sql = ("0", [])
PLACED = "EXISTS (SELECT 1 FROM placement x WHERE x.message_id = m.id)"
_COLUMNS = {
    Field.TEXT: "subject sender recipients body", Field.FROM: "sender", Field.TO: "recipients", Field.CC: "recipients",
    Field.BCC: "recipients", Field.SUBJECT: "subject", Field.BODY: "body",
}  # fmt: skip
_PEOPLE = {Field.FROM: "from", Field.TO: "to", Field.CC: "cc", Field.BCC: "bcc"}


class Conditions:
    """Writes the conditions of one inbox. `headers` has what a header condition has found.

    `settled` is a condition that every row meets already, by where it is taken from; `time` the column of its time.
    """

    def __init__(
        self, snapshot: Snapshot, inbox_id: int, tenant_id: int, headers: Mapping[Condition, frozenset[int]]
    ) -> None:
        self._snapshot = snapshot
        self._inbox_id = inbox_id
        self._tenant_id = tenant_id
        self._headers = headers
        self._labels: dict[str, int | None] = {}
        self.settled: Condition | None = None
        self.time = "m.received_at"

    def sql(self, root: Filter) -> Sql:
        """A filter as a condition with its values."""
        if isinstance(root, Condition):
            if root == self.settled:
                return self.people(root) or ("1", [])
            return self._writers[root.field](self, root)
        parts = [self.sql(each) for each in root.parts]
        values = [value for _, some in parts for value in some]
        joined = f" {'AND' if root.name == 'AND' else 'OR'} ".join(text for text, _ in parts)
        if root.name == "NOT":
            return (f"NOT ({joined})", values) if parts else ("1", [])
        return (f"({joined})", values) if parts else ("1" if root.name == "AND" else "0", [])

    def match(self, one: Condition) -> str | None:
        """The full-text expression of a condition of words; None where there is no word in it."""
        terms = [
            Term(each, _COLUMNS[one.field])
            for each in email_query.words(one.value)
            if any(letter.isalnum() for letter in each)
        ]
        if not terms:
            return None
        phrases = [f"({{{each.place}}} : {_phrase(each.words)})" for each in terms]
        return f"(inbox : {search_token(self._inbox_id)}) AND " + " AND ".join(phrases)

    def people(self, one: Condition) -> Sql | None:
        """What the index does not tell apart: which of the fields a word stands in."""
        kind = _PEOPLE.get(one.field)
        if kind is None:
            return None
        pieces = [word for each in email_query.words(one.value) for word in each.split() if word.isascii()]
        if not pieces:
            return None
        found = " AND ".join("LOWER(v.people) LIKE ? ESCAPE '\\'" for _ in pieces)
        text = (
            "EXISTS (SELECT 1 FROM (SELECT json_extract(d.people, ?) AS people FROM message_data d "
            f"WHERE d.message_id = m.id) v WHERE {found})"
        )
        return text, [f"$.{kind}", *(containing(each.lower().strip('"')) for each in pieces)]

    # -- one condition ------------------------------------------------------------------------------------------

    def _words(self, one: Condition) -> Sql:
        match = self.match(one)
        if match is None:
            return NOTHING
        text, values = "m.id IN (SELECT rowid FROM search WHERE search MATCH ?)", [match]
        narrowed = self.people(one)
        return (f"({text} AND {narrowed[0]})", [*values, *narrowed[1]]) if narrowed else (text, values)

    def _in_mailbox(self, one: Condition) -> Sql:
        return "EXISTS (SELECT 1 FROM placement p WHERE p.message_id = m.id AND p.folder_id = ?)", [one.value]

    def _in_other_than(self, one: Condition) -> Sql:
        others = "p.folder_id NOT IN (SELECT value FROM json_each(?))"
        text = f"EXISTS (SELECT 1 FROM placement p WHERE p.message_id = m.id AND {others})"
        return text, [_listed(one.value)]

    def _before(self, one: Condition) -> Sql:
        return f"{self.time} < ?", [one.value]

    def _after(self, one: Condition) -> Sql:
        return f"{self.time} >= ?", [one.value]

    def _min_size(self, one: Condition) -> Sql:
        return "m.size >= ?", [one.value]

    def _max_size(self, one: Condition) -> Sql:
        return "m.size < ?", [one.value]

    def _has_attachment(self, one: Condition) -> Sql:
        return f"m.has_attachment = {int(one.value)}", []

    def _has_keyword(self, one: Condition) -> Sql:
        return self.keyword(one.value, "m")

    def _not_keyword(self, one: Condition) -> Sql:
        text, values = self.keyword(one.value, "m")
        return f"NOT ({text})", values

    def _in_thread(self, one: Condition) -> Sql:
        text, values = self.keyword(one.value, "t")
        others = "SELECT 1 FROM message t WHERE t.thread_id = m.thread_id AND " + PLACED.replace("m.id", "t.id")
        if one.field is Field.ALL_IN_THREAD:
            return f"NOT EXISTS ({others} AND NOT ({text}))", values
        return f"{'NOT ' if one.field is Field.NONE_IN_THREAD else ''}EXISTS ({others} AND {text})", values

    def _header(self, one: Condition) -> Sql:
        found = self._headers[one]
        return ("m.id IN (SELECT value FROM json_each(?))", [_listed(sorted(found))]) if found else NOTHING

    def keyword(self, name: str, alias: str) -> Sql:
        """Whether the message of an alias has a keyword."""
        flag = keyword.FLAGS.get(name)
        if flag is not None:
            return f"({alias}.flags & {int(Flag(flag))}) != 0", []
        label_id = self._label(name)
        if label_id is None:
            return NOTHING
        text = f"EXISTS (SELECT 1 FROM message_label l WHERE l.message_id = {alias}.id AND l.label_id = ?)"
        return text, [label_id]

    def label_of(self, one: Condition) -> int | None:
        """The label that a condition asks for; None for a flag, and for a keyword that nothing ever had."""
        return None if one.value in keyword.FLAGS else self._label(one.value)

    def _label(self, name: str) -> int | None:
        if name not in self._labels:
            row = self._snapshot.one("SELECT id FROM label WHERE tenant_id = ? AND atom = ?", (self._tenant_id, name))
            self._labels[name] = row[0] if row else None
        return self._labels[name]

    _writers: Mapping[Field, Callable[["Conditions", Condition], Sql]] = {
        Field.IN_MAILBOX: _in_mailbox,
        Field.IN_OTHER_THAN: _in_other_than,
        Field.BEFORE: _before,
        Field.AFTER: _after,
        Field.MIN_SIZE: _min_size,
        Field.MAX_SIZE: _max_size,
        Field.HAS_ATTACHMENT: _has_attachment,
        Field.HAS_KEYWORD: _has_keyword,
        Field.NOT_KEYWORD: _not_keyword,
        Field.ALL_IN_THREAD: _in_thread,
        Field.SOME_IN_THREAD: _in_thread,
        Field.NONE_IN_THREAD: _in_thread,
        Field.HEADER: _header,
        **dict.fromkeys(_COLUMNS, _words),
    }


def _listed(numbers: Sequence[int]) -> str:
    return orjson.dumps(list(numbers)).decode()


def _phrase(text: str) -> str:
    beginning = "*" if searchable.is_single(text) else ""
    quoted = searchable.sought(text).strip().replace('"', '""')
    return f'"{quoted}"{beginning}'

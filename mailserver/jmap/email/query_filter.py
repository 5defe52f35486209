"""The filter and the order of an Email/query, read (RFC 8621 4.4.1, 4.4.2)."""

from collections.abc import Callable, Mapping
from typing import Any

from mailserver.entities import keyword
from mailserver.entities.email_query import NEWEST_FIRST, OF_WORDS, Condition, Field, Filter, Operator, Order, Query
from mailserver.entities.identifiers import Kind
from mailserver.jmap import capabilities, errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments, utc_ms
from mailserver.jmap.call import Call
from mailserver.jmap.filters import Joined, Tree

LONGEST_TEXT = 1_024
MOST_MAILBOXES = 500
NOWHERE = 0  # a folder that there is not
_WITH_KEYWORD = ("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword")


def read(call: Call, arguments: Arguments) -> Query:
    """What is asked for."""
    sort = windows.sorting(arguments, capabilities.SORTS, _WITH_KEYWORD)
    collapses = arguments.boolean("collapseThreads")
    root = filters.tree(arguments.value("filter"))
    order = tuple(Order(one.property, one.is_ascending, one.keyword) for one in sort) or NEWEST_FIRST
    return Query(_filter(call, root) if root is not None else None, order, collapses)


def only_filter(call: Call, given: object) -> Query:
    """The same of a filter alone."""
    root = filters.tree(given)
    return Query(_filter(call, root) if root is not None else None)


def _filter(call: Call, node: Tree) -> Filter:
    if isinstance(node, Joined):
        return Operator(node.operator, tuple(_filter(call, each) for each in node.conditions))
    conditions = tuple(_condition(call, name, value) for name, value in node.items())
    return conditions[0] if len(conditions) == 1 else Operator("AND", conditions)


def _condition(call: Call, name: str, value: Any) -> Condition:
    if name not in set(Field):
        raise filters.unsupported(name)
    field = Field(name)
    reader = _READERS[field]
    try:
        return Condition(field, reader(call, value))
    except (TypeError, ValueError) as error:
        raise errors.invalid(f"The value of {name} cannot be used.", "filter") from error


def _mailbox(call: Call, value: Any) -> int:
    if not isinstance(value, str):
        raise TypeError
    return standard.number_of(Kind.FOLDER, call.meant(value)) or NOWHERE


def _mailboxes(call: Call, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_MAILBOXES:
        raise TypeError
    return tuple(_mailbox(call, each) for each in value)


def _moment(call: Call, value: Any) -> int:
    del call
    found = utc_ms(value)
    if found is None:
        raise TypeError
    return found


def _size(call: Call, value: Any) -> int:
    del call
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**53:
        raise TypeError
    return value


def _keyword(call: Call, value: Any) -> str:
    del call
    if not keyword.is_valid(value):
        raise TypeError
    return str(value).lower()


def _boolean(call: Call, value: Any) -> bool:
    del call
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(call: Call, value: Any) -> str:
    del call
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise TypeError
    return value.replace("\0", " ").encode(errors="replace").decode()


def _header(call: Call, value: Any) -> tuple[str, str | None]:
    if not isinstance(value, list) or not 1 <= len(value) <= 2 or not value[0]:
        raise TypeError
    name = _text(call, value[0])
    if not name.isascii() or not name.isprintable() or ":" in name or " " in name:
        raise ValueError
    return name, _text(call, value[1]) if len(value) == 2 else None


_READERS: Mapping[Field, Callable[[Call, Any], Any]] = {
    Field.IN_MAILBOX: _mailbox,
    Field.IN_OTHER_THAN: _mailboxes,
    Field.BEFORE: _moment,
    Field.AFTER: _moment,
    Field.MIN_SIZE: _size,
    Field.MAX_SIZE: _size,
    Field.HAS_ATTACHMENT: _boolean,
    Field.HEADER: _header,
    **dict.fromkeys((Field.HAS_KEYWORD, Field.NOT_KEYWORD), _keyword),
    **dict.fromkeys((Field.ALL_IN_THREAD, Field.SOME_IN_THREAD, Field.NONE_IN_THREAD), _keyword),
    **dict.fromkeys(OF_WORDS, _text),
}

"""What a client looks for among the messages of an inbox, and in which order (RFC 8621 4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Field(StrEnum):
    """What a condition asks about."""

    IN_MAILBOX = "inMailbox"
    IN_OTHER_THAN = "inMailboxOtherThan"
    BEFORE = "before"
    AFTER = "after"
    MIN_SIZE = "minSize"
    MAX_SIZE = "maxSize"
    ALL_IN_THREAD = "allInThreadHaveKeyword"
    SOME_IN_THREAD = "someInThreadHaveKeyword"
    NONE_IN_THREAD = "noneInThreadHaveKeyword"
    HAS_KEYWORD = "hasKeyword"
    NOT_KEYWORD = "notKeyword"
    HAS_ATTACHMENT = "hasAttachment"
    TEXT = "text"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    BODY = "body"
    HEADER = "header"


OF_THREADS = frozenset({Field.ALL_IN_THREAD, Field.SOME_IN_THREAD, Field.NONE_IN_THREAD})
OF_WORDS = frozenset({Field.TEXT, Field.FROM, Field.TO, Field.CC, Field.BCC, Field.SUBJECT, Field.BODY})


@dataclass(frozen=True, slots=True)
class Condition:
    """One question. Times are unix milliseconds, mailboxes numbers, a header (name, text or None)."""

    field: Field
    value: Any


@dataclass(frozen=True, slots=True)
class Operator:
    """AND, OR or NOT (none of them) over others."""

    name: str
    parts: "tuple[Operator | Condition, ...]"


Filter = Operator | Condition


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to sort by, as JMAP names it."""

    property: str
    is_ascending: bool
    keyword: str | None = None


NEWEST_FIRST = (Order("receivedAt", is_ascending=False),)


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, an order, and whether only the first message of each thread counts."""

    filter: Filter | None = None
    order: tuple[Order, ...] = NEWEST_FIRST
    collapses: bool = False

    @property
    def can_tell_changes(self) -> bool:
        """Whether a message's place depends on nothing but itself."""
        asked = {each.field for each in conditions(self.filter)}
        return not asked & {*OF_THREADS, Field.HEADER} and not any("Thread" in each.property for each in self.order)


def conditions(root: Filter | None) -> Iterator[Condition]:
    """Every condition of a filter."""
    stack = [root] if root is not None else []
    while stack:
        each = stack.pop()
        if isinstance(each, Operator):
            stack += each.parts
        else:
            yield each


def required(root: Filter | None) -> list[Condition]:
    """The conditions that every match meets: those of the topmost AND."""
    if root is None:
        return []
    if isinstance(root, Condition):
        return [root]
    return [each for part in root.parts for each in required(part)] if root.name == "AND" else []


def words(text: str) -> list[str]:
    """What is looked for: words, and phrases in quotes, all of which must be there (RFC 8621 4.4.1)."""
    found: list[str] = []
    for number, piece in enumerate(text.split('"')):
        found += [piece] if number % 2 and piece.strip() else piece.split()
    return found[:32]

"""XML from strangers as plain data: no DOCTYPE, no entities, no depth, and names without their namespaces."""

from typing import Any
from xml.parsers import expat

MAX_DEPTH = 16
MAX_TEXT = 4_000  # characters of one element
MOST_ALIKE = 1_000  # elements of one name in one place
_CHUNK = 64 << 10
Node = dict[str, list[Any]]  # the children by name; a child without children of its own is its text


class BrokenXml(ValueError):
    """What was read is no XML, or XML that nobody needs; the sentence says why."""


def read(raw: bytes, item: str, most_items: int) -> tuple[str, Node, list[Node]]:
    """The root's name, its children, and apart from them those that are called `item`.

    Names are in lower case. Attributes, comments and instructions do not count.
    """
    reader = _Reader(item, most_items)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    raw = raw.lstrip(b" \t\r\n")
    try:
        for start in range(0, len(raw), _CHUNK):
            parser.Parse(raw[start : start + _CHUNK], False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, UnicodeError) as error:
        raise BrokenXml(f"The file is no XML: {error}.") from error
    except ValueError as error:
        if isinstance(error, BrokenXml):
            raise
        raise BrokenXml(f"The file's encoding cannot be read: {error}.") from error
    return reader.root, reader.top, reader.items


class _Reader:
    def __init__(self, item: str, most_items: int) -> None:
        self.root = ""
        self.top: Node = {}
        self.items: list[Node] = []
        self._item = item
        self._most_items = most_items
        self._names: list[str] = []
        self._nodes: list[Node] = []
        self._text: list[str] = []
        self._length = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self._names) >= MAX_DEPTH:
            raise BrokenXml("The XML is nested too deep.")
        self._names.append(name.rpartition(":")[2].lower())
        self._nodes.append({})
        self._text, self._length = [], 0

    def text(self, text: str) -> None:
        if self._length < MAX_TEXT:
            self._text.append(text[: MAX_TEXT - self._length])
            self._length += len(text)

    def end(self, _name: str) -> None:
        name, node = self._names.pop(), self._nodes.pop()
        if not self._names:
            self.root, self.top = name, node
            return
        value: Node | str = node or "".join(self._text).strip()
        self._text, self._length = [], 0
        if len(self._names) == 1 and name == self._item:
            if len(self.items) >= self._most_items:
                raise BrokenXml(f"The XML has more than {self._most_items} elements {name}.")
            self.items.append(node)
            return
        alike = self._nodes[-1].setdefault(name, [])
        if len(alike) < MOST_ALIKE:
            alike.append(value)


def _refuse(*_declaration: object) -> None:
    raise BrokenXml("The XML has a DOCTYPE or declares entities.")

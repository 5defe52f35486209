"""The MIME tree of a message and its section numbers (RFC 2045, RFC 2046 5.1, RFC 9051 6.4.5.1)."""

from dataclasses import dataclass, field

from mailserver.mail import headers, parameters, transfer
from mailserver.mail.headers import Headers

MAX_DEPTH = 20
MAX_PARTS = 1_000
_WINDOW = 4 * 1024 * 1024  # one search holds the interpreter: no step of it may be long
_MAX_BOUNDARY = 512


@dataclass(slots=True)
class Entity:
    """A node of the tree. `offset` and `end` bound the body in the raw message, before decoding."""

    number: str
    headers: Headers
    content_type: str
    parameters: dict[str, str]
    header_offset: int
    offset: int
    end: int
    is_implied: bool = False  # the type is the default, not one that the message gives
    parts: list["Entity"] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        """The transfer encoding in lower case; '' for none."""
        return transfer.name(self.headers.first(b"content-transfer-encoding"))

    def leaves(self) -> list["Entity"]:
        """Every node without children, in the order of the message."""
        if not self.parts:
            return [self]
        return [leaf for part in self.parts for leaf in part.leaves()]


@dataclass(slots=True)
class Tree:
    """A message's tree and what could not be read of it."""

    root: Entity
    error: str | None = None
    count: int = 1


def read(raw: bytes, head: Headers, body: int) -> Tree:
    """Read the tree below a header that `headers.split` has read."""
    root = _entity("", head, (0, body, len(raw)), "text/plain")
    tree = Tree(root)
    _open(raw, tree, root, 0)
    if not root.parts:
        root.number = "1"
    return tree


def _entity(number: str, head: Headers, place: tuple[int, int, int], default: str) -> Entity:
    given = head.first(b"content-type")
    kind, found = parameters.content_type(given)
    # RFC 2045 5.2: what cannot be read is plain text
    return Entity(number, head, kind or default, found, *place, is_implied=kind is None)


def _open(raw: bytes, tree: Tree, entity: Entity, depth: int) -> None:
    """Find the children of a multipart. A message/rfc822 stays one leaf: who wants its inside parses its bytes."""
    if not entity.content_type.startswith("multipart/"):
        return
    boundary = entity.parameters.get("boundary", "").rstrip(" ").encode("utf-8", "replace")
    if not boundary or len(boundary) > _MAX_BOUNDARY:
        tree.error = tree.error or "A multipart has no boundary."
        return
    if depth >= MAX_DEPTH:
        tree.error = tree.error or "The message nests more than 20 levels deep."
        return
    default = "message/rfc822" if entity.content_type == "multipart/digest" else "text/plain"
    spans = _spans(raw, entity.offset, entity.end, b"--" + boundary)
    if not spans:
        tree.error = tree.error or "A multipart has none of its boundaries."
    for index, (start, end) in enumerate(spans, 1):
        if tree.count >= MAX_PARTS:
            tree.error = tree.error or "The message has more than 1,000 parts."
            break
        tree.count += 1
        head, body = headers.split(raw, start, end)
        number = f"{entity.number}.{index}" if entity.number else str(index)
        child = _entity(number, head, (start, min(body, end), end), default)
        entity.parts.append(child)
        _open(raw, tree, child, depth + 1)


def _spans(raw: bytes, start: int, end: int, delimiter: bytes) -> list[tuple[int, int]]:
    """Where the parts between the delimiter lines lie, at most one more than may be read."""
    spans: list[tuple[int, int]] = []
    opened = -1
    position = start
    while len(spans) <= MAX_PARTS:
        line = _next_line(raw, position, start, end, delimiter)
        if line < 0:
            break
        after = line + len(delimiter)
        line_end = raw.find(b"\n", after, end)
        rest = raw[after : min(end if line_end < 0 else line_end, after + _MAX_BOUNDARY)]
        is_last = rest.startswith(b"--")
        if rest.strip(b" \t\r") and not is_last:  # a longer boundary that begins like this one
            position = after
            continue
        if opened >= 0:
            spans.append((opened, _without_line_break(raw, opened, line)))
        opened = position = end if line_end < 0 else line_end + 1
        if is_last or line_end < 0:
            return spans
    if 0 <= opened < end and len(spans) <= MAX_PARTS:  # the closing delimiter is missing
        spans.append((opened, end))
    return spans


def _next_line(raw: bytes, position: int, start: int, end: int, delimiter: bytes) -> int:
    if position == start and raw.startswith(delimiter, start, end):
        return start
    needle = b"\n" + delimiter
    position = max(position - 1, start)
    while position < end:
        found = raw.find(needle, position, min(position + _WINDOW + len(needle), end))
        if found >= 0:
            return found + 1
        position += _WINDOW
    return -1


def _without_line_break(raw: bytes, start: int, line: int) -> int:
    """The line break before a delimiter belongs to the delimiter (RFC 2046 5.1.1)."""
    end = line - 1
    if end > start and raw[end - 1 : end] == b"\r":
        end -= 1
    return max(end, start)

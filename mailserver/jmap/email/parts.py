"""The MIME tree as EmailBodyParts, and which of them are shown (RFC 8621 4.1.4)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailserver.jmap import blobs
from mailserver.mail import header_forms, headers, parameters, transfer
from mailserver.mail.header_forms import Wanted
from mailserver.mail.structure import Entity

DEFAULT = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location",
)  # fmt: skip
PROPERTIES = (*DEFAULT, "headers", "subParts")
_TEXTS = ("text/plain", "text/html")
_MEDIA = ("image/", "audio/", "video/")


@dataclass(slots=True)
class Bodies:
    """The parts that are shown as text, as HTML, and as files."""

    text: list[Entity] = field(default_factory=list)
    html: list[Entity] = field(default_factory=list)
    attachments: list[Entity] = field(default_factory=list)


def part(entity: Entity, raw: bytes, blob_id: str, properties: Sequence[str], wanted: Sequence[Wanted]) -> Any:
    """One part with the properties that are asked for, its own parts below it."""
    is_leaf = not entity.content_type.startswith("multipart/")
    shown: dict[str, Any] = {}
    for name in properties:
        if name == "subParts":
            inner = [part(each, raw, blob_id, properties, wanted) for each in entity.parts]
            shown[name] = None if is_leaf else inner
        elif name in _OF_LEAVES:
            shown[name] = _OF_LEAVES[name](entity, raw, blob_id) if is_leaf else _OF_MULTIPART.get(name)
        else:
            shown[name] = _OF_ALL[name](entity)
    for each in wanted:
        shown[each.text] = each.value(entity.headers)
    return shown


def all_headers(head: headers.Headers) -> list[dict[str, str]]:
    """Every field in its order, raw."""
    return [{"name": name.decode("ascii", "replace"), "value": header_forms.raw(value)} for name, value in head.fields]


def bodies(root: Entity) -> Bodies:
    """Sort the leaves into what is read as text, what as HTML, and what is a file."""
    found = Bodies()
    _sort([root], "mixed", _Side(found.text, found.html), found, is_alternative=False)
    return found


@dataclass(slots=True)
class _Side:
    """Where a level of the tree puts what it shows; None for a list that it does not belong to."""

    text: list[Entity] | None
    html: list[Entity] | None

    def add(self, entity: Entity) -> None:
        for one in (self.text, self.html):
            if one is not None:
                one.append(entity)


def _sort(entities: Iterable[Entity], subtype: str, side: _Side, found: Bodies, *, is_alternative: bool) -> None:
    text_before, html_before = len(side.text or ()), len(side.html or ())
    for index, entity in enumerate(entities):
        if entity.content_type.startswith("multipart/"):
            inner = entity.content_type.partition("/")[2]
            below = _Side(side.text, side.html)
            _sort(entity.parts, inner, below, found, is_alternative=is_alternative or inner == "alternative")
        elif not _is_inline(entity, subtype, index):
            found.attachments.append(entity)
        elif subtype == "alternative":
            _choose(entity, side, found)
        else:
            if is_alternative:  # one side of it: what is of one kind is shown on that side alone
                side = _of_kind(entity, side)
            side.add(entity)
            if (side.text is None or side.html is None) and entity.content_type.startswith(_MEDIA):
                found.attachments.append(entity)
    if subtype == "alternative" and side.text is not None and side.html is not None:
        _complete(side.text, text_before, side.html, html_before)


def _choose(entity: Entity, side: _Side, found: Bodies) -> None:
    """Put one form of an alternative where it belongs."""
    chosen = {"text/plain": side.text, "text/html": side.html}.get(entity.content_type)
    if chosen is not None:
        chosen.append(entity)
    elif entity.content_type not in _TEXTS:
        found.attachments.append(entity)


def _of_kind(entity: Entity, side: _Side) -> _Side:
    if entity.content_type == "text/plain":
        return _Side(side.text, None)
    return _Side(None, side.html) if entity.content_type == "text/html" else side


def _complete(text: list[Entity], text_before: int, html: list[Entity], html_before: int) -> None:
    """What an alternative has in one form only is shown in both."""
    if len(text) == text_before and len(html) != html_before:
        text.extend(html[html_before:])
    elif len(html) == html_before and len(text) != text_before:
        html.extend(text[text_before:])


def _is_inline(entity: Entity, subtype: str, index: int) -> bool:
    disposition, _ = parameters.disposition(entity.headers.first(b"content-disposition"))
    kind = entity.content_type
    if disposition == "attachment" or not (kind in _TEXTS or kind.startswith(_MEDIA)):
        return False
    has_name = bool(_name(entity))
    return index == 0 or (subtype != "related" and (kind.startswith(_MEDIA) or not has_name))


def _size(raw: bytes, entity: Entity) -> int:
    return sum(len(piece) for piece in transfer.decode(raw, entity.offset, entity.end, entity.encoding))


def _charset(entity: Entity) -> str | None:
    given = entity.parameters.get("charset")
    if given:
        return given
    return "us-ascii" if entity.content_type.startswith("text/") else None


def _languages(entity: Entity) -> list[str] | None:
    value = entity.headers.text(b"content-language")
    found = [each.strip() for each in value.split(",") if each.strip()]
    return found or None


def _name(entity: Entity) -> str | None:
    _, more = parameters.disposition(entity.headers.first(b"content-disposition"))
    return more.get("filename") or entity.parameters.get("name")


def _cid(entity: Entity) -> str | None:
    ids = headers.message_ids(entity.headers.first(b"content-id"))
    return ids[0][1:-1] if ids else None


_OF_LEAVES: dict[str, Callable[[Entity, bytes, str], Any]] = {
    "partId": lambda entity, _, __: entity.number,
    "blobId": lambda entity, _, blob_id: blobs.part(blob_id, entity.number),
    "size": lambda entity, raw, _: _size(raw, entity),
}
_OF_MULTIPART = {"size": 0}
_OF_ALL: dict[str, Callable[[Entity], Any]] = {
    "name": _name,
    "type": lambda entity: entity.content_type,
    "charset": _charset,
    "disposition": lambda entity: parameters.disposition(entity.headers.first(b"content-disposition"))[0],
    "cid": _cid,
    "language": _languages,
    "location": lambda entity: entity.headers.text(b"content-location") or None,
    "headers": lambda entity: all_headers(entity.headers),
}

"""Parse a message once into headers, bodies and parts (RFC 5322, RFC 2045)."""

import hashlib
from dataclasses import dataclass

import orjson

from mailserver.mail import address_list, body, charset, headers, hypertext, parameters, structure, transfer
from mailserver.mail.address import Person
from mailserver.mail.headers import Headers
from mailserver.mail.structure import Entity

MAX_TEXT = 8 * 1024 * 1024  # decoded characters of one body that are kept as text; the file keeps them all
MAX_SEARCH = 256 * 1024
PREVIEW = 200
_PREVIEW_SOURCE = 4_000
_SMALL = 1024 * 1024  # up to here a copy of the body costs less than reading it in steps
_MAX_FILENAME = 255
# Letters that senders put behind a preview to keep the body out of it.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2063\ufeff"))


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the MIME tree; `number` is its IMAP section, `offset` and `encoded_length` say where its body lies."""

    number: str
    content_type: str
    charset: str | None
    filename: str | None
    disposition: str | None
    content_id: str | None  # without angle brackets
    encoding: str
    size: int
    hash: bytes
    is_attachment: bool
    offset: int
    encoded_length: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a message says. `error` is a sentence where some of it could not be read."""

    headers: Headers
    header_id: str | None
    subject: str
    sender: tuple[Person, ...]
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    bcc: tuple[Person, ...]
    reply_to: tuple[Person, ...]
    date_at: int | None
    in_reply_to: str | None
    references: tuple[str, ...]
    text: str | None
    html: str | None
    preview: str
    parts: tuple[Part, ...]
    search_text: str
    attachment_names: tuple[str, ...]
    structure_json: bytes | None
    error: str | None
    has_attachment: bool


@dataclass(frozen=True, slots=True)
class _Content:
    """What the body of a message holds."""

    text: str | None
    html: str | None
    parts: tuple[Part, ...]
    structure_json: bytes | None
    error: str | None


def parse(raw: bytes) -> Parsed:
    """Read a message. Never raises: what cannot be read is missing from the answer, and `error` says so."""
    head, start = headers.split(raw)
    try:
        content = _content(raw, head, start)
    except Exception:  # noqa: BLE001 - a defect of ours must not make a message unreadable: its header still counts
        content = _Content(None, None, (), None, "The body cannot be read.")
    return _parsed(head, content)


def part(raw: bytes, number: str) -> bytes:
    """Decode the content of one leaf; KeyError for a number that the message has not."""
    head, start = headers.split(raw)
    for leaf in structure.read(raw, head, start).root.leaves():
        if leaf.number == number:
            return transfer.whole(raw, leaf.offset, leaf.end, leaf.encoding)
    raise KeyError(number)


def bodies(raw: bytes) -> tuple[str | None, str | None]:
    """Read only the plain text and the HTML."""
    head, start = headers.split(raw)
    tree = structure.read(raw, head, start)
    chosen = body.choose(tree.root)
    return _joined(raw, chosen.text), _joined(raw, chosen.html)


def _parsed(head: Headers, content: _Content) -> Parsed:
    first = head.first
    ids = headers.message_ids(first(b"message-id"))
    parents = headers.message_ids(first(b"in-reply-to"))
    readable = content.text
    if content.html is not None and (readable is None or not readable.strip()):
        readable = hypertext.to_text(content.html)
    readable = readable or ""
    errors = (*head.defects, *((content.error,) if content.error else ()))
    attached = [each for each in content.parts if each.is_attachment]
    return Parsed(
        headers=head,
        header_id=ids[0] if ids else None,
        subject=head.text(b"subject"),
        sender=address_list.parse(first(b"from")),
        to=_people(head, b"to"),
        cc=_people(head, b"cc"),
        bcc=_people(head, b"bcc"),
        reply_to=_people(head, b"reply-to"),
        date_at=headers.date_ms(first(b"date")),
        in_reply_to=parents[0] if parents else None,
        references=headers.message_ids(first(b"references")),
        text=content.text,
        html=content.html,
        preview=preview(readable),
        parts=content.parts,
        search_text=readable[:MAX_SEARCH],
        attachment_names=tuple([each.filename for each in attached if each.filename]),
        structure_json=content.structure_json,
        error=" ".join(errors) or None,
        has_attachment=any(each.disposition != "inline" or not each.content_id for each in attached),
    )


def _people(head: Headers, name: bytes) -> tuple[Person, ...]:
    """Join the lists of a field that stands there more than once."""
    if head.count(name) < 2:
        return address_list.parse(head.first(name))
    return address_list.parse(b", ".join(head.all(name)))


def preview(text: str) -> str:
    """Shorten text to one line of at most 200 characters."""
    line = " ".join(text[:_PREVIEW_SOURCE].translate(_INVISIBLE).split())
    if len(line) <= PREVIEW:
        return line
    return line[: PREVIEW - 1].rstrip() + "…"


def _content(raw: bytes, head: Headers, start: int) -> _Content:
    given = head.first(b"content-type")
    if len(raw) < _SMALL and (given is None or given[:16].lstrip()[:5].lower() == b"text/"):
        simple = _simple(raw, head, start, given)
        if simple is not None:
            return simple
    tree = structure.read(raw, head, start)
    chosen = body.choose(tree.root)
    readable = {leaf.number for leaf in (*chosen.text, *chosen.html)}
    parts = tuple([_part(raw, leaf, is_attachment=leaf.number not in readable) for leaf in tree.root.leaves()])
    unknown = next((each.encoding for each in parts if not transfer.is_known(each.encoding)), None)
    error = tree.error or (f"A part has an unknown transfer encoding, {unknown[:40]}." if unknown else None)
    shape = orjson.dumps(_shape(tree.root)) if tree.root.parts else None
    return _Content(_joined(raw, chosen.text), _joined(raw, chosen.html), parts, shape, error)


def _simple(raw: bytes, head: Headers, start: int, given: bytes | None) -> _Content | None:
    """Read a message that is one text and nothing else; None where it is not."""
    kind, found = parameters.content_type(given)
    if kind is None:
        kind = "text/plain"
    if kind not in ("text/plain", "text/html") or head.first(b"content-disposition") is not None or "name" in found:
        return None
    encoding = transfer.name(head.first(b"content-transfer-encoding"))
    content = transfer.whole(raw, start, len(raw), encoding)
    label = found.get("charset")
    text = _text(content, label)
    only = Part(
        number="1",
        content_type=kind,
        charset=label,
        filename=None,
        disposition=None,
        content_id=None,
        encoding=encoding,
        size=len(content),
        hash=hashlib.sha256(content).digest(),
        is_attachment=False,
        offset=start,
        encoded_length=len(raw) - start,
    )
    error = None if transfer.is_known(encoding) else f"A part has an unknown transfer encoding, {encoding[:40]}."
    if kind == "text/html":
        return _Content(None, text, (only,), None, error)
    return _Content(text, None, (only,), None, error)


def _text(content: bytes, label: str | None) -> str:
    text = charset.decode(content[:MAX_TEXT], label)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _joined(raw: bytes, leaves: list[Entity]) -> str | None:
    if not leaves:
        return None
    texts: list[str] = []
    room = MAX_TEXT
    for leaf in leaves:
        if room <= 0:
            break
        content = b"".join(_up_to(raw, leaf, room))
        texts.append(_text(content, leaf.parameters.get("charset")))
        room -= len(content)
    return "\n".join(texts)


def _up_to(raw: bytes, leaf: Entity, room: int) -> list[bytes | memoryview]:
    pieces: list[bytes | memoryview] = []
    for piece in transfer.decode(raw, leaf.offset, leaf.end, leaf.encoding):
        pieces.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return pieces


def _part(raw: bytes, leaf: Entity, *, is_attachment: bool) -> Part:
    digest = hashlib.sha256()
    size = 0
    encoding = leaf.encoding
    for piece in transfer.decode(raw, leaf.offset, leaf.end, encoding):
        digest.update(piece)
        size += len(piece)
    disposition, more = parameters.disposition(leaf.headers.first(b"content-disposition"))
    content_id = headers.message_ids(leaf.headers.first(b"content-id"))
    name = more.get("filename") or leaf.parameters.get("name")
    if is_attachment and disposition is None and content_id and leaf.content_type.startswith("image/"):
        disposition = "inline"
    return Part(
        number=leaf.number,
        content_type=leaf.content_type,
        charset=leaf.parameters.get("charset"),
        filename=_filename(name) if name else None,
        disposition=disposition,
        content_id=content_id[0][1:-1] if content_id else None,
        encoding=encoding,
        size=size,
        hash=digest.digest(),
        is_attachment=is_attachment,
        offset=leaf.offset,
        encoded_length=leaf.end - leaf.offset,
    )


def _filename(name: str) -> str | None:
    """Keep the last step of a path: the name is shown, and somebody will save under it."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    if len(last) > _MAX_FILENAME:
        stem, dot, extension = last.rpartition(".")
        last = f"{stem[: _MAX_FILENAME - 21]}{dot}{extension}" if dot and len(extension) <= 20 else last[:_MAX_FILENAME]
    return last if last not in ("", ".", "..") else None


def _shape(entity: Entity) -> dict[str, object]:
    """The tree as JSON: multiparts with their children, leaves by number alone."""
    if not entity.parts:
        return {"n": entity.number}
    return {"n": entity.number, "t": entity.content_type, "p": [_shape(each) for each in entity.parts]}

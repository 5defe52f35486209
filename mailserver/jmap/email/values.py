"""The text of body parts: decoded, cut where it is too long (RFC 8621 4.1.4, bodyValues)."""

import codecs
import re
from typing import Any

from mailserver.mail import charset, transfer
from mailserver.mail.structure import Entity

_TAG = re.compile(r"<[^<>]*$")


class Room:
    """How many octets of text one answer may still hold."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def value(raw: bytes, entity: Entity, most: int, room: Room) -> dict[str, Any]:
    """A part's text; `most` octets of it where that is not 0, never more than the answer has room for."""
    limit = min(most, room.left) if most else room.left
    content, is_cut = _up_to(raw, entity, 4 * limit + 64)  # a charset may need four octets where UTF-8 needs one
    label = entity.parameters.get("charset")
    text = charset.decode(content, label)
    is_problem = not transfer.is_known(entity.encoding) or not _is_clean(content, label, is_cut=is_cut)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = text.replace("\0", "\ufffd")
    short, was_long = shortened(text, limit, is_html=entity.content_type == "text/html")
    room.left -= len(short.encode("utf-8", "replace"))
    return {"value": short, "isEncodingProblem": is_problem, "isTruncated": was_long or is_cut}


def shortened(text: str, most: int, *, is_html: bool) -> tuple[str, bool]:
    """At most so many octets of UTF-8, never half a character, and of HTML never half a tag."""
    if len(text) * 4 <= most:
        return text, False
    octets = text.encode("utf-8", "replace")
    if len(octets) <= most:
        return text, False
    short = octets[:most].decode("utf-8", "ignore")
    return (_TAG.sub("", short) if is_html else short), True


def _up_to(raw: bytes, entity: Entity, most: int) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    size = 0
    for piece in transfer.decode(raw, entity.offset, entity.end, entity.encoding):
        pieces.append(bytes(piece[: most - size]))
        size += len(piece)
        if size > most:
            return b"".join(pieces), True
    return b"".join(pieces), False


def _is_clean(content: bytes, label: str | None, *, is_cut: bool) -> bool:
    """Whether bytes are what their label says."""
    if content.isascii() and not label:
        return True
    try:
        decoder = codecs.getincrementaldecoder(label or "us-ascii")()
        decoder.decode(content, final=not is_cut)
    except (LookupError, UnicodeError, ValueError, AttributeError):
        return False
    return True

"""The bytes of a message from its fields and its tree of parts, as a client gives them (RFC 2045, RFC 2046)."""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail import compose, encoding

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_BREAK = re.compile(rb"\r\n|\r|\n")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
_WORD = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]{1,64}")
_CID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,200}")
_PLAIN = re.compile(r"[\x21-\x7e]{1,500}")


class BadPart(ValueError):
    """A part cannot be written; `name` is the property that is at fault."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part with content. Text is written in UTF-8; `octets` go out as they are, encoded where they must be."""

    content_type: str
    text: str | None = None
    octets: bytes = b""
    charset: str | None = None  # of octets
    name: str | None = None
    disposition: str | None = None
    cid: str | None = None
    languages: tuple[str, ...] = ()
    location: str | None = None
    fields: tuple[bytes, ...] = ()  # further ones, written already


@dataclass(frozen=True, slots=True)
class Branch:
    """A multipart."""

    subtype: str
    parts: tuple["Leaf | Branch", ...]
    fields: tuple[bytes, ...] = ()


def message(fields: Sequence[bytes], root: Leaf | Branch, seed: str) -> bytes:
    """A whole message: its fields, MIME-Version and the tree below; `seed` makes boundaries that are its own."""
    return b"".join([*fields, b"MIME-Version: 1.0\r\n", _Writer(seed).entity(root)])


class _Writer:
    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._boundaries = 0

    def entity(self, node: Leaf | Branch) -> bytes:
        if isinstance(node, Leaf):
            return _leaf(node)
        if not _WORD.fullmatch(node.subtype):
            raise BadPart("type", "The type of a part cannot be written.")
        parts = [self.entity(each) for each in node.parts]
        return b"".join(node.fields) + compose.multipart(node.subtype, parts, self._boundary(parts), [])

    def _boundary(self, parts: Sequence[bytes]) -> str:
        while True:
            self._boundaries += 1
            made = compose.boundary(self._seed, self._boundaries)
            if not any(made.encode("ascii") in part for part in parts):
                return made


def _leaf(leaf: Leaf) -> bytes:
    kind = leaf.content_type.strip().lower()
    if not _TYPE.fullmatch(kind) or kind.startswith("multipart/"):
        raise BadPart("type", "The type of a part cannot be written.")
    octets = _BREAK.sub(b"\r\n", leaf.text.encode("utf-8", "replace")) if leaf.text is not None else leaf.octets
    how, content = _encoded(kind, octets, is_text=leaf.text is not None)
    return b"".join(
        [
            encoding.structured("Content-Type", [kind, *_parameters(leaf, octets)], ";"),
            b"Content-Transfer-Encoding: " + how + b"\r\n",
            *_described(leaf),
            *leaf.fields,
            b"\r\n",
            content,
        ]
    )


def _parameters(leaf: Leaf, octets: bytes) -> list[str]:
    found = []
    if leaf.text is not None:
        found.append("charset=us-ascii" if octets.isascii() else "charset=utf-8")
    elif leaf.charset is not None:
        if not _WORD.fullmatch(leaf.charset):
            raise BadPart("charset", "The charset of a part cannot be written.")
        found.append(f"charset={leaf.charset}")
    if leaf.name:
        found += _named("name", "name", leaf.name)
    return found


def _described(leaf: Leaf) -> list[bytes]:
    fields = []
    if leaf.disposition is not None or leaf.name:
        word = leaf.disposition or "attachment"
        if not _WORD.fullmatch(word):
            raise BadPart("disposition", "The disposition of a part cannot be written.")
        filename = _named("name", "filename", leaf.name) if leaf.name else []
        fields.append(encoding.structured("Content-Disposition", [word, *filename], ";"))
    if leaf.cid is not None:
        if not _CID.fullmatch(leaf.cid):
            raise BadPart("cid", "The cid of a part cannot be written.")
        fields.append(encoding.structured("Content-ID", [f"<{leaf.cid}>"]))
    if leaf.languages:
        if not all(_WORD.fullmatch(each) for each in leaf.languages):
            raise BadPart("language", "The language of a part cannot be written.")
        fields.append(encoding.structured("Content-Language", list(leaf.languages), ","))
    if leaf.location is not None:
        if not _PLAIN.fullmatch(leaf.location):
            raise BadPart("location", "The location of a part cannot be written.")
        fields.append(encoding.structured("Content-Location", [leaf.location]))
    return fields


def _named(property_name: str, parameter: str, value: str) -> list[str]:
    try:
        return encoding.parameter(parameter, value)
    except encoding.InjectionError as error:
        raise BadPart(property_name, "The name of a part cannot be written.") from error


def _encoded(kind: str, octets: bytes, *, is_text: bool) -> tuple[bytes, bytes]:
    """The transfer encoding, and the octets in it: readable where they are text, and nothing is lost ever."""
    is_lines = _BREAK.sub(b"\r\n", octets) == octets
    longest = max(map(len, octets.split(b"\r\n")), default=0)
    strange = len(_NOT_TEXT.findall(octets))
    if is_lines and not strange and longest <= encoding.HARD_LINE:
        return b"7bit", octets
    if kind.startswith("message/"):  # RFC 2046 5.2.1: never base 64
        if not is_lines or b"\0" in octets or longest > encoding.HARD_LINE:
            raise BadPart("type", "A message with lines that are too long, or none, cannot be put into another.")
        return b"8bit", octets
    if is_text and is_lines and strange * 3 <= len(octets):
        return b"quoted-printable", binascii.b2a_qp(octets, istext=True)
    return b"base64", compose.lines_of_base64(octets)

"""The test of the body (RFC 5173)."""

from collections.abc import Iterator

from mailserver.mail import charset, headers, hypertext, structure, transfer
from mailserver.mail.sieve import matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature
from mailserver.mail.structure import Entity

MOST_CHARACTERS = 1 << 20  # of a body that are looked at
DEEPEST = 4  # messages inside one another
_GROUP = "body transform"
BODY = Signature(
    "body", (Kind.TEXTS,), "body",
    matching.OPTIONS | {
        "raw": Option(group=_GROUP), "text": Option(group=_GROUP), "content": Option(Kind.TEXTS, group=_GROUP),
    },
    complaint=matching.complaint,
)  # fmt: skip


def body(machine: Machine, arguments: Arguments) -> bool:
    """Whether the body, or a part of it, matches."""
    raw = machine.letter.read()
    if arguments.has("raw"):
        _, start = headers.split(raw)
        found = iter((charset.guess(raw[start : start + MOST_CHARACTERS]),))
    elif arguments.has("content"):
        kinds = [kind.lower() for kind in machine.texts(arguments.texts("content"))]
        found = _bounded(_parts(raw, kinds, 0))
    else:
        found = _bounded(_readable(raw))
    keys = machine.texts(arguments.texts(0))
    return matching.matches(machine, arguments, found, keys, remembers=False)


def _bounded(texts: Iterator[str]) -> Iterator[str]:
    room = MOST_CHARACTERS
    for text in texts:
        yield text[:room]
        room -= len(text)
        if room <= 0:
            return


def _readable(raw: bytes) -> Iterator[str]:
    """The texts as a person reads them."""
    for leaf in _leaves(raw):
        if leaf.content_type.startswith("text/"):
            text = _text(raw, leaf)
            yield hypertext.to_text(text) if leaf.content_type == "text/html" else text


def _parts(raw: bytes, kinds: list[str], depth: int) -> Iterator[str]:
    """The decoded parts of these types, those of messages inside it too (RFC 5173 5.2)."""
    for leaf in _leaves(raw):
        is_wanted = any(_fits(leaf.content_type, kind) for kind in kinds)
        if leaf.content_type == "message/rfc822":
            inner = b"".join(_octets(raw, leaf))
            _, start = headers.split(inner)
            if is_wanted:
                yield charset.guess(inner[: min(start, headers.MAX_BLOCK)])
            if depth < DEEPEST:
                yield from _parts(inner, kinds, depth + 1)
        elif is_wanted:
            yield _text(raw, leaf)


def _leaves(raw: bytes) -> list[Entity]:
    head, start = headers.split(raw)
    return structure.read(raw, head, start).root.leaves()


def _fits(content_type: str, kind: str) -> bool:
    """'' fits everything, `text` every text, `text/plain` itself; what is no type fits nothing."""
    if kind.startswith("/") or kind.endswith("/") or kind.count("/") > 1:
        return False
    return not kind or content_type == kind or ("/" not in kind and content_type.startswith(f"{kind}/"))


def _text(raw: bytes, leaf: Entity) -> str:
    return charset.decode(b"".join(_octets(raw, leaf)), leaf.parameters.get("charset"))


def _octets(raw: bytes, leaf: Entity) -> Iterator[bytes]:
    room = 4 * MOST_CHARACTERS
    for piece in transfer.decode(raw, leaf.offset, leaf.end, leaf.encoding):
        yield bytes(piece[:room])
        room -= len(piece)
        if room <= 0:
            return

"""Which leaves are the body a person reads, and which are attachments (after RFC 8621 4.1.4)."""

from dataclasses import dataclass, field

from mailserver.mail import parameters
from mailserver.mail.structure import Entity

_TEXTS = ("text/plain", "text/html")


@dataclass(slots=True)
class Chosen:
    """The leaves of the plain text and those of the HTML, each in order."""

    text: list[Entity] = field(default_factory=list)
    html: list[Entity] = field(default_factory=list)


def choose(root: Entity) -> Chosen:
    """Choose the readable leaves. Every plain text and every HTML that is meant to be read belongs to its list."""
    chosen = Chosen()
    _walk(root, chosen, "mixed", is_first=True)
    return chosen


def _walk(entity: Entity, chosen: Chosen, above: str, *, is_first: bool) -> None:
    if entity.parts:
        subtype = entity.content_type.partition("/")[2]
        for index, part in enumerate(entity.parts):
            if subtype == "report" and index > 0:  # RFC 6522 3: the first part is for people
                break
            _walk(part, chosen, subtype, is_first=index == 0)
    elif _is_readable(entity, above, is_first=is_first):
        (chosen.text if entity.content_type == "text/plain" else chosen.html).append(entity)


def _is_readable(entity: Entity, above: str, *, is_first: bool) -> bool:
    if entity.content_type not in _TEXTS:
        return False
    word, more = parameters.disposition(entity.headers.first(b"content-disposition"))
    if word is not None and word != "inline":
        return False
    has_name = "filename" in more or "name" in entity.parameters
    # A later text with a name is a file that its program did not bother to call one.
    return is_first or (above != "related" and not has_name)

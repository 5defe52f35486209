"""What the bytes of a message show of an Email (RFC 8621 4.1.2 to 4.1.4)."""

from typing import Any

from mailserver.jmap.email import parts, values
from mailserver.jmap.email.properties import CONVENIENCE, Wish
from mailserver.jmap.email.values import Room
from mailserver.mail import headers, message, structure
from mailserver.mail.header_forms import Wanted
from mailserver.mail.structure import Entity

_CONVENIENCE = {name: Wanted(text) for name, text in CONVENIENCE.items()}
_OF_BODY = frozenset({"bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments"})


def show(raw: bytes, blob_id: str, wish: Wish, room: Room) -> dict[str, Any]:
    """The properties that the bytes know. Never raises for what a stranger wrote."""
    head, start = headers.split(raw)
    shown: dict[str, Any] = {}
    for name in wish.properties:
        if name in _CONVENIENCE:
            shown[name] = _CONVENIENCE[name].value(head)
        elif name == "headers":
            shown[name] = parts.all_headers(head)
    for each in wish.headers:
        shown[each.text] = each.value(head)
    if _OF_BODY & set(wish.properties):
        _show_body(structure.read(raw, head, start).root, raw, blob_id, wish, room, shown)
    return shown


def summary(raw: bytes) -> dict[str, Any]:
    """What rows know of a stored message, of one that is not stored."""
    parsed = message.parse(raw)
    return {"hasAttachment": parsed.has_attachment, "preview": parsed.preview}


def _show_body(root: Entity, raw: bytes, blob_id: str, wish: Wish, room: Room, shown: dict[str, Any]) -> None:
    def one(entity: Entity) -> Any:
        return parts.part(entity, raw, blob_id, wish.body_properties, wish.body_headers)

    found = parts.bodies(root)
    if "bodyStructure" in wish.properties:
        whole = (*wish.body_properties, *(() if "subParts" in wish.body_properties else ("subParts",)))
        shown["bodyStructure"] = _without_empty(
            parts.part(root, raw, blob_id, whole, wish.body_headers), keep="subParts" in wish.body_properties
        )
    for name, entities in (("textBody", found.text), ("htmlBody", found.html), ("attachments", found.attachments)):
        if name in wish.properties:
            shown[name] = [one(entity) for entity in entities]
    if "bodyValues" in wish.properties:
        chosen: dict[str, Entity] = {}
        if wish.fetches_all:
            chosen |= {leaf.number: leaf for leaf in root.leaves()}
        if wish.fetches_text:
            chosen |= {leaf.number: leaf for leaf in found.text}
        if wish.fetches_html:
            chosen |= {leaf.number: leaf for leaf in found.html}
        shown["bodyValues"] = {
            number: values.value(raw, entity, wish.most_octets, room)
            for number, entity in chosen.items()
            if entity.content_type.startswith("text/")
        }


def _without_empty(part: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """Leave `subParts` out of leaves where the client did not ask for it."""
    if part.get("subParts") is None:
        if not keep:
            part.pop("subParts", None)
    else:
        part["subParts"] = [_without_empty(each, keep=keep) for each in part["subParts"]]
    return part

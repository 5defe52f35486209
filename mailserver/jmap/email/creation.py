"""A new Email as a client describes it: its fields, its tree, and the blobs that it needs (RFC 8621 4.6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailserver.jmap import errors
from mailserver.jmap.arguments import is_id
from mailserver.jmap.call import Call
from mailserver.jmap.email.properties import CONVENIENCE
from mailserver.mail import header_writing
from mailserver.mail.assembling import Branch, Leaf
from mailserver.mail.header_forms import BadProperty, Wanted
from mailserver.mail.header_writing import BadValue

MOST_PARTS = 500
DEEPEST = 20
_OTHER = frozenset({"mailboxIds", "keywords", "receivedAt", "bodyStructure", "bodyValues", "textBody", "htmlBody"})
_KNOWN = _OTHER | {"attachments"} | set(CONVENIENCE)
_SERVER_OWN = frozenset({"id", "blobId", "threadId", "size", "hasAttachment", "preview", "headers"})
_OF_PARTS = frozenset(
    {"partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location", "subParts"}
)
_WRITTEN = frozenset({"mime-version", "content-transfer-encoding"})
Blobs = Mapping[str, bytes]


@dataclass(slots=True)
class Plan:
    """A message to be written. `fields` are in the order in which they were given."""

    fields: list[bytes] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    root: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def blob_ids(self, call: Call) -> list[str]:
        """The blobs that its parts need."""
        return list(dict.fromkeys(call.meant(part["blobId"]) for part in _leaves(self.root) if part.get("blobId")))

    def tree(self, call: Call, blobs: Blobs) -> Leaf | Branch:
        """The tree with its content."""
        return _node(self, call, blobs, self.root, "bodyStructure")


def read(given: Mapping[str, Any]) -> Plan:
    """Check what a client describes; SetRefused names the properties at fault."""
    plan = Plan()
    for name, value in given.items():
        if name in _SERVER_OWN or not (name in _KNOWN or name.startswith("header:")):
            raise errors.invalid_property(name, "The property is the server's own, or unknown.")
        if name in CONVENIENCE:
            _add_field(plan, name, Wanted(CONVENIENCE[name]), value)
        elif name.startswith("header:"):
            _add_field(plan, name, _wanted(name), value)
    values = given.get("bodyValues") or {}
    if not isinstance(values, dict):
        raise errors.invalid_property("bodyValues", "An object of texts by their part ids.")
    for part_id, value in values.items():
        _check_value(part_id, value)
    plan.values = values
    plan.root = _root(given)
    _check_tree(plan)
    _claim_root(plan)
    return plan


def _claim_root(plan: Plan) -> None:
    """Fields of the outermost part stand in the message's own header: none of them is given twice."""
    for name, value in plan.root.items():
        if not name.startswith("header:"):
            continue
        wanted = _wanted(name)
        if value is None or (wanted.is_all and value == []):
            continue
        if wanted.name.lower() in plan.names:
            raise errors.invalid_property(f"bodyStructure/{name}", f"The field {wanted.name} is given twice.")
        plan.names.add(wanted.name.lower())


def _add_field(plan: Plan, property_name: str, wanted: Wanted, value: Any) -> None:
    name = wanted.name.lower()
    if value is None or (wanted.is_all and value == []):
        return
    if name in plan.names:
        raise errors.invalid_property(property_name, f"The field {wanted.name} is given twice.")
    if name.startswith("content-") or name in _WRITTEN:
        raise errors.invalid_property(property_name, "That field belongs to a part of the body.")
    plan.names.add(name)
    plan.fields += _written(property_name, wanted, value)


def _written(property_name: str, wanted: Wanted, value: Any) -> list[bytes]:
    if wanted.is_all and not isinstance(value, list):
        raise errors.invalid_property(property_name, "A list of values, one for each field.")
    try:
        return [header_writing.write(wanted.name, each, wanted.form) for each in (value if wanted.is_all else [value])]
    except BadValue as error:
        raise errors.invalid_property(property_name, str(error)) from error


def _wanted(name: str) -> Wanted:
    try:
        return Wanted(name)
    except BadProperty as error:
        raise errors.invalid_property(
            name, "There is no such header property, or the field has no such form."
        ) from error


def _check_value(part_id: str, value: Any) -> None:
    path = f"bodyValues/{part_id}"
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        raise errors.invalid_property(path, "A body value has a text.")
    if set(value) - {"value", "isEncodingProblem", "isTruncated"}:
        raise errors.invalid_property(path, "A body value has a text and nothing else.")
    wrong = [f"{path}/{name}" for name in ("isEncodingProblem", "isTruncated") if value.get(name)]
    if wrong:
        raise errors.SetRefused("invalidProperties", "A text that is cut or broken cannot be sent.", wrong)


def _root(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tree that is given, or the usual one around the texts and files that are given."""
    structure = given.get("bodyStructure")
    others = [name for name in ("textBody", "htmlBody", "attachments") if given.get(name) is not None]
    if structure is not None:
        if others:
            raise errors.SetRefused(
                "invalidProperties", "Either bodyStructure, or the bodies and attachments.", ["bodyStructure", *others]
            )
        if not isinstance(structure, dict):
            raise errors.invalid_property("bodyStructure", "A part is an object.")
        return structure
    text, html = _body(given, "textBody", "text/plain"), _body(given, "htmlBody", "text/html")
    attached = given.get("attachments") or []
    if not isinstance(attached, list) or not all(isinstance(each, dict) for each in attached):
        raise errors.invalid_property("attachments", "A list of parts.")
    files = [{"disposition": "attachment", **each} for each in attached]
    pictures = [each for each in files if html and each.get("cid") and each.get("disposition") == "inline"]
    files = [each for each in files if each not in pictures]
    if html and pictures:
        html = {"type": "multipart/related", "subParts": [html, *pictures]}
    bodies = [each for each in (text, html) if each]
    if len(bodies) == 2:
        bodies = [{"type": "multipart/alternative", "subParts": bodies}]
    if not files and bodies:
        return bodies[0]
    if not files:
        return {"type": "text/plain", "partId": None}
    return {"type": "multipart/mixed", "subParts": [*bodies, *files]}


def _body(given: Mapping[str, Any], name: str, kind: str) -> dict[str, Any] | None:
    parts = given.get(name)
    if parts is None or parts == []:
        return None
    if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
        raise errors.invalid_property(name, "A list of one part.")
    if parts[0].get("type", kind) != kind:
        raise errors.invalid_property(f"{name}/0/type", f"The type is {kind}.")
    return {"type": kind, **parts[0]}


def _check_tree(plan: Plan) -> None:
    number = 0
    stack: list[tuple[Any, int]] = [(plan.root, 1)]
    while stack:
        part, depth = stack.pop()
        number += 1
        if number > MOST_PARTS or depth > DEEPEST:
            raise errors.invalid_property("bodyStructure", f"At most {MOST_PARTS} parts and {DEEPEST} levels.")
        if not isinstance(part, dict):
            raise errors.invalid_property("bodyStructure", "A part is an object.")
        _check_part(plan, part, is_made_up=part is plan.root and "partId" in part and part["partId"] is None)
        if part.get("subParts") is not None:
            stack += [(each, depth + 1) for each in part["subParts"]]


def _check_part(plan: Plan, part: Mapping[str, Any], *, is_made_up: bool) -> None:
    for name in part:
        if name not in _OF_PARTS and not name.startswith("header:"):
            raise errors.invalid_property(f"bodyStructure/{name}", "The property is the server's own, or unknown.")
    kind = part.get("type", "text/plain")
    if not isinstance(kind, str):
        raise errors.invalid_property("bodyStructure/type", "A type is a string.")
    if kind.startswith("multipart/"):
        if part.get("partId") or part.get("blobId") or not isinstance(part.get("subParts"), list):
            raise errors.invalid_property("bodyStructure/subParts", "A multipart has subParts and nothing else.")
    elif part.get("subParts"):
        raise errors.invalid_property("bodyStructure/subParts", "Only a multipart has subParts.")
    elif not is_made_up:
        _check_content(plan, part, kind)


def _check_content(plan: Plan, part: Mapping[str, Any], kind: str) -> None:
    part_id, blob_id = part.get("partId"), part.get("blobId")
    if (part_id is None) == (blob_id is None):
        wrong = ["bodyStructure/partId", *(["bodyStructure/blobId"] if blob_id is not None else [])]
        raise errors.SetRefused("invalidProperties", "A part has either a partId or a blobId.", wrong)
    if part_id is None:
        if not is_id(blob_id):
            raise errors.invalid_property("bodyStructure/blobId", "A blob id is an id.")
        return
    if not isinstance(part_id, str) or part_id not in plan.values:
        raise errors.invalid_property("bodyStructure/partId", "There is no body value of that part id.")
    if not kind.startswith("text/"):
        raise errors.invalid_property("bodyStructure/type", "A part with a partId is a text.")
    for name in ("charset", "size"):
        if part.get(name) is not None:
            raise errors.invalid_property(f"bodyStructure/{name}", "The server says that of a text.")


def _leaves(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    stack = [part]
    while stack:
        each = stack.pop()
        if each.get("subParts"):
            stack += reversed(each["subParts"])
        else:
            yield each


def _node(plan: Plan, call: Call, blobs: Blobs, part: Mapping[str, Any], path: str) -> Leaf | Branch:
    kind = part.get("type", "text/plain")
    fields = _part_fields(part, path)
    if kind.startswith("multipart/"):
        inner = tuple(
            _node(plan, call, blobs, each, f"{path}/subParts/{index}") for index, each in enumerate(part["subParts"])
        )
        return Branch(kind.partition("/")[2], inner, tuple(fields))
    text = octets = None
    if part.get("blobId"):
        octets = blobs[call.meant(part["blobId"])]
    else:
        text = plan.values[part["partId"]]["value"] if part.get("partId") is not None else ""
    described = {name: _string(part, name, path) for name in ("name", "charset", "disposition", "cid", "location")}
    languages = part.get("language") or []
    if not isinstance(languages, list) or not all(isinstance(each, str) for each in languages):
        raise errors.invalid_property(f"{path}/language", "A list of languages.")
    return Leaf(kind, text, octets or b"", languages=tuple(languages), fields=tuple(fields), **described)


def _part_fields(part: Mapping[str, Any], path: str) -> list[bytes]:
    """The `header:` properties of a part."""
    fields: list[bytes] = []
    names: set[str] = set()
    own = {
        "content-type": "type", "content-disposition": "disposition", "content-id": "cid",
        "content-language": "language", "content-location": "location",
    }  # fmt: skip
    for name, value in part.items():
        if not name.startswith("header:") or value is None:
            continue
        wanted = _wanted(name)
        lower = wanted.name.lower()
        if lower in _WRITTEN or lower in names or lower in own:
            raise errors.invalid_property(f"{path}/{name}", "The field is given otherwise, or is the server's own.")
        names.add(lower)
        fields += _written(f"{path}/{name}", wanted, value)
    return fields


def _string(part: Mapping[str, Any], name: str, path: str) -> str | None:
    value = part.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.invalid_property(f"{path}/{name}", "A string, or null.")
    return value


def naming_blobs(given: Mapping[str, Any]) -> list[str]:
    """The properties of a body, checked by `read`, that name blobs: its parts have ids of their own (RFC 8620 6)."""
    names = []
    for name in ("bodyStructure", "textBody", "htmlBody", "attachments"):
        parts = given.get(name) or []
        if any(each.get("blobId") for each in _leaves({"subParts": parts if isinstance(parts, list) else [parts]})):
            names.append(name)
    return names


def missing(found: Blobs, wanted: Sequence[str]) -> list[str]:
    """The blobs that are not there."""
    return [each for each in wanted if each not in found]

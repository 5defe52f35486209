"""An Identity as clients see it, and as they write it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.submission import Identity, People
from mailserver.jmap import errors

PROPERTIES = ("id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete")
LONGEST = {"name": 200, "textSignature": 64 << 10, "htmlSignature": 64 << 10}
MOST_PEOPLE = 100
_FIELDS = {
    "name": "name", "replyTo": "reply_to", "bcc": "bcc", "textSignature": "text_signature",
    "htmlSignature": "html_signature",
}  # fmt: skip


def shown(identity: Identity) -> dict[str, Any]:
    """Every property."""
    return {
        "id": identifiers.encode(Kind.IDENTITY, identity.id),
        "name": identity.name,
        "email": identity.email,
        "replyTo": list(identity.reply_to) if identity.reply_to is not None else None,
        "bcc": list(identity.bcc) if identity.bcc is not None else None,
        "textSignature": identity.text_signature or "",
        "htmlSignature": identity.html_signature or "",
        "mayDelete": not identity.is_fixed,
    }


def created(given: Mapping[str, Any]) -> Identity:
    """A new identity."""
    unknown = [name for name in given if name not in PROPERTIES or name in ("id", "mayDelete")]
    if unknown:
        raise errors.SetRefused("invalidProperties", "The server says these itself, or knows them not.", unknown)
    if not isinstance(given.get("email"), str):
        raise errors.invalid_property("email", "An address.")
    made = Identity(0, 0, 0, given["email"], "", None, None, "", "", is_fixed=False)
    return changed(made, {name: value for name, value in given.items() if name != "email"})


def changed(identity: Identity, patch: Mapping[str, Any]) -> Identity:
    """An identity with a patch made to it; its address never changes."""
    present = shown(identity)
    fixed = [name for name, value in patch.items() if name not in _FIELDS and present.get(name, value) != value]
    unknown = [name for name in patch if name not in PROPERTIES]
    if fixed or unknown:
        raise errors.SetRefused("invalidProperties", "These stay as they are, or are unknown.", [*fixed, *unknown])
    values: dict[str, Any] = {}
    for name, value in patch.items():
        if name in ("replyTo", "bcc"):
            values[_FIELDS[name]] = _people(name, value)
        elif name in _FIELDS:
            values[_FIELDS[name]] = _text(name, value)
    return replace(identity, **values)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if (
        not isinstance(value, str)
        or len(value) > LONGEST[name]
        or (name == "name" and value and not value.isprintable())
    ):
        raise errors.invalid_property(name, f"A text of at most {LONGEST[name]:,} characters.")
    return value


def _people(name: str, value: Any) -> People | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_PEOPLE:
        raise errors.invalid_property(name, f"A list of at most {MOST_PEOPLE} people.")
    for each in value:
        if (
            not isinstance(each, dict)
            or set(each) - {"name", "email"}
            or not isinstance(each.get("email"), str)
            or not isinstance(each.get("name"), str | None)
        ):
            raise errors.invalid_property(name, "People, each with an email.")
    return tuple({"name": each.get("name"), "email": each["email"]} for each in value)

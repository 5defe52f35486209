"""The forms in which a client may ask for a header field (RFC 8621 4.1.2)."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from email import utils as email_utils
from enum import StrEnum
from typing import Any

from mailserver.mail import address_list, headers
from mailserver.mail.headers import Headers

_NAME = re.compile(r"[!-9;-~]{1,200}")
_URL = re.compile(r"<([^<>\s]{1,2000})>")
_FOLD = re.compile(rb"\r?\n")


class Form(StrEnum):
    """How the value of a field is shown."""

    RAW = "Raw"
    TEXT = "Text"
    ADDRESSES = "Addresses"
    GROUPED = "GroupedAddresses"
    IDS = "MessageIds"
    DATE = "Date"
    URLS = "URLs"


_FORMS = {
    Form.ADDRESSES: "from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to resent-cc "
    "resent-bcc",
    Form.TEXT: "subject comments keywords list-id",
    Form.IDS: "message-id in-reply-to references resent-message-id",
    Form.DATE: "date resent-date",
    Form.URLS: "list-help list-unsubscribe list-subscribe list-post list-owner list-archive",
}
_DEFINED = {name: form for form, names in _FORMS.items() for name in names.split()}
_DEFINED |= dict.fromkeys(("return-path", "received"), Form.RAW)


class BadProperty(ValueError):
    """The text is no `header:` property, or names a form that the field does not have."""


class Wanted:
    """A `header:name[:asForm][:all]` property."""

    __slots__ = ("form", "is_all", "name", "text")

    def __init__(self, text: str) -> None:
        pieces = text.split(":")
        if len(pieces) < 2 or pieces[0] != "header" or not _NAME.fullmatch(pieces[1]):
            raise BadProperty(text)
        rest = pieces[2:]
        self.is_all = bool(rest) and rest[-1] == "all"
        if self.is_all:
            rest.pop()
        if len(rest) > 1:
            raise BadProperty(text)
        self.text = text
        self.name = pieces[1]
        self.form = _form(rest[0], text) if rest else Form.RAW
        known = _DEFINED.get(self.name.lower())
        form = Form.ADDRESSES if self.form is Form.GROUPED else self.form
        if self.form is not Form.RAW and known is not None and form is not known:
            raise BadProperty(text)

    def value(self, head: Headers) -> Any:
        """What a header has for it: the last field of the name, or all of them in their order."""
        found = head.all(self.name)
        if self.is_all:
            return [shown(each, self.form) for each in found]
        return shown(found[-1], self.form) if found else None


def shown(value: bytes, form: Form) -> Any:
    """A field's value in a form; None where it cannot be read as that."""
    return _READERS[form](value)


def raw(value: bytes) -> str:
    """The value as it stands, its folds included."""
    return value.decode("utf-8", "replace").replace("\0", "")


def text(value: bytes) -> str:
    """The value unfolded and decoded."""
    return unicodedata.normalize("NFC", headers.decode(value))


def addresses(value: bytes) -> list[dict[str, str | None]]:
    """The people of an address list, out of their groups."""
    return [{"name": person.name, "email": person.address} for person in address_list.parse(value)]


def grouped(value: bytes) -> list[dict[str, Any]]:
    """The people of an address list in their groups."""
    return [
        {"name": name, "addresses": [{"name": person.name, "email": person.address} for person in people]}
        for name, people in address_list.groups(value)
    ]


def ids(value: bytes) -> list[str] | None:
    """Message ids without their brackets."""
    return [each[1:-1] for each in headers.message_ids(value)] or None


def date(value: bytes) -> str | None:
    """A date with the offset that it was written with (RFC 3339)."""
    milliseconds = headers.date_ms(value)
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the years that have four digits
        return None
    try:
        found = email_utils.parsedate_tz(_FOLD.sub(b"", value).decode("latin-1"))
    except (ValueError, IndexError, TypeError, OverflowError):
        found = None
    offset = (found[9] or 0) if found else 0
    if not offset or abs(offset) >= 86_400 or offset % 60:
        return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    try:
        return moment.astimezone(timezone(timedelta(seconds=offset))).isoformat(timespec="seconds")
    except OverflowError:
        return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def urls(value: bytes) -> list[str] | None:
    """The URLs in angle brackets (RFC 2369 2)."""
    return _URL.findall(re.sub(r"\([^()]*\)", "", raw(_FOLD.sub(b"", value)))) or None


def _form(word: str, whole: str) -> Form:
    if not word.startswith("as") or word[2:] not in set(Form):
        raise BadProperty(whole)
    return Form(word[2:])


_READERS: dict[Form, Any] = {
    Form.RAW: raw,
    Form.TEXT: text,
    Form.ADDRESSES: addresses,
    Form.GROUPED: grouped,
    Form.IDS: ids,
    Form.DATE: date,
    Form.URLS: urls,
}

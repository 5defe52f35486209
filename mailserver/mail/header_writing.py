"""Header fields written from the forms that a client gives them in (RFC 8621 4.1.2, 4.6)."""

import re
from calendar import timegm
from collections.abc import Callable, Sequence
from datetime import datetime
from email import utils as email_utils
from typing import Any

from mailserver.mail import address, encoding
from mailserver.mail.address import Person
from mailserver.mail.header_forms import Form

_LINES = re.compile(r"\r\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_UNFINISHED = re.compile(r"[^\s<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,254}")
_ID = re.compile(r"[^\s<>\x00-\x20\x7f]{1,900}")
_URL = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,900}")
_MOST = 2_000  # people, ids or URLs of one field
LONGEST = 64 << 10


class BadValue(ValueError):
    """The value cannot be written in that form."""


def write(name: str, value: Any, form: Form) -> bytes:
    """One field with its line end; BadValue where the value does not fit the form."""
    try:
        return _WRITERS[form](name, value)
    except (encoding.InjectionError, address.AddressError) as error:
        raise BadValue(str(error)) from error


def _raw(name: str, value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise BadValue(f"{name} must be a string.")
    encoding.check(name, "")
    plain = _LINES.sub("", value)
    if _CONTROL.search(plain.replace("\t", " ")):
        raise BadValue(f"{name} has a control character, or a line that is not folded.")
    if any(len(line.encode()) > encoding.HARD_LINE - len(name) - 2 for line in value.split("\r\n")):
        raise BadValue(f"{name} has a line that is too long.")
    if any(not line.strip() for line in value.split("\r\n")[1:]):
        raise BadValue(f"{name} has a line of blanks alone.")
    gap = "" if value.startswith((" ", "\t")) or not value else " "
    return f"{name}:{gap}{value}\r\n".encode()


def _text(name: str, value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise BadValue(f"{name} must be a string.")
    return encoding.text(name, value)


def _addresses(name: str, value: Any) -> bytes:
    return encoding.words(name, _list(name, _people(name, value)))


def _grouped(name: str, value: Any) -> bytes:
    if not isinstance(value, list) or len(value) > _MOST:
        raise BadValue(f"{name} must be a list of groups.")
    words: list[str] = []
    for index, group in enumerate(value):
        if not isinstance(group, dict) or set(group) - {"name", "addresses"}:
            raise BadValue(f"{name} must be a list of groups.")
        title = group.get("name")
        inner = _list(name, _people(name, group.get("addresses")))
        if title is not None:
            if not isinstance(title, str):
                raise BadValue(f"The name of a group in {name} must be a string.")
            start = encoding.phrase_words(name, title)
            inner = [*start[:-1], f"{start[-1]}:", *inner]
            inner[-1] += ";"
        if inner and index < len(value) - 1:
            inner[-1] += ","
        words += inner
    return encoding.words(name, words)


def _ids(name: str, value: Any) -> bytes:
    return encoding.structured(name, [f"<{each}>" for each in _strings(name, value, _ID)])


def _urls(name: str, value: Any) -> bytes:
    return encoding.structured(name, [f"<{each}>" for each in _strings(name, value, _URL)], ",")


def _date(name: str, value: Any) -> bytes:
    try:
        moment = datetime.fromisoformat(value)
        offset = moment.utcoffset()
        if offset is None or "T" not in value:
            raise BadValue(f"{name} must be a date with an offset.")
        timegm(moment.utctimetuple())
        return encoding.text(name, email_utils.format_datetime(moment.replace(microsecond=0)))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(f"{name} must be a date with an offset.") from error


def _people(name: str, value: Any) -> list[Person]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise BadValue(f"{name} must be a list of people.")
    people = []
    for each in value:
        if not isinstance(each, dict) or set(each) - {"name", "email"} or not isinstance(each.get("email"), str):
            raise BadValue(f"{name} must be a list of people, each with an email.")
        if not isinstance(each.get("name"), str | None):
            raise BadValue(f"The name of somebody in {name} must be a string, or null.")
        people.append(Person(each["email"].strip(), each.get("name") or None))
    return people


def _list(name: str, people: Sequence[Person]) -> list[str]:
    """People as words; what is no address yet may stand in a draft, as long as it breaks nothing."""
    words: list[str] = []
    for index, person in enumerate(people):
        try:
            route = str(address.parse(person.address))
        except address.AddressError as error:
            if not _UNFINISHED.fullmatch(person.address):
                raise BadValue(f"{name} has something that is no address.") from error
            route = person.address
        written = [*encoding.phrase_words(name, person.name), f"<{route}>"] if person.name else [route]
        if index < len(people) - 1:
            written[-1] += ","
        words += written
    return words


def _strings(name: str, value: Any, pattern: re.Pattern[str]) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise BadValue(f"{name} must be a list of strings.")
    for each in value:
        if not isinstance(each, str) or not pattern.fullmatch(each):
            raise BadValue(f"{name} has a value that cannot stand in angle brackets.")
    return value


_WRITERS: dict[Form, Callable[[str, Any], bytes]] = {
    Form.RAW: _raw,
    Form.TEXT: _text,
    Form.ADDRESSES: _addresses,
    Form.GROUPED: _grouped,
    Form.IDS: _ids,
    Form.URLS: _urls,
    Form.DATE: _date,
}

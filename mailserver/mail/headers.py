"""Header fields of a message: split, decode, and the values they hold (RFC 5322 2.2, RFC 2047)."""

import re
from calendar import timegm
from datetime import UTC, datetime
from email import utils as email_utils

from mailserver.mail import address_list, charset, words
from mailserver.mail.address import Person

MAX_BLOCK = 128 * 1024
MAX_FIELDS = 1_000
MAX_IDS = 1_000
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_NOT_FIELD = re.compile(rb"^(?![!-9;-~]++[ \t]*+:)[^ \t\r\n]", re.MULTILINE)
_DELIMITER = re.compile(rb"^--[^\n]", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n")
_CONTROL = re.compile("[\x00-\x1f\x7f]+")
_ID = re.compile(rb"<([^<>]{1,998}+)>")
_SPACE = re.compile(rb"\s+")
_DATE = re.compile(
    rb"\s*(?:[A-Za-z]{3},)?\s*(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{2,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?"
    rb"\s*(?:([+-])(\d{2})(\d{2})|(UT|UTC|GMT|Z)\b)"
)
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_MAX_DATE = 200


class Headers:
    """The fields of one header block in their order. Names compare without case; values are raw, folds included."""

    __slots__ = ("_index", "defects", "fields")

    def __init__(self, fields: tuple[tuple[bytes, bytes], ...], defects: tuple[str, ...] = ()) -> None:
        self.fields = fields
        self.defects = defects
        index: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            name = name.lower()  # noqa: PLW2901 - the hottest loop of an accept
            if name in index:
                index[name].append(value)
            else:
                index[name] = [value]
        self._index = index

    def all(self, name: bytes | str) -> list[bytes]:
        """Every value of a field, from the top."""
        return list(self._index.get(_key(name), ()))

    def first(self, name: bytes | str) -> bytes | None:
        """The topmost value of a field."""
        values = self._index.get(name) if type(name) is bytes else None
        if values is None:
            values = self._index.get(_key(name))
        return values[0] if values else None

    def text(self, name: bytes | str) -> str:
        """The topmost value, unfolded and decoded; '' where there is none."""
        values = self._index.get(_key(name))
        return decode(values[0]) if values else ""

    def count(self, name: bytes | str) -> int:
        """How many times a field stands there."""
        return len(self._index.get(_key(name), ()))


def _key(name: bytes | str) -> bytes:
    return (name.encode("ascii", "replace") if isinstance(name, str) else name).lower()


def split(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Headers, int]:
    """Split an entity into its header fields and the offset of its body. What breaks a limit is left out and told."""
    limit = len(raw) if end is None else end
    stop, body = _border(raw, start, limit)
    defects: tuple[str, ...] = ()
    if stop - start > MAX_BLOCK:
        stop = start + MAX_BLOCK
        defects = ("The header is longer than 128 KB; the rest of it was not read.",)
    block = raw[start:stop]
    strange = _NOT_FIELD.search(block)
    if strange is not None:
        delimiter = _DELIMITER.search(block, strange.start())
        if delimiter is not None:  # the blank line is missing, and the multipart has begun
            body = start + strange.start()
            block = block[: strange.start()]
        defects += ("The header has a line that is no field.",)
    found = _FIELD.findall(block)
    if len(found) > MAX_FIELDS:
        del found[MAX_FIELDS:]
        defects += ("The header has more than 1,000 fields; the rest was not read.",)
    return Headers(
        tuple([(name, value[:-1] if value.endswith(b"\r") else value) for name, value in found]), defects
    ), body


def _border(raw: bytes, start: int, limit: int) -> tuple[int, int]:
    """Find where the header stops and where the body starts."""
    if raw.startswith(b"\r\n", start, limit):
        return start, start + 2
    if raw.startswith(b"\n", start, limit):
        return start, start + 1
    crlf = raw.find(b"\n\r\n", start, limit)
    bare = raw.find(b"\n\n", start, limit if crlf < 0 else crlf)
    if bare >= 0:
        return bare + 1, bare + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    # No blank line at all: the body starts with the first line that cannot be a field, the mbox line aside.
    skip = 0 if not raw.startswith(b"From ", start, limit) else raw.find(b"\n", start, limit) + 1 - start
    strange = _NOT_FIELD.search(raw[start + skip : min(limit, start + MAX_BLOCK)]) if skip >= 0 else None
    return (start + skip + strange.start(),) * 2 if strange else (limit, limit)


def decode(value: bytes) -> str:
    """Unfold a value and decode its encoded words; bytes outside ASCII are read as UTF-8, else as Windows-1252."""
    return words.decode(value)


def people(value: bytes | None) -> tuple[Person, ...]:
    """Read an address list (RFC 5322 3.4)."""
    return address_list.parse(value)


def message_ids(value: bytes | None) -> tuple[str, ...]:
    """Read the ids of a Message-ID, In-Reply-To or References field, with their angle brackets (RFC 5322 3.6.4)."""
    if not value:
        return ()
    found = _ID.findall(value[:MAX_BLOCK])
    if not found and b"<" not in value:  # some programs leave the brackets out
        found = [word for word in re.split(rb"[\s,;]+", value[:MAX_BLOCK]) if b"@" in word and len(word) < 998]
    ids = []
    for each in found[:MAX_IDS]:
        plain = charset.guess(_SPACE.sub(b"", each))
        plain = plain if plain.isprintable() else _CONTROL.sub("", plain)
        if plain:
            ids.append(f"<{plain}>")
    return tuple(ids)


def date_ms(value: bytes | None) -> int | None:
    """Read a date as unix milliseconds; None where it cannot be read (RFC 5322 3.3, obsolete forms of 4.3 included)."""
    if not value or len(value) > _MAX_DATE:
        return None
    found = _DATE.match(value)
    if found is None:
        return _other_date(value)
    day, name, year, hour, minute, second, sign, zone_hours, zone_minutes, _ = found.groups()
    month = _MONTHS.get(name.lower())
    if month is None:
        return None
    offset = 0
    if sign:
        offset = (int(zone_hours) * 60 + int(zone_minutes)) * (-60 if sign == b"-" else 60)
    return _ms(_year(year), month, int(day), int(hour), int(minute), int(second or 0), offset)


def _year(digits: bytes) -> int:
    number = int(digits)
    if len(digits) == 2:
        return number + (2000 if number < 50 else 1900)  # RFC 5322 4.3
    return number + 1900 if len(digits) == 3 else number


def _ms(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int) -> int | None:
    if abs(offset) > 24 * 3600:
        offset = 0
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return (timegm(moment.timetuple()) - offset) * 1000


def _other_date(value: bytes) -> int | None:
    try:
        found = email_utils.parsedate_tz(_FOLD.sub(b"", value).decode("latin-1"))
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if found is None or found[0] < 1900:
        return None
    return _ms(found[0], found[1], found[2], found[3], found[4], found[5], found[9] or 0)

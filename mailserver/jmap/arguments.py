"""The arguments of a method call, read with their types (RFC 8620 1.2 to 1.4)."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mailserver.jmap import errors

LARGEST = 2**53 - 1
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_UTC_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")


class Arguments:
    """What a client gave. Each reader refuses another type than its own; `finish` refuses what nobody has read."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def value(self, name: str) -> Any:
        """An argument of any type; None where it is missing."""
        self._read.add(name)
        return self._given.get(name)

    def all(self) -> dict[str, Any]:
        """Every argument as it came."""
        return dict(self._given)

    def finish(self) -> None:
        """Refuse arguments that the method does not know."""
        unknown = sorted(set(self._given) - self._read)
        if unknown:
            raise errors.invalid(f"The method has no argument {unknown[0][:100]}.", *unknown)

    def id(self, name: str) -> str:
        """An id that must be there."""
        given = self.value(name)
        if not is_id(given):
            raise errors.invalid(f"{name} must be an id.", name)
        return str(given)

    def ids(self, name: str) -> list[str] | None:
        """A list of ids, or None."""
        given = self.value(name)
        if given is None:
            return None
        if not isinstance(given, list) or not all(map(is_id, given)):
            raise errors.invalid(f"{name} must be a list of ids, or null.", name)
        return given

    def strings(self, name: str) -> list[str] | None:
        """A list of strings, or None."""
        given = self.value(name)
        if given is None:
            return None
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise errors.invalid(f"{name} must be a list of strings, or null.", name)
        return given

    def string(self, name: str) -> str | None:
        """A string, or None."""
        given = self.value(name)
        if given is not None and not isinstance(given, str):
            raise errors.invalid(f"{name} must be a string, or null.", name)
        return given

    def state(self, name: str) -> str:
        """A state that must be there."""
        given = self.value(name)
        if not isinstance(given, str):
            raise errors.invalid(f"{name} must be a state.", name)
        return given

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """True or False; the default where it is missing."""
        given = self.value(name)
        if given is None and (name not in self._given or default is False):
            return default
        if not isinstance(given, bool):
            raise errors.invalid(f"{name} must be true or false.", name)
        return given

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number."""
        given = self.value(name)
        if given is None:
            return default
        if isinstance(given, bool) or not isinstance(given, int) or abs(given) > LARGEST:
            raise errors.invalid(f"{name} must be a whole number.", name)
        return given

    def unsigned(self, name: str) -> int | None:
        """A whole number that is not negative, or None."""
        given = self.value(name)
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= LARGEST:
            raise errors.invalid(f"{name} must be a whole number, not negative, or null.", name)
        return given

    def positive(self, name: str) -> int | None:
        """A whole number above zero, or None."""
        given = self.unsigned(name)
        if given == 0:
            raise errors.invalid(f"{name} must be above zero.", name)
        return given

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object, or None."""
        given = self.value(name)
        if given is not None and not isinstance(given, dict):
            raise errors.invalid(f"{name} must be an object, or null.", name)
        return given

    def properties(self, known: Iterable[str], default: Iterable[str] | None = None) -> list[str]:
        """The properties of a /get, the id among them; every known one where none are named."""
        asked = self.strings("properties")
        if asked is None:
            return list(known if default is None else default)
        every = set(known)
        unknown = [name for name in asked if name not in every]
        if unknown:
            raise errors.invalid(f"There is no property {unknown[0][:100]}.", "properties")
        return ["id", *dict.fromkeys(name for name in asked if name != "id")]


def is_id(given: object) -> bool:
    """Whether a value is an id, or a reference to a creation id."""
    return isinstance(given, str) and _ID.fullmatch(given.removeprefix("#")) is not None


def utc_ms(text: object) -> int | None:
    """A UTCDate as unix milliseconds; None for what is none."""
    if not isinstance(text, str) or not _UTC_DATE.fullmatch(text):
        return None
    return _ms(text)


def date_ms(text: object) -> int | None:
    """A Date, with any offset, as unix milliseconds; None for what is none."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return None
    return _ms(text)


def utc_date(milliseconds: int) -> str:
    """Unix milliseconds as a UTCDate."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _ms(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None

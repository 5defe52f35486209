"""Times and lengths as people say them: "in 2 hours", "next Monday", "tomorrow at 15:30", "PT30M", "30 minutes"."""

import re
from datetime import datetime, timedelta

LONGEST = 100
_UNITS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600,
    "d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800,
}  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ISO = re.compile(r"P(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?", re.IGNORECASE)
_SPAN = re.compile(r"(an?|\d{1,7}) ?([a-z]+?)s?")
_DAY = re.compile(r"(?:(next|on|this) )?([a-z]+)(?: at)?(?: (\d{1,2})(?::(\d\d))? ?(am|pm)?)?")


def span(text: str) -> timedelta | None:
    """A length of time in ISO 8601 or in words; None for what is neither."""
    words = " ".join(text[:LONGEST].lower().split())
    found = _ISO.fullmatch(words)
    if found is not None and any(found.groups()):
        weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    parts = [_SPAN.fullmatch(part) for part in re.split(r", | and ", words)]
    total = 0
    for part in parts:
        if part is None or part[2] not in _UNITS:
            return None
        total += (1 if part[1].startswith("a") else int(part[1])) * _UNITS[part[2]]
    return timedelta(seconds=total)


def moment(text: str, now: datetime) -> datetime | None:
    """A time in words, seen from now and in its zone; None for what is none."""
    words = " ".join(text[:LONGEST].lower().split())
    if words == "now":
        return now
    if words.startswith("in "):
        length = span(words[3:])
        return now + length if length is not None else None
    found = _DAY.fullmatch(words)
    if found is None:
        return None
    day = _day(found[1], found[2], now)
    clock = _clock(found[3], found[4], found[5])
    if day is None or clock is None:
        return None
    return day.replace(hour=clock[0], minute=clock[1], second=0, microsecond=0)


def _day(before: str | None, word: str, now: datetime) -> datetime | None:
    if word in ("today", "tomorrow") and before is None:
        return now + timedelta(days=int(word == "tomorrow"))
    if before == "next" and word == "week":
        return now + timedelta(days=7 - now.weekday())
    if word in _DAYS:
        return now + timedelta(days=(_DAYS.index(word) - now.weekday() - 1) % 7 + 1)
    return None


def _clock(hour: str | None, minute: str | None, half: str | None) -> tuple[int, int] | None:
    """The hour and minute; nine in the morning where none is said."""
    if hour is None:
        return 9, 0
    hours, minutes = int(hour), int(minute or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half == "pm" else 0)
    return (hours, minutes) if hours < 24 and minutes < 60 else None

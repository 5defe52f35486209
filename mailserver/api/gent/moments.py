"""Times and durations of calendars and tasks: ISO 8601, or as people say them."""

from datetime import UTC, datetime, tzinfo

from mailserver.api.gent import times
from mailserver.entities import errors
from mailserver.mail import spoken_dates


def read(text: str | None, local: tzinfo | None, field: str) -> int | None:
    """Unix milliseconds of a time; one without an offset, and one in words, is in the zone."""
    if text is None:
        return None
    said = spoken_dates.moment(text, datetime.now(local or UTC))
    if said is None:
        return times.read(text, local, field)
    return int(said.timestamp() * 1000)


def duration(text: str | None) -> int | None:
    """The milliseconds of `PT30M` or `30 minutes`."""
    if text is None:
        return None
    length = spoken_dates.span(text)
    if length is None:
        sentence = "Write a duration such as PT30M or 30 minutes."
        raise errors.Invalid("duration cannot be read.", duration=sentence)
    return int(length.total_seconds() * 1000)


def written(milliseconds: int) -> str:
    """A duration as ISO 8601 writes it."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number)
    day = f"{days}D" if days else ""
    return f"P{day}T{clock}" if clock else f"P{day}" if day else "PT0S"

"""Times as this face writes and reads them: local to the inbox where it has a zone, else UTC with Z."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailserver.entities import errors


def zone(name: str | None) -> tzinfo | None:
    """The zone of an inbox; None where it has none, or one that this machine does not know."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def write(milliseconds: int, local: tzinfo | None) -> str:
    """`2026-05-20T08:14:00` in the zone, `2026-05-20T08:14:00Z` without one."""
    moment = datetime.fromtimestamp(milliseconds / 1000, local or UTC)
    text = moment.isoformat()[:19]
    return text if local else f"{text}Z"


def read(text: str | None, local: tzinfo | None, field: str) -> int | None:
    """Unix milliseconds of an ISO 8601 date or time; one without an offset is in the zone of the inbox."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        sentence = "Write a date such as 2026-05-20 or a time such as 2026-05-20T08:14:00."
        raise errors.Invalid(f"{field} is not a time that can be read.", **{field: sentence}) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=local or UTC)
    try:
        return int(moment.timestamp() * 1000)
    except OverflowError as error:  # the first or last day of the calendar, in a zone
        raise errors.Invalid(f"{field} is too far away.", **{field: "The time is too far away."}) from error

"""When a submission wants to leave, to be there, and to be put first (RFC 4865, RFC 2852, RFC 6710)."""

import datetime as dt
import re

from mailserver.mail.envelope import DeliverBy

KEYWORDS = frozenset(("HOLDFOR", "HOLDUNTIL", "BY", "MT-PRIORITY"))
_SECONDS = re.compile(r"[0-9]{1,9}")  # RFC 4865 3
# RFC 3339 5.6, with capitals as RFC 4865 3 has them.
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_BY = re.compile(r"([+-]?[0-9]{1,9});([NR])(T?)", re.IGNORECASE)  # RFC 2852 4
_PRIORITY = re.compile(r"-?[1-9]|0")  # RFC 6710 3


class WishMalformed(ValueError):
    """The value cannot be read."""


def hold_for(value: str | None, now: int) -> int:
    """The time until which HOLDFOR keeps a message."""
    if value is None or not _SECONDS.fullmatch(value):
        raise WishMalformed(value)
    return now + int(value) * 1000


def hold_until(value: str | None) -> int:
    """The time that HOLDUNTIL names; one that has gone by holds nothing."""
    found = _DATE_TIME.fullmatch(value or "")
    if not found:
        raise WishMalformed(value)
    try:
        at = dt.datetime.fromisoformat(found[1] + found[3])
    except ValueError as error:
        raise WishMalformed(value) from error
    return int(at.timestamp()) * 1000


def by(value: str | None, now: int) -> DeliverBy:
    """What BY asks for. Only a message that goes on being tried may be late already."""
    found = _BY.fullmatch(value or "")
    if not found:
        raise WishMalformed(value)
    seconds, is_returned = int(found[1]), found[2].upper() == "R"
    if is_returned and seconds <= 0:  # RFC 2852 4
        raise WishMalformed(value)
    return DeliverBy(now + seconds * 1000, is_returned, bool(found[3]))


def priority(value: str | None) -> int:
    """What MT-PRIORITY asks for."""
    if value is None or not _PRIORITY.fullmatch(value):
        raise WishMalformed(value)
    return int(value)


def last_release(now: float, longest_seconds: int) -> str:
    """The latest time that HOLDUNTIL may name, as EHLO shows it; whole minutes, so that the answer seldom changes."""
    at = dt.datetime.fromtimestamp((now + longest_seconds) // 60 * 60, dt.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"

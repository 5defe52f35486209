"""Something that takes place at a time, as a message speaks of it."""

import re
from dataclasses import dataclass

from mailserver.mail.address import Person

LONGEST_TITLE = 200
LONGEST_PLACE = 300
LONGEST_TEXT = 2_000
MOST_PEOPLE = 50
HOUR_MS = 3_600_000
LONGEST_MS = 366 * 24 * HOUR_MS
_SPACES = re.compile(r"\s+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Occasion:
    """A meeting, journey, stay or other event. Unix milliseconds."""

    title: str
    start_at: int
    end_at: int
    location: str | None = None
    description: str | None = None
    participants: tuple[Person, ...] = ()


def line(text: str, longest: int) -> str:
    """One line of what a stranger wrote: no controls, no more than so many letters."""
    return _SPACES.sub(" ", _CONTROL.sub(" ", text[: longest * 4])).strip()[:longest].rstrip()


def paragraphs(text: str, longest: int = LONGEST_TEXT) -> str:
    """Several lines of what a stranger wrote."""
    return _CONTROL.sub(" ", text[: longest * 2].replace("\r\n", "\n").replace("\r", "\n")).strip()[:longest].rstrip()


def made(
    title: str, start_at: int, end_at: int | None, location: str | None = None, description: str | None = None,
    participants: tuple[Person, ...] = (),
) -> Occasion:  # fmt: skip
    """An occasion of strangers' words; one without an end, or with an impossible one, lasts an hour."""
    if end_at is None or not 0 <= end_at - start_at <= LONGEST_MS:
        end_at = start_at + HOUR_MS
    return Occasion(
        line(title, LONGEST_TITLE), start_at, end_at, line(location or "", LONGEST_PLACE) or None,
        paragraphs(description or "") or None, participants[:MOST_PEOPLE],
    )  # fmt: skip

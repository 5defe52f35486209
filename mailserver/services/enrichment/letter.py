"""A message as enrichment reads it: its own words, what it tells machines, and the words that it is recognised by."""

from dataclasses import dataclass

from mailserver.mail import charset, hypertext, message, quoting, sample, stop_words, tokens
from mailserver.mail.address import Person
from mailserver.mail.message import Parsed

MAX_BYTES = 1 << 20  # of a message's file that are looked at
MAX_TEXT = 32 * 1024
MAX_HTML = 128 * 1024  # that is read for words; what it tells machines is looked for further on
MOST_CALENDARS = 3
MOST_WORDS = 150
_CALENDARS = ("text/calendar", "application/ics")
_KINDS = ("from", "name", "url", "subject", "file", "long")  # of tokens that say what a message is about


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says. `words` are in no order that matters."""

    subject: str
    author: Person
    to: tuple[Person, ...]
    people: tuple[Person, ...]
    text: str
    html: str
    calendars: tuple[str, ...]
    words: tuple[str, ...]


def read(raw: bytes) -> Letter:
    """Read the first megabyte of a message. Blocks for some milliseconds."""
    raw = raw[:MAX_BYTES]
    parsed = message.parse(raw)
    author = parsed.sender[0] if parsed.sender else Person("", None)
    to = (*parsed.to, *parsed.cc)
    return Letter(
        parsed.subject[:1000], author, to[:20], tuple(dict.fromkeys((*parsed.sender, *to)))[:20], _own_words(parsed),
        parsed.html or "", _calendars(raw, parsed), recognised(raw),
    )  # fmt: skip


def recognised(raw: bytes) -> tuple[str, ...]:
    """The words by which a message is like others."""
    found = []
    for token in tokens.of(sample.read(raw)):
        kind, colon, word = token.partition(":")
        if colon and kind not in _KINDS:
            continue
        if (word if colon else token) not in stop_words.WORDS:
            found.append(token)
        if len(found) >= MOST_WORDS:
            break
    return tuple(found)


def _own_words(parsed: Parsed) -> str:
    """The new text, without what is quoted and signed."""
    text = parsed.text
    if text is None or not text.strip():
        text = hypertext.to_text(parsed.html[:MAX_HTML]) if parsed.html else ""
    return quoting.extract_text(text[:MAX_TEXT])


def _calendars(raw: bytes, parsed: Parsed) -> tuple[str, ...]:
    parts = [part for part in parsed.parts if part.content_type in _CALENDARS][:MOST_CALENDARS]
    return tuple(charset.decode(message.part(raw, part.number)[:MAX_BYTES], part.charset or "utf-8") for part in parts)

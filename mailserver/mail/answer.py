"""Derive recipients, subject and references of a reply or forward (RFC 5322 3.6.3, 3.6.4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.mail import address
from mailserver.mail.address import AddressError, Person
from mailserver.mail.message import Parsed

LAST_REFERENCES = 20
_IS_ANSWER = re.compile(r"\s*re(?:\[\d{1,3}\])?\s*:", re.IGNORECASE)
_IS_FORWARD = re.compile(r"\s*fwd?\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an original gives to the message that answers it."""

    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    subject: str
    in_reply_to: str | None
    references: tuple[str, ...]


def reply(original: Parsed, me: set[str], to_all: bool) -> Answer:  # noqa: FBT001 - the question every caller asks
    """Address an answer. `me` holds the normal forms of the answerer's own addresses, which get no copy.

    An answer to one's own message goes on to the people that it was written to.
    """
    seen = set(me)
    is_mine = any(_normal(person) in me for person in original.sender)
    to = _new(original.to if is_mine else (original.reply_to or original.sender), seen)
    if not to and not is_mine:
        to = _new(original.sender, seen)
    if not to:  # somebody who writes to himself
        to = _new(original.reply_to or original.sender, set())
    cc = _new((*(() if is_mine else original.to), *original.cc), seen) if to_all else ()
    return Answer(to, cc, answer_subject(original.subject), original.header_id, references(original))


def answer_subject(subject: str) -> str:
    """Put `Re: ` before a subject that has it not yet."""
    return subject if _IS_ANSWER.match(subject) else f"Re: {subject}".rstrip()


def forward_subject(subject: str) -> str:
    """Put `Fwd: ` before a subject that has it not yet."""
    return subject if _IS_FORWARD.match(subject) else f"Fwd: {subject}".rstrip()


def references(original: Parsed) -> tuple[str, ...]:
    """Make the References of an answer; of a long conversation the first id and the last twenty stay."""
    ids = dict.fromkeys(original.references or ((original.in_reply_to,) if original.in_reply_to else ()))
    if original.header_id:
        ids.pop(original.header_id, None)
        ids[original.header_id] = None
    names = tuple(ids)
    return names if len(names) <= LAST_REFERENCES + 1 else (names[0], *names[-LAST_REFERENCES:])


def _normal(person: Person) -> str | None:
    try:
        return address.parse(person.address).normal
    except AddressError:
        return None


def _new(persons: Iterable[Person], seen: set[str]) -> tuple[Person, ...]:
    """Keep those who can be written to and are not in `seen`, and add them to it."""
    kept = []
    for person in persons:
        normal = _normal(person)
        if normal is not None and normal not in seen:
            seen.add(normal)
            kept.append(person)
    return tuple(kept)

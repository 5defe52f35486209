"""vCards (RFC 6350, and the older 2.1 and 3.0): who somebody is, as address books exchange it."""

import re
from dataclasses import dataclass
from typing import Any

import vobject

MOST_CARDS = 5_000
_DAY = re.compile(r"(\d{4}|--)-?(\d\d)-?(\d\d)(?:T.*)?")


vobject.base.logger.disabled = True  # it writes every line that it skips, which is what people wrote


class BadCard(ValueError):
    """The text has a card that cannot be read."""


@dataclass(frozen=True, slots=True)
class Person:
    """What a card says; addresses and numbers each with what they are for, days each with their kind."""

    full_name: str
    emails: tuple[tuple[str, str | None], ...] = ()
    phones: tuple[tuple[str, str | None], ...] = ()
    notes: str | None = None
    days: tuple[tuple[str, str], ...] = ()


def read(text: str) -> list[Person]:
    """Every card of a file, those without a name or an address left out; BadCard for what is no vCard."""
    people = []
    try:
        for number, card in enumerate(vobject.readComponents(text, ignoreUnreadable=True)):
            if number >= MOST_CARDS:
                raise BadCard(f"There are more than {MOST_CARDS:,} cards.")
            if card.name != "VCARD":
                raise BadCard(f"{str(card.name)[:50]} is no vCard.")
            person = _person(card.contents)
            if person is not None:
                people.append(person)
    except (vobject.base.VObjectError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise BadCard(str(error)[:200]) from error  # the parser has no one error for what it cannot read
    return people


def write(person: Person) -> bytes:
    """A card, as vCard 3.0, which everything reads."""
    card = vobject.vCard()
    card.add("fn").value = person.full_name
    given, _, family = person.full_name.rpartition(" ")
    card.add("n").value = vobject.vcard.Name(family=family, given=given)
    for field, some in (("email", person.emails), ("tel", person.phones)):
        for value, label in some:
            one = card.add(field)
            one.value = value
            if label:
                one.type_param = re.sub(r"[^A-Za-z0-9-]", "-", label)
    if person.notes:
        card.add("note").value = person.notes
    for kind, day in person.days:
        if kind == "birthday":
            card.add("bday").value = day
        else:
            one = card.add("x-anniversary")
            one.value = day
            one.type_param = re.sub(r"[^A-Za-z0-9-]", "-", kind)
    content: str = card.serialize()
    return content.encode()


def _person(contents: dict[str, list[Any]]) -> Person | None:
    emails, phones = _values(contents.get("email", ())), _values(contents.get("tel", ()))
    name = _first(contents, "fn") or _first(contents, "n") or (emails[0][0] if emails else "")
    if not name:
        return None
    notes = "\n".join(str(each.value).strip() for each in contents.get("note", ()))
    days = [("birthday", day) for day in (_day(each.value) for each in contents.get("bday", ())) if day]
    for field in ("anniversary", "x-anniversary"):
        for each in contents.get(field, ()):
            day = _day(each.value)
            if day:
                days.append(((_label(each) or "anniversary").lower(), day))
    return Person(name, emails, phones, notes or None, tuple(days))


def _first(contents: dict[str, list[Any]], field: str) -> str | None:
    return next((text for each in contents.get(field, ()) if (text := " ".join(str(each.value).split()))), None)


def _values(some: Any) -> tuple[tuple[str, str | None], ...]:
    return tuple((value, _label(each)) for each in some if (value := str(each.value).strip()))


def _label(one: Any) -> str | None:
    kinds = [str(each).lower() for each in one.params.get("TYPE", ()) if str(each).lower() not in ("internet", "pref")]
    return kinds[0][:50] if kinds else None


def _day(value: Any) -> str | None:
    found = _DAY.fullmatch(str(value).strip())
    if found is None:
        return None
    return f"--{found[2]}-{found[3]}" if found[1] == "--" else f"{found[1]}-{found[2]}-{found[3]}"

"""Contacts as a table of comma-separated values: the columns that Google, Outlook and people write."""

import csv
import io
import re
from collections.abc import Iterable

from mailserver.mail.vcard import MOST_CARDS, BadCard, Person

_NAMES = ("full_name", "full name", "name", "display name", "file as")
_PARTS = (("first name", "given name", "first_name"), ("last name", "family name", "surname", "last_name"))
_NOTES = ("notes", "note")
LONGEST_FIELD = 131_072  # the csv module's own bound
_EACH = 5  # addresses and phone numbers that are written; a vCard has them all
_HEADER = (
    "full_name", *(f"email {number}" for number in range(1, _EACH + 1)),
    *(f"phone {number}" for number in range(1, _EACH + 1)), "notes",
)  # fmt: skip
_FORMULA = re.compile(r"[=+\-@\t\r]")
_PHONE = re.compile(r"\+[0-9 ()/.-]+")


def header() -> str:
    """The first line of a table that `rows` goes on with."""
    return _lines([_HEADER])


def rows(people: Iterable[Person]) -> str:
    """People as lines; what a spreadsheet would take for a formula is written as text."""
    return _lines([_row(person) for person in people])


def read(text: str) -> list[Person]:
    """Every row that names somebody; BadCard where no column is one that is known."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        emails = [number for number, name in enumerate(header) if _is_address(name)]
        phones = [number for number, name in enumerate(header) if _is_phone(name)]
        if not emails and not any(name in header for name in _NAMES):
            raise BadCard("The first line must name the columns, such as: full_name,email,phone,notes")
        people: list[Person] = []
        for row in reader:
            if len(people) >= MOST_CARDS:
                raise BadCard(f"There are more than {MOST_CARDS:,} rows.")
            person = _person(header, row, emails, phones)
            if person is not None:
                people.append(person)
    except csv.Error as error:
        raise BadCard(str(error)) from error
    return people


def _row(person: Person) -> tuple[str, ...]:
    emails, phones = ([value for value, _ in some[:_EACH]] for some in (person.emails, person.phones))
    cells = (
        person.full_name, *emails, *[""] * (_EACH - len(emails)), *phones, *[""] * (_EACH - len(phones)),
        person.notes or "",
    )  # fmt: skip
    return tuple(f"'{cell}" if _FORMULA.match(cell) and not _PHONE.fullmatch(cell) else cell for cell in cells)


def _lines(some: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(some)
    return text.getvalue()


def _read_cell(cell: str) -> str:
    """A cell as its writer meant it."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def _person(header: list[str], row: list[str], emails: list[int], phones: list[int]) -> Person | None:
    cells = dict(zip(header, map(_read_cell, row), strict=False))
    addresses = _cells(row, emails)
    parts = [next((cells[name] for name in names if cells.get(name)), "") for names in _PARTS]
    name = next((cells[name] for name in _NAMES if cells.get(name)), "") or " ".join(filter(None, parts))
    if not name and not addresses:
        return None
    notes = next((cells[name] for name in _NOTES if cells.get(name)), None)
    return Person(name or addresses[0][0], addresses, _cells(row, phones), notes)


def _cells(row: list[str], numbers: list[int]) -> tuple[tuple[str, str | None], ...]:
    return tuple((value, None) for number in numbers if number < len(row) and (value := _read_cell(row[number])))


def _is_address(name: str) -> bool:
    return name.startswith(("email", "e-mail")) and not name.endswith(("type", "label", "display name"))


def _is_phone(name: str) -> bool:
    return ("phone" in name or name in ("mobile", "tel")) and not name.endswith(("type", "label"))

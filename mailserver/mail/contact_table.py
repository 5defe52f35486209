"""Contacts as a table of comma-separated values: the columns that Google, Outlook and people write."""

import csv
import io

from mailserver.mail.vcard import MOST_CARDS, BadCard, Person

_NAMES = ("full_name", "full name", "name", "display name", "file as")
_PARTS = (("first name", "given name", "first_name"), ("last name", "family name", "surname", "last_name"))
_NOTES = ("notes", "note")
LONGEST_FIELD = 131_072  # the csv module's own bound


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


def _person(header: list[str], row: list[str], emails: list[int], phones: list[int]) -> Person | None:
    cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
    addresses = _cells(row, emails)
    parts = [next((cells[name] for name in names if cells.get(name)), "") for names in _PARTS]
    name = next((cells[name] for name in _NAMES if cells.get(name)), "") or " ".join(filter(None, parts))
    if not name and not addresses:
        return None
    notes = next((cells[name] for name in _NOTES if cells.get(name)), None)
    return Person(name or addresses[0][0], addresses, _cells(row, phones), notes)


def _cells(row: list[str], numbers: list[int]) -> tuple[tuple[str, str | None], ...]:
    return tuple((value, None) for number in numbers if number < len(row) and (value := row[number].strip()))


def _is_address(name: str) -> bool:
    return name.startswith(("email", "e-mail")) and not name.endswith(("type", "label", "display name"))


def _is_phone(name: str) -> bool:
    return ("phone" in name or name in ("mobile", "tel")) and not name.endswith(("type", "label"))

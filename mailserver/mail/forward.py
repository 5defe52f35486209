"""What a forward quotes: the head of the original, then its text."""

import html as escaping

from mailserver.mail import dates, hypertext
from mailserver.mail.address import Person
from mailserver.mail.message import Parsed

BEGINNING = "---------- Forwarded message ---------"


def text(written: str | None, original: Parsed) -> str:
    """The plain text of a forward: what was written for it, then the original."""
    quoted = original.text if original.text is not None else hypertext.to_text(original.html or "")
    lines = [BEGINNING, *(f"{name}: {value}" for name, value in _head(original)), "", quoted]
    return "\n".join([*([written.rstrip(), ""] if written else []), *lines])


def html(written: str | None, written_html: str | None, original: Parsed) -> str | None:
    """The HTML of a forward; None where neither it nor the original has any."""
    if written_html is None and original.html is None:
        return None
    own = written_html if written_html is not None else _plain(written or "")
    head = "<br>".join(f"{escaping.escape(name)}: {escaping.escape(value)}" for name, value in _head(original))
    quoted = original.html if original.html is not None else _plain(original.text or "")
    return f"{own}<br><div>{BEGINNING}<br>{head}<br><br></div>{quoted}"


def _head(original: Parsed) -> list[tuple[str, str]]:
    found = [("From", _people(original.sender))]
    if original.date_at is not None:
        found.append(("Date", dates.write(original.date_at // 1000)))
    found += [("Subject", original.subject), ("To", _people(original.to))]
    if original.cc:
        found.append(("Cc", _people(original.cc)))
    return found


def _people(people: tuple[Person, ...]) -> str:
    return ", ".join(person.text for person in people)


def _plain(content: str) -> str:
    return f'<div style="white-space: pre-wrap">{escaping.escape(content)}</div>'

"""What people type into a search, as what is looked for.

Words stand for themselves and must all be there; "several words" stand together; OR joins its neighbours; a minus
leaves out. `from:`, `to:`, `cc:`, `subject:`, `body:` and `filename:` look in one place; `has:attachment`, `is:unread`,
`is:read`, `is:starred`, `in:folder`, `label:name`, `before:` and `after:` narrow. What means nothing is a word like any
other: nothing that is typed is an error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST = 1024
MOST_TERMS = 32
PLACES = {
    "from": "sender", "to": "recipients", "cc": "recipients", "bcc": "recipients", "subject": "subject",
    "body": "body", "filename": "attachments",
}  # fmt: skip
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<name>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand together, in one place or anywhere. `place` is a column of the search index, '' any."""

    words: str
    place: str = ""
    is_beginning: bool = False


@dataclass(slots=True)
class SearchQuery:
    """What is looked for. Of each group one term has to be there; of what is left out, none. Times in milliseconds."""

    groups: list[tuple[Term, ...]] = field(default_factory=list)
    left_out: list[Term] = field(default_factory=list)
    has_attachment: bool | None = None
    unread: bool | None = None
    starred: bool | None = None
    after: int | None = None
    before: int | None = None
    folder: str | None = None
    label: str | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything at all is asked for."""
        known = (self.has_attachment, self.unread, self.starred, self.after, self.before, self.folder, self.label)
        return bool(self.groups or self.left_out or any(each is not None for each in known))


def parse(text: str, moment: Callable[[str], int | None]) -> SearchQuery:
    """Read what was typed; `moment` reads a date or time, and knows None for what is none."""
    query, joins = SearchQuery(), False
    readable = text[:LONGEST].encode(errors="replace").decode().replace("\0", " ")
    for number, found in enumerate(_TERM.finditer(readable)):
        if number >= MOST_TERMS:
            break
        if found[0] == "OR" and query.groups:
            joins = True
            continue
        if _narrow(query, found, moment):
            continue
        term = _term(found)
        if term is None:
            continue
        if found["minus"]:
            query.left_out.append(term)
        elif joins:
            query.groups[-1] = (*query.groups[-1], term)
        else:
            query.groups.append((term,))
        joins = False
    return query


def _narrow(query: SearchQuery, found: re.Match[str], moment: Callable[[str], int | None]) -> bool:
    """Take a term that is no word; False for one that is."""
    name, value = (found["name"] or "").lower(), found["phrase"] or found["word"] or ""
    is_wanted = not found["minus"]
    if name == "has" and value.lower() in ("attachment", "attachments"):
        query.has_attachment = is_wanted
    elif name == "is" and value.lower() in ("unread", "read"):
        query.unread = (value.lower() == "unread") == is_wanted
    elif name == "is" and value.lower() in ("starred", "flagged"):
        query.starred = is_wanted
    elif name in ("before", "after") and is_wanted and (at := moment(value)) is not None:
        setattr(query, name, at)
    elif name == "in" and is_wanted and value:
        query.folder = value
    elif name == "label" and is_wanted and value:
        query.label = value
    else:
        return False
    return True


def _term(found: re.Match[str]) -> Term | None:
    """The words of a term; None where it has none in it."""
    name, phrase = (found["name"] or "").lower(), found["phrase"]
    words = found["word"] if phrase is None else phrase
    if name and name not in PLACES:  # such as https://
        words, name = f"{found['name']}:{words}", ""
    is_unfinished = phrase is None and words.endswith(":") and words[:-1].lower() in PLACES
    if is_unfinished or not any(letter.isalnum() for letter in words):
        return None
    return Term(words.rstrip("*"), PLACES.get(name, ""), is_beginning=phrase is None and words.endswith("*"))

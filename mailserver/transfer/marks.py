"""Flags as IMAP, Maildir and mbox write them, and the keywords that they are here."""

from collections.abc import Iterable

DELETED = "\\deleted"  # among keywords: what its owner has marked as deleted and not yet expunged
_IMAP = {
    "\\seen": "$seen", "\\flagged": "$flagged", "\\answered": "$answered", "\\draft": "$draft", "\\deleted": DELETED,
    "forwarded": "$forwarded", "junk": "$junk", "nonjunk": "$notjunk", "notjunk": "$notjunk", "$nonjunk": "$notjunk",
}  # fmt: skip
MAILDIR = {"S": "$seen", "F": "$flagged", "R": "$answered", "D": "$draft", "P": "$forwarded", "T": DELETED}
STATUS = {"R": "$seen"}
X_STATUS = {"A": "$answered", "F": "$flagged", "D": DELETED, "T": "$draft"}


def of_imap(flags: Iterable[str]) -> tuple[str, ...]:
    """IMAP's flags as keywords; those of the session and of the server alone are left out."""
    found = [_IMAP.get(each.lower(), each) for each in flags]
    return tuple(dict.fromkeys(each for each in found if each == DELETED or not each.startswith("\\")))


def of_letters(letters: str, table: dict[str, str]) -> list[str]:
    """Letters as keywords."""
    return [table[each] for each in letters if each in table]


def letters(keywords: Iterable[str], table: dict[str, str]) -> str:
    """The letters of those keywords that have one, in the order of the alphabet."""
    present = set(keywords)
    return "".join(sorted(letter for letter, word in table.items() if word in present))

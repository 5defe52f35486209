"""Keywords of mail: those that are flags, and those that are labels of the tenant (RFC 8621 4.1.1)."""

from collections.abc import Iterable

from mailserver.entities import label
from mailserver.entities.message import Flag

FLAGS = {
    "$seen": Flag.SEEN,
    "$flagged": Flag.FLAGGED,
    "$answered": Flag.ANSWERED,
    "$draft": Flag.DRAFT,
    "$forwarded": Flag.FORWARDED,
    "$junk": Flag.JUNK,
    "$notjunk": Flag.NOT_JUNK,
    "$phishing": Flag.PHISHING,
    "$mdnsent": Flag.MDN_SENT,
}


def is_valid(text: object) -> bool:
    """Whether a value can be a keyword."""
    return isinstance(text, str) and label.is_keyword(text)


def written(flags: Flag, atoms: Iterable[str]) -> list[str]:
    """The keywords of a message with these flags and labels."""
    return [*(name for name, flag in FLAGS.items() if flags & flag), *atoms]


def split(keywords: Iterable[str]) -> tuple[Flag, tuple[str, ...]]:
    """Keywords as flags and labels."""
    flags, atoms = Flag(0), []
    for each in keywords:
        name = each.lower()
        if name in FLAGS:
            flags |= FLAGS[name]
        else:
            atoms.append(name)
    return flags, tuple(dict.fromkeys(atoms))

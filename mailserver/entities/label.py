"""Label: what people see, and the atom that IMAP and JMAP can carry."""

import re

_NOT_ATOM = re.compile(r"[^a-z0-9._/-]+")


def atom(display: str) -> str:
    """The atom of a label: lower case, and nothing that a keyword may not have."""
    return _NOT_ATOM.sub("-", display.strip().lower()).strip("-")[:100] or "label"

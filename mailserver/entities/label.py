"""Label: what people see, and the atom that IMAP and JMAP can carry."""

import re
from dataclasses import dataclass
from enum import StrEnum

_NOT_ATOM = re.compile(r"[^a-z0-9._/-]+")
_KEYWORD = re.compile(r"[!#$&'+,./0-9:;<=>?@A-Z\[^_`a-z|}~-]{1,100}")


def atom(display: str) -> str:
    """The atom of a label: lower case, and nothing that a keyword may not have; a keyword is its own."""
    name = display.strip().lower()
    if is_keyword(name):
        return name
    return _NOT_ATOM.sub("-", name).strip("-")[:100] or "label"


def is_keyword(text: str) -> bool:
    """Whether mail clients can put it on mail (RFC 8621 4.1.1), at most 100 letters of it."""
    return _KEYWORD.fullmatch(text) is not None


SYSTEM_KEYS = ("ticket/status/", "ticket/priority/")  # what tickets put on threads themselves


class LabelType(StrEnum):
    """What a label may be put on."""

    MESSAGE = "message"
    CONTACT = "contact"
    ANY = "any"


class LabelSource(StrEnum):
    """Who put a label on a thread."""

    MANUAL = "manual"
    RULE = "rule"
    CLUSTER = "cluster"
    LLM = "llm"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a tenant; `key` is its atom."""

    id: int
    tenant_id: int
    key: str
    name: str
    type: LabelType
    color: str | None
    group: str | None
    created_at: int

    @property
    def is_system(self) -> bool:
        """Whether only the server puts it on things."""
        return self.key.startswith(SYSTEM_KEYS)


@dataclass(frozen=True, slots=True)
class ThreadLabel:
    """A label on a thread, and who put it there; None where its messages alone have it."""

    label: Label
    source: LabelSource | None
    confidence: float | None

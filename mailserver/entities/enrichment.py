"""Enrichment: what an inbox has switched on, and what was found out about its mail."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities.label import Label
from mailserver.mail.occasion import Occasion
from mailserver.mail.summary import Digest


class Feature(StrEnum):
    """What can be switched on."""

    THREAD_SUMMARY = "thread_summary"
    LABEL_SUGGEST = "label_suggest"
    CALENDAR_SUGGEST = "calendar_suggest"


class Provider(StrEnum):
    """Who is asked."""

    BUILTIN = "builtin"
    OPENAI_COMPATIBLE = "openai_compatible"


@dataclass(frozen=True, slots=True)
class Switches:
    """What an inbox has chosen. Without a provider the operator's choice stands; the key is kept elsewhere."""

    features: frozenset[Feature] = frozenset()
    provider: Provider | None = None
    endpoint: str | None = None
    model: str | None = None
    has_key: bool = False


class WorkKind(StrEnum):
    """What is looked at."""

    MESSAGE = "message"
    THREAD = "thread"


@dataclass(frozen=True, slots=True)
class Work:
    """A message or thread that waits to be looked at. `asked_at` tells one wish from a later one."""

    kind: WorkKind
    object_id: int
    inbox_id: int
    asked_at: int
    attempts: int


class SuggestionState(StrEnum):
    """What was said to a suggestion."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class SuggestedLabel:
    """A label that may fit a message."""

    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class Suggested:
    """What is suggested for a message and not answered yet."""

    labels: tuple[SuggestedLabel, ...] = ()
    occasion: Occasion | None = None


@dataclass(frozen=True, slots=True)
class ThreadDigest:
    """The digest of a thread as it was kept."""

    digest: Digest
    last_message_id: int
    message_count: int
    updated_at: int

"""Where an inbox's mail goes on to."""

from dataclasses import dataclass

MOST_FAILURES = 5  # permanent ones, one after the other, until a forward is switched off


@dataclass(frozen=True, slots=True)
class Forward:
    """All mail of an inbox, or that to one alias of it, goes on to a target. Times are unix milliseconds."""

    id: int
    tenant_id: int
    inbox_id: int
    alias: str  # in normal form; '' for all mail of the inbox
    target: str  # as its owner wrote it
    is_enabled: bool
    keeps_copy: bool
    failures: int
    stopped_at: int | None  # when the server switched it off, because the target takes no mail
    changed_at: int

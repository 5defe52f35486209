"""Who did what to what."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log. `actor` and `object_id` are ids as the outside sees them."""

    id: int
    tenant_id: int
    occurred_at: int
    actor: str
    actor_kind: str
    action: str
    object_id: str
    inbox_id: int | None
    detail: dict[str, Any]

"""An address that fans out to inboxes of its tenant."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DistributionList:
    """A list. `created_by` is the person who made it."""

    id: int
    tenant_id: int
    address: str
    name: str
    created_by: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class ListMember:
    """An inbox on a list."""

    id: int
    inbox_id: int
    inbox_address: str
    added_at: int

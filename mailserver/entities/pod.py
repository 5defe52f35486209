"""A part of a tenant that is kept apart from the rest of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pod:
    """Where inboxes and domains live, each in one of them; `client_id` is its maker's own name for it.

    The one with its tenant's number is the tenant's own: it is always there, and what is put into no other is in it.
    """

    id: int
    tenant_id: int
    name: str
    client_id: str | None
    created_at: int
    updated_at: int

    @property
    def is_default(self) -> bool:
        """Whether it is the tenant's own."""
        return self.id == self.tenant_id

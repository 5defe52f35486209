"""An API key as its owner sees it."""

from dataclasses import dataclass

from mailserver.entities.permission import Permission


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it: never the secret."""

    id: int
    tenant_id: int
    inbox_id: int | None
    inbox_address: str | None
    name: str
    prefix: str
    permissions: frozenset[Permission] | None
    created_at: int
    updated_at: int
    used_at: int | None
    expires_at: int | None
    pod_id: int | None = None  # of one that is bound to a pod, or to an inbox in it

"""Where a client wants to be told of new states, through a push service (RFC 8620 7.2)."""

from dataclasses import dataclass
from enum import StrEnum


class Holder(StrEnum):
    """What kind of thing the login was that made a subscription: it ends with it."""

    TOKEN = "token"  # noqa: S105  a kind
    SESSION = "session"
    PASSWORD = "password"  # noqa: S105  a kind


@dataclass(frozen=True, slots=True)
class Owner:
    """The login that made a subscription, and which alone sees it."""

    tenant_id: int
    holder: Holder
    holder_id: int


@dataclass(frozen=True, slots=True)
class PushSubscription:
    """A subscription. What leads to the client is sealed; `digest` says which states it was told last.

    `due_at` is when a try is to be made that failed before, or that of the verification.
    """

    id: int
    owner: Owner
    inbox_id: int | None  # where the login is bound to one
    pod_id: int | None
    device_id: str
    types: tuple[str, ...] | None
    sealed: bytes
    host: str
    is_verified: bool
    expires_at: int
    digest: str | None
    attempts: int
    due_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class PushAddress:
    """What is sealed: where to post to, the client's keys if it has some, and the code that proves that it listens."""

    url: str
    code: str
    p256dh: str | None = None
    auth: str | None = None

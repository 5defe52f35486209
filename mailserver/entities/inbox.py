"""Inbox, its addresses and settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inbox:
    """A mailbox with one address: Gent's and Agentry's inbox, JMAP's account, a login."""

    id: int
    tenant_id: int
    address: str  # normal form: lower-case local part, A-label domain
    display_name: str | None
    status: str  # active or paused
    default_timezone: str | None
    used_bytes: int
    message_count: int
    modseq: int
    created_at: int
    owner_user_id: int | None = None  # whose it is, besides the tenant's
    pod_id: int = 0  # 0 only before it is stored, for the tenant's own


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """What an inbox's owner has chosen."""

    signature_text: str | None = None
    signature_html: str | None = None
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 3, RFC 7677)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

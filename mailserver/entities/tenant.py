"""Tenant, its users and its domains."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Tenant:
    """Everything one customer has; nothing crosses from one to another."""

    id: int
    name: str
    created_at: int


class UserRole(StrEnum):
    """What a person may do in the tenant."""

    OWNER = "owner"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in."""

    id: int
    tenant_id: int
    email: str
    role: UserRole


@dataclass(frozen=True, slots=True)
class Member:
    """A person with what only the server needs to know."""

    id: int
    tenant_id: int
    email: str
    role: UserRole
    password: str | None  # the Argon2 hash
    totp_secret: str | None
    totp_waiting: str | None  # a secret whose first code was not confirmed yet
    totp_step: int  # the last step whose digits were taken
    created_at: int


class DomainStatus(StrEnum):
    """How far a domain's DNS has come."""

    PENDING = "pending"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain that this server receives and signs for; `name` is its lower-case A-label form."""

    id: int
    tenant_id: int
    name: str
    status: DomainStatus
    catch_all_inbox_id: int | None
    created_at: int
    verify_token: str = ""  # what its TXT record has to say; empty where the operator vouched for it
    domain_use: str = "existing_domain"
    dmarc_policy: str = "quarantine"
    pod_id: int = 0  # 0 only before it is stored, for the tenant's own


class KeyStage(StrEnum):
    """The life of a signing key."""

    WAITING = "waiting"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A signing key of a domain; its private half is a file below `<keys>/<domain>`.

    A new key waits, published, until DNS shows it; then it is active and signs. A retired one signs no more and stays
    published until its last signature has expired.
    """

    domain: str
    selector: str
    algorithm: str  # rsa-sha256 or ed25519-sha256
    public_key: str  # base64, as published
    active: bool
    created_at: int = 0
    retired_at: int | None = None

    @property
    def stage(self) -> "KeyStage":
        """How far the key has come."""
        if self.active:
            return KeyStage.ACTIVE
        return KeyStage.WAITING if self.retired_at is None else KeyStage.RETIRED

"""Shapes of the domains page."""

from typing import Any, Literal

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short

Policy = Literal["none", "quarantine", "reject"]
Use = Literal["existing_domain", "dedicated_subdomain"]


class CreateDomain(Shape):
    """A domain to claim."""

    domain: Short | None = Field(None, description="Its name; `name` says the same.")
    name: Short | None = None
    domain_use: Use = "existing_domain"
    dmarc_policy: Policy | None = Field(
        None, description="What receivers do with mail that fails; quarantine, or reject for a subdomain of its own."
    )


class RecordShown(Shape):
    """A DNS record to publish."""

    type: str
    name: str
    value: str
    priority: int | None
    purpose: str
    optional: bool


class RecordChecked(RecordShown):
    """A DNS record, and how it stands."""

    status: Literal["valid", "missing", "invalid", "unknown"]
    found: list[str]


class DomainRow(Shape):
    """A domain."""

    domain_id: str
    domain: str
    status: str
    domain_use: str
    dmarc_policy: str
    created_at: str


class DomainShown(DomainRow):
    """A domain with what to publish for it."""

    dns_records: list[RecordShown]


class DomainChecked(DomainRow):
    """A domain, and how its records stand."""

    dns_records: list[RecordChecked]


class RecordType(Shape):
    """A kind of record, and where it stands."""

    type: str
    name: str
    purpose: str


class RecordTypes(Shape):
    """Every kind of record."""

    resource: str
    dns_record_types: list[RecordType]
    counts: dict[str, int]


class DomainReference(Shape):
    """What a form for domains needs to know."""

    resource: str
    payload: dict[str, Any]
    dns_record_types: list[RecordType]
    dmarc_policy_guidance: dict[str, str]
    setup: dict[str, Any]

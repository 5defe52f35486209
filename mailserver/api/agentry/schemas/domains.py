"""Shapes of the domains page."""

from pydantic import Field

from mailserver.api.agentry.schemas.messages import Shape, Short


class ListDomains(Shape):
    """What domains to list."""

    limit: int = Field(50, ge=1, le=200, description="How many domains at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")


class ChangeDomain(Shape):
    """Switches of a domain. They are taken where they ask for what the server does anyway."""

    feedback_enabled: bool | None = Field(None, description="Bounces are events, and no mail of their own.")
    inbound_enabled: bool | None = Field(None, description="Every domain takes mail: false is refused.")
    subdomains_enabled: bool | None = Field(None, description="Each subdomain is claimed by itself: true is refused.")
    tracking_enabled: bool | None = Field(None, description="Only broadcasts are tracked: true is refused.")


class NewDomain(ChangeDomain):
    """A domain to claim."""

    domain: Short
    allow_conflicting_provider: bool | None = None


class RecordShown(Shape):
    """A DNS record to publish, and how it stands."""

    type: str
    name: str
    value: str
    status: str = Field(description="MISSING, INVALID or VALID.")
    priority: int | None = None
    reason: str | None = None


class DomainItem(Shape):
    """A domain in a list."""

    pod_id: str
    domain_id: str
    domain: str
    feedback_enabled: bool
    inbound_enabled: bool
    subdomains_enabled: bool
    tracking_enabled: bool
    updated_at: str
    created_at: str


class DomainShown(DomainItem):
    """A domain."""

    status: str = Field(description="NOT_STARTED, PENDING, INVALID or VERIFIED.")
    records: list[RecordShown]


class DomainList(Shape):
    """A page of domains."""

    count: int
    limit: int
    next_page_token: str | None = None
    domains: list[DomainItem]

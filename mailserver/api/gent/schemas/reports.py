"""Shapes of aggregate reports."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape
from mailserver.api.gent.schemas.verdicts import Shown


class ListReports(Shape):
    """What to list."""

    kind: Literal["dmarc", "tls"] | None = Field(None, description="Authentication (dmarc) or encryption (tls).")
    domain: Annotated[str, StringConstraints(max_length=253)] | None = Field(None, description="A domain of yours.")
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class OpenReport(Shape):
    """Which part of a report to show."""

    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset of the first row or policy.")
    limit: int = Field(100, ge=1, le=200, description="Most rows or policies.")


class ReportRow(Shown):
    """A report in a list. Everything but the ids, the times and `is_authenticated` is what the reporter says."""

    id: str
    kind: str = Field(description="dmarc or tls.")
    domain: str = Field(description="Whose mail it is about.")
    organization: str
    submitter: str = Field(description="The domain in From of the message that brought it.")
    report_id: str = Field(description="The reporter's own id.")
    begin_at: str
    end_at: str
    total: int = Field(description="Messages, or sessions.")
    failed: int = Field(description="Those of them that did not pass.")
    is_authenticated: bool = Field(description="Whether the submitter is proven to have sent it.")
    message_id: str
    received_at: str


class ReportList(Shown):
    """A page of reports, the newest first."""

    results: list[ReportRow]
    total: int
    position: int
    limit: int


class PublishedShown(Shown):
    """The policy that the reporter saw; empty for what the report leaves out."""

    domain: str
    p: str
    sp: str
    np: str
    adkim: str
    aspf: str
    fo: str
    testing: str
    discovery_method: str


class ReasonShown(Shown):
    """Why something else was done than the policy asks for."""

    type: str
    comment: str


class SignatureShown(Shown):
    """What came of a DKIM signature."""

    domain: str
    selector: str
    result: str
    human_result: str


class SenderShown(Shown):
    """What came of SPF."""

    domain: str
    scope: str
    result: str
    human_result: str


class DmarcRow(Shown):
    """Messages that had everything in common."""

    source_ip: str
    count: int
    disposition: str
    dkim: str = Field(description="pass where an aligned signature passed.")
    spf: str = Field(description="pass where SPF passed for an aligned domain.")
    header_from: str
    envelope_from: str
    envelope_to: str
    reasons: list[ReasonShown]
    signatures: list[SignatureShown]
    senders: list[SenderShown]


class DmarcContent(Shown):
    """What a DMARC report says (RFC 9990)."""

    published: PublishedShown
    rows: list[DmarcRow]
    errors: list[str]
    contact: str
    extra_contact: str
    generator: str


class FailureShown(Shown):
    """Sessions that failed in the same way."""

    result_type: str
    sentence: str = Field(description="What the type means, empty for an unknown one.")
    count: int
    sending_ip: str
    receiving_host: str
    receiving_helo: str
    receiving_ip: str
    reason_code: str
    more: str


class PolicyShown(Shown):
    """The sessions under one policy."""

    type: str = Field(description="tlsa (DANE), sts (MTA-STS) or no-policy-found.")
    strings: list[str]
    domain: str
    hosts: list[str]
    succeeded: int
    failed: int
    details: list[FailureShown]


class TlsContent(Shown):
    """What a TLS report says (RFC 8460)."""

    policies: list[PolicyShown]
    contact: str


class ReportShown(ReportRow):
    """A report with some of its rows or policies; `rows` is how many there are."""

    rows: int
    dmarc: DmarcContent | None
    tls: TlsContent | None

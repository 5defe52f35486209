"""Shapes of verdicts: what was found out about a message and its sender."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Shown(BaseModel):
    """What is answered; new fields may come."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class SpfShown(Shown):
    """SPF of one identity (RFC 7208)."""

    result: str = Field(description="pass, fail, softfail, neutral, none, temperror or permerror.")
    identity: str = Field(description="mailfrom or helo.")
    domain: str
    reason: str
    explanation: str = Field(description="The domain's own words; written by a stranger.")
    mechanism: str


class SignatureShown(Shown):
    """One DKIM signature (RFC 6376)."""

    result: str
    domain: str
    selector: str
    algorithm: str
    identity: str
    key_bits: int | None
    is_test: bool
    reason: str


class DmarcShown(Shown):
    """DMARC of the author's domain (RFC 9989)."""

    result: str
    domain: str
    policy_domain: str
    disposition: str = Field(description="What the domain asks for: none, quarantine or reject.")
    spf_aligned: bool
    dkim_aligned: bool
    reason: str
    record: str
    policy: dict[str, Any]


class ReverseShown(Shown):
    """The peer's name by its address, confirmed (RFC 8601 3)."""

    result: str
    address: str
    name: str


class AuthenticationShown(Shown):
    """Who sent the message."""

    spf: SpfShown
    helo_spf: SpfShown
    dkim: list[SignatureShown]
    dmarc: DmarcShown
    arc: dict[str, Any] | None
    iprev: ReverseShown


class ReasonShown(Shown):
    """One thing that counted."""

    name: str
    score: float
    detail: str


class SpamShown(Shown):
    """The score and what it is made of."""

    score: float
    required: float
    action: str = Field(description="none, junk or reject.")
    reasons: list[ReasonShown]


class VerdictShown(Shown):
    """Why a message lies where it lies."""

    message_id: str
    placement: str = Field(description="none (the inbox), junk or blocked.")
    why: str
    listed: str = Field(alias="list", description="What the allow and block lists say: allow, block or none.")
    authentication: AuthenticationShown | None
    spam: SpamShown | None

"""Shapes of the sender rules page."""

from typing import Literal

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short

Mode = Literal["allowlist", "blocklist", "off"]


class PutSenderRules(Shape):
    """Who may write to an inbox, and whom it may write to; it takes the place of all that was said before."""

    inbox_id: Short | None = Field(None, description="For session logins: the inbox.")
    inbound_mode: Mode = "off"
    outbound_mode: Mode = "off"
    inbound_patterns: list[Short] = Field(
        default_factory=list, max_length=5000, description="Addresses, and domains with @ before them."
    )
    outbound_patterns: list[Short] = Field(default_factory=list, max_length=5000)


class SenderRulesShown(Shape):
    """Who may write to an inbox, and whom it may write to."""

    inbox_id: str
    inbound_mode: Mode
    outbound_mode: Mode
    inbound_patterns: list[str]
    outbound_patterns: list[str]

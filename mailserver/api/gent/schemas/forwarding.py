"""Shapes of the forwarding page."""

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short


class PutForwarding(Shape):
    """Where all mail of an inbox is to go on to."""

    inbox_id: Short | None = Field(None, description="For session logins: the inbox that forwards.")
    default_address: Short | None = Field(None, description="The target; without it the one that is set stays.")
    enabled: bool = Field(description="Whether mail goes on there.")
    keep_copy: bool | None = Field(
        None, description="Whether the inbox keeps a copy; true unless it was set otherwise."
    )


class ForwardingShown(Shape):
    """Where all mail of an inbox goes on to."""

    inbox_id: str
    default_address: str | None
    enabled: bool
    keep_copy: bool
    stopped_at: str | None = Field(description="When the server switched it off, because the target takes no mail.")

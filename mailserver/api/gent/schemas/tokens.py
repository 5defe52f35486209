"""Shapes of the tokens page."""

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.access import Scope


class CreateToken(Shape):
    """A token to make."""

    inbox_id: Short | None = Field(None, description="The inbox that it is bound to, by id or address.")
    label: Short = ""
    scopes: list[Scope] = Field(min_length=1, max_length=50)
    requires_approval: list[Scope] = Field(
        default_factory=list, max_length=50, description="Of these, each call waits for somebody's approval."
    )
    expires_at: Short | None = None


class ChangeToken(Shape):
    """What is to be different; what is left out stays."""

    label: Short | None = None
    scopes: list[Scope] | None = Field(None, min_length=1, max_length=50)
    requires_approval: list[Scope] | None = Field(None, max_length=50)
    expires_at: Short | None = Field(None, description="Null: it never expires.")


class RotateToken(Shape):
    """How a token gets another secret."""

    grace_seconds: int = Field(0, ge=0, le=2_592_000, description="How long the old secret is good for.")


class ListTokens(Shape):
    """Whose tokens."""

    inbox_id: Short | None = None


class TokenShown(Shape):
    """A token without its secret; `prefix` is how that begins."""

    token_id: str
    inbox_id: str | None
    label: str
    scopes: list[str]
    requires_approval: list[str]
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    prefix: str


class TokenMade(TokenShown):
    """A token with its secret, which is shown this once."""

    token: str

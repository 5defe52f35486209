"""Shapes of the users page."""

from pydantic import Field

from mailserver.api.gent.schemas.auth import Secret
from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.tenant import UserRole


class CreateUser(Shape):
    """A person to make."""

    email: Short
    password: Secret
    role: UserRole = UserRole.MEMBER


class ChangeUser(Shape):
    """What is to be different; logins of the person end."""

    role: UserRole | None = None
    password: Secret | None = None
    reset_mfa: bool = Field(False, description="Take a lost second factor away.")


class ListUsers(Shape):
    """Which part of the list."""

    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class UserShown(Shape):
    """A person."""

    user_id: str
    email: str
    role: UserRole
    mfa_enabled: bool
    created_at: str


class UserList(Shape):
    """Some people, oldest first."""

    results: list[UserShown]
    total: int
    position: int
    limit: int

"""Shapes of the session pages."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short

Secret = Annotated[str, StringConstraints(max_length=2000)]


class Login(Shape):
    """Who logs in."""

    email: Short
    password: Secret


class LoggedIn(Shape):
    """Both tokens; or what is still asked for."""

    access_token: str | None = Field(None, exclude_if=lambda value: value is None)
    refresh_token: str | None = Field(None, exclude_if=lambda value: value is None)
    challenge: str | None = Field(None, exclude_if=lambda value: value is None)
    session: str | None = Field(None, exclude_if=lambda value: value is None)


class SecondFactor(Shape):
    """The answer to a challenge."""

    email: Short
    session: Short
    code: Short = Field(description="Of the authenticator, or a recovery code.")


class Refresh(Shape):
    """A login to go on with."""

    refresh_token: Short


class Refreshed(Shape):
    """The tokens that hold from now on; the refresh token that was sent is used up."""

    access_token: str
    refresh_token: str


class ForgotPassword(Shape):
    """Whose password is lost."""

    email: Short


class ResetPassword(Shape):
    """A new password with the code that was mailed."""

    email: Short
    code: Short
    new_password: Secret


class ChangePassword(Shape):
    """A new password with the old one."""

    old_password: Secret
    new_password: Secret


class Done(Shape):
    """It was done, or looks so."""

    status: str


class FactorStatus(Shape):
    """Whether logins ask for a second factor."""

    enabled: bool
    preferred: str | None


class FactorSetup(Shape):
    """What an authenticator needs."""

    secret: str
    otpauth_uri: str


class ConfirmFactor(Shape):
    """The first code of an authenticator."""

    code: Short


class FactorConfirmed(Shape):
    """Codes for when the authenticator is lost, each good once and shown this once."""

    enabled: bool
    recovery_codes: list[str]


class DisableFactor(Shape):
    """What it takes to switch the second factor off."""

    password: Secret
    code: Short

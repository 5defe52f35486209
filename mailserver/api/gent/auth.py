"""Endpoints of sessions: people log in, stay in, and get out."""

from aiohttp import web

from mailserver.api.gent.schemas import auth as shapes
from mailserver.entities.access import Caller, Credential
from mailserver.http.routing import get, post
from mailserver.services.accounts.sessions import Opened
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class SessionsPage:
    """Logins of people."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/login/", public=True, answers={401: "Wrong.", 429: "Too many failures."})
    async def login(self, body: shapes.Login, request: web.Request) -> shapes.LoggedIn:
        """Log in; where there is a second factor, `challenge` and `session` come instead of tokens."""
        return _shown(await self._services.sessions.login(body.email, body.password, request.remote or ""))

    @post("/mfa/", public=True, answers={401: "Wrong.", 429: "Too many failures."})
    async def second_factor(self, body: shapes.SecondFactor, request: web.Request) -> shapes.LoggedIn:
        """Answer a challenge with a code."""
        peer = request.remote or ""
        return _shown(await self._services.sessions.second_factor(body.email, body.session, body.code, peer))

    @post("/refresh/", public=True, answers={401: "The login is over."})
    async def refresh(self, body: shapes.Refresh) -> shapes.Refreshed:
        """Get another access token. The refresh token changes, too; one that comes again later ends the login."""
        opened = await self._services.sessions.refresh(body.refresh_token)
        return shapes.Refreshed(access_token=opened.access_token, refresh_token=opened.refresh_token)

    @post("/logout/", credentials=PEOPLE, status=204)
    async def logout(self, caller: Caller) -> None:
        """End this login."""
        await self._services.sessions.logout(caller)

    @post("/forgot-password/", public=True, answers={429: "Too many requests."})
    async def forgot_password(self, body: shapes.ForgotPassword, request: web.Request) -> shapes.Done:
        """Mail a code to somebody who has lost the password; the answer is always the same."""
        await self._services.user_passwords.forgot(body.email, request.remote or "")
        return shapes.Done(status="ok")

    @post("/forgot-password/confirm/", public=True)
    async def reset_password(self, body: shapes.ResetPassword) -> shapes.Done:
        """Set a new password with the code; every login ends."""
        await self._services.user_passwords.confirm(body.email, body.code, body.new_password)
        return shapes.Done(status="ok")

    @post("/change-password/", credentials=PEOPLE, status=204)
    async def change_password(self, caller: Caller, body: shapes.ChangePassword) -> None:
        """Set a new password; every other login ends."""
        await self._services.user_passwords.change(caller, body.old_password, body.new_password)

    @get("/mfa/status/", credentials=PEOPLE)
    async def factor_status(self, caller: Caller) -> shapes.FactorStatus:
        """Get whether logins ask for a second factor."""
        is_enabled = await self._services.factors.is_enabled(caller)
        return shapes.FactorStatus(enabled=is_enabled, preferred="totp" if is_enabled else None)

    @post("/mfa/setup/", credentials=PEOPLE)
    async def setup_factor(self, caller: Caller) -> shapes.FactorSetup:
        """Get a secret for an authenticator; it counts once its first code was confirmed."""
        made = await self._services.factors.setup(caller)
        return shapes.FactorSetup(secret=made.secret, otpauth_uri=made.uri)

    @post("/mfa/confirm/", credentials=PEOPLE)
    async def confirm_factor(self, caller: Caller, body: shapes.ConfirmFactor) -> shapes.FactorConfirmed:
        """Switch the second factor on; the recovery codes are shown this once."""
        codes = await self._services.factors.confirm(caller, body.code)
        return shapes.FactorConfirmed(enabled=True, recovery_codes=codes)

    @post("/mfa/disable/", credentials=PEOPLE, status=204)
    async def disable_factor(self, caller: Caller, body: shapes.DisableFactor) -> None:
        """Switch the second factor off."""
        await self._services.factors.disable(caller, body.password, body.code)


def _shown(opened: Opened) -> shapes.LoggedIn:
    if opened.challenge:
        return shapes.LoggedIn(challenge="mfa", session=opened.challenge)
    return shapes.LoggedIn(access_token=opened.access_token, refresh_token=opened.refresh_token)

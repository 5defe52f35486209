"""Who asks over JMAP: a name with a password or app password, or a bearer token (RFC 7617, RFC 6750)."""

import base64
import binascii

from aiohttp import web

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential
from mailserver.services.accounts.access import Access

LONGEST = 2_048
_BEARERS = frozenset({Credential.AGENT_TOKEN, Credential.SESSION, Credential.API_KEY})


class Logins:
    """Reads the Authorization header."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of(self, request: web.Request) -> Caller:
        """The caller; Unauthenticated for nobody, Forbidden for a key that may do only some things."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip()
        if not given or len(given) > LONGEST:
            raise errors.Unauthenticated
        if scheme.lower() == "basic":
            return await self._basic(given, request.remote or "")
        if scheme.lower() != "bearer":
            raise errors.Unauthenticated
        caller = await self._access.token(given)
        if caller.credential not in _BEARERS:
            raise errors.Unauthenticated
        if caller.permissions is not None:
            raise errors.Forbidden("An API key with permissions of its own is for the API; use one that may do all.")
        return caller

    async def _basic(self, given: str, peer: str) -> Caller:
        try:
            name, colon, secret = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise errors.Unauthenticated from error
        if not colon or not name or not secret:
            raise errors.Unauthenticated
        return await self._access.password_again(name, secret, peer)

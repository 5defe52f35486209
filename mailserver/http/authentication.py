"""Bearer token to a Caller."""

from aiohttp import web

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential
from mailserver.services.accounts.access import Access

LONGEST = 512


class BearerAuthentication:
    """Reads `Authorization: Bearer …` (RFC 6750 2.1)."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def __call__(self, request: web.Request, accepted: frozenset[Credential]) -> Caller:
        """The caller; Unauthenticated where the header is missing, not valid, or of a kind that is not taken here."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST:
            raise errors.Unauthenticated
        caller = await self._access.token(token.strip())
        if caller.credential not in accepted:
            raise errors.Unauthenticated
        return caller

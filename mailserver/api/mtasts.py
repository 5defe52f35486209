"""/.well-known/mta-sts.txt: how private the way to our domains has to be (RFC 8461)."""

from aiohttp import web

from mailserver.services.registry import Services

PATH = "/.well-known/mta-sts.txt"


class MtaSts:
    """Serves each domain's policy under the name that RFC 8461 3.3 gives it; anybody may read it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def policy(self, request: web.Request) -> web.Response:
        """The policy of the domain that the Host field names, or 404 where it is none of ours."""
        body = await self._services.domains.published_policy(request.host)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body, content_type="text/plain", headers={"Cache-Control": "max-age=300"})

"""What signed links lead to: whole messages and their parts, without a login."""

from aiohttp import web

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.http import downloads
from mailserver.http.downloads import Links
from mailserver.services.registry import Services

_SCOPES = frozenset({Scope.EMAIL_READ})


class Downloads:
    """Serves `/download/{token}`."""

    def __init__(self, services: Services, links: Links) -> None:
        self._services = services
        self._links = links

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file behind a link; 404 for one that is too old, or whose message is gone."""
        try:
            return await self._file(request)
        except errors.NotFound as error:
            return web.json_response({"name": "NotFoundError", "message": error.message}, status=404)
        except errors.Temporary as error:
            return web.json_response({"name": "ServiceUnavailableError", "message": error.message}, status=503)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        link = self._links.read(request.match_info["token"])
        caller = Caller(link.tenant_id, Credential.API_KEY, 0, _SCOPES)
        summary = await self._services.messages.get(caller, link.message_id)
        if not link.part:
            return downloads.file(self._services.messages.place(summary), "message/rfc822", f"{link.message_id}.eml")
        for one in summary.attachments:
            if one.number == link.part:
                content = await self._services.messages.part(summary, link.part)
                return downloads.attachment(request, content, one.content_type, one.filename)
        raise errors.NotFound("There is no such file.")

"""Endpoints of the messages page: the picture and the links of broadcasts, without a login."""

import base64

from aiohttp import web

from mailserver.entities import errors
from mailserver.http.routing import get
from mailserver.services.registry import Services

_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one transparent dot
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class TrackingPage:
    """What mail programs ask for when a broadcast is read."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/track/open/{broadcast_id}/{token}/", public=True, media_type="image/gif")
    async def open(self, broadcast_id: str, token: str) -> web.Response:
        """Get the picture that counts an opening.

        Whatever is asked for, the answer is the same: nobody learns which broadcasts there are.
        """
        self._services.broadcasting.tracking.open(broadcast_id, token)
        return web.Response(body=_GIF, content_type="image/gif", headers=_HEADERS)

    @get(
        "/track/click/{link_id}/", public=True, status=302, media_type="text/plain",
        answers={302: "Where the link leads.", 404: "There is no such link."},
    )  # fmt: skip
    async def click(self, link_id: str) -> web.Response:
        """Follow a link of a broadcast."""
        try:
            url = await self._services.broadcasting.tracking.follow(link_id)
        except errors.NotFound:
            return web.Response(status=404, text="There is no such link.\n", headers=_HEADERS)
        return web.Response(status=302, headers={"Location": url, **_HEADERS})

"""/openapi.json, and /docs: the API reference from files in this package, with no outside host."""

from pathlib import Path
from typing import Any

from aiohttp import web

FILES = Path(__file__).parent / "reference"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class Reference:
    """Serves the document and the page that shows it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def mount(self, app: web.Application) -> None:
        """Put the reference on the application."""
        app.router.add_get("/openapi.json", self.document)
        app.router.add_get("/docs", self.page)
        app.router.add_static("/docs/files", FILES)

    async def document(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        del request
        return web.json_response(self._document)

    async def page(self, request: web.Request) -> web.FileResponse:
        """The readable page."""
        del request
        headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
        return web.FileResponse(FILES / "index.html", headers=headers)

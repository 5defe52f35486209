"""/openapi.json, and /docs: the API reference from files in this package, with no outside host."""

import json
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
        self._document = json.dumps(document).encode()  # once: it is large

    def mount(self, app: web.Application) -> None:
        """Put the reference on the application."""
        for path in ("/openapi.json", "/v1/reference/api/"):
            app.router.add_get(path, self.document)
        app.router.add_get("/docs", self.page)
        app.router.add_static("/docs/files", FILES)

    async def document(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        del request
        return web.Response(body=self._document, content_type="application/json")

    async def page(self, request: web.Request) -> web.FileResponse:
        """The readable page."""
        del request
        headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
        return web.FileResponse(FILES / "index.html", headers=headers)

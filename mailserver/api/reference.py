"""/openapi.json, and /docs: the API reference from files in this package, with no outside host."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

FILES = Path(__file__).parent / "reference"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class Reference:
    """Serves the document, made when somebody first asks for it, and the page that shows it."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = make  # half a second's work, for which no start of a server waits
        self._document = b""
        self._making = asyncio.Lock()

    def mount(self, app: web.Application) -> None:
        """Put the reference on the application."""
        for path in ("/openapi.json", "/v1/reference/api/"):
            app.router.add_get(path, self.document)
        app.router.add_get("/docs", self.page)
        app.router.add_static("/docs/files", FILES)

    async def document(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        del request
        async with self._making:
            self._document = self._document or await asyncio.to_thread(lambda: json.dumps(self._make()).encode())
        return web.Response(body=self._document, content_type="application/json")

    async def page(self, request: web.Request) -> web.FileResponse:
        """The readable page."""
        del request
        headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
        return web.FileResponse(FILES / "index.html", headers=headers)

"""Endpoints of the messages page: leave a label by the link in a broadcast, without a login (RFC 8058)."""

import html
import re
import urllib.parse

from aiohttp import web

from mailserver.entities import errors
from mailserver.http.routing import get, post
from mailserver.services.broadcast.unsubscribing import Leaving
from mailserver.services.registry import Services

LARGEST_BODY = 4096
_FIELD, _VALUE = "List-Unsubscribe", "One-Click"
# RFC 8058 3.2: the same field as multipart/form-data.
_PART = re.compile(rb'name="?List-Unsubscribe"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n[ \t]*One-Click[ \t]*\r?\n')
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
_ASK = """<p>You will get no more messages of the list <strong>{label}</strong> from {inbox}.</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Unsubscribe</button>
</form>"""
_DONE = "<p>You get no more messages of the list <strong>{label}</strong> from {inbox}.</p>"
_LOST = "<p>Nothing was changed. Please use the link in the newest message that you have got.</p>"
_ANSWERS = {404: "The link is not ours, or too old."}


class UnsubscribingPage:
    """A page to confirm on, and what mail programs post by themselves."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/unsubscribe/{token}/", public=True, media_type="text/html", answers=_ANSWERS)
    async def ask(self, token: str) -> web.Response:
        """Get the page that asks whether to leave. Programs that look at links change nothing."""
        try:
            leaving = await self._services.broadcasting.unsubscribing.look(token)
        except errors.NotFound:
            return _lost()
        return _page(200, "Unsubscribe", _filled(_ASK, leaving))

    @post(
        "/unsubscribe/{token}/", public=True, media_type="text/html",
        answers={**_ANSWERS, 400: "The form lacks the field List-Unsubscribe=One-Click."},
    )  # fmt: skip
    async def leave(self, token: str, request: web.Request) -> web.Response:
        """Leave: the form is `List-Unsubscribe=One-Click` (RFC 8058 3.2). A second time nothing more happens."""
        if not _is_one_click(await _body(request)):
            return _page(400, "This did not work", _LOST)
        try:
            leaving = await self._services.broadcasting.unsubscribing.leave(token)
        except errors.NotFound:
            return _lost()
        return _page(200, "You are unsubscribed", _filled(_DONE, leaving))


async def _body(request: web.Request) -> bytes:
    """The form; more than it can have is as good as nothing."""
    body = await request.read()
    return body if len(body) <= LARGEST_BODY else b""


def _is_one_click(body: bytes) -> bool:
    if _PART.search(body):
        return True
    try:
        fields = urllib.parse.parse_qs(body.decode("ascii"), max_num_fields=20)
    except ValueError:
        return False
    return fields.get(_FIELD, [""])[0].strip() == _VALUE


def _filled(content: str, leaving: Leaving) -> str:
    return content.format(label=html.escape(leaving.label_name), inbox=html.escape(leaving.inbox_address))


def _lost() -> web.Response:
    return _page(404, "This link does not work", _LOST)


def _page(status: int, title: str, content: str) -> web.Response:
    text = _PAGE.format(title=title, content=content)
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=_HEADERS)

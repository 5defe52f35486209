"""Files as answers: ranges, safe names and types; and links that work for a while without a login."""

import asyncio
import re
import time
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from itsdangerous import BadSignature, URLSafeSerializer

from mailserver.entities import errors

LINK_SECONDS = 3600
STALLED_SECONDS = 60.0  # that a reader may take nothing
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
_PLAIN = re.compile(r"[A-Za-z0-9 ()_.,=+-]+")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link leads to: a message, whole (part '') or one part of it."""

    tenant_id: int
    message_id: str
    part: str
    expires_at: int  # unix seconds


class Links:
    """Makes and reads signed links; a link dies with its message, and after an hour."""

    def __init__(self, secret: bytes, public_url: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="download")
        self.base = public_url
        self.host = urllib.parse.urlsplit(public_url).hostname or "localhost"

    def make(self, tenant_id: int, message_id: str, part: str = "") -> tuple[str, int]:
        """The URL, and the unix seconds at which it expires."""
        expires_at = int(time.time()) + LINK_SECONDS
        token = self._serializer.dumps([tenant_id, message_id, part, expires_at])
        return f"{self.base}/download/{token}", expires_at

    def read(self, token: str) -> Link:
        """What a token leads to; NotFound for one that is not ours, or too old."""
        try:
            link = Link(*self._serializer.loads(token))
        except (BadSignature, TypeError, ValueError) as error:
            raise errors.NotFound("There is no such file, or the link is too old.") from error
        if link.expires_at <= time.time():
            raise errors.NotFound("There is no such file, or the link is too old.")
        return link


def attachment(request: web.Request, content: bytes, content_type: str, filename: str | None) -> web.Response:
    """A file as an answer: the asked range of it, never shown by a browser as a page of ours (RFC 9110 14)."""
    headers = {
        "Content-Disposition": disposition(filename),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
    }
    kind = content_type if _TYPE.fullmatch(content_type) else "application/octet-stream"
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked[1] == asked[2] == "":
        return web.Response(body=content, headers={**headers, "Content-Type": kind})
    size = len(content)
    first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
    last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
    if first >= size or first > last:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return web.Response(body=content[first : last + 1], status=206, headers={**headers, "Content-Type": kind})


def file(path: Path, content_type: str, filename: str | None) -> web.FileResponse:
    """A file of ours as an answer, with ranges, straight from the disk."""
    kind = content_type if _TYPE.fullmatch(content_type) else "application/octet-stream"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": disposition(filename),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return web.FileResponse(path, headers=headers)


async def stream(
    request: web.Request, parts: AsyncIterator[bytes], content_type: str, filename: str
) -> web.StreamResponse:
    """A text file as an answer that is made while it is sent; one that breaks off is cut off, never ended.

    So is one whose reader takes nothing for a minute.
    """
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{content_type}; charset=utf-8",
            "Content-Disposition": disposition(filename),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        }
    )
    await response.prepare(request)
    async for part in parts:
        async with asyncio.timeout(STALLED_SECONDS):
            await response.write(part)
    await response.write_eof()
    return response


def disposition(filename: str | None) -> str:
    """Content-Disposition with a name that cannot break out of it (RFC 6266 4)."""
    name = "".join(letter for letter in (filename or "") if letter.isprintable() and letter not in '"\\/')[:200]
    if not name:
        return 'attachment; filename="download"'
    if _PLAIN.fullmatch(name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"download\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"

"""Endpoints of the messages page: uploads and blobs."""

import mimetypes
from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web

from mailserver.api.gent.blobs import Blobs
from mailserver.api.gent.schemas import messages as shapes
from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import get, post
from mailserver.services.registry import Services

CHUNK_BYTES = 256 << 10
MOST_PARTS = 100
LONGEST_NAME = 255


class UploadsPage:
    """Files to attach, and files of messages."""

    def __init__(self, services: Services, blobs: Blobs) -> None:
        self._services = services
        self._blobs = blobs

    @post("/messages/upload/", scope=Scope.FILES_WRITE, status=201, answers={413: "The file is too large."})
    async def upload(self, caller: Caller, query: shapes.OfInbox, request: web.Request) -> shapes.Uploaded:
        """Upload a file: multipart/form-data, field `file`. It is kept for seven days unless it is attached."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        part = await _file_part(request)
        name = (part.filename or "").replace("\\", "/").rpartition("/")[2][:LONGEST_NAME] or None
        declared = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        guessed = mimetypes.guess_type(name or "")[0]
        kind = declared if declared not in ("", "application/octet-stream") else guessed or "application/octet-stream"
        upload = await self._services.attachments.upload(caller, inbox, _chunks(part), kind, name)
        return shapes.Uploaded(blob_id=upload.id, type=upload.content_type, size=upload.size)

    @get(
        "/messages/blobs/{blob_id}/", scope=Scope.FILES_READ, media_type="application/octet-stream",
        answers={206: "The part of the file that was asked for."},
    )  # fmt: skip
    async def download(
        self, caller: Caller, blob_id: str, query: shapes.OfInbox, request: web.Request
    ) -> web.StreamResponse:
        """Download a blob: an upload, or an attachment of a message."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None
        return await self._blobs.response(caller, inbox, blob_id, request)


async def _file_part(request: web.Request) -> BodyPartReader:
    if request.content_type != "multipart/form-data":
        raise errors.Invalid("Send the file as multipart/form-data in a field named file.")
    try:
        reader = await request.multipart()
        for _ in range(MOST_PARTS):
            part = await reader.next()
            if part is None:
                break
            if isinstance(part, BodyPartReader) and part.name == "file":
                return part
    except (ValueError, AssertionError) as error:
        raise errors.Invalid("The multipart body cannot be read.") from error
    raise errors.Invalid("The field file is missing.", file="The field is required.")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield chunk

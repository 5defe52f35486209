"""Blob ids to files: uploads, and attachments of received messages."""

from collections.abc import Sequence

from aiohttp import web

from mailserver.api.gent import present
from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Attachment, MessageSummary
from mailserver.http import downloads
from mailserver.mail.compose import File
from mailserver.services.outbound import outgoing
from mailserver.services.registry import Services


class Blobs:
    """Finds what a blob id names, for whoever may have it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def files(self, caller: Caller, inbox: Inbox, blob_ids: Sequence[str]) -> tuple[File, ...]:
        """The files to attach; Invalid names the first that there is not."""
        found = []
        for blob_id in blob_ids:
            try:
                found.append(await self._file(caller, inbox, blob_id))
            except errors.NotFound as error:
                sentence = f"There is no blob {blob_id}, or its seven days are over; upload it again."
                raise errors.Invalid(sentence, attachments=sentence) from error
        return tuple(found)

    async def response(
        self, caller: Caller, inbox: Inbox | None, blob_id: str, request: web.Request
    ) -> web.StreamResponse:
        """The bytes of a blob as an answer."""
        part = present.part_of_blob(blob_id)
        if part is not None:
            summary, attachment = await self._attachment(caller, inbox, *part)
            content = await self._services.messages.part(summary, attachment.number)
            return downloads.attachment(request, content, attachment.content_type, attachment.filename)
        own = inbox or await self._services.inboxes.of(caller, None)
        upload = await self._services.attachments.find(own, blob_id)
        return downloads.file(self._services.attachments.path(upload), upload.content_type, None)

    async def _file(self, caller: Caller, inbox: Inbox, blob_id: str) -> File:
        part = present.part_of_blob(blob_id)
        if part is not None:
            summary, attachment = await self._attachment(caller, inbox, *part)
            content = await self._services.messages.part(summary, attachment.number)
            return File(outgoing.plain_name(attachment.filename or "attachment"), attachment.content_type, content)
        upload = await self._services.attachments.find(inbox, blob_id)
        content = await self._services.attachments.read(upload)
        return File(upload.filename or "attachment", upload.content_type, content)

    async def _attachment(
        self, caller: Caller, inbox: Inbox | None, message_id: str, number: str
    ) -> tuple[MessageSummary, Attachment]:
        summary = await self._services.messages.find(caller, message_id, inbox)
        for attachment in summary.attachments:
            if attachment.number == number:
                return summary, attachment
        raise errors.NotFound("There is no such file.")

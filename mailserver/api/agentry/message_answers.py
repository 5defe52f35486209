"""Answers about messages, for the pages over all inboxes and those of one."""

import asyncio
from collections.abc import Sequence

from mailserver.api.agentry import filters, present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import messages as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Attachment, MessageSummary
from mailserver.http.downloads import Links
from mailserver.services.registry import Services
from mailserver.services.workspace.agent_labels import LabelChange

LARGEST_ANSWER = 16 << 20  # letters of text and HTML, of several messages together


class MessageAnswers:
    """Lists, whole messages and links."""

    def __init__(self, services: Services, cursors: Cursors, links: Links) -> None:
        self._services = services
        self._cursors = cursors
        self._links = links

    async def page(
        self, caller: Caller, name: str, query: shapes.ListShape, inbox_ids: tuple[int, ...]
    ) -> shapes.MessageList:
        """A page of messages, newest first where nothing else is said."""
        asked = filters.question(name, query, inbox_ids)
        cursor = self._cursors.read(caller, asked, query.page_token)
        where = filters.read(query, inbox_ids)
        found = await self._services.messages.across(caller, where, cursor, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller, asked, shown[-1].received_at, shown[-1].id)
        return shapes.MessageList(
            count=len(shown), limit=query.limit, next_page_token=token, messages=[present.item(one) for one in shown]
        )

    async def whole(self, summary: MessageSummary) -> shapes.MessageShown:
        """A message with its text."""
        parsed = await self._services.messages.parsed(summary)
        return await asyncio.to_thread(present.message, summary, parsed)

    async def several(self, summaries: Sequence[MessageSummary]) -> list[shapes.MessageShown]:
        """Messages with their text: as many of the first as one answer can hold, and one at the least."""
        found: list[shapes.MessageShown] = []
        room = LARGEST_ANSWER
        for summary in summaries:
            shown = await self.whole(summary)
            room -= len(shown.text or "") + len(shown.html or "")
            if found and room < 0:
                break
            found.append(shown)
        return found

    def raw(self, summary: MessageSummary) -> shapes.RawMessage:
        """A link to the whole message, as it arrived; it works without a login for an hour."""
        url, expires_at = self._links.make(summary.tenant_id, identifiers.encode(Kind.MESSAGE, summary.id))
        return shapes.RawMessage(
            message_id=present.id_of(summary), size=summary.size, download_url=url,
            expires_at=present.when(expires_at * 1000),
        )  # fmt: skip

    def attachment(
        self, tenant_id: int, attachments: Sequence[Attachment], attachment_id: str
    ) -> shapes.AttachmentLink:
        """A link to one of these attachments; NotFound where it is none of them."""
        for one in attachments:
            if present.attachment_id(one) == attachment_id:
                owner = identifiers.encode(Kind.MESSAGE, one.message_id)
                url, expires_at = self._links.make(tenant_id, owner, one.number)
                return shapes.AttachmentLink(
                    **present.attachment(one).model_dump(by_alias=False), download_url=url,
                    expires_at=present.when(expires_at * 1000),
                )  # fmt: skip
        raise errors.NotFound("There is no such attachment.")


def change(body: shapes.ChangeLabels) -> LabelChange:
    """The labels to put on and to take off."""
    return LabelChange(tuple(body.add_labels or ()), tuple(body.remove_labels or ()))


def changed(summary: MessageSummary) -> shapes.LabelsChanged:
    """The labels of a message as they are now."""
    return shapes.LabelsChanged(message_id=present.id_of(summary), labels=present.labels(summary))

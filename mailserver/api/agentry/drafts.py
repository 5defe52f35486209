"""Endpoints of the drafts pages."""

from dataclasses import replace

from aiohttp import web

from mailserver.api.agentry import draft_answers, outbox, present
from mailserver.api.agentry.draft_answers import DraftAnswers
from mailserver.api.agentry.outbox import Outbox
from mailserver.api.agentry.schemas import drafts as shapes
from mailserver.api.agentry.schemas.messages import AttachmentLink
from mailserver.api.agentry.schemas.sending import Sent
from mailserver.entities import errors, mail_labels
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Flag
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.accounts import agent_inboxes
from mailserver.services.outbound import passing_on
from mailserver.services.outbound.drafts import DraftChange, Origin
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.registry import Services

GONE = {404: "There is no such draft."}


class DraftsPage:
    """Drafts over all inboxes of the organisation."""

    def __init__(self, services: Services, answers: DraftAnswers) -> None:
        self._services = services
        self._answers = answers

    @get("/drafts", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ)
    async def list_drafts(self, caller: Caller, query: shapes.ListDrafts) -> shapes.DraftList:
        """List drafts, the one that was changed last first."""
        return await self._answers.page(caller, query, None)

    @get("/drafts/{draft_id}", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ, answers=GONE)
    async def get_draft(self, caller: Caller, draft_id: str) -> shapes.DraftShown:
        """Get a draft."""
        return await self._answers.whole(*await self._services.drafts.get(caller, draft_id))

    @get(
        "/drafts/{draft_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.DRAFT_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, draft_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a draft with a link that works until the draft is changed, for an hour."""
        return await self._answers.attachment(caller, draft_id, None, attachment_id)


class InboxDraftsPage:
    """Drafts of one inbox: messages in its Drafts folder."""

    def __init__(self, services: Services, answers: DraftAnswers, sending: Outbox) -> None:
        self._services = services
        self._answers = answers
        self._outbox = sending

    @get("/inboxes/{inbox_id}/drafts", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ)
    async def list_drafts(self, caller: Caller, inbox_id: str, query: shapes.ListDrafts) -> shapes.DraftList:
        """List an inbox's drafts, the one that was changed last first."""
        return await self._answers.page(caller, query, await self._services.inboxes.of(caller, inbox_id))

    @post("/inboxes/{inbox_id}/drafts", scope=Scope.EMAIL_WRITE, permission=Permission.DRAFT_CREATE, answers=GONE)
    async def create_draft(self, caller: Caller, inbox_id: str, body: shapes.CreateDraft) -> shapes.DraftShown:
        """Keep a draft; with `send_at` it is sent by itself. The same `client_id` gives the draft that there is."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        agent_inboxes.check_client_id(body.client_id)
        outgoing, origin = await self._begun(caller, inbox, body)
        return await self._answers.whole(*await self._services.drafts.create(caller, inbox, outgoing, origin))

    @get(
        "/inboxes/{inbox_id}/drafts/{draft_id}", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ, answers=GONE
    )
    async def get_draft(self, caller: Caller, inbox_id: str, draft_id: str) -> shapes.DraftShown:
        """Get a draft."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.whole(*await self._services.drafts.get(caller, draft_id, inbox))

    @patch(
        "/inboxes/{inbox_id}/drafts/{draft_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.DRAFT_UPDATE,
        answers=GONE,
    )
    async def update_draft(
        self, caller: Caller, inbox_id: str, draft_id: str, body: shapes.UpdateDraft
    ) -> shapes.DraftShown:
        """Change a draft."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        files = await self._outbox.files("add_attachments", body.add_attachments)
        change = await self._answers.change(caller, inbox, draft_id, body, files)
        return await self._answers.whole(*await self._services.drafts.change(caller, inbox, draft_id, change))

    @delete(
        "/inboxes/{inbox_id}/drafts/{draft_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.DRAFT_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_draft(self, caller: Caller, inbox_id: str, draft_id: str) -> None:
        """Delete a draft for good; one that waits for its time is not sent."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.drafts.delete(caller, inbox, draft_id)

    @get(
        "/inboxes/{inbox_id}/drafts/{draft_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.DRAFT_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, inbox_id: str, draft_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a draft with a link that works until the draft is changed, for an hour."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.attachment(caller, draft_id, inbox, attachment_id)

    @post(
        "/inboxes/{inbox_id}/drafts/{draft_id}/send",
        scope=Scope.EMAIL_SEND,
        permission=Permission.DRAFT_SEND,
        answers=GONE,
    )
    async def send_draft(
        self, caller: Caller, inbox_id: str, draft_id: str, body: shapes.SendDraft, request: web.Request
    ) -> Sent:
        """Send a draft now; the sent message takes its place."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        add, remove = draft_answers.labels(body.add_labels, body.remove_labels)
        repeatable = self._outbox.repeatable(inbox, request, body.model_dump_json())
        change = DraftChange(add_labels=add, remove_labels=remove)
        return outbox.sent(await self._services.drafts.send(caller, inbox, draft_id, change, repeatable))

    async def _begun(self, caller: Caller, inbox: Inbox, body: shapes.CreateDraft) -> tuple[Outgoing, Origin]:
        """What a new draft says, and what it was begun for."""
        if body.in_reply_to is not None and body.forward_of is not None:
            sentence = "A draft answers a message or forwards one."
            raise errors.Invalid(sentence, forward_of=sentence)
        mail_labels.refuse_fixed(tuple(body.labels), "labels")
        to, cc, bcc, reply_to = (outbox.people(name, getattr(body, name)) for name in ("to", "cc", "bcc", "reply_to"))
        outbox.check_number(to, cc, bcc)
        outgoing = Outgoing(
            to=to, cc=cc, bcc=bcc, reply_to=reply_to, subject=body.subject, text=body.text, html=body.html,
            attachments=await self._outbox.files("attachments", body.attachments), labels=tuple(body.labels),
        )  # fmt: skip
        named = body.in_reply_to or body.forward_of
        if named is not None:
            caller.permit(Permission.MESSAGE_READ)  # the draft quotes it
        original = await self._services.messages.find(caller, named, inbox) if named is not None else None
        if original is not None and body.in_reply_to is not None:
            if original.flags & Flag.DRAFT:
                raise errors.Invalid("A draft cannot be answered.", in_reply_to="The message is a draft.")
            outgoing = replace(outgoing, reply_to_message=original, reply_all=body.reply_all)
        elif original is not None:
            outgoing = await passing_on.forwarded(self._services.messages, original, outgoing)
        shown = present.id_of(original) if original is not None else None
        return outgoing, Origin(
            body.client_id, shown if body.in_reply_to is not None else None,
            shown if body.forward_of is not None else None, original, present.moment(body.send_at, "send_at"),
        )  # fmt: skip

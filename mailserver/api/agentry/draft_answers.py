"""Answers about drafts, and requests as what the service takes."""

from mailserver.api.agentry import outbox, present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.message_answers import MessageAnswers
from mailserver.api.agentry.schemas import drafts as shapes
from mailserver.api.agentry.schemas.messages import AttachmentLink
from mailserver.entities import errors, identifiers, label, mail_labels
from mailserver.entities.access import Caller
from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary
from mailserver.mail.compose import File
from mailserver.mail.message import Parsed
from mailserver.services.outbound.drafts import DraftChange, DraftFilter
from mailserver.services.registry import Services

_STATES = {DraftState.SCHEDULED: "scheduled", DraftState.FAILED: "failed"}


class DraftAnswers:
    """Lists, whole drafts and links."""

    def __init__(self, services: Services, cursors: Cursors, messages: MessageAnswers) -> None:
        self._services = services
        self._cursors = cursors
        self._messages = messages

    async def page(self, caller: Caller, query: shapes.ListDrafts, inbox: Inbox | None) -> shapes.DraftList:
        """A page of drafts, the one that was changed last first."""
        asked = f"drafts {inbox.id if inbox else 0} {query.model_dump_json(exclude={'page_token', 'limit'})}"
        cursor = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.drafts.page(caller, inbox, _filter(query), cursor, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            last = shown[-1][0]
            token = self._cursors.make(caller, asked, last.updated_at, last.id)
        return shapes.DraftList(
            count=len(shown), limit=query.limit, next_page_token=token, drafts=[_item(*one) for one in shown]
        )

    async def whole(self, draft: StoredDraft, summary: MessageSummary) -> shapes.DraftShown:
        """A draft with its text."""
        return _shown(draft, summary, await self._services.messages.parsed(summary))

    async def attachment(
        self, caller: Caller, draft_id: str, inbox: Inbox | None, attachment_id: str
    ) -> AttachmentLink:
        """A link to an attachment of a draft as it is now."""
        draft, summary = await self._services.drafts.get(caller, draft_id, inbox)
        return self._messages.attachment(draft.tenant_id, summary.attachments, attachment_id)

    async def change(
        self, caller: Caller, inbox: Inbox, draft_id: str, body: shapes.UpdateDraft, files: tuple[File, ...]
    ) -> DraftChange:
        """What a request changes of a draft."""
        numbers: tuple[str, ...] = ()
        if body.remove_attachments:
            _, summary = await self._services.drafts.get(caller, draft_id, inbox)
            numbers = _numbers(summary, body.remove_attachments)
        to, cc, bcc, reply_to = (
            None if getattr(body, name) is None else outbox.people(name, getattr(body, name))
            for name in ("to", "cc", "bcc", "reply_to")
        )
        outbox.check_number(to or (), cc or (), bcc or ())
        add, remove = labels(body.add_labels, body.remove_labels)
        return DraftChange(
            to=to, cc=cc, bcc=bcc, reply_to=reply_to, subject=body.subject, text=body.text, html=body.html,
            add_files=files, remove_files=numbers, add_labels=add, remove_labels=remove,
            is_rescheduled="send_at" in body.model_fields_set, send_at=present.moment(body.send_at, "send_at"),
        )  # fmt: skip


def labels(add: list[str] | None, remove: list[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels to put on and to take off; Invalid for the server's own."""
    found = tuple(add or ()), tuple(remove or ())
    mail_labels.refuse_fixed(found[0], "add_labels")
    mail_labels.refuse_fixed(found[1], "remove_labels")
    return found


def _filter(query: shapes.ListDrafts) -> DraftFilter:
    states: tuple[DraftState, ...] = ()
    atoms = []
    for name in query.labels or ():
        if name == mail_labels.SCHEDULED:
            states = (DraftState.SCHEDULED,)
        elif name != mail_labels.DRAFT:
            atoms.append(label.atom(name))
    return DraftFilter(
        present.moment(query.before, "before"), present.moment(query.after, "after"), tuple(atoms), states,
        query.ascending,
    )  # fmt: skip


def _numbers(summary: MessageSummary, attachment_ids: list[str]) -> tuple[str, ...]:
    """The sections of a draft's attachments that are named."""
    known = {present.attachment_id(one): one.number for one in summary.attachments}
    for each in attachment_ids:
        if each not in known:
            sentence = f"The draft has no attachment {each}."
            raise errors.Invalid(sentence, remove_attachments=sentence)
    return tuple(known[each] for each in attachment_ids)


def _labels(draft: StoredDraft, summary: MessageSummary) -> list[str]:
    scheduled = [mail_labels.SCHEDULED] if draft.state is DraftState.SCHEDULED else []
    return [mail_labels.DRAFT, *scheduled, *mail_labels.own(summary.labels)]


def _item(draft: StoredDraft, summary: MessageSummary) -> shapes.DraftItem:
    return shapes.DraftItem(
        inbox_id=summary.inbox_address, draft_id=identifiers.encode(Kind.DRAFT, draft.id),
        labels=_labels(draft, summary), to=[person.text for person in summary.to] or None,
        cc=[person.text for person in summary.cc] or None, bcc=[person.text for person in summary.bcc] or None,
        subject=summary.subject, preview=summary.preview,
        attachments=[present.attachment(each) for each in summary.attachments] or None,
        in_reply_to=draft.in_reply_to, forward_of=draft.forward_of, send_status=_STATES.get(draft.state),
        send_at=present.when(draft.send_at) if draft.send_at is not None else None,
        updated_at=present.when(draft.updated_at),
    )  # fmt: skip


def _shown(draft: StoredDraft, summary: MessageSummary, parsed: Parsed) -> shapes.DraftShown:
    return shapes.DraftShown(
        **_item(draft, summary).model_dump(by_alias=False), client_id=draft.client_id,
        reply_to=[person.text for person in summary.reply_to] or None, text=parsed.text, html=parsed.html,
        references=list(summary.references) or None, created_at=present.when(draft.created_at),
    )  # fmt: skip

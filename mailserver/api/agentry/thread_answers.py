"""Answers about threads, for the pages over all inboxes and those of one."""

from mailserver.api.agentry import filters, present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.message_answers import MessageAnswers
from mailserver.api.agentry.schemas import messages as message_shapes
from mailserver.api.agentry.schemas import threads as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.services.registry import Services
from mailserver.services.workspace.agent_labels import LabelChange


class ThreadAnswers:
    """Lists and whole threads. Drafts are no part of them."""

    def __init__(self, services: Services, cursors: Cursors, messages: MessageAnswers) -> None:
        self._services = services
        self._cursors = cursors
        self._messages = messages

    async def page(self, caller: Caller, query: shapes.ListThreads, inbox: Inbox | None) -> shapes.ThreadList:
        """A page of threads, the one with the newest message first."""
        own = (inbox.id,) if inbox else ()
        asked = filters.question("threads", query, own)
        cursor = self._cursors.read(caller, asked, query.page_token)
        where = filters.read(query, own)
        found = await self._services.threads.without_drafts(caller, where, cursor, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller, asked, shown[-1][0], shown[-1][1].id)
        return shapes.ThreadList(
            count=len(shown), limit=query.limit, next_page_token=token,
            threads=[present.thread(one) for _, one in shown],
        )  # fmt: skip

    async def whole(
        self, caller: Caller, thread_id: str, inbox: Inbox | None, query: shapes.GetThread
    ) -> shapes.ThreadShown:
        """A thread with its messages, oldest first."""
        asked = f"thread {thread_id}"
        behind = self._cursors.read(caller, asked, query.page_token)
        summary, members = await self._services.threads.opened(caller, thread_id, inbox, behind, query.limit + 1)
        whole = await self._messages.several(members[: query.limit])
        token = None
        if len(members) > len(whole):
            last = members[len(whole) - 1]
            token = self._cursors.make(caller, asked, last.received_at, last.id)
        return shapes.ThreadShown(
            **present.thread(summary).model_dump(by_alias=False), count=len(whole), limit=query.limit,
            next_page_token=token, messages=whole,
        )  # fmt: skip

    async def change(
        self, caller: Caller, thread_id: str, inbox: Inbox | None, body: shapes.ChangeThread
    ) -> shapes.ThreadChanged:
        """Put labels on all messages of a thread and take others off them."""
        change = LabelChange(tuple(body.add_labels or ()), tuple(body.remove_labels or ()))
        summary = await self._services.agent_labels.change_thread(caller, thread_id, inbox, change)
        return shapes.ThreadChanged(
            thread_id=identifiers.encode(Kind.THREAD, summary.id), labels=present.thread_labels(summary)
        )

    async def attachment(
        self, caller: Caller, thread_id: str, inbox: Inbox | None, attachment_id: str
    ) -> message_shapes.AttachmentLink:
        """A link to an attachment of one of a thread's messages."""
        summary, members = await self._services.threads.get(caller, thread_id, inbox)
        attachments = [one for member in members for one in member.attachments]
        return self._messages.attachment(summary.tenant_id, attachments, attachment_id)

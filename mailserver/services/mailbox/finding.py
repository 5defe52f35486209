"""Search by words, with the places where they stand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary
from mailserver.entities.search import SearchQuery
from mailserver.entities.thread import ThreadSummary
from mailserver.mail import highlights, hypertext
from mailserver.services.mailbox.messages import Messages
from mailserver.storage import finding, inboxes, messages, pods, threads
from mailserver.storage.database import Database, Snapshot


@dataclass(frozen=True, slots=True)
class Highlights:
    """Pieces of each field in which the words stand."""

    sender: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundThread:
    """A thread, its newest message that has the words, and where they stand in that."""

    thread: ThreadSummary
    message: MessageSummary
    highlights: Highlights


class Finding:
    """What has the words that are looked for, through the caller's eyes."""

    def __init__(self, database: Database, mailbox: Messages) -> None:
        self._database = database
        self._mailbox = mailbox

    async def messages(
        self, caller: Caller, inbox: Inbox, query: SearchQuery, behind: int | None, limit: int
    ) -> list[tuple[MessageSummary, Highlights]]:
        """Messages of an inbox, newest first, from behind one."""
        caller.require(Scope.EMAIL_READ)
        _refuse_wordless(query)

        def read(snapshot: Snapshot) -> list[MessageSummary]:
            found = finding.messages(snapshot, inbox.tenant_id, [inbox.id], query, behind, limit, hidden=caller.hidden)
            return messages.summaries(snapshot, found)

        return [(each, await self._highlights(each, query)) for each in await self._database.read(read)]

    async def anywhere(
        self,
        caller: Caller,
        inbox_ids: Sequence[int],
        pod_ids: Sequence[int],
        query: SearchQuery,
        behind: int | None,
        limit: int,
    ) -> list[tuple[MessageSummary, Highlights]]:
        """Messages of inboxes and pods that the caller was found to have, or of all that it may see."""
        caller.require(Scope.EMAIL_READ)
        _refuse_wordless(query)
        if not inbox_ids and not pod_ids:
            inbox_ids = (caller.inbox_id,) if caller.inbox_id is not None else ()
            pod_ids = (caller.pod_id,) if caller.inbox_id is None and caller.pod_id is not None else ()

        def read(snapshot: Snapshot) -> list[MessageSummary]:
            within = inbox_ids if inbox_ids or pod_ids else _inboxes(snapshot, caller)
            found = finding.messages(
                snapshot, caller.tenant_id, within, query, behind, limit, pod_ids=pod_ids, hidden=caller.hidden
            )
            return messages.summaries(snapshot, found)

        return [(each, await self._highlights(each, query)) for each in await self._database.read(read)]

    async def threads(
        self, caller: Caller, inbox: Inbox | None, query: SearchQuery, behind: int | None, limit: int
    ) -> list[FoundThread]:
        """Threads of an inbox, or of all that the caller may see, by their newest message with the words."""
        caller.require(Scope.EMAIL_READ)
        _refuse_wordless(query)
        own = inbox.id if inbox else caller.inbox_id

        def read(snapshot: Snapshot) -> list[tuple[ThreadSummary, MessageSummary]]:
            within = [own] if own is not None else _inboxes(snapshot, caller)
            if not within:
                return []
            found = dict(
                finding.threads(
                    snapshot, caller.tenant_id, within, query, behind, limit, pod_id=caller.pod_id, hidden=caller.hidden
                )
            )
            newest = {each.id: each for each in messages.summaries(snapshot, [*found.values()])}
            shown = threads.summaries(snapshot, [*found], drafts=False, hidden=caller.hidden)
            return [(each, newest[found[each.id]]) for each in shown if found[each.id] in newest]

        return [
            FoundThread(thread, message, await self._highlights(message, query))
            for thread, message in await self._database.read(read)
        ]

    async def _highlights(self, summary: MessageSummary, query: SearchQuery) -> Highlights:
        body = await self._mailbox.body(summary)
        return await asyncio.to_thread(_marked, summary, query, body.text, body.html)


def _inboxes(snapshot: Snapshot, caller: Caller) -> list[int]:
    """What the caller looks through: so many inboxes as are named to the index, and one more where there are more."""
    if caller.pod_id is not None:
        return pods.inbox_ids(snapshot, caller.pod_id, finding.MOST_TOKENS + 1)
    return [each.id for each in inboxes.of_tenant(snapshot, caller.tenant_id)]


def _marked(summary: MessageSummary, query: SearchQuery, text: str | None, html: str | None) -> Highlights:
    everybody = (*summary.to, *summary.cc, *summary.bcc)
    readable = text if text and text.strip() else hypertext.to_text(html) if html else ""
    return Highlights(
        _pieces(query, "sender", [person.text for person in summary.sender]),
        _pieces(query, "recipients", [person.text for person in everybody]),
        _pieces(query, "subject", [summary.subject]),
        _pieces(query, "body", [readable]),
    )


def _pieces(query: SearchQuery, place: str, texts: Sequence[str]) -> tuple[str, ...]:
    phrases = [
        f"{term.words}*" if term.is_beginning else term.words
        for group in query.groups
        for term in group
        if term.place in ("", place)
    ]
    found = [piece for text in texts for piece in highlights.pieces(text, phrases)]
    return tuple(found[: highlights.MOST])


def _refuse_wordless(query: SearchQuery) -> None:
    if not query.groups:
        raise errors.Invalid("There is nothing to look for.", q="Write at least one word.")

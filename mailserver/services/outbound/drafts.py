"""Drafts: real messages in Drafts, each change another one, that are sent by hand or at their time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailserver.entities import errors, identifiers
from mailserver.entities import label as label_names
from mailserver.entities.access import Caller, Scope
from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Flag, MessageSummary
from mailserver.mail.address import Person
from mailserver.mail.compose import File
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.mailbox.messages import Messages
from mailserver.services.outbound import outgoing as outgoing_fields
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable, Sending, Sent
from mailserver.storage import arrange, drafts, messages, pods
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record

LONGEST_WAIT_MS = 366 * 86_400_000
Draft = tuple[StoredDraft, MessageSummary]
Step = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a draft was begun for. The ids are those that the client sees."""

    client_id: str | None = None
    in_reply_to: str | None = None
    forward_of: str | None = None
    original: MessageSummary | None = None
    send_at: int | None = None


@dataclass(frozen=True, slots=True)
class DraftChange:
    """What is different from now on; None leaves it as it is."""

    to: tuple[Person, ...] | None = None
    cc: tuple[Person, ...] | None = None
    bcc: tuple[Person, ...] | None = None
    reply_to: tuple[Person, ...] | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    add_files: tuple[File, ...] = ()
    remove_files: tuple[str, ...] = ()
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    is_rescheduled: bool = False
    send_at: int | None = None


@dataclass(frozen=True, slots=True)
class DraftFilter:
    """What drafts to list; times in unix milliseconds, labels as atoms."""

    before: int | None = None
    after: int | None = None
    labels: tuple[str, ...] = ()
    states: tuple[DraftState, ...] = ()
    ascending: bool = False


class Drafts:
    """Drafts, through the caller's eyes."""

    def __init__(self, database: Database, ingest: Ingest, mailbox: Messages, sending: Sending, ids: IdSource) -> None:
        self._database = database
        self._ingest = ingest
        self._mailbox = mailbox
        self._sending = sending
        self._ids = ids

    # -- reading ------------------------------------------------------------------------------------------------

    async def page(
        self, caller: Caller, inbox: Inbox | None, where: DraftFilter, cursor: tuple[int, int] | None, limit: int
    ) -> list[Draft]:
        """Drafts of an inbox, or of all that the caller may see, by their last change."""
        caller.require(Scope.EMAIL_READ)
        own = inbox.id if inbox else caller.inbox_id
        owner = ("inbox_id", own) if own is not None else ("tenant_id", caller.tenant_id)
        if own is None and caller.pod_id is not None:
            owner = ("pod_id", caller.pod_id)

        def read(snapshot: Snapshot) -> list[Draft]:
            found = drafts.page(
                snapshot, owner, cursor, limit, before=where.before, after=where.after, labels=where.labels,
                states=where.states, ascending=where.ascending,
            )  # fmt: skip
            return _with_messages(snapshot, found)

        return await self._database.read(read)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> Draft:
        """One draft by its id."""
        return await self._database.read(_one, caller, text, inbox)

    # -- writing ------------------------------------------------------------------------------------------------

    async def create(self, caller: Caller, inbox: Inbox, outgoing: Outgoing, origin: Origin) -> Draft:
        """Keep a draft; one that the client has named so already is given back as it is."""
        caller.require(Scope.EMAIL_WRITE)
        known = await self._named(inbox, origin.client_id)
        if known is not None:
            return known
        _check_time(origin.send_at)
        now = int(time.time() * 1000)
        draft = StoredDraft(
            self._ids.next(), inbox.tenant_id, inbox.id, self._ids.next(), origin.client_id, origin.in_reply_to,
            origin.forward_of, origin.original.id if origin.original else None, origin.send_at,
            DraftState.SCHEDULED if origin.send_at is not None else DraftState.OPEN, None, now, now,
        )  # fmt: skip

        def before(tx: Transaction) -> None:
            if origin.client_id is not None:
                if drafts.by_client_id(tx, inbox.id, origin.client_id) is not None:
                    raise errors.Conflict("A draft with this client_id is being made.")
                drafts.release_client_id(tx, inbox.id, origin.client_id)
            if drafts.count(tx, inbox.id) >= drafts.MOST:
                raise errors.Conflict(f"An inbox has at most {drafts.MOST:,} drafts.")

        def after(tx: Transaction) -> None:
            drafts.add(tx, draft)

        return await self._store(inbox, outgoing, draft, before, after)

    async def change(self, caller: Caller, inbox: Inbox, text: str, change: DraftChange) -> Draft:
        """Change a draft: another message takes its place. Conflict where somebody else has changed it meanwhile."""
        caller.require(Scope.EMAIL_WRITE)
        draft, summary = await self.get(caller, text, inbox)
        if change.is_rescheduled:
            _check_time(change.send_at)
        outgoing = _changed(await self._outgoing(summary), summary, change)
        changed = replace(draft, message_id=self._ids.next(), updated_at=max(_now(), draft.updated_at + 1))
        if change.is_rescheduled:
            state = DraftState.SCHEDULED if change.send_at is not None else DraftState.OPEN
            changed = replace(changed, send_at=change.send_at, state=state, problem=None)

        def before(tx: Transaction) -> None:
            _refuse_changed(tx, draft)

        def after(tx: Transaction) -> None:
            drafts.change(tx, changed)
            arrange.remove(tx, draft.message_id, changed.updated_at)

        return await self._store(inbox, outgoing, changed, before, after)

    async def delete(self, caller: Caller, inbox: Inbox, text: str) -> None:
        """Throw a draft away for good."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> None:
            draft, _ = _one(tx, caller, text, inbox)
            arrange.remove(tx, draft.message_id, _now())

        await self._database.write(write)

    async def send(
        self, caller: Caller, inbox: Inbox, text: str, labels: DraftChange, repeatable: Repeatable | None = None
    ) -> Sent:
        """Send a draft: the sent message takes its place, in one transaction."""
        known = await self._sending.answered(caller, inbox, repeatable)
        if known is not None:
            return known
        draft, summary = await self.get(caller, text, inbox)
        outgoing = _changed(await self._outgoing(summary), summary, labels)
        if draft.marked_id is not None:
            flag = Flag.ANSWERED if draft.in_reply_to is not None else Flag.FORWARDED
            outgoing = replace(outgoing, marks=((draft.marked_id, flag),))

        def also(tx: Transaction, _: Sent) -> None:
            _refuse_changed(tx, draft)
            arrange.remove(tx, draft.message_id, _now())

        return await self._sending.send(
            caller, inbox, replace(outgoing, reaches_somebody=True), repeatable, also
        )  # fmt: skip

    # -- inside -------------------------------------------------------------------------------------------------

    async def _named(self, inbox: Inbox, client_id: str | None) -> Draft | None:
        def read(snapshot: Snapshot) -> Draft | None:
            found = drafts.by_client_id(snapshot, inbox.id, client_id or "")
            return _with_messages(snapshot, [found])[0] if found is not None else None

        return await self._database.read(read) if client_id is not None else None

    async def _store(self, inbox: Inbox, outgoing: Outgoing, draft: StoredDraft, before: Step, after: Step) -> Draft:
        """Store the message of a draft, and what belongs to it in the same transaction."""
        written, raw = await self._sending.written(inbox, outgoing, draft.message_id)
        copy = Copy(
            draft.message_id, inbox.id, inbox.tenant_id, Role.DRAFTS.value, flags=int(Flag.SEEN | Flag.DRAFT),
            labels=outgoing.labels, is_ours=True, bcc=tuple(person.address for person in written.bcc),
        )  # fmt: skip
        record = Record((copy,), written.date_at, len(raw), raw, is_news=False)

        def finish(tx: Transaction, stored: tuple[StoredMessage, ...]) -> Draft:
            if not stored:
                raise errors.NotFound("There is no such inbox.")
            after(tx)
            tx.ring(drafts.TOPIC)
            return draft, messages.summaries(tx, [draft.message_id])[0]

        return await self._ingest.store(record, before, finish)

    async def _outgoing(self, summary: MessageSummary) -> Outgoing:
        """A draft's message as what it was written from."""
        parsed = await self._mailbox.parsed(summary)
        files = [
            File(
                outgoing_fields.plain_name(one.filename) if one.filename else None, one.content_type,
                await self._mailbox.part(summary, one.number), one.disposition or "attachment", one.content_id,
            )
            for one in summary.attachments
        ]  # fmt: skip
        return Outgoing(
            to=parsed.to, cc=parsed.cc, bcc=summary.bcc, reply_to=parsed.reply_to, subject=parsed.subject,
            text=parsed.text, html=parsed.html, attachments=tuple(files), labels=summary.labels,
            in_reply_to=parsed.in_reply_to, references=parsed.references,
        )  # fmt: skip


def _changed(outgoing: Outgoing, summary: MessageSummary, change: DraftChange) -> Outgoing:
    """What a draft says with a change made to it."""
    numbers = [one.number for one in summary.attachments]
    for number in change.remove_files:
        if number not in numbers:
            sentence = f"There is no attachment {number}."
            raise errors.Invalid(sentence, remove_attachments=sentence)
    kept = [
        file for number, file in zip(numbers, outgoing.attachments, strict=True) if number not in change.remove_files
    ]
    gone = {label_names.atom(name) for name in change.remove_labels}
    labels = [name for name in outgoing.labels if label_names.atom(name) not in gone]
    return replace(
        outgoing,
        to=outgoing.to if change.to is None else change.to,
        cc=outgoing.cc if change.cc is None else change.cc,
        bcc=outgoing.bcc if change.bcc is None else change.bcc,
        reply_to=outgoing.reply_to if change.reply_to is None else change.reply_to,
        subject=outgoing.subject if change.subject is None else change.subject,
        text=outgoing.text if change.text is None else change.text,
        html=outgoing.html if change.html is None else change.html,
        attachments=(*kept, *change.add_files),
        labels=tuple(dict.fromkeys([*labels, *change.add_labels])),
    )


def _with_messages(snapshot: Snapshot, found: Sequence[StoredDraft]) -> list[Draft]:
    summaries = {each.id: each for each in messages.summaries(snapshot, [draft.message_id for draft in found])}
    return [(draft, summaries[draft.message_id]) for draft in found if draft.message_id in summaries]


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> Draft:
    try:
        found = drafts.get(snapshot, identifiers.decode(Kind.DRAFT, text))
    except identifiers.BadIdentifier:
        found = None
    if (
        found is None
        or found.tenant_id != caller.tenant_id
        or caller.inbox_id not in (None, found.inbox_id)
        or (caller.pod_id is not None and caller.pod_id != pods.of_inbox(snapshot, found.inbox_id))
        or (inbox is not None and inbox.id != found.inbox_id)
    ):
        raise errors.NotFound("There is no such draft.")
    return _with_messages(snapshot, [found])[0]


def _refuse_changed(tx: Transaction, draft: StoredDraft) -> None:
    """Conflict where a draft is not the one any more that was read."""
    present = drafts.get(tx, draft.id)
    if present is None:
        raise errors.NotFound("There is no such draft.")
    if present.message_id != draft.message_id:
        raise errors.Conflict("The draft was changed meanwhile.")


def _check_time(send_at: int | None) -> None:
    now = _now()
    if send_at is not None and not now < send_at <= now + LONGEST_WAIT_MS:
        sentence = "The time lies in the future, at most a year ahead."
        raise errors.Invalid(sentence, send_at=sentence)


def _now() -> int:
    return int(time.time() * 1000)

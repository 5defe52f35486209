"""Messages that a client makes, changes and destroys: each by itself, the changes of a request in one transaction."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities import label as label_names
from mailserver.entities.access import Caller, Scope
from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.email import Email
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, LabelType
from mailserver.entities.message import Flag, Visibility
from mailserver.mail import headers
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.workspace.labels import Labels
from mailserver.storage import arrange, changes, drafts, emails, folders, label_store
from mailserver.storage.database import Database, Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record

MOST_KEYWORDS = 100  # of one message
MOST_FOLDERS = 32
_HIDDEN: dict[Role | None, Visibility] = {Role.JUNK: Visibility.SPAM, Role.TRASH: Visibility.TRASH}


class Room(Protocol):
    """Whether the disk can take more."""

    @property
    def is_there(self) -> bool:
        """True while it can."""
        ...


class TooManyKeywords(errors.ServiceError):
    """A message has at most 100 keywords."""


class TooManyMailboxes(errors.ServiceError):
    """A message lies in at most 32 mailboxes."""


class StateMismatch(errors.ServiceError):
    """The state is another one by now."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where a message lies and what it is marked with."""

    folder_ids: frozenset[int]
    flags: Flag
    labels: tuple[str, ...]  # atoms


class EmailSetting:
    """Writes of messages, through the caller's eyes."""

    def __init__(
        self, database: Database, ingest: Ingest, labels: Labels, room: Room, ids: IdSource,
        message_bytes: int, allotments: Allotments,
    ) -> None:  # fmt: skip
        self._database = database
        self._ingest = ingest
        self._labels = labels
        self._room = room
        self._ids = ids
        self.message_bytes = message_bytes
        self._allotments = allotments

    def new_id(self) -> int:
        """The id that a message is going to have."""
        return self._ids.next()

    async def store(
        self, caller: Caller, inbox: Inbox, number: int, raw: bytes, wanted: Arrangement, received_at: int
    ) -> Email:
        """Store a message that a client wrote or brought, under an id of `new_id`; on the disk when this returns."""
        caller.require(Scope.EMAIL_WRITE)
        _check(wanted)
        if len(raw) > self.message_bytes:
            raise errors.TooLarge(f"A message has at most {self.message_bytes:,} octets.")
        if not self._room.is_there:
            raise errors.StoreFull
        await self._allotments.refuse_full(inbox)
        every = {each.id: each for each in await self._database.read(folders.of_inbox, inbox.id)}
        present = [every[each] for each in wanted.folder_ids if each in every]
        if len(present) != len(wanted.folder_ids):
            raise errors.Invalid("There is no such mailbox.", mailboxIds="One of them is not there.")
        copy = _copy(number, inbox, present, wanted.flags)
        record = Record((copy,), received_at, len(raw), raw, is_news=False, begins_thread=False)

        def before(tx: Transaction) -> None:
            del tx

        def after(tx: Transaction, stored: tuple[StoredMessage, ...]) -> Email:
            if not stored:
                raise errors.NotFound("There is no such inbox.")
            self._relabel(tx, inbox, number, (), wanted.labels)
            if wanted.flags & Flag.DRAFT:
                self._note_draft(tx, inbox, number)
            tx.ring(f"inbox:{inbox.id}")
            return emails.get(tx, inbox.id, [number])[number]

        return await self._ingest.store(record, before, after)

    async def change(
        self,
        caller: Caller,
        inbox: Inbox,
        updates: Mapping[int, Callable[[Email], Arrangement]],
        removals: Sequence[int],
        if_in_state: str | None = None,
    ) -> dict[int, errors.ServiceError]:
        """Arrange messages anew and remove others, in one transaction, each by itself: what was refused, by message.

        StateMismatch where the state of the inbox's mail is not the one that is asked for.
        """
        if updates:
            caller.require(Scope.EMAIL_WRITE)
        if removals:
            caller.require_at_once(Scope.EMAIL_DELETE)

        def write(tx: Transaction) -> dict[int, errors.ServiceError]:
            if if_in_state is not None and if_in_state != str(changes.state(tx, inbox.id, changes.EMAIL)):
                raise StateMismatch
            refused = self._arrange_all(tx, inbox, updates)
            for number in removals:
                if emails.get(tx, inbox.id, [number]):
                    arrange.remove(tx, number, _now())
                else:
                    refused[number] = errors.NotFound("There is no such message.")
            return refused

        return await self._database.write(write)

    # -- inside -------------------------------------------------------------------------------------------------

    def _arrange_all(
        self, tx: Transaction, inbox: Inbox, updates: Mapping[int, Callable[[Email], Arrangement]]
    ) -> dict[int, errors.ServiceError]:
        there = {each.id for each in folders.of_inbox(tx, inbox.id)}
        refused: dict[int, errors.ServiceError] = {}
        for number, change in updates.items():
            try:
                with tx.part():
                    self._arrange(tx, inbox, number, change, there)
            except errors.Temporary:
                raise
            except errors.ServiceError as refusal:
                refused[number] = refusal
        return refused

    def _arrange(
        self, tx: Transaction, inbox: Inbox, number: int, change: Callable[[Email], Arrangement], there: set[int]
    ) -> None:
        email = emails.get(tx, inbox.id, [number]).get(number)
        if email is None:
            raise errors.NotFound("There is no such message.")
        wanted = change(email)
        _check(wanted)
        if wanted.folder_ids - there:
            raise errors.Invalid("There is no such mailbox.", mailboxIds="One of them is not there.")
        now = _now()
        arrange.set_flags(tx, number, wanted.flags, ~wanted.flags & _every(), now)
        arrange.place(tx, number, wanted.folder_ids, now)
        self._relabel(tx, inbox, number, email.labels, wanted.labels)
        if wanted.flags & Flag.DRAFT and not email.flags & Flag.DRAFT:
            self._note_draft(tx, inbox, number)

    def _relabel(
        self, tx: Transaction, inbox: Inbox, number: int, present: Sequence[str], wanted: Sequence[str]
    ) -> None:
        for atom in wanted:
            if atom not in present:
                self._labels.attach(tx, self._label(tx, inbox.tenant_id, atom), number)
        for atom in present:
            known = label_store.by_key(tx, inbox.tenant_id, atom)
            if atom not in wanted and known is not None:
                _refuse_system(known)
                self._labels.detach(tx, known, number)

    def _label(self, tx: Transaction, tenant_id: int, atom: str) -> Label:
        known = label_store.by_key(tx, tenant_id, atom)
        if known is None:
            if not label_names.is_keyword(atom):
                raise errors.Invalid(f"{atom} is no keyword.", keywords="It is no keyword.")
            if label_store.count(tx, tenant_id) >= label_store.MOST:
                raise errors.Invalid("There are too many labels already.", keywords=f"At most {label_store.MOST:,}.")
            known = Label(self._ids.next(), tenant_id, atom, atom, LabelType.MESSAGE, None, None, _now())
            _refuse_system(known)
            label_store.add(tx, known)
        _refuse_system(known)
        if known.type not in (LabelType.MESSAGE, LabelType.ANY):
            raise errors.Invalid(f"The label {atom} is not for messages.", keywords="It is for contacts.")
        return known

    def _note_draft(self, tx: Transaction, inbox: Inbox, number: int) -> None:
        """Let the other faces see it as a draft too."""
        now = _now()
        drafts.forget_message(tx, number)
        draft = StoredDraft(
            self._ids.next(), inbox.tenant_id, inbox.id, number, None, None, None, None, None, DraftState.OPEN, None,
            now, now,
        )  # fmt: skip
        drafts.add(tx, draft)


def looks_like_mail(raw: bytes) -> bool:
    """Whether bytes begin with a header field."""
    head, _ = headers.split(raw[: 256 << 10])
    return bool(head.fields)


def _copy(number: int, inbox: Inbox, present: Sequence[Folder], flags: Flag) -> Copy:
    """The copy as the store knows it; it is hidden as junk or waste where it lies nowhere else."""
    roles = {each.role for each in present}
    hidden = [_HIDDEN[role] for role in roles if role in _HIDDEN]
    return Copy(
        number, inbox.id, inbox.tenant_id, Role.ARCHIVE.value, flags=int(flags),
        visibility=int(min(hidden)) if len(hidden) == len(roles) else int(Visibility.NORMAL),
        is_ours=bool(flags & Flag.DRAFT) or bool(roles & {Role.SENT, Role.DRAFTS}),
        folder_ids=tuple(sorted(each.id for each in present)),
    )  # fmt: skip


def _check(wanted: Arrangement) -> None:
    if not wanted.folder_ids:
        raise errors.Invalid("A message lies in one mailbox at least.", mailboxIds="One at least.")
    if len(wanted.folder_ids) > MOST_FOLDERS:
        raise TooManyMailboxes
    if len(wanted.labels) > MOST_KEYWORDS:
        raise TooManyKeywords


def _every() -> Flag:
    flags = Flag(0)
    for each in Flag:
        flags |= each
    return flags


def _refuse_system(known: Label) -> None:
    if known.is_system:
        raise errors.Forbidden("Labels of a ticket's status and priority are changed by what tickets do.")


def _now() -> int:
    return int(time.time() * 1000)

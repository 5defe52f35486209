"""Labels as the one way to arrange mail: some are flags and folders, the others stand in the tenant's dictionary."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities import errors, mail_labels
from mailserver.entities import label as label_names
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, LabelType
from mailserver.entities.message import Flag, MessageSummary
from mailserver.entities.thread import ThreadSummary
from mailserver.services.mailbox import resolve
from mailserver.services.workspace.labels import LONGEST_NAME, Labels
from mailserver.storage import arrange, folders, label_store, messages, threads
from mailserver.storage.database import Database, Transaction

_FLAGS = {mail_labels.UNREAD: Flag.SEEN, mail_labels.STARRED: Flag.FLAGGED}
_FOLDERS = {mail_labels.SPAM: Role.JUNK, mail_labels.TRASH: Role.TRASH}
_HIDDEN = frozenset({mail_labels.SPAM, mail_labels.TRASH, mail_labels.BLOCKED})


@dataclass(frozen=True, slots=True)
class LabelChange:
    """Labels to put on and to take off, as people write them."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class AgentLabels:
    """Changes of labels, through the caller's eyes."""

    def __init__(self, database: Database, ids: IdSource, labels: Labels) -> None:
        self._database = database
        self._ids = ids
        self._labels = labels

    async def change(self, caller: Caller, text: str, inbox: Inbox | None, change: LabelChange) -> MessageSummary:
        """Change the labels of a message; how it is then."""
        caller.require(Scope.EMAIL_WRITE)
        _check(change)

        def write(tx: Transaction) -> MessageSummary:
            number = resolve.message_id(tx, caller, text, inbox.id if inbox else None)
            self._apply(tx, number, change, int(time.time() * 1000))
            return messages.summaries(tx, [number])[0]

        return await self._database.write(write)

    async def change_several(
        self, caller: Caller, texts: Sequence[str], inbox: Inbox, change: LabelChange
    ) -> list[MessageSummary]:
        """Change the labels of messages, of all or of none; those that there are not are left out."""
        caller.require(Scope.EMAIL_WRITE)
        _check(change)

        def write(tx: Transaction) -> list[MessageSummary]:
            found: dict[int, None] = {}
            for text in texts:
                try:
                    found[resolve.message_id(tx, caller, text, inbox.id)] = None
                except errors.NotFound:
                    continue
            for number in found:
                self._apply(tx, number, change, int(time.time() * 1000))
            return messages.summaries(tx, list(found))

        return await self._database.write(write)

    async def change_thread(self, caller: Caller, text: str, inbox: Inbox | None, change: LabelChange) -> ThreadSummary:
        """Change the labels of a thread: those of all its messages."""
        caller.require(Scope.EMAIL_WRITE)
        _check(change)

        def write(tx: Transaction) -> ThreadSummary:
            number = resolve.thread_id(tx, caller, text, inbox.id if inbox else None)
            now = int(time.time() * 1000)
            for summary in messages.summaries(tx, threads.message_ids(tx, number, hidden=caller.hidden)):
                if not summary.flags & Flag.DRAFT:
                    self._apply(tx, summary.id, change, now)
            for name in change.remove:
                known = label_store.by_key(tx, caller.tenant_id, label_names.atom(name))
                if known is not None and not known.is_system:
                    self._labels.detach_thread(tx, known, number)
            # What a key moves out of its own sight is shown to it this once.
            found = threads.summaries(tx, [number], drafts=False, hidden=caller.hidden) or threads.summaries(
                tx, [number], drafts=False
            )
            if not found:
                raise errors.NotFound("There is no such thread.")
            return found[0]

        return await self._database.write(write)

    # -- one message --------------------------------------------------------------------------------------------

    def _apply(self, tx: Transaction, number: int, change: LabelChange, now: int) -> None:
        (summary,) = messages.summaries(tx, [number])
        present = set(mail_labels.of_message(summary))
        add = {label_names.atom(name): name for name in change.add}
        remove = {label_names.atom(name): name for name in change.remove}
        self._refuse_fixed(present, summary, add, remove)
        on, off = Flag(0), Flag(0)
        for name, flag in _FLAGS.items():
            is_unread = name == mail_labels.UNREAD
            if name in add:
                on, off = (on, off | flag) if is_unread else (on | flag, off)
            elif name in remove:
                on, off = (on | flag, off) if is_unread else (on, off | flag)
        if on or off:
            arrange.set_flags(tx, number, on, off, now)
        self._move(tx, summary, present, add, remove, now)
        for atom, name in add.items():
            if atom not in mail_labels.DERIVED and atom != mail_labels.UNAUTHENTICATED:
                self._labels.attach(tx, self._label(tx, summary.tenant_id, name), number)
        for atom in remove:
            known = label_store.by_key(tx, summary.tenant_id, atom)
            if known is not None:
                _refuse_system(known)
                self._labels.detach(tx, known, number)

    def _refuse_fixed(
        self, present: set[str], summary: MessageSummary, add: dict[str, str], remove: dict[str, str]
    ) -> None:
        """Invalid for what cannot be made true or untrue of a message; what is so already may be said again."""
        fixed = mail_labels.DERIVED - mail_labels.CHANGEABLE
        stored = {label_names.atom(name) for name in summary.labels}
        for name in add.keys() & (fixed | {mail_labels.UNAUTHENTICATED}):
            if name not in present | stored:
                raise errors.Invalid(f"The label {name} cannot be added.", add_labels="It is the server's own.")
        for name in remove.keys() & (fixed - {mail_labels.BLOCKED}):
            if name in present:
                raise errors.Invalid(f"The label {name} cannot be removed.", remove_labels="It is the server's own.")

    def _move(
        self, tx: Transaction, summary: MessageSummary, present: set[str], add: dict[str, str], remove: dict[str, str],
        now: int,
    ) -> None:  # fmt: skip
        wanted = next((role for name, role in _FOLDERS.items() if name in add and name not in present), None)
        if wanted is None and present & _HIDDEN & remove.keys() and not any(name in add for name in _FOLDERS):
            wanted = _home(summary)
        if wanted is None:
            return
        folder = folders.by_role(tx, summary.inbox_id, wanted)
        if folder is not None:
            arrange.move(tx, summary.id, folder.id, now)

    def _label(self, tx: Transaction, tenant_id: int, name: str) -> Label:
        """A label of the dictionary, made where it is not there yet."""
        atom = label_names.atom(name)
        known = label_store.by_key(tx, tenant_id, atom)
        if known is None:
            if label_store.count(tx, tenant_id) >= label_store.MOST:
                raise errors.Conflict(f"There are {label_store.MOST:,} labels already; remove some first.")
            made = int(time.time() * 1000)
            known = Label(self._ids.next(), tenant_id, atom, name.strip(), LabelType.MESSAGE, None, None, made)
            _refuse_system(known)
            label_store.add(tx, known)
            return known
        _refuse_system(known)
        if known.type not in (LabelType.MESSAGE, LabelType.ANY):
            raise errors.Invalid(f"The label {name} is not for messages.", add_labels="It is for contacts.")
        return known


def _home(summary: MessageSummary) -> Role:
    """Where a message lies that is neither junk nor thrown away."""
    if summary.flags & Flag.DRAFT:
        return Role.DRAFTS
    return Role.SENT if summary.is_ours else Role.INBOX


def _refuse_system(known: Label) -> None:
    if known.is_system:
        raise errors.Forbidden("Labels of a ticket's status and priority are changed by what tickets do.")


def _check(change: LabelChange) -> None:
    """Invalid for a change that says nothing, or both things at once, or what is no label."""
    for field, names in (("add_labels", change.add), ("remove_labels", change.remove)):
        for name in names:
            if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
                sentence = f"A label has between 1 and {LONGEST_NAME} printable characters."
                raise errors.Invalid(sentence, **{field: sentence})
    if not change.add and not change.remove:
        raise errors.Invalid("Say what is to change.", add_labels="At least one of add_labels and remove_labels.")
    both = {label_names.atom(name) for name in change.add} & {label_names.atom(name) for name in change.remove}
    if both:
        raise errors.Invalid("A label is added and removed.", remove_labels=f"Also in add_labels: {min(both)}.")

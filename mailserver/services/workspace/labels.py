"""Labels of a tenant: kept, and put on messages, threads and contacts."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from mailserver.entities import errors, identifiers
from mailserver.entities import label as label_names
from mailserver.entities.access import Caller
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, LabelSource, LabelType, ThreadLabel
from mailserver.services.mailbox import resolve
from mailserver.services.workspace import contacts as contact_names
from mailserver.services.workspace import reach
from mailserver.storage import label_store, messages, threads
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 100
STRIPPED_AT_ONCE = 200  # messages that a label is taken off in one transaction
_KEY = re.compile(r"[a-z0-9._/-]{1,100}")
_COLOR = re.compile(r"#[0-9a-f]{6}")


class Follower(Protocol):
    """Somebody who does something about a label that is put on mail: tickets, and an inbox's rules."""

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """A label was put on a message, or on a thread."""
        ...


class Labels:
    """Labels, through the caller's eyes. They are the whole team's; what they are on is each inbox's own."""

    def __init__(self, database: Database, ids: IdSource, followers: Sequence[Follower]) -> None:
        self._database = database
        self._ids = ids
        self._followers = tuple(followers)

    def attach(self, tx: Transaction, label: Label, message_id: int) -> bool:
        """Put a label on a message inside a transaction, and tell; False where it is there."""
        place = messages.place(tx, message_id)
        if place is None or not label_store.attach(tx, label.id, message_id, int(time.time() * 1000)):
            return False
        inbox_id, thread_id = place
        self._tell(tx, EventType.LABEL_APPLIED, label, inbox_id, message_id, thread_id)
        for follower in self._followers:
            follower.labelled(tx, inbox_id, label, message_id, thread_id)
        return True

    def detach(self, tx: Transaction, label: Label, message_id: int) -> bool:
        """Take a label off a message inside a transaction, and tell; False where it is not there."""
        place = messages.place(tx, message_id)
        if place is None or not label_store.detach(tx, label.id, message_id, int(time.time() * 1000)):
            return False
        self._tell(tx, EventType.LABEL_REMOVED, label, place[0], message_id, place[1])
        return True

    def detach_thread(self, tx: Transaction, label: Label, thread_id: int) -> bool:
        """Take a label off a thread and its messages inside a transaction, and tell; False where none had it."""
        place = threads.find(tx, thread_id)
        if place is None or not label_store.detach_thread(tx, label.id, thread_id, int(time.time() * 1000)):
            return False
        self._tell(tx, EventType.LABEL_REMOVED, label, place[1], None, thread_id)
        return True

    def attach_thread(
        self, tx: Transaction, label: Label, thread_id: int, source: LabelSource, confidence: float | None
    ) -> bool:
        """Put a label on a thread inside a transaction, and tell; False where it is there, or there is no thread."""
        place = threads.find(tx, thread_id)
        if place is None or not label_store.attach_thread(tx, label.id, thread_id, source, confidence):
            return False
        self._tell(tx, EventType.LABEL_APPLIED, label, place[1], None, thread_id)
        for follower in self._followers:
            follower.labelled(tx, place[1], label, None, thread_id)
        return True

    def _tell(
        self, tx: Transaction, kind: EventType, label: Label, inbox_id: int, message_id: int | None, thread_id: int
    ) -> None:
        body = {"label_id": label.id, "label_key": label.key, "message_id": message_id, "thread_id": thread_id}
        tx.publish(Event(self._ids.next(), label.tenant_id, inbox_id, kind, int(time.time() * 1000), body))

    async def of_tenant(self, caller: Caller, kind: LabelType | None) -> list[Label]:
        """The labels of the team by their keys."""
        return await self._database.read(label_store.of_tenant, caller.tenant_id, kind)

    async def create(
        self, caller: Caller, name: str, kind: LabelType, key: str | None, color: str | None, group: str | None
    ) -> Label:
        """Make a label; Conflict where there is one of its key, Forbidden where the key is the server's own."""
        name = reach.text(name, "name", LONGEST_NAME)
        made = Label(
            self._ids.next(), caller.tenant_id, _key(key) if key is not None else label_names.atom(name), name, kind,
            _color(color), _group(group), int(time.time() * 1000),
        )  # fmt: skip
        _refuse_system(made)

        def write(tx: Transaction) -> Label:
            if label_store.by_key(tx, caller.tenant_id, made.key) is not None:
                raise errors.Conflict(f"There is a label {made.key} already.")
            if label_store.count(tx, caller.tenant_id) >= label_store.MOST:
                raise errors.Conflict(f"There are {label_store.MOST:,} labels already; remove some first.")
            label_store.add(tx, made)
            return made

        return await self._database.write(write)

    async def change(
        self, caller: Caller, text: str, *, name: str | None = None, color: str | None = None, group: str | None = None
    ) -> Label:
        """Change a label; '' takes colour or group away. Its key stays: mail programs know it by that."""

        def write(tx: Transaction) -> Label:
            label = one(tx, caller, text)
            _refuse_system(label)
            changed = replace(
                label,
                name=reach.text(name, "name", LONGEST_NAME) if name is not None else label.name,
                color=_color(color) if color is not None else label.color,
                group=_group(group) if group is not None else label.group,
            )
            label_store.change(tx, changed)
            return changed

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str) -> None:
        """Delete a label and take it off everything. Broken off, it has left some messages; said again, it goes on."""

        def write(tx: Transaction) -> bool:
            label = one(tx, caller, text)
            _refuse_system(label)
            is_last = label_store.strip(tx, label.id, STRIPPED_AT_ONCE, int(time.time() * 1000)) < STRIPPED_AT_ONCE
            if is_last:
                label_store.remove(tx, label.id)
            return is_last

        while not await self._database.write(write):
            pass

    # -- messages and threads -----------------------------------------------------------------------------------

    async def put_on_message(
        self, caller: Caller, message: str, inbox: Inbox | None, label_id: str | None, key: str | None
    ) -> list[Label]:
        """Put a label on a message; the labels that it has then."""

        def write(tx: Transaction) -> list[Label]:
            number = resolve.message_id(tx, caller, message, inbox.id if inbox else None)
            label = _for(_either(tx, caller, label_id, key), LabelType.MESSAGE)
            self.attach(tx, label, number)
            return label_store.of_message(tx, number)

        return await self._database.write(write)

    async def take_off_message(self, caller: Caller, message: str, inbox: Inbox | None, label_id: str) -> None:
        """Take a label off a message; one that is not there is off already."""

        def write(tx: Transaction) -> None:
            number = resolve.message_id(tx, caller, message, inbox.id if inbox else None)
            label = one(tx, caller, label_id)
            _refuse_system(label)
            self.detach(tx, label, number)

        await self._database.write(write)

    async def of_thread(self, caller: Caller, thread: str, inbox: Inbox | None) -> list[ThreadLabel]:
        """The labels on a thread."""

        def read(snapshot: Snapshot) -> list[ThreadLabel]:
            number = resolve.thread_id(snapshot, caller, thread, inbox.id if inbox else None)
            return label_store.of_thread(snapshot, number)

        return await self._database.read(read)

    async def put_on_thread(
        self, caller: Caller, thread: str, inbox: Inbox | None, label_id: str | None, key: str | None,
        source: LabelSource, confidence: float | None,
    ) -> ThreadLabel:  # fmt: skip
        """Put a label on a thread."""

        def write(tx: Transaction) -> ThreadLabel:
            number = resolve.thread_id(tx, caller, thread, inbox.id if inbox else None)
            label = _for(_either(tx, caller, label_id, key), LabelType.MESSAGE)
            self.attach_thread(tx, label, number, source, confidence)
            return ThreadLabel(label, source, confidence)

        return await self._database.write(write)

    async def take_off_thread(self, caller: Caller, thread: str, inbox: Inbox | None, label_id: str) -> None:
        """Take a label off a thread and its messages."""

        def write(tx: Transaction) -> None:
            number = resolve.thread_id(tx, caller, thread, inbox.id if inbox else None)
            label = one(tx, caller, label_id)
            _refuse_system(label)
            self.detach_thread(tx, label, number)

        await self._database.write(write)

    # -- contacts -----------------------------------------------------------------------------------------------

    async def put_on_contact(self, caller: Caller, label_id: str, contact: str) -> tuple[int, int]:
        """Put a label on a contact; the contact's number, and when it was put there first."""

        def write(tx: Transaction) -> tuple[int, int]:
            label = _for(one(tx, caller, label_id), LabelType.CONTACT)
            found = contact_names.one(tx, caller, contact)
            now = int(time.time() * 1000)
            return found.id, label_store.attach_contact(tx, label.id, found.id, found.inbox_id, now)

        return await self._database.write(write)

    async def contacts(
        self, caller: Caller, label_id: str, inbox: Inbox, position: int, limit: int
    ) -> tuple[list[tuple[int, int]], int]:
        """(contact, when) of an inbox's contacts that have a label, oldest first; how many in all."""

        def read(snapshot: Snapshot) -> tuple[list[tuple[int, int]], int]:
            return label_store.contacts(snapshot, one(snapshot, caller, label_id).id, inbox.id, position, limit)

        return await self._database.read(read)

    async def take_off_contact(self, caller: Caller, label_id: str, contact: str) -> None:
        """Take a label off a contact; one that is not there is off already."""

        def write(tx: Transaction) -> None:
            label = one(tx, caller, label_id)
            label_store.detach_contact(tx, label.id, contact_names.one(tx, caller, contact).id)

        await self._database.write(write)


def one(snapshot: Snapshot, caller: Caller, text: str) -> Label:
    """A label of the caller's team by its id; NotFound otherwise."""
    try:
        found = label_store.get(snapshot, identifiers.decode(Kind.LABEL, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.tenant_id != caller.tenant_id:
        raise errors.NotFound("There is no such label.")
    return found


def _either(snapshot: Snapshot, caller: Caller, label_id: str | None, key: str | None) -> Label:
    if (label_id is None) == (key is None):
        raise errors.Invalid("Say which label.", label_id="Either label_id or label_key.")
    if label_id is not None:
        return one(snapshot, caller, label_id)
    found = label_store.by_key(snapshot, caller.tenant_id, key or "")
    if found is None:
        raise errors.NotFound("There is no such label.")
    return found


def _for(label: Label, kind: LabelType) -> Label:
    """A label that may be put on a kind of thing by its caller."""
    _refuse_system(label)
    if label.type not in (kind, LabelType.ANY):
        raise errors.Invalid(f"This label is not for a {kind.value}.", label_id=f"It is for a {label.type.value}.")
    return label


def _refuse_system(label: Label) -> None:
    if label.is_system:
        raise errors.Forbidden("Labels of a ticket's status and priority are changed by what tickets do.")


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        sentence = "Up to 100 of a-z, 0-9 and . _ / -"
        raise errors.Invalid("The key cannot be used.", key=sentence)
    return text


def _color(text: str | None) -> str | None:
    if not text:
        return None
    if not _COLOR.fullmatch(text.lower()):
        raise errors.Invalid("The color cannot be used.", color="Write it as #1a2b3c.")
    return text.lower()


def _group(text: str | None) -> str | None:
    return reach.text(text, "group", LONGEST_NAME) if text and text.strip() else None

"""Ask for a broadcast, see how it goes, stop it and let it go on."""

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.broadcast import Broadcast, BroadcastStatus, BroadcastText, TrackedLink
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, LabelType
from mailserver.entities.message import Flag
from mailserver.mail import compose
from mailserver.mail.address import Person
from mailserver.mail.compose import Draft
from mailserver.services.broadcast import wording
from mailserver.services.broadcast.addresses import Addresses
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound import held_payload, senders
from mailserver.services.outbound import outgoing as outgoing_fields
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable
from mailserver.services.outbound.senders import Room
from mailserver.services.workspace import labels, reach
from mailserver.storage import broadcast_links, broadcast_recipients, broadcasts, idempotency
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.idempotency import Answered
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Copy, Record

RECIPIENTS_KEPT_MS = 400 * 86_400_000
FORGOTTEN_AT_ONCE = 1000
LONGEST_BODY = 500_000  # characters: it is composed anew for every reader
_MAY_FOLLOW = {
    BroadcastStatus.PAUSED: (BroadcastStatus.QUEUED, BroadcastStatus.SENDING),
    BroadcastStatus.SENDING: (BroadcastStatus.PAUSED,),
    BroadcastStatus.CANCELLED: (BroadcastStatus.QUEUED, BroadcastStatus.SENDING, BroadcastStatus.PAUSED),
}


@dataclass(frozen=True, slots=True)
class NewBroadcast:
    """What somebody wants to say to whom; `label_id` as the caller wrote it."""

    label_id: str
    subject: str
    text: str | None
    html: str | None


class Broadcasts:
    """The broadcasts of inboxes. An engine sends them: here are only their rows and the copy in Sent."""

    def __init__(
        self, database: Database, ingest: Ingest, ids: IdSource, executor: Executor, room: Room, web: Addresses
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._ids = ids
        self._executor = executor
        self._room = room
        self._web = web

    async def check(self, caller: Caller, inbox: Inbox, new: NewBroadcast) -> Label:
        """The label; refused where the broadcast could not be sent as it is."""
        if new.text is None and new.html is None:
            sentence = "At least one of text_body and html_body is required."
            raise errors.Invalid(sentence, text_body=sentence)
        for name, value in (("text_body", new.text), ("html_body", new.html)):
            if value is not None and len(value) > LONGEST_BODY:
                raise errors.Invalid("The message is too long.", **{name: f"At most {LONGEST_BODY:,} characters."})
        outgoing_fields.check(Outgoing(subject=new.subject))
        if inbox.status != "active":
            raise errors.Conflict("The inbox is paused.")
        return await self._database.read(lambda snapshot: _meant(snapshot, caller, inbox, new.label_id)[0])

    async def hold(self, caller: Caller, inbox: Inbox, new: NewBroadcast) -> tuple[str, bytes]:
        """What an approval shows and what it keeps."""
        label = await self.check(caller, inbox, new)
        payload = held_payload.write_broadcast([new.label_id, new.subject, new.text, new.html])
        return f"Broadcast to: {label.name} - {new.subject}", payload

    async def run_held(self, caller: Caller, inbox: Inbox, payload: bytes, once: Repeatable) -> None:
        """Ask for what an approval has kept; a second time nothing happens."""
        await self.create(caller, inbox, NewBroadcast(*held_payload.read_broadcast(payload)), once)

    async def create(
        self, caller: Caller, inbox: Inbox, new: NewBroadcast, once: Repeatable | None = None
    ) -> Broadcast:
        """Ask for a broadcast; on the disk when this returns, with one copy in Sent."""
        senders.refuse_unless_allowed(caller)
        await self.check(caller, inbox, new)
        if not self._room.is_there:
            raise errors.StoreFull
        loop = asyncio.get_running_loop()
        said, links = await loop.run_in_executor(self._executor, wording.prepare, new.text, new.html, self._web)
        now, number = int(time.time() * 1000), self._ids.next()
        raw = await loop.run_in_executor(self._executor, self._kept, inbox, new, number, now)
        copy = Copy(number, inbox.id, inbox.tenant_id, Role.SENT.value, flags=int(Flag.SEEN), is_ours=True)
        record = Record((copy,), now, len(raw), raw)
        key = f"{inbox.id:x} {once.key}" if once else ""

        def before(tx: Transaction) -> None:
            if once is not None and idempotency.get(tx, inbox.tenant_id, key, now) is not None:
                raise errors.Conflict("This was done before.")

        def after(tx: Transaction, stored: tuple[StoredMessage, ...]) -> Broadcast:
            if not stored:
                raise errors.NotFound("There is no such inbox.")
            made = self._add(tx, caller, inbox, new, number, said, links, now)
            if once is not None:
                idempotency.put(tx, inbox.tenant_id, key, Answered(once.fingerprint, str(made.id)), now)
            return made

        try:
            return await self._ingest.store(record, before, after)
        except errors.Conflict:
            known = await self._database.read(idempotency.get, inbox.tenant_id, key, now) if once else None
            made = await self._database.read(broadcasts.get, int(known.answer)) if known else None
            if made is None:
                raise
            return made

    async def get(self, caller: Caller, text: str) -> Broadcast:
        """One broadcast."""
        return await self._database.read(_one, caller, text)

    async def page(self, inbox: Inbox, position: int, limit: int) -> tuple[list[Broadcast], int]:
        """Broadcasts of an inbox, newest first; how many in all."""
        return await self._database.read(broadcasts.page, inbox.id, position, limit)

    async def pause(self, caller: Caller, text: str) -> Broadcast:
        """Send nothing more until it is resumed; what a server is just being given is not broken off."""
        return await self._database.write(_move, caller, text, BroadcastStatus.PAUSED)

    async def resume(self, caller: Caller, text: str) -> Broadcast:
        """Let a paused broadcast go on where it was."""
        return await self._database.write(_move, caller, text, BroadcastStatus.SENDING)

    async def cancel(self, caller: Caller, text: str) -> Broadcast:
        """Send nothing more, ever."""
        return await self._database.write(_move, caller, text, BroadcastStatus.CANCELLED)

    async def expire(self) -> int:
        """Forget who got broadcasts long ago, and how many that were: counts stay, links to leave do not."""
        forgotten, first = 0, identifiers.first_at(int(time.time() * 1000) - RECIPIENTS_KEPT_MS)
        while number := await self._database.write(broadcast_recipients.expire, first, FORGOTTEN_AT_ONCE):
            forgotten += number
        return forgotten

    def _add(
        self, tx: Transaction, caller: Caller, inbox: Inbox, new: NewBroadcast, message_id: int,
        said: BroadcastText, links: list[TrackedLink], now: int,
    ) -> Broadcast:  # fmt: skip
        label, last = _meant(tx, caller, inbox, new.label_id)
        made = Broadcast(
            self._ids.next(), inbox.tenant_id, inbox.id, label.id, label.key, label.name, message_id, new.subject,
            BroadcastStatus.QUEUED, 0, 0, 0, 0, 0, 0, 0, 0, 0, last, False, now, now,
        )  # fmt: skip
        broadcasts.add(tx, made, said)
        broadcast_links.add(tx, made.id, inbox.id, links)
        return made

    def _kept(self, inbox: Inbox, new: NewBroadcast, number: int, at: int) -> bytes:
        """The copy in Sent: as it was written, to nobody in particular."""
        own = Person(inbox.address, inbox.display_name)
        unique = identifiers.encode(Kind.MESSAGE, number).replace("_", ".").lower()
        header_id = compose.new_message_id(inbox.address.rpartition("@")[2], unique)
        return compose.compose(
            Draft(own, (own,), (), (), (), new.subject, new.text, new.html, (), None, (), header_id, at)
        )


def _meant(snapshot: Snapshot, caller: Caller, inbox: Inbox, label_id: str) -> tuple[Label, int]:
    """The label, and the last contact that has it."""
    label = labels.one(snapshot, caller, label_id)
    if label.type not in (LabelType.CONTACT, LabelType.ANY):
        sentence = f"It is for a {label.type.value}."
        raise errors.Invalid("A broadcast goes to a label for contacts.", label_id=sentence)
    last = broadcast_recipients.last_contact(snapshot, label.id, inbox.id)
    if last is None:
        raise errors.Conflict(f"No contact of this inbox with an address has the label {label.name}.")
    return label, last


def _one(snapshot: Snapshot, caller: Caller, text: str) -> Broadcast:
    return reach.one(snapshot, broadcasts.get, Kind.BROADCAST, caller, text)


def _move(tx: Transaction, caller: Caller, text: str, status: BroadcastStatus) -> Broadcast:
    """Give a broadcast another state; one that has it already keeps it."""
    found = _one(tx, caller, text)
    is_there = found.status is status or (status is BroadcastStatus.SENDING and found.status is BroadcastStatus.QUEUED)
    if is_there:
        return found
    if found.status not in _MAY_FOLLOW[status]:
        raise errors.Conflict(f"It is {found.status.value} already.")
    broadcasts.move(tx, found.id, status, int(time.time() * 1000))
    return _one(tx, caller, text)

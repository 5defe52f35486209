"""The engine of broadcasts: hands the audience to the queue, slice by slice, no faster than the queue takes it.

A slice is one transaction that moves the cursor and queues a message for each of its readers, so that a crash leaves
nobody out and nobody gets it twice. Few messages are ever ahead of the queue: a pause takes hold at once, and other
mail of the tenant, which is of a higher priority besides, never stands behind a hundred thousand others.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.broadcast import Broadcast, BroadcastRecipient, BroadcastStatus, BroadcastText, Fate
from mailserver.entities.delivery import BROADCAST, Delivery, QueuedMessage, State
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.metric import Metric
from mailserver.mail import compose
from mailserver.mail.address import AddressError, Person
from mailserver.mail.encoding import InjectionError
from mailserver.mail.envelope import Recipient
from mailserver.services.broadcast import audience, wording
from mailserver.services.broadcast.addresses import Addresses
from mailserver.services.broadcast.audience import Audience, Slice, Turn
from mailserver.services.broadcast.tally import Tally
from mailserver.services.broadcast.wording import Personal
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.outbound.senders import Room
from mailserver.storage import broadcast_recipients, broadcasts, deliveries, files, inboxes, metrics
from mailserver.storage.database import Database, Transaction
from mailserver.storage.files import MessageFiles

SLICE = 100  # messages of one transaction
MOST_DUE = 500  # of one broadcast that the queue could try at once
MOST_UNTRIED = 20_000  # of one broadcast, those that wait for a destination which rests among them
PRIORITY = -4  # RFC 6710 5.2: other mail of the same age goes first
AT_ONCE = 50  # broadcasts of one round
MOVED_AT_ONCE = 500
POLL_SECONDS = 30.0  # whatever a ring was lost for is found within this time
FULL_SECONDS = 0.2  # before the queue is looked at again
TROUBLE_SECONDS = 5.0
LOST_MS = 60_000  # between looks for deliveries that the operator took out
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(frozen=True, slots=True)
class _Built:
    turn: Turn
    queued: QueuedMessage
    delivery: Delivery


class _Overtaken(Exception):
    """Somebody has paused or ended the broadcast since it was looked at."""


class Feeder:
    """Owns the loop. Run it as a task."""

    def __init__(
        self, database: Database, message_files: MessageFiles, executor: Executor, ids: IdSource, readers: Audience,
        enqueue: Enqueue, allowance: Allowance, room: Room, web: Addresses, tally: Tally, bell: Bell,
        clock: Callable[[], int],
    ) -> None:  # fmt: skip
        self._database = database
        self._files = message_files
        self._executor = executor
        self._ids = ids
        self._readers = readers
        self._enqueue = enqueue
        self._allowance = allowance
        self._room = room
        self._web = web
        self._tally = tally
        self._bell = bell
        self._clock = clock
        self._last = 0
        self._rests: dict[int, int] = {}  # broadcast to the time before which nothing of it is handed out
        self._looked: dict[int, int] = {}  # broadcast to the time at which lost deliveries are looked for next
        self._is_stopped = False

    async def run(self) -> None:
        """Work until told to stop; what is left is in the rows."""
        while not self._is_stopped:
            try:
                seconds = await self.once()
            except errors.Temporary as error:
                log.warning("broadcast.round.failed", error=error.message)
                seconds = TROUBLE_SECONDS
            if seconds and not self._is_stopped:
                await self._bell.wait(broadcasts.TOPIC, seconds)

    def stop(self) -> None:
        """Begin no more slices."""
        self._is_stopped = True
        self._bell.ring(broadcasts.TOPIC)

    async def once(self) -> float:
        """Give each broadcast at work one turn; how many seconds nothing has to be looked at again."""
        found = await self._database.read(broadcasts.at_work, self._last, AT_ONCE)
        self._last = found[-1].id if len(found) == AT_ONCE else 0
        now = self._clock()
        self._rests = {number: until for number, until in self._rests.items() if until > now}
        self._looked = {number: until for number, until in self._looked.items() if until > now}
        soonest = POLL_SECONDS if len(found) < AT_ONCE else FULL_SECONDS
        for each in found:
            if self._is_stopped:
                break
            rest = None if each.is_moving else self._rests.get(each.id)
            soonest = min(soonest, (rest - now) / 1000 if rest else await self._turn(each))
        return soonest

    async def _turn(self, broadcast: Broadcast) -> float:
        """One step of one broadcast; the seconds until its next. Its trouble is not the others'."""
        try:
            if broadcast.is_moving:
                return await self._follow(broadcast)
            if not broadcast.is_handed_out:
                return await self._feed(broadcast)
            if broadcast.open_deliveries:
                return await self._look_for_lost(broadcast)
            await self._database.write(self._complete, broadcast.id)
        except (_Overtaken, errors.AllowanceSpent):
            return FULL_SECONDS
        except errors.Temporary:
            raise
        except Exception:
            log.exception("broadcast.turn.failed", broadcast_id=_text(broadcast.id))
            return self._rest(broadcast, POLL_SECONDS)
        return 0.0

    def _rest(self, broadcast: Broadcast, seconds: float) -> float:
        self._rests[broadcast.id] = self._clock() + int(seconds * 1000)
        return seconds

    # -- handing out --------------------------------------------------------------------------------------------

    async def _feed(self, broadcast: Broadcast) -> float:
        now = self._clock()
        untried, due = await self._database.read(broadcast_recipients.in_queue, broadcast.id, now, MOST_UNTRIED)
        if due >= MOST_DUE or untried >= MOST_UNTRIED:
            return FULL_SECONDS
        inbox = await self._database.read(inboxes.get, broadcast.inbox_id)
        said = await self._database.read(broadcasts.text, broadcast.id)
        allowed = await self._allowance.left(broadcast.inbox_id, SLICE)
        if inbox is None or said is None or inbox.status != "active" or not allowed or not self._room.is_there:
            return self._rest(broadcast, TROUBLE_SECONDS)
        part = await self._readers.following(broadcast, allowed)
        wanted = [turn for turn in part.turns if not turn.is_left_out]
        built: list[_Built] = []
        if wanted:
            loop = asyncio.get_running_loop()
            built = await loop.run_in_executor(self._executor, self._build, broadcast, inbox, said, wanted)
            async with self._allowance.spending(inbox.id, len(built), len(built)):
                await self._database.write(self._queue, broadcast, part, built)
        else:
            await self._database.write(self._queue, broadcast, part, built)
        return 0.0

    def _build(self, broadcast: Broadcast, inbox: Inbox, said: BroadcastText, wanted: Sequence[Turn]) -> list[_Built]:
        """Write the message of each reader; all are on the disk when this returns. Who cannot be written to is not."""
        built = []
        try:
            for turn in wanted:
                try:
                    built.append(self._one(broadcast, inbox, said, turn))
                except (InjectionError, AddressError) as error:  # one odd contact must not stop all behind it
                    contact_id = identifiers.encode(Kind.CONTACT, turn.reader.contact_id)
                    log.warning("broadcast.contact.skipped", contact_id=contact_id, error=str(error))
            self._files.sync()
        except OSError as error:
            log.warning("broadcast.files.failed", broadcast_id=_text(broadcast.id), error=str(error))
            raise errors.StoreUnavailable from error
        return built

    def _one(self, broadcast: Broadcast, inbox: Inbox, said: BroadcastText, turn: Turn) -> _Built:
        terms = Terms(
            BROADCAST, "", broadcast.subject, 0, smtputf8=not turn.address.is_ascii, envid=_text(broadcast.id),
            priority=PRIORITY,
        )  # fmt: skip
        queued, (delivery,) = self._enqueue.build(inbox, inbox.address, None, [Recipient(turn.address)], terms)
        unique = identifiers.encode(Kind.DELIVERY, delivery.id).replace("_", ".").lower()
        header_id = compose.new_message_id(inbox.address.rpartition("@")[2], unique)
        personal = Personal(turn.reader, delivery.id, header_id)
        sender = Person(inbox.address, inbox.display_name)
        raw = wording.write(
            personal, sender, broadcast.subject, said, self._web, broadcast.id, queued.created_at
        )  # fmt: skip
        # Named by broadcast and contact, so that what a crash has left is written again and not left over.
        place = f"{files.outbound_location(broadcast.id)}.{turn.reader.contact_id:x}"
        self._files.write(place, [raw], sync=False)
        whole = replace(queued, header_id=header_id, size=len(raw), eight_bit=not raw.isascii(), location=place)
        return _Built(turn, whole, delivery)

    def _queue(self, tx: Transaction, broadcast: Broadcast, part: Slice, built: Sequence[_Built]) -> None:
        now = self._clock()
        current = broadcasts.get(tx, broadcast.id)
        if current is None or current.is_moving or current.cursor != broadcast.cursor:
            raise _Overtaken
        if current.status not in (BroadcastStatus.QUEUED, BroadcastStatus.SENDING):
            raise _Overtaken
        written = {one.turn.address for one in built}
        stopped = audience.left_out(tx, broadcast, list(written))
        left_out = [
            BroadcastRecipient(
                self._ids.next(), broadcast.id, turn.reader.contact_id, turn.address.normal, Fate.LEFT_OUT
            )
            for turn in part.turns
            if turn.address not in written
        ]
        recipients: list[BroadcastRecipient] = []
        for one in built:
            is_stopped = one.turn.address in stopped
            state = replace(one.delivery, state=State.SUPPRESSED, finished_at=now) if is_stopped else one.delivery
            deliveries.add(tx, one.queued, [state])
            fate = Fate.LEFT_OUT if is_stopped else Fate.WAITING
            contact_id = one.turn.reader.contact_id
            made = BroadcastRecipient(state.id, broadcast.id, contact_id, one.turn.address.normal, fate)
            (left_out if is_stopped else recipients).append(made)
        broadcast_recipients.add(tx, [*recipients, *left_out])
        for each in recipients:  # no event tells of each of them, but each was sent
            metrics.add(tx, Metric(each.id, broadcast.tenant_id, broadcast.inbox_id, EventType.MESSAGE_SENT.value, now))
        broadcasts.advance(tx, broadcast.id, part.reached, len(left_out), now)
        number = len(recipients)
        broadcasts.count(tx, broadcast.id, {"sent_count": number, "open_deliveries": number}, now)
        tx.ring("queue")

    # -- stopping, going on, ending -----------------------------------------------------------------------------

    async def _follow(self, broadcast: Broadcast) -> float:
        """Let what is in the queue follow what was decided, some at a time."""
        await self._database.write(self._move, broadcast.id)
        return 0.0

    def _move(self, tx: Transaction, broadcast_id: int) -> None:
        current = broadcasts.get(tx, broadcast_id)
        if current is None or not current.is_moving:
            return
        now, moved = self._clock(), 0
        if current.status is BroadcastStatus.CANCELLED:
            for state in (State.QUEUED, State.HELD):
                moved += self._drop(
                    tx, broadcast_recipients.open_ids(tx, broadcast_id, state.value, MOVED_AT_ONCE), now
                )
        else:
            is_paused = current.status is BroadcastStatus.PAUSED
            origin, target = (State.QUEUED, State.HELD) if is_paused else (State.HELD, State.QUEUED)
            waiting = broadcast_recipients.open_ids(tx, broadcast_id, origin.value, MOVED_AT_ONCE)
            moved = len(deliveries.move(tx, waiting, [origin], target, now))
            tx.ring("queue")
        if not moved:
            broadcasts.has_followed(tx, broadcast_id)
            log.info("broadcast.state.followed", broadcast_id=_text(broadcast_id), status=current.status.value)

    def _drop(self, tx: Transaction, delivery_ids: Sequence[int], now: int) -> int:
        for delivery_id, queued_id in broadcast_recipients.queued_ids(tx, delivery_ids):
            deliveries.finish(tx, [(State.DROPPED, now, "", "", "none", delivery_id)])
            deliveries.close_in_queued(tx, [queued_id], now)
            self._tally.dropped(tx, delivery_id, now)
        return len(delivery_ids)

    async def _look_for_lost(self, broadcast: Broadcast) -> float:
        """Count out what somebody else has taken out of the queue, so that the broadcast comes to its end."""
        if broadcast.id in self._looked:
            return POLL_SECONDS
        lost = await self._database.read(broadcast_recipients.lost, broadcast.id, MOVED_AT_ONCE)
        if not lost:
            self._looked[broadcast.id] = self._clock() + LOST_MS
            return POLL_SECONDS
        await self._database.write(self._count_out, lost)
        return 0.0

    def _count_out(self, tx: Transaction, lost: Sequence[int]) -> None:
        for number in lost:
            self._tally.dropped(tx, number, self._clock())

    def _complete(self, tx: Transaction, broadcast_id: int) -> None:
        current = broadcasts.get(tx, broadcast_id)
        if current is None or current.is_moving or current.open_deliveries or not current.is_handed_out:
            return
        if current.status not in (BroadcastStatus.QUEUED, BroadcastStatus.SENDING):
            return
        now = self._clock()
        broadcasts.complete(tx, broadcast_id, now)
        body = {
            "broadcast_id": broadcast_id, "label_id": current.label_id, "subject": current.subject,
            "sent_count": current.sent_count, "suppressed_count": current.suppressed_count,
            "delivered_count": current.delivered_count, "bounced_count": current.bounced_count,
        }  # fmt: skip
        kind = EventType.BROADCAST_COMPLETED
        tx.publish(Event(self._ids.next(), current.tenant_id, current.inbox_id, kind, now, body))
        log.info("broadcast.completed", broadcast_id=_text(broadcast_id), sent=current.sent_count)


def _text(broadcast_id: int) -> str:
    return identifiers.encode(Kind.BROADCAST, broadcast_id)

"""Leave a label: by the link in a message, without a login, for good."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.broadcast import Broadcast, BroadcastRecipient
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource
from mailserver.services.broadcast.addresses import Addresses
from mailserver.storage import broadcast_recipients, broadcasts, inboxes, opt_outs
from mailserver.storage.database import Database, Snapshot, Transaction


@dataclass(frozen=True, slots=True)
class Leaving:
    """What somebody leaves; not who, for links are passed on."""

    inbox_address: str
    label_name: str


class Unsubscribing:
    """Reads the tokens of links to leave."""

    def __init__(self, database: Database, ids: IdSource, web: Addresses, clock: Callable[[], int]) -> None:
        self._database = database
        self._ids = ids
        self._web = web
        self._clock = clock

    async def look(self, token: str) -> Leaving:
        """What would be left; NotFound for a token that is not ours, or too old."""
        number = self._web.leaving(token)
        return (await self._database.read(_meant, number))[2]

    async def leave(self, token: str) -> Leaving:
        """Leave; a second time nothing more happens. What was left."""
        number = self._web.leaving(token)
        return await self._database.write(self._leave, number)

    def _leave(self, tx: Transaction, number: int) -> Leaving:
        broadcast, recipient, leaving = _meant(tx, number)
        now = self._clock()
        is_new = opt_outs.add(
            tx, self._ids.next(), broadcast.tenant_id, broadcast.inbox_id, broadcast.label_key, recipient.address,
            broadcast.id, now,
        )  # fmt: skip
        if is_new:
            body = {
                "contact_id": recipient.contact_id, "recipient": recipient.address, "label_id": broadcast.label_id,
                "label_key": broadcast.label_key, "broadcast_id": broadcast.id,
            }  # fmt: skip
            kind = EventType.CONTACT_UNSUBSCRIBED
            tx.publish(Event(self._ids.next(), broadcast.tenant_id, broadcast.inbox_id, kind, now, body))
        return leaving


def _meant(snapshot: Snapshot, number: int) -> tuple[Broadcast, BroadcastRecipient, Leaving]:
    recipient = broadcast_recipients.get(snapshot, number)
    broadcast = broadcasts.get(snapshot, recipient.broadcast_id) if recipient is not None else None
    inbox = inboxes.get(snapshot, broadcast.inbox_id) if broadcast is not None else None
    if recipient is None or broadcast is None or inbox is None:
        raise errors.NotFound("There is nothing to leave.")
    return broadcast, recipient, Leaving(inbox.address, broadcast.label_name)

"""What the outcome of a delivery means for its broadcast, in the transaction that writes the outcome down.

Each recipient has a fate, and the counts of a broadcast move when a fate changes: an outcome that is told twice moves
them once.
"""

from mailserver.entities.broadcast import BroadcastRecipient, Fate
from mailserver.entities.delivery import Deferred, Delivered, Outcome
from mailserver.storage import broadcast_recipients, broadcasts
from mailserver.storage.database import Transaction

_COUNTED = {
    Fate.WAITING: ("sent_count", "open_deliveries"),
    Fate.TRIED: ("sent_count", "open_deliveries"),
    Fate.DELIVERED: ("sent_count", "delivered_count"),
    Fate.BOUNCED: ("sent_count", "bounced_count"),
    Fate.DROPPED: (),
    Fate.LEFT_OUT: (),
}


class Tally:
    """Moves the counts: what is sent is delivered or bounced in the end, and a late bounce moves one over."""

    def told(self, tx: Transaction, delivery_id: int, outcome: Outcome) -> None:
        """An outcome was recorded."""
        recipient = broadcast_recipients.get(tx, delivery_id)
        if recipient is None:
            return
        if isinstance(outcome, Deferred):
            if recipient.fate is Fate.WAITING:
                broadcast_recipients.set_fate(tx, delivery_id, Fate.TRIED)
        elif isinstance(outcome, Delivered):
            if recipient.fate is not Fate.BOUNCED:  # a report has said what became of it then
                self._move(tx, recipient, Fate.DELIVERED, outcome.at)
        else:
            self._move(tx, recipient, Fate.BOUNCED, outcome.at)

    def complained(self, tx: Transaction, delivery_id: int, at: int) -> None:
        """A recipient has called it spam."""
        recipient = broadcast_recipients.get(tx, delivery_id)
        if recipient is not None and broadcast_recipients.complain(tx, delivery_id):
            broadcasts.count(tx, recipient.broadcast_id, {"spam_complaint_count": 1}, at)

    def dropped(self, tx: Transaction, delivery_id: int, at: int) -> None:
        """A delivery was taken out of the queue."""
        recipient = broadcast_recipients.get(tx, delivery_id)
        if recipient is not None and recipient.fate in (Fate.WAITING, Fate.TRIED):
            self._move(tx, recipient, Fate.DROPPED, at)

    def _move(self, tx: Transaction, recipient: BroadcastRecipient, fate: Fate, at: int) -> None:
        deltas: dict[str, int] = {}
        for sign, counted in ((-1, _COUNTED[recipient.fate]), (1, _COUNTED[fate])):
            for name in counted:
                deltas[name] = deltas.get(name, 0) + sign
        deltas = {name: number for name, number in deltas.items() if number}
        if not deltas:
            return
        broadcast_recipients.set_fate(tx, recipient.id, fate)
        broadcasts.count(tx, recipient.broadcast_id, deltas, at)
        if "open_deliveries" in deltas:
            tx.ring(broadcasts.TOPIC)

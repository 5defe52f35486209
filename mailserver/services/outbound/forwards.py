"""What the outcome of a forwarded message means for the forward.

A target that does not take mail any more makes every message of an inbox a bounce to somebody who never wrote to it.
After five refusals of the address in a row the forward is switched off, and its owner is told; one delivery makes the
count begin again, so that single messages that a target calls junk switch off nothing.
"""

import structlog

from mailserver.entities.delivery import Delivery, Failed, FailureKind
from mailserver.entities.identifiers import IdSource
from mailserver.mail import address
from mailserver.storage import forwarding
from mailserver.storage.database import Transaction

LONGEST_REASON = 500
LOOP = "5.4.6"  # RFC 3463 3.5
_ABOUT_OTHERS = ("5.1.7", "5.1.8", "5.2.2", "5.2.3")  # the sender, a full mailbox, a long message
_ADDRESS_CLASSES = ("5.0.", "5.1.", "5.2.")  # RFC 3463 3.1 to 3.3: no reason given, address, mailbox
log = structlog.get_logger()


def delivered(tx: Transaction, delivery: Delivery) -> None:
    """A target took a message."""
    forwarding.delivered(tx, delivery.inbox_id, _normal(delivery.recipient))


def failed(tx: Transaction, ids: IdSource, delivery: Delivery, outcome: Failed) -> None:
    """A target refused a message for good."""
    if not is_target_at_fault(outcome):
        return
    reason = outcome.reply.line[:LONGEST_REASON]
    stopped = forwarding.failed(tx, delivery.inbox_id, _normal(delivery.recipient), reason, outcome.at)
    for forward_id in stopped:
        forwarding.give_notice(tx, forward_id, ids.next())
        log.warning("forwarding.target.stopped", inbox_id=delivery.inbox_id, target=delivery.recipient, reason=reason)
    if stopped:
        tx.ring("accounts")


def is_target_at_fault(outcome: Failed) -> bool:
    """Whether a failure says that nothing will ever be taken there: no such address, no such domain, or a loop."""
    status = outcome.reply.enhanced
    if status == LOOP:
        return True
    if outcome.kind in (FailureKind.UNSUPPORTED, FailureKind.EXPIRED) or status in _ABOUT_OTHERS:
        return False
    return outcome.reply.is_permanent and (not status or status.startswith(_ADDRESS_CLASSES))


def _normal(recipient: str) -> str:
    try:
        return address.parse(recipient).normal
    except address.AddressError:
        return recipient.lower()

"""Who may send as whom."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.rule import Outcome, Ruling
from mailserver.mail.address import Address


class Room(Protocol):
    """Knows whether the disk can take more."""

    @property
    def is_there(self) -> bool:
        """Whether another message can be accepted."""
        ...


class SendLists(Protocol):
    """The allow and block lists of what is sent."""

    async def for_mail_out(
        self, tenant_id: int, inbox_id: int, recipients: Sequence[Address]
    ) -> Mapping[Address, Ruling]:
        """What the lists say of each recipient."""
        ...


async def refuse_blocked(lists: SendLists, inbox: Inbox, recipients: Sequence[Address]) -> None:
    """MessageRefused, naming the first, where a list forbids to write to somebody."""
    rulings = await lists.for_mail_out(inbox.tenant_id, inbox.id, recipients)
    for recipient, ruling in rulings.items():
        if ruling.outcome is Outcome.BLOCK:
            raise errors.MessageRefused(f"This inbox may not write to {recipient}: {ruling.detail}")


def owned(address: Address, own: frozenset[str], separator: str) -> bool:
    """Whether an address, with or without a tag, is one of an inbox's own."""
    return address.normal in own or address.without_tag(separator).normal in own


def refuse_unless_allowed(caller: Caller) -> None:
    """Forbidden for a credential that may not send, or only with somebody's approval."""
    caller.require(Scope.EMAIL_SEND)
    if Scope.EMAIL_SEND in caller.requires_approval:
        raise errors.Forbidden("This token may send only with an approval, which it gets where it sends by the API.")

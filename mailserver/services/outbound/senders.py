"""Who may send as whom."""

from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.mail.address import Address


class Room(Protocol):
    """Knows whether the disk can take more."""

    @property
    def is_there(self) -> bool:
        """Whether another message can be accepted."""
        ...


def owned(address: Address, own: frozenset[str], separator: str) -> bool:
    """Whether an address, with or without a tag, is one of an inbox's own."""
    return address.normal in own or address.without_tag(separator).normal in own


def refuse_unless_allowed(caller: Caller) -> None:
    """Forbidden for a credential that may not send, or only with somebody's approval."""
    caller.require(Scope.EMAIL_SEND)
    if Scope.EMAIL_SEND in caller.requires_approval:
        raise errors.Forbidden("This token may send only with an approval, and approvals are not served yet.")

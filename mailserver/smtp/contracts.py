"""What this room asks of the services: one Protocol for each."""

from collections.abc import Awaitable
from typing import Protocol

from mailserver.entities.access import Caller
from mailserver.entities.inbox import ScramKeys
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope


class Arrival(Protocol):
    """One message being received; it ends with `accept` or `discard`."""

    def add(self, chunk: bytes) -> bool:
        """Take content that is already free of SMTP's framing; True asks for `flush` before more is added."""
        ...

    async def flush(self) -> None:
        """Write what is held in memory to disk."""
        ...

    def accept(self, envelope: Envelope) -> Awaitable[str]:
        """Take responsibility for the message and return its queue id, or refuse with a ServiceError.

        A future is waited for without a task.
        """
        ...

    def discard(self) -> None:
        """Forget what was added."""
        ...


class Reception(Protocol):
    """Mail from strangers for our own recipients."""

    def known(self, address: Address) -> bool | None:
        """Say at once whether mail for an address is taken; None where only `route` can tell."""
        ...

    async def route(self, address: Address) -> None:
        """Find where an address leads, or refuse it with a ServiceError."""
        ...

    def begin(self, envelope: Envelope) -> Arrival:
        """Start to receive a message."""
        ...

    def room(self) -> bool:
        """Whether there is space for another message."""
        ...


class Submission(Protocol):
    """Mail from our own users to anyone."""

    async def may_send(self, caller: Caller, sender: Address | None) -> None:
        """Refuse a sender address that is not the caller's with a ServiceError."""
        ...

    async def check_recipient(self, caller: Caller, address: Address) -> None:
        """Refuse a recipient with a ServiceError."""
        ...

    def begin(self, envelope: Envelope, caller: Caller) -> Arrival:
        """Start to receive a message."""
        ...

    def room(self) -> bool:
        """Whether there is space for another message."""
        ...


class Logins(Protocol):
    """Who may log in. Takes the same time for a name that does not exist."""

    async def password(self, name: str, secret: str, peer: str) -> Caller:
        """Check a password; Unauthenticated or TooMany otherwise."""
        ...

    async def scram_keys(self, name: str, peer: str) -> ScramKeys:
        """Return the keys of a name, or stable invented ones for a name that does not exist; TooMany as above."""
        ...

    async def scram_login(self, name: str, peer: str) -> Caller:
        """Log in a name whose SCRAM proof was right; Unauthenticated or TooMany otherwise."""
        ...

    async def scram_failed(self, name: str, peer: str) -> None:
        """Count a SCRAM proof that was wrong against the name and the address that it came from."""
        ...

    def is_banned(self, peer: str) -> bool:
        """Whether no login from an address would be looked at now."""
        ...

    def failures(self, peer: str) -> int:
        """How often logins from an address have failed lately."""
        ...

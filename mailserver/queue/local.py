"""Recipients that live here: what the queue asks of the rooms that store mail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mailserver.entities.delivery import Outcome


class LocalDelivery(Protocol):
    """Hands a message to our own inboxes, without the network."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for a domain stays on this server."""
        ...

    async def deliver(
        self, message: bytes | Path, sender: str, recipient: str, delivery_id: int = 0, about: Sequence[int] = ()
    ) -> Outcome:
        """Store a message for one recipient; `sender` is '' for the null sender. The outcome may ask for a repeat.

        A delivery that is repeated after a crash stores nothing twice; 0 stands for none. `about` are the deliveries
        that a report is about.
        """
        ...

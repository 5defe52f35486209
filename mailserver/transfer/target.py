"""Where an import brings mail to: an inbox of ours, asked by the verbs of the server."""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from mailserver.entities.moving import Brought, Fate, Received


class TargetRefused(Exception):
    """The server does not do it; `name` says what kind of refusal it is."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Ask(Protocol):
    """Runs a verb of the server's; TargetRefused where it does not."""

    def __call__(self, verb: str, content: bytes = b"", /, **arguments: Any) -> Awaitable[Any]:
        """The answer; `content` follows the request."""
        ...


class Target:
    """One inbox."""

    def __init__(self, ask: Ask, inbox: str, source: str) -> None:
        self._ask = ask
        self.inbox = inbox
        self._source = source

    async def begin(self) -> int:
        """Say that mail is going to come; how many octets a message may have."""
        answer = await self._ask("import.begin", inbox=self.inbox)
        return int(answer["message_bytes"])

    async def known(self, keys: Sequence[str]) -> set[str]:
        """Those keys of the source whose messages the inbox has had."""
        return set(await self._ask("import.known", inbox=self.inbox, source=self._source, keys=list(keys)))

    async def store(self, batch: Sequence[Brought]) -> list[Received]:
        """What became of each message; those that are there are on the disk."""
        rows = [
            {
                "places": [[place.path, place.role.value if place.role else None] for place in each.places],
                "keywords": each.keywords, "received_at": each.received_at, "key": each.key, "size": len(each.content),
                "spare": each.is_spare,
            }
            for each in batch
        ]  # fmt: skip
        content = b"".join(each.content for each in batch)
        answer = await self._ask("import.store", content, inbox=self.inbox, source=self._source, messages=rows)
        return [Received(Fate(row["fate"]), row["reason"]) for row in answer]

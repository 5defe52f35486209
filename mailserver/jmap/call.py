"""What a method is called with beside its arguments: who asks, for which account, and what was made before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import blobs, errors
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.capabilities import Limits
from mailserver.services.registry import Services

MOST_BLOB_BYTES = 128 << 20
Answers = list[tuple[str, dict[str, Any]]]


class Spent(refusals.TooLarge):
    """This is more than one request may read and make of blobs."""


@dataclass(slots=True)
class Budget:
    """Octets of blobs that all calls of one request may still read and make, however they are put together."""

    left: int = field(default_factory=lambda: MOST_BLOB_BYTES)

    def spend(self, size: int) -> None:
        """Take some of it; Spent where there is less."""
        if size > self.left:
            raise Spent
        self.left -= size


@dataclass(slots=True)
class Call:
    """One method call of a request. `made` has the ids of what the request has created so far."""

    services: Services
    caller: Caller
    limits: Limits
    using: frozenset[str]
    made: dict[str, str] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    further: Answers = field(default_factory=list)  # what is answered beside the method's own answer
    run: "Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]] | None" = None  # another method, implicitly

    async def account(self, arguments: Arguments) -> Inbox:
        """The inbox that `accountId` names."""
        return await self.inbox(arguments.id("accountId"))

    async def inbox(self, account_id: str) -> Inbox:
        """The inbox of an account id; another's is the same accountNotFound as nobody's."""
        try:
            identifiers.decode(Kind.INBOX, account_id)
            return await self.services.inboxes.of(self.caller, account_id)
        except (identifiers.BadIdentifier, refusals.NotFound) as error:
            raise errors.MethodRefused("accountNotFound") from error

    def require_write(self, scope: Scope = Scope.EMAIL_WRITE) -> None:
        """Refuse with accountReadOnly who may only read."""
        if scope not in self.caller.scopes:
            raise errors.MethodRefused("accountReadOnly", f"The credentials lack the scope {scope.value}.")

    async def blob(self, inbox: Inbox, text: str) -> bytes:
        """The bytes of a blob that the account refers to; NotFound where there is none."""
        found = blobs.read(self.meant(text))
        if found is None:
            raise refusals.NotFound("There is no such blob.")
        return await self.services.syncing.blobs.read(self.caller, inbox, found.digest, found.sections)

    async def implied(self, name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Run another method that this one implies; its answer, to be put into `further`."""
        assert self.run is not None, "a request runs its calls with a way to run others"
        try:
            return name, await self.run(name, arguments)
        except errors.MethodRefused as refusal:
            return "error", refusal.answer
        except refusals.ServiceError as refusal:
            return "error", errors.of_method(refusal).answer

    def meant(self, text: str) -> str:
        """An id, or what the request made under a creation id; None of them is found where it made nothing."""
        return self.made.get(text[1:], text) if text.startswith("#") else text


Method = Callable[[Call, Arguments], Awaitable[dict[str, Any]]]

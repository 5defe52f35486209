"""What scripts want done with a message, put together for everybody who gets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.services.inbound.routing import Onward, Route
from mailserver.services.mailbox.acceptance import Content
from mailserver.services.sieve.answering import Letter
from mailserver.services.sieve.running import Circumstances, Wish
from mailserver.storage.database import Database, Transaction
from mailserver.storage.records import Copy

LONGEST_REPLY = 400  # of what a stranger's server is told
log = structlog.get_logger()
Routes = Sequence[tuple[Address, Route]]


class Scripts(Protocol):
    """Runs the scripts of inboxes."""

    async def run(
        self, envelope: Envelope, content: Content, copies: Sequence[Copy], circumstances: Circumstances
    ) -> dict[int, Wish]:
        """What inboxes with a script, or with an absence notice, want done; by inbox."""
        ...


class LetterBook(Protocol):
    """Notes letters that are to be written."""

    def note(self, tx: Transaction, copy: Copy, letter: Letter) -> None:
        """Let a letter be written, unless its recipient has had one of its kind."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """The copies that are kept or passed on, the ways they go, and the letters that no copy carries."""

    copies: list[Copy]
    routes: list[tuple[Address, Route]]
    letters: tuple[tuple[Copy, Letter], ...] = ()


class Wishes:
    """Asks scripts, and settles what they want. One for the process."""

    def __init__(self, database: Database, scripts: Scripts, letters: LetterBook) -> None:
        self._database = database
        self._scripts = scripts
        self._letters = letters

    async def settle(
        self,
        envelope: Envelope,
        content: Content,
        copies: Sequence[Copy],
        routes: Routes,
        circumstances: Circumstances,
    ) -> Settled:
        """What becomes of the copies; RefusedByRecipient where everybody refuses the message (RFC 5429 2.1.1)."""
        if not any(route.is_scripted for _, route in routes):
            return Settled(list(copies), list(routes))
        wishes = await self._scripts.run(envelope, content, copies, circumstances)
        refusals = [wish.rejection for wish in wishes.values() if wish.rejection is not None]
        if refusals and len(refusals) == len(copies) and not any(route.delivery_id for _, route in routes):
            log.info("inbound.message.refused", why="script", inbox_ids=list(wishes))
            raise errors.RefusedByRecipient(_speakable(refusals))
        kept = []
        for copy in copies:
            wish = wishes.get(copy.inbox_id)
            if wish is None:
                kept.append(copy)
            elif wish.copy is not None:
                kept.append(wish.copy)
            elif wish.redirects and wish.fallback is not None:
                kept.append(wish.fallback)  # until the message is known to go on
            else:
                log.info("inbound.message.discarded", inbox_id=copy.inbox_id, is_refused=wish.rejection is not None)
        named = {copy.inbox_id: copy for copy in copies}
        letters = tuple((named[number], wish.letter) for number, wish in wishes.items() if wish.letter is not None)
        return Settled(kept, [(address, _with(address, route, wishes)) for address, route in routes], letters)

    async def tell(self, settled: Settled) -> None:
        """Note the letters that no copy carries, before the message is promised: two are better than none."""
        if settled.letters:
            await self._database.write(self._note, settled)

    def _note(self, tx: Transaction, settled: Settled) -> None:
        for copy, letter in settled.letters:
            self._letters.note(tx, copy, letter)


def _with(address: Address, route: Route, wishes: Mapping[int, Wish]) -> Route:
    """A route with the targets that scripts name; who has a script says by it whether a copy is kept."""
    onward = [_decided(one, wishes.get(one.inbox_id)) for one in route.forwards]
    for destination in route.destinations:
        wish = wishes.get(destination.inbox_id)
        if wish is None:
            continue
        onward += [
            Onward(
                destination.inbox_id, destination.tenant_id, wish.inbox_address, "", target,
                keeps_copy=wish.keeps is not False, named=address,
            )
            for target in wish.redirects
        ]  # fmt: skip
    return replace(route, forwards=tuple(onward))


def _decided(one: Onward, wish: Wish | None) -> Onward:
    return one if wish is None or wish.keeps is None else replace(one, keeps_copy=wish.keeps)


def _speakable(reasons: Sequence[str]) -> str | None:
    """The reason as one line of a reply; None where they differ or cannot be said in ASCII (RFC 5429 2.1.1)."""
    lines = {" ".join(reason.split()) for reason in reasons}
    line = lines.pop()
    if lines or not line.isascii() or not line.isprintable():
        return None
    return line[:LONGEST_REPLY] or None

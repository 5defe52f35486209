"""Who is to get a broadcast next, and who of them is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities.broadcast import Broadcast, Reader
from mailserver.entities.rule import Outcome, Ruling
from mailserver.mail import address as addresses
from mailserver.mail.address import Address, AddressError
from mailserver.services.outbound import suppressions
from mailserver.storage import broadcast_recipients, opt_outs
from mailserver.storage.database import Database, Snapshot


class SendLists(Protocol):
    """The allow and block lists of what is sent."""

    async def for_mail_out(
        self, tenant_id: int, inbox_id: int, recipients: Sequence[Address]
    ) -> Mapping[Address, Ruling]:
        """What the lists say of each recipient."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody whose turn it is; `is_left_out` where nothing is sent."""

    reader: Reader
    address: Address
    is_left_out: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the audience, each address once, and how far that reaches."""

    turns: tuple[Turn, ...]
    reached: int


class Audience:
    """Reads the audience of broadcasts, a slice at a time."""

    def __init__(self, database: Database, lists: SendLists) -> None:
        self._database = database
        self._lists = lists

    async def following(self, broadcast: Broadcast, limit: int) -> Slice:
        """The next of the audience, those left out among them."""
        found = await self._database.read(_following, broadcast, limit)
        asked = [turn.address for turn in found.turns if not turn.is_left_out]
        rulings = await self._lists.for_mail_out(broadcast.tenant_id, broadcast.inbox_id, asked) if asked else {}
        blocked = {one for one, ruling in rulings.items() if ruling.outcome is Outcome.BLOCK}
        turns = tuple(
            Turn(turn.reader, turn.address, turn.is_left_out or turn.address in blocked) for turn in found.turns
        )
        return Slice(turns, found.reached)


def left_out(snapshot: Snapshot, broadcast: Broadcast, asked: Sequence[Address]) -> set[Address]:
    """Those who are suppressed, or have left the label; asked again by the transaction that queues."""
    stopped = set(suppressions.suppressed(snapshot, broadcast.inbox_id, asked))
    forms = {one: {one.normal, one.without_tag().normal} for one in asked}
    every = sorted(set().union(*forms.values())) if forms else []
    gone = opt_outs.find(snapshot, broadcast.inbox_id, broadcast.label_key, every) if every else set()
    return stopped | {one for one, pair in forms.items() if pair & gone}


def _following(snapshot: Snapshot, broadcast: Broadcast, limit: int) -> Slice:
    readers, reached = broadcast_recipients.readers(snapshot, broadcast, limit)
    by_form: dict[str, tuple[Reader, Address]] = {}
    for reader in readers:
        try:
            parsed = addresses.parse(reader.address.strip())
        except AddressError:  # no message can be written to it, so it is nobody's
            continue
        by_form.setdefault(parsed.normal, (Reader(reader.contact_id, reader.full_name, str(parsed)), parsed))
    known = broadcast_recipients.known(snapshot, broadcast.id, list(by_form)) if by_form else set()
    new = [(reader, parsed) for form, (reader, parsed) in by_form.items() if form not in known]
    stopped = left_out(snapshot, broadcast, [parsed for _, parsed in new])
    return Slice(tuple(Turn(reader, parsed, parsed in stopped) for reader, parsed in new), reached)

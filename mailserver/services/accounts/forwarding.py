"""Who forwards where: set by its owner, checked for loops, switched off and on."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.forward import Forward
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.rule import Outcome, Ruling
from mailserver.mail.address import Address
from mailserver.memory import Memory
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.storage import forwarding, inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.inboxes import Destination

MOST_TARGETS = 10  # of one alias
MOST_STEPS = 20  # from one inbox of ours to the next that are looked at for a circle
MOST_CHANGES = 20  # of an inbox, in an hour: who has taken a token over cannot hop from target to target
HOUR_SECONDS = 3600.0
MOST_REMEMBERED = 10_000
log = structlog.get_logger()


class SendLists(Protocol):
    """The allow and block lists of what is sent."""

    async def for_mail_out(
        self, tenant_id: int, inbox_id: int, recipients: Sequence[Address]
    ) -> Mapping[Address, Ruling]:
        """What the lists say of each recipient."""
        ...


class Forwards:
    """The targets of every inbox. A target need not confirm; changes are logged, and their number is bounded."""

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        lists: SendLists,
        separator: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._ids = ids
        self._lists = lists
        self._separator = separator
        self._changes: Memory[int, int] = Memory(HOUR_SECONDS, MOST_REMEMBERED, clock)

    async def get(self, inbox: Inbox) -> Forward | None:
        """Where all mail of an inbox goes on to; None where that was never said."""
        return await self._database.read(_default, inbox.id)

    async def set_default(
        self, inbox: Inbox, text: str | None, *, is_enabled: bool, keeps_copy: bool | None = None
    ) -> Forward | None:
        """Let all mail of an inbox go on to an address, by default the one that is set, or stop that.

        A copy is kept unless told otherwise. None where there is neither an address nor anything to stop.
        """
        if text is None:
            known = await self.get(inbox)
            if known is None:
                if is_enabled:
                    raise errors.Invalid("Say where to.", default_address="The field is required.")
                return None
            text = known.target
        return await self.set(inbox, text, is_enabled=is_enabled, keeps_copy=keeps_copy)

    async def set(
        self, inbox: Inbox, text: str, *, alias: str = "", is_enabled: bool = True, keeps_copy: bool | None = None
    ) -> Forward:
        """Set the target of an inbox, or add one to those of an alias."""
        target = inbox_names.parse(text)
        if is_enabled:
            await self._refuse_listed(inbox, target)
            self._count(inbox)
        normal = inbox_names.parse(alias).normal if alias else ""
        made = await self._database.write(self._put, inbox, normal, target, is_enabled, keeps_copy)
        log.info(
            "forwarding.target.set", inbox_id=inbox.id, alias=normal, target=made.target, is_enabled=made.is_enabled,
            keeps_copy=made.keeps_copy,
        )  # fmt: skip
        return made

    async def remove(self, inbox: Inbox, text: str, alias: str = "") -> bool:
        """Take a target away; False where it was none."""
        target = inbox_names.parse(text)
        normal = inbox_names.parse(alias).normal if alias else ""

        def change(tx: Transaction) -> bool:
            tx.ring("accounts")
            return forwarding.remove(tx, inbox.id, normal, target.normal)

        removed = await self._database.write(change)
        log.info("forwarding.target.removed", inbox_id=inbox.id, alias=normal, target=str(target), found=removed)
        return removed

    async def all(self) -> list[tuple[str, Forward]]:
        """Every forward of the installation, with the address of its inbox."""
        return await self._database.read(forwarding.of_installation)

    async def _refuse_listed(self, inbox: Inbox, target: Address) -> None:
        rulings = await self._lists.for_mail_out(inbox.tenant_id, inbox.id, [target])
        if target in rulings and rulings[target].outcome is Outcome.BLOCK:
            sentence = f"This inbox may not write to {target}: {rulings[target].detail}"
            raise errors.Invalid(sentence, default_address=sentence)

    def _count(self, inbox: Inbox) -> None:
        changes = (self._changes.get(inbox.id) or 0) + 1
        if changes > MOST_CHANGES:
            raise errors.TooMany(f"The target of an inbox may change {MOST_CHANGES} times an hour.")
        self._changes.put(inbox.id, changes)

    def _put(
        self, tx: Transaction, inbox: Inbox, alias: str, target: Address, is_enabled: bool, keeps_copy: bool | None  # noqa: FBT001
    ) -> Forward:  # fmt: skip
        if alias and alias not in inboxes.aliases(tx, inbox.id):
            raise errors.NotFound(f"The inbox {inbox.address} has no alias {alias}.")
        if is_enabled:
            self._refuse_circle(tx, inbox, target)
        there = [one for one in forwarding.of_inbox(tx, inbox.id) if one.alias == alias]
        known = next((one for one in there if inbox_names.parse(one.target).normal == target.normal), None)
        if known is None and not alias and there:
            known = there[0]  # an inbox has one target, an alias several
        if known is None and len(there) >= MOST_TARGETS:
            raise errors.Invalid(f"An alias has at most {MOST_TARGETS} targets.")
        now = int(time.time() * 1000)
        if known is None:
            known = Forward(
                self._ids.next(), inbox.tenant_id, inbox.id, alias, str(target), is_enabled, keeps_copy=True,
                failures=0, stopped_at=None, changed_at=now,
            )  # fmt: skip
        made = replace(
            known, target=str(target), is_enabled=is_enabled, failures=0, stopped_at=None, changed_at=now,
            keeps_copy=known.keeps_copy if keeps_copy is None else keeps_copy,
        )  # fmt: skip
        forwarding.put(tx, made, target.normal)
        tx.ring("accounts")
        return made

    def _refuse_circle(self, snapshot: Snapshot, inbox: Inbox, target: Address) -> None:
        """Invalid where mail would come back here; only what the tenant itself has set is followed."""
        waiting, seen = [target], {target.normal}
        for _ in range(MOST_STEPS):
            if not waiting:
                return
            address = waiting.pop()
            for destination in _reached(snapshot, address, self._separator):
                if destination.inbox_id == inbox.id:
                    sentence = f"Mail for {inbox.address} would come back to it from {target}."
                    raise errors.Invalid(sentence, default_address=sentence)
                if destination.tenant_id != inbox.tenant_id:
                    continue
                names = (address.normal, address.without_tag(self._separator).normal)
                for _, forward in forwarding.active(snapshot, [destination.inbox_id], names):
                    following = inbox_names.parse(forward.target)
                    if following.normal not in seen:
                        seen.add(following.normal)
                        waiting.append(following)


def _reached(snapshot: Snapshot, address: Address, separator: str) -> list[Destination]:
    if tenants.served(snapshot, address.domain) is None:
        return []
    return (
        inboxes.exact(snapshot, address.normal)
        or inboxes.exact(snapshot, address.without_tag(separator).normal)
        or inboxes.catch_all(snapshot, address.domain)
    )


def _default(snapshot: Snapshot, inbox_id: int) -> Forward | None:
    return next((one for one in forwarding.of_inbox(snapshot, inbox_id) if not one.alias), None)

"""How much inboxes and tenants may hold: the configured default, and what an operator has set beside it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities import errors, quota
from mailserver.entities.inbox import Inbox
from mailserver.entities.quota import Allotment, Holding, Quota, Wishes
from mailserver.entities.tenant import Tenant
from mailserver.storage import allotments, inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 1 << 60
MOST_DAYS = 36_500
FULL = "The inbox is full; mail has to be deleted from it, or its quota raised."


@dataclass(frozen=True, slots=True)
class Standing:
    """An inbox with what it holds of what it may, and what is set for it."""

    inbox: Inbox
    holding: Holding
    wishes: Wishes


class Allotments:
    """Says what is full. Nothing that is there is lost for a limit: it is mail on its way that waits."""

    def __init__(self, database: Database, default: Allotment) -> None:
        self._database = database
        self._default = default

    def full(self, snapshot: Snapshot, held: Sequence[tuple[int, int]]) -> frozenset[int]:
        """Those of some inboxes, given as (id, tenant id), that take nothing more."""
        return allotments.full(snapshot, held, self._default)

    def quotas(self, snapshot: Snapshot, inbox: Inbox) -> tuple[Quota, ...]:
        """The limits that an inbox is held to; none where it may hold what it likes."""
        own = allotments.of_inboxes(snapshot, [inbox.id], self._default).get(inbox.id)
        shared = allotments.of_tenant(snapshot, inbox.tenant_id)
        return (*_quotas(own, is_shared=False), *_quotas(shared, is_shared=True))

    async def refuse_full(self, inbox: Inbox) -> None:
        """InboxFull where nothing more fits in."""
        if await self._database.read(self.full, [(inbox.id, inbox.tenant_id)]):
            raise errors.InboxFull(FULL)

    async def standings(self, tenant_id: int) -> list[Standing]:
        """Every inbox of a tenant, oldest first."""

        def read(snapshot: Snapshot) -> list[Standing]:
            return [self._standing(snapshot, inbox) for inbox in inboxes.of_tenant(snapshot, tenant_id)]

        return await self._database.read(read)

    async def tenants(self) -> list[tuple[Tenant, Holding]]:
        """Every tenant, with what its inboxes hold together."""

        def read(snapshot: Snapshot) -> list[tuple[Tenant, Holding]]:
            return [(each, _of_tenant(snapshot, each.id)) for each in tenants.every(snapshot)]

        return await self._database.read(read)

    async def set_inbox(self, inbox: Inbox, changed: Wishes) -> Standing:
        """Set for an inbox what is not None; -1 goes back to the configured default, 0 is no limit."""
        _check(changed.most_bytes, changed.most_messages)
        if any(days is not None and not -1 <= days <= MOST_DAYS for days in (changed.trash_days, changed.junk_days)):
            raise errors.Invalid(f"Mail is kept for at most {MOST_DAYS:,} days; 0 keeps it for ever.")

        def write(tx: Transaction) -> Standing:
            known = allotments.wishes(tx, inbox.id)
            chosen = Wishes(
                _chosen(known.most_bytes, changed.most_bytes), _chosen(known.most_messages, changed.most_messages),
                _chosen(known.trash_days, changed.trash_days), _chosen(known.junk_days, changed.junk_days),
            )  # fmt: skip
            allotments.set_inbox(tx, inbox.id, chosen, _now())
            tx.ring("accounts")
            return self._standing(tx, inbox)

        return await self._database.write(write)

    async def set_tenant(self, tenant_id: int, most_bytes: int | None, most_messages: int | None) -> Holding:
        """Set what all inboxes of a tenant may hold together, where it is not None; 0 is no limit."""
        _check(most_bytes, most_messages)

        def write(tx: Transaction) -> Holding:
            if tenants.get(tx, tenant_id) is None:
                raise errors.NotFound("There is no such tenant; `mailserver tenant list` shows them.")
            known = _of_tenant(tx, tenant_id).allotment
            chosen = Allotment(
                max(0, known.most_bytes if most_bytes is None else most_bytes),
                max(0, known.most_messages if most_messages is None else most_messages),
            )
            allotments.set_tenant(tx, tenant_id, chosen, _now())
            tx.ring("accounts")
            return _of_tenant(tx, tenant_id)

        return await self._database.write(write)

    def _standing(self, snapshot: Snapshot, inbox: Inbox) -> Standing:
        held = allotments.of_inboxes(snapshot, [inbox.id], self._default)
        if inbox.id not in held:
            raise errors.NotFound("There is no such inbox.")
        return Standing(inbox, held[inbox.id], allotments.wishes(snapshot, inbox.id))


def _of_tenant(snapshot: Snapshot, tenant_id: int) -> Holding:
    found = allotments.of_tenant(snapshot, tenant_id)
    return found or Holding(*allotments.total(snapshot, tenant_id), Allotment())


def _quotas(holding: Holding | None, *, is_shared: bool) -> tuple[Quota, ...]:
    if holding is None:
        return ()
    every = (
        Quota(quota.OCTETS, holding.used_bytes, holding.allotment.most_bytes, is_shared),
        Quota(quota.COUNT, holding.messages, holding.allotment.most_messages, is_shared),
    )
    return tuple(each for each in every if each.limit)


def _chosen(known: int | None, changed: int | None) -> int | None:
    return known if changed is None else None if changed == -1 else changed


def _check(*limits: int | None) -> None:
    if any(limit is not None and not -1 <= limit <= MOST for limit in limits):
        raise errors.Invalid(f"A limit is a number up to {MOST:,}; 0 is none, -1 the configured default.")


def _now() -> int:
    return int(time.time() * 1000)

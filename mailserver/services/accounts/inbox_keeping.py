"""Make, change and close inboxes, and what their owners have chosen for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox, InboxSettings
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.inboxes import LONGEST_NAME, Inboxes
from mailserver.storage import closing, identities, inboxes, tenants
from mailserver.storage.database import Database, Transaction

DAY_MS = 86_400_000
PURGED_AT_ONCE = 100  # messages of one transaction
CLOSED_AT_ONCE = 20
STATUSES = ("active", "paused")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InboxChange:
    """What is to be different; None leaves it as it is, '' takes it away."""

    display_name: str | None = None
    status: str | None = None
    default_timezone: str | None = None


class InboxKeeping:
    """What people do with inboxes of their tenant. Owners manage every inbox, members their own."""

    def __init__(self, database: Database, names: Inboxes, access: Access, audit: Audit) -> None:
        self._database = database
        self._names = names
        self._access = access
        self._audit = audit

    async def create(self, caller: Caller, text: str, display_name: str | None) -> Inbox:
        """Make an inbox on a verified domain of the tenant; Conflict where there is one."""
        address = inbox_names.parse(text)
        _check_name(display_name)

        def insert(tx: Transaction) -> Inbox:
            domain = tenants.domain(tx, address.domain)
            if domain is None or domain.tenant_id != caller.tenant_id:
                sentence = f"The domain {address.domain} is not one of yours; add it first."
                raise errors.Invalid(sentence, address=sentence)
            if inboxes.by_address(tx, address.normal) is not None:
                raise errors.Conflict(f"There is an inbox {address} already.")
            made = replace(self._names.insert(tx, address, display_name), owner_user_id=caller.user_id)
            inboxes.change(tx, made)
            self._audit.add(tx, caller, "inbox.created", _id(made), made.id, address=made.address)
            return made

        return await self._database.write(insert)

    async def page(self, caller: Caller, position: int, limit: int) -> tuple[list[Inbox], int]:
        """The inboxes of the tenant: a team finds its addresses here."""
        return await self._database.read(inboxes.page, caller.tenant_id, position, limit)

    async def change(self, caller: Caller, inbox: Inbox, change: InboxChange) -> Inbox:
        """Change an inbox. A paused one keeps its mail, takes none, and nobody sends from it."""
        _may_manage(caller, inbox)
        _check_name(change.display_name)
        if change.status is not None and change.status not in STATUSES:
            raise errors.Invalid("There is no such status.", status=f"One of {', '.join(STATUSES)}.")
        if change.default_timezone:
            _check_zone(change.default_timezone)

        def write(tx: Transaction) -> Inbox:
            known = inboxes.get(tx, inbox.id)
            if known is None:
                raise errors.NotFound("There is no such inbox.")
            made = replace(
                known,
                display_name=known.display_name if change.display_name is None else change.display_name or None,
                status=change.status or known.status,
                default_timezone=(
                    known.default_timezone if change.default_timezone is None else change.default_timezone or None
                ),
            )
            inboxes.change(tx, made)
            tx.ring("accounts")
            self._audit.add(tx, caller, "inbox.changed", _id(made), made.id, status=made.status)
            return made

        return await self._database.write(write)

    async def settings(self, inbox: Inbox) -> InboxSettings:
        """What an inbox's owner has chosen."""
        return await self._database.read(inboxes.settings, inbox.id)

    async def set_settings(
        self,
        caller: Caller,
        inbox: Inbox,
        chosen: InboxSettings,
        password: str | None = None,
        also: Callable[[Transaction], None] | None = None,
    ) -> None:
        """Write what an inbox's owner has chosen; with a password, that of its mail programs too.

        `also` is done in the same transaction.
        """
        _may_manage(caller, inbox)
        if password is not None:
            await self._access.set_password(inbox.id, password)

        def write(tx: Transaction) -> None:
            known = inboxes.settings(tx, inbox.id)
            inboxes.set_settings(tx, inbox.id, chosen, int(time.time() * 1000))
            if (known.signature_text, known.signature_html) != (chosen.signature_text, chosen.signature_html):
                identities.follow_signatures(tx, inbox.id)
            if also is not None:
                also(tx)
            what = {"password_changed": password is not None, "retention_days": chosen.retention_days}
            self._audit.add(tx, caller, "inbox.settings.changed", _id(inbox), inbox.id, **what)

        await self._database.write(write)

    async def close(self, caller: Caller, inbox: Inbox, *, is_forced: bool, is_purged: bool) -> None:
        """Take an inbox away; Conflict while mail of it is on its way, unless that is to be dropped.

        Its mail goes with the next runs of a job; with `is_purged`, before this returns.
        """
        if not caller.is_owner:
            raise errors.Forbidden("Only an owner takes an inbox away.")
        now = int(time.time() * 1000)

        def write(tx: Transaction) -> None:
            if not is_forced and closing.open_deliveries(tx, inbox.id, 1):
                raise errors.Conflict("Mail of this inbox is on its way; force=true drops it.")
            self._audit.add(tx, caller, "inbox.deleted", _id(inbox), inbox.id, address=inbox.address)
            closing.close(tx, inbox.id, now)

        await self._database.write(write)
        log.info("accounts.inbox.closed", inbox_id=inbox.id)
        while is_purged and not await self._database.write(closing.purge, inbox.id, PURGED_AT_ONCE, now):
            pass

    async def sweep(self) -> int:
        """Remove the rows of closed inboxes, and mail that is older than its inbox keeps it; how many steps it took."""
        steps, now = 0, int(time.time() * 1000)
        for inbox_id in await self._database.read(closing.closed, CLOSED_AT_ONCE):
            while not await self._database.write(closing.purge, inbox_id, PURGED_AT_ONCE, now):
                steps += 1
            steps += 1
        for inbox_id, days in await self._database.read(inboxes.retentions):
            before = now - days * DAY_MS
            while await self._database.write(closing.expire, inbox_id, before, PURGED_AT_ONCE, now):
                steps += 1
        return steps


def _may_manage(caller: Caller, inbox: Inbox) -> None:
    is_own = caller.user_id is not None and caller.user_id == inbox.owner_user_id
    if not (caller.is_owner or is_own):
        raise errors.Forbidden("Only an owner, or whose inbox it is, may change it.")


def _check_name(name: str | None) -> None:
    if name is not None and not (name.isprintable() and len(name) <= LONGEST_NAME):
        sentence = f"A name has at most {LONGEST_NAME} printable characters."
        raise errors.Invalid(sentence, display_name=sentence)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        sentence = "Write a zone such as Europe/Berlin."
        raise errors.Invalid(sentence, default_timezone=sentence) from error


def _id(inbox: Inbox) -> str:
    return identifiers.encode(Kind.INBOX, inbox.id)

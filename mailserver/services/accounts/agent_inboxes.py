"""Inboxes as applications make and keep them: by a name of their own, with notes of their own."""

import re
import time
from dataclasses import dataclass, replace

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.agent_inbox import AgentInbox, Metadata
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.tenant import Domain, DomainStatus
from mailserver.mail import address as addresses
from mailserver.mail.address import Address
from mailserver.services.accounts import readable_names
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.inbox_keeping import STATUSES
from mailserver.services.accounts.inboxes import LONGEST_NAME, Inboxes
from mailserver.storage import agent_inboxes, closing, inboxes, pods, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

MOST_NOTES = 50
LONGEST_NOTE = 500
TRIES = 20
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,256}")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewInbox:
    """What an application wants; what it leaves out is chosen for it."""

    username: str | None = None
    domain: str | None = None
    display_name: str | None = None
    client_id: str | None = None
    status: str | None = None
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class AgentInboxChange:
    """What is to be different; None leaves it as it is. A note of None is taken away."""

    display_name: str | None = None
    status: str | None = None
    metadata: dict[str, str | float | bool | None] | None = None
    without_metadata: bool = False


class AgentInboxes:
    """Inboxes of a tenant, through an application's eyes. A key that is bound to one inbox makes and closes none."""

    def __init__(self, database: Database, names: Inboxes, audit: Audit) -> None:
        self._database = database
        self._names = names
        self._audit = audit

    async def page(
        self, caller: Caller, behind: int | None, limit: int, *, containing: str | None = None, ascending: bool = False
    ) -> list[AgentInbox]:
        """Inboxes, newest first, from behind one; `containing` stands in the address or the name."""
        return await self._database.read(
            agent_inboxes.page, caller.tenant_id, caller.inbox_id, caller.pod_id, behind, limit, containing=containing,
            ascending=ascending,
        )  # fmt: skip

    async def get(self, inbox: Inbox) -> AgentInbox:
        """An inbox that the caller may see, with what is said of it."""
        return await self._database.read(_get, inbox.id)

    async def create(self, caller: Caller, wanted: NewInbox) -> AgentInbox:
        """Make an inbox; one that the client has named so already is given back as it is."""
        _refuse_bound(caller)
        check_client_id(wanted.client_id)
        _check(wanted.display_name, wanted.status)
        metadata = _merged({}, dict(wanted.metadata or {}))

        def write(tx: Transaction) -> AgentInbox:
            pod_id = _pod(tx, caller, wanted.domain)
            if wanted.client_id is not None:
                known = agent_inboxes.by_client_id(tx, caller.tenant_id, pod_id, wanted.client_id)
                if known is not None:
                    return known
            domain = _domain(tx, caller, pod_id, wanted.domain)
            address = _address(tx, wanted.username, domain)
            made = self._names.insert(tx, address, wanted.display_name or None, pod_id)
            made = replace(made, owner_user_id=caller.user_id, status=wanted.status or made.status)
            inboxes.change(tx, made)
            agent_inboxes.put(tx, made, wanted.client_id, metadata, made.created_at)
            self._audit.add(tx, caller, "inbox.created", _id(made), made.id, address=made.address)
            return AgentInbox(made, wanted.client_id, metadata, made.created_at)

        return await self._database.write(write)

    async def change(self, caller: Caller, inbox: Inbox, change: AgentInboxChange) -> AgentInbox:
        """Change an inbox. Notes are merged with those that there are."""
        _check(change.display_name, change.status)

        def write(tx: Transaction) -> AgentInbox:
            known = _get(tx, inbox.id)
            now = int(time.time() * 1000)
            name = known.inbox.display_name if change.display_name is None else change.display_name or None
            made = replace(known.inbox, display_name=name, status=change.status or known.inbox.status)
            metadata = {} if change.without_metadata else _merged(known.metadata, change.metadata or {})
            inboxes.change(tx, made)
            agent_inboxes.put(tx, made, known.client_id, metadata, now)
            tx.ring("accounts")
            self._audit.add(tx, caller, "inbox.changed", _id(made), made.id, status=made.status)
            return AgentInbox(made, known.client_id, metadata, now)

        return await self._database.write(write)

    async def close(self, caller: Caller, inbox: Inbox) -> None:
        """Take an inbox away with its mail, that on its way included; a job takes the rows."""
        _refuse_bound(caller)

        def write(tx: Transaction) -> None:
            _get(tx, inbox.id)
            self._audit.add(tx, caller, "inbox.deleted", _id(inbox), inbox.id, address=inbox.address)
            closing.close(tx, inbox.id, int(time.time() * 1000))

        await self._database.write(write)
        log.info("accounts.inbox.closed", inbox_id=inbox.id)


def check_client_id(text: str | None) -> None:
    """Invalid for what cannot be a client's own name of a thing."""
    if text is not None and not _CLIENT_ID.fullmatch(text):
        sentence = "Between 1 and 256 letters, digits and . _ ~ -"
        raise errors.Invalid("The client_id cannot be used.", client_id=sentence)


def _get(snapshot: Snapshot, inbox_id: int) -> AgentInbox:
    found = agent_inboxes.get(snapshot, inbox_id)
    if found is None:
        raise errors.NotFound("There is no such inbox.")
    return found


def _pod(tx: Transaction, caller: Caller, domain: str | None) -> int:
    """The pod to make an inbox in: the caller's, else that of the domain, else the tenant's own."""
    if caller.pod_id is not None:
        if pods.get(tx, caller.pod_id) is None:
            raise errors.NotFound("There is no such pod.")
        return caller.pod_id
    found = tenants.domain(tx, domain.strip().lower()) if domain is not None else None
    return found.pod_id if found is not None and found.tenant_id == caller.tenant_id else caller.tenant_id


def _domain(tx: Transaction, caller: Caller, pod_id: int, wanted: str | None) -> str:
    """The domain that is asked for, or the first one that is verified, of the pod before the tenant's own.

    What is in the tenant's own pod is there for all of them.
    """
    if wanted is None:
        served = [each for each in tenants.served_domains(tx, caller.tenant_id) if _is_open(each, pod_id)]
        if not served:
            raise errors.DomainNotVerified("There is no verified domain yet; add one first.")
        return min(served, key=lambda each: (each.pod_id != pod_id, each.id)).name
    try:
        name = addresses.parse_domain(wanted.strip())
    except addresses.AddressError as error:
        raise errors.Invalid(f"{wanted!r} is no domain.", domain=str(error)) from error
    found = tenants.domain(tx, name)
    if found is None or found.tenant_id != caller.tenant_id or not _is_open(found, pod_id):
        sentence = f"The domain {name} is not one of yours; add it first."
        raise errors.Invalid(sentence, domain=sentence)
    if found.status is not DomainStatus.VERIFIED:
        raise errors.DomainNotVerified(f"The domain {name} is not verified yet.")
    return name


def _is_open(domain: Domain, pod_id: int) -> bool:
    return domain.pod_id in (pod_id, domain.tenant_id)


def _address(tx: Transaction, username: str | None, domain: str) -> Address:
    if username is not None:
        try:
            address = addresses.parse(f"{username.strip()}@{domain}")
        except addresses.AddressError as error:
            raise errors.Invalid(f"{username!r} cannot stand before @.", username=str(error)) from error
        if inboxes.is_taken(tx, address.normal):
            raise errors.Taken(f"The address {address} is taken.")
        return address
    for _ in range(TRIES):
        address = addresses.parse(f"{readable_names.new()}@{domain}")
        if not inboxes.is_taken(tx, address.normal):
            return address
    raise errors.Conflict("No free name was found; send a username.")


def _check(display_name: str | None, status: str | None) -> None:
    if display_name is not None and not (display_name.isprintable() and len(display_name) <= LONGEST_NAME):
        sentence = f"A name has at most {LONGEST_NAME} printable characters."
        raise errors.Invalid(sentence, display_name=sentence)
    if status is not None and status not in STATUSES:
        raise errors.Invalid("There is no such status.", status=f"One of {', '.join(STATUSES)}.")


def _merged(known: Metadata, change: dict[str, str | float | bool | None]) -> Metadata:
    kept = {name: value for name, value in known.items() if name not in change}
    made: Metadata = kept | {name: value for name, value in change.items() if value is not None}
    if len(made) > MOST_NOTES:
        raise errors.Invalid("There is too much metadata.", metadata=f"At most {MOST_NOTES} names.")
    for name, value in made.items():
        if not name or len(name) > LONGEST_NOTE or len(str(value)) > LONGEST_NOTE:
            raise errors.Invalid("The metadata is too long.", metadata=f"Each has at most {LONGEST_NOTE} characters.")
    return made


def _refuse_bound(caller: Caller) -> None:
    if caller.inbox_id is not None:
        raise errors.Forbidden("This key is bound to one inbox.")


def _id(inbox: Inbox) -> str:
    return identifiers.encode(Kind.INBOX, inbox.id)

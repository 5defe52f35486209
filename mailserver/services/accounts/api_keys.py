"""Keys of applications: made, changed and taken away by other keys, never with more rights than those have."""

import time
from dataclasses import dataclass

from mailserver.entities import errors, identifiers
from mailserver.entities.access import ALL_SCOPES, Caller, Scope, Token
from mailserver.entities.api_key import ApiKey
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.audit import Audit
from mailserver.storage import api_keys, credentials, inboxes, pods
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 10_000  # of one tenant
LONGEST_NAME = 200
LONGEST_LIFE_MS = 100 * 365 * 86_400_000
UNNAMED = "Unnamed"
_IMPLIED = {
    Scope.EMAIL_READ: {Permission.INBOX_READ, Permission.MESSAGE_READ, Permission.DRAFT_READ, Permission.METRICS_READ},
    Scope.EMAIL_SEND: {Permission.MESSAGE_SEND, Permission.MESSAGE_REPLY, Permission.DRAFT_SEND},
    Scope.EMAIL_WRITE: {
        Permission.MESSAGE_UPDATE, Permission.DRAFT_CREATE, Permission.DRAFT_UPDATE, Permission.DRAFT_DELETE,
    },
    Scope.EMAIL_DELETE: {Permission.MESSAGE_DELETE},
}  # fmt: skip
_OF_MAIL = frozenset().union(*_IMPLIED.values())


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is wanted. Permissions of None are all that the maker has."""

    name: str | None = None
    permissions: frozenset[Permission] | None = None
    expires_at: int | None = None


class ApiKeys:
    """Keys of a tenant through a key's eyes. One that is bound to an inbox or a pod knows the keys of that only."""

    def __init__(self, database: Database, ids: IdSource, access: Access, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._access = access
        self._audit = audit

    async def page(
        self, caller: Caller, inbox: Inbox | None, behind: int | None, limit: int, *, ascending: bool = False
    ) -> list[ApiKey]:
        """Keys, newest first, from behind one."""
        own = inbox.id if inbox else caller.inbox_id
        owner = ("tenant_id", caller.tenant_id) if caller.pod_id is None else ("pod_id", caller.pod_id)
        if own is not None:
            owner = ("inbox_id", own)
        return await self._database.read(api_keys.page, owner, behind, limit, ascending=ascending)

    async def get(self, caller: Caller, inbox: Inbox | None, text: str) -> ApiKey:
        """One of them."""
        return await self._database.read(_find, caller, inbox, text)

    async def create(self, caller: Caller, inbox: Inbox | None, wanted: NewKey) -> tuple[ApiKey, str]:
        """Make a key; its secret is in the answer and nowhere else."""
        if inbox is None and caller.inbox_id is not None:
            raise errors.Forbidden("This key is bound to one inbox; make keys for that inbox.")
        name = _name(wanted.name) or UNNAMED
        permissions = caller.permissions if wanted.permissions is None else wanted.permissions
        _check(caller, permissions)
        _check_end(wanted.expires_at)
        pod_id = inbox.pod_id if inbox else caller.pod_id

        def noted(tx: Transaction, token: Token) -> None:
            if pod_id is not None and pods.get(tx, pod_id) is None:
                raise errors.NotFound("There is no such pod.")
            if inbox is not None and inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            if credentials.count_tokens(tx, caller.tenant_id, api_keys.KIND) > MOST:
                raise errors.Conflict(f"There are {MOST:,} keys already; delete some first.")
            self._audit.add(tx, caller, "api_key.created", _id(token.id), token.inbox_id, name=name)
            self._tell(tx, EventType.TOKEN_CREATED, token.tenant_id, token.inbox_id, token.id, name)

        token, secret = await self._access.create_token(
            caller.tenant_id, api_keys.KIND, name, inbox_id=inbox.id if inbox else None,
            scopes=_scopes(permissions) & caller.scopes, expires_at=wanted.expires_at, also=noted,
            permissions=permissions, pod_id=pod_id,
        )  # fmt: skip
        made = ApiKey(
            token.id, token.tenant_id, token.inbox_id, inbox.address if inbox else None, name, token.prefix,
            permissions, token.created_at, token.created_at, None, token.expires_at, pod_id,
        )  # fmt: skip
        return made, secret

    async def change(
        self,
        caller: Caller,
        inbox: Inbox | None,
        text: str,
        name: str | None,
        permissions: frozenset[Permission] | None,
    ) -> ApiKey:
        """Change a key; what is None stays."""
        wanted = _name(name)

        def write(tx: Transaction) -> ApiKey:
            known = _find(tx, caller, inbox, text)
            _check(caller, known.permissions)
            made = known.permissions if permissions is None else permissions
            _check(caller, made)
            scopes = " ".join(sorted(_scopes(made) & caller.scopes))
            api_keys.change(tx, known.id, wanted or known.name, made, scopes)
            self._audit.add(tx, caller, "api_key.changed", _id(known.id), known.inbox_id, name=wanted or known.name)
            return _find(tx, caller, inbox, text)

        return await self._database.write(write)

    async def delete(self, caller: Caller, inbox: Inbox | None, text: str) -> None:
        """Delete a key; it is refused here at once, and by other nodes within a second."""

        def write(tx: Transaction) -> None:
            known = _find(tx, caller, inbox, text)
            credentials.revoke(tx, caller.tenant_id, known.id)
            self._audit.add(tx, caller, "api_key.deleted", _id(known.id), known.inbox_id)
            self._tell(tx, EventType.TOKEN_REVOKED, known.tenant_id, known.inbox_id, known.id, known.name)

        await self._database.write(write)

    def _tell(
        self, tx: Transaction, kind: EventType, tenant_id: int, inbox_id: int | None, key_id: int, name: str
    ) -> None:
        body = {"token_id": _id(key_id), "label": name}
        tx.publish(Event(self._ids.next(), tenant_id, inbox_id or 0, kind, int(time.time() * 1000), body))


def _find(snapshot: Snapshot, caller: Caller, inbox: Inbox | None, text: str) -> ApiKey:
    """A key, where the caller may know of it and it is of the inbox that is named."""
    try:
        found = api_keys.get(snapshot, identifiers.decode(Kind.API_KEY, text))
    except identifiers.BadIdentifier:
        found = None
    own = inbox.id if inbox else caller.inbox_id
    is_there = found is not None and found.tenant_id == caller.tenant_id and own in (None, found.inbox_id)
    if found is None or not is_there or caller.pod_id not in (None, found.pod_id):
        raise errors.NotFound("There is no such API key.")
    return found


def _scopes(permissions: frozenset[Permission] | None) -> frozenset[Scope]:
    """What permissions come to inside; each endpoint asks for its own permission besides."""
    if permissions is None:
        return ALL_SCOPES
    found = {scope for scope, implying in _IMPLIED.items() if implying & permissions}
    return frozenset(found | ({Scope.ADMIN} if permissions - _OF_MAIL else set()))


def _check(caller: Caller, permissions: frozenset[Permission] | None) -> None:
    """Refuse what the caller may not give."""
    if caller.permissions is not None and (permissions is None or not permissions <= caller.permissions):
        raise errors.Forbidden("A key cannot give rights that it has not.")


def _check_end(expires_at: int | None) -> None:
    """Refuse a time that is over, or that nobody lives to see."""
    now = int(time.time() * 1000)
    if expires_at is not None and not now < expires_at < now + LONGEST_LIFE_MS:
        sentence = "The time is over." if expires_at <= now else "The time is more than a century away."
        raise errors.Invalid(sentence, expires_at=sentence)


def _name(name: str | None) -> str | None:
    if name is not None and not (name.isprintable() and len(name) <= LONGEST_NAME):
        sentence = f"A name has at most {LONGEST_NAME} printable characters."
        raise errors.Invalid(sentence, name=sentence)
    return name


def _id(number: int) -> str:
    return identifiers.encode(Kind.API_KEY, number)

"""Tokens and passwords in, Caller out."""

import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.entities import errors
from mailserver.entities.access import ALL_SCOPES, Caller, Credential, Scope, Token
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox, ScramKeys
from mailserver.entities.permission import Permission
from mailserver.entities.tenant import UserRole
from mailserver.mail import address as addresses
from mailserver.mail import network
from mailserver.services.accounts import secrets
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.accounts.throttle import Throttle
from mailserver.storage import credentials, inboxes, login_addresses
from mailserver.storage.credentials import StoredPassword, StoredToken
from mailserver.storage.database import Database, Snapshot, Transaction

log = structlog.get_logger()
CACHE_SECONDS = 1.0  # a revoked token is refused everywhere after this time (threats D8)
CACHE_TOKENS = 10_000
LAST_USED_MS = 60_000
_KINDS = {"agent": Credential.AGENT_TOKEN, "session": Credential.SESSION, "api_key": Credential.API_KEY}
LOGIN_SCOPES = frozenset(
    {Scope.EMAIL_READ, Scope.EMAIL_SEND, Scope.EMAIL_WRITE, Scope.EMAIL_DELETE, Scope.FILES_READ, Scope.FILES_WRITE}
)


@dataclass(frozen=True, slots=True)
class _Login:
    """What the database says of a name and of the address that somebody uses it from."""

    account: str  # what failures are counted for: one inbox has one budget, by whichever of its addresses
    inbox: Inbox | None
    passwords: list[StoredPassword]
    last_used_at: int | None  # when the same account last logged in from there

    @property
    def is_known(self) -> bool:
        """Whether the owner cannot be locked out there by others."""
        return self.last_used_at is not None


class Access:
    """Who is asking. Failures are generic and take the same time, whatever was wrong."""

    def __init__(
        self, database: Database, ids: IdSource, hasher: PasswordHasher, secret: bytes, throttle: Throttle
    ) -> None:
        self._database = database
        self._ids = ids
        self._hasher = hasher
        self._secret = secret
        self._throttle = throttle
        self._cache: OrderedDict[str, tuple[float, StoredToken]] = OrderedDict()
        self._process_key = os.urandom(32)  # under which passwords that were right are remembered, never in the clear
        self._passwords: OrderedDict[bytes, tuple[int, str]] = OrderedDict()

    # -- tokens -------------------------------------------------------------------------------------------------

    async def token(self, text: str) -> Caller:
        """The caller behind a bearer token; Unauthenticated for anything that is not one."""
        if not text.startswith((secrets.AGENT_PREFIX, secrets.API_KEY_PREFIX)) or len(text) > 128:
            raise errors.Unauthenticated
        digest = secrets.digest(text)
        found = self._cached(digest)
        if found is None:
            found = await self._database.read(credentials.token_by_hash, digest, int(time.time() * 1000))
            if found is None:
                raise errors.Unauthenticated
            self._cache[digest] = (time.monotonic() + CACHE_SECONDS, found)
            if len(self._cache) > CACHE_TOKENS:
                self._cache.popitem(last=False)
            await self._note_use(found.token)
        token = found.token
        if token.expires_at is not None and token.expires_at <= time.time() * 1000:
            raise errors.Unauthenticated
        return Caller(
            tenant_id=token.tenant_id,
            credential=_KINDS[found.kind],
            credential_id=token.id,
            scopes=token.scopes,
            inbox_id=token.inbox_id,
            user_id=found.user_id,
            requires_approval=token.requires_approval,
            is_owner=found.kind == "session" and found.role in (None, UserRole.OWNER.value),
            label=token.label,
            permissions=token.permissions,
            pod_id=token.pod_id,
        )

    async def create_token(
        self,
        tenant_id: int,
        kind: str,
        label: str,
        *,
        inbox_id: int | None = None,
        user_id: int | None = None,
        scopes: frozenset[Scope] = ALL_SCOPES,
        requires_approval: frozenset[Scope] = frozenset(),
        expires_at: int | None = None,
        also: Callable[[Transaction, Token], None] | None = None,
        permissions: frozenset[Permission] | None = None,
        pod_id: int | None = None,
    ) -> tuple[Token, str]:
        """Make a token of a kind (agent, session, api_key); its secret is in the answer and nowhere else.

        `also` is done in the same transaction.
        """
        prefix = secrets.API_KEY_PREFIX if kind == "api_key" else secrets.AGENT_PREFIX
        text = secrets.new_token(prefix)
        shown = text[: len(prefix) + secrets.SHOWN_LETTERS]
        token = Token(
            self._ids.next(), tenant_id, inbox_id, label, shown, scopes, requires_approval, int(time.time() * 1000),
            None, expires_at, permissions, pod_id,
        )  # fmt: skip

        def insert(tx: Transaction) -> None:
            credentials.add_token(tx, token, kind, secrets.digest(text), user_id)
            if also is not None:
                also(tx, token)

        await self._database.write(insert)
        return token, text

    # -- passwords ----------------------------------------------------------------------------------------------

    async def set_password(self, inbox_id: int, password: str, label: str = "main") -> None:
        """Store a password for SMTP, JMAP and IMAP logins. With another main one, past logins prove nothing more."""
        if not 8 <= len(password) <= secrets.LONGEST_PASSWORD:
            raise errors.Invalid("A password has between 8 and 1,024 characters.")
        argon, scram = await self._hasher.hash(password)
        stored = credentials.StoredPassword(self._ids.next(), inbox_id, argon, scram)
        await self._database.write(_set_password, stored, label, int(time.time() * 1000))

    async def password(self, name: str, secret: str, peer: str) -> Caller:
        """The caller behind a name and a password or agent token; Unauthenticated, or TooMany from this address."""
        login = await self._login(name, peer)
        self._throttle.begin(peer)
        try:
            caller = await self._token_of(login.inbox, secret)
            if caller is None:
                position = await self._hasher.verify(secret, [one.argon2 for one in login.passwords])
                if login.inbox is None or position is None or login.inbox.status != "active":
                    await self._failed(login, peer)
                    raise errors.Unauthenticated
                caller = _caller(login.inbox, login.passwords[position].id)
        finally:
            self._throttle.end(peer)
        await self._succeeded(login, peer)
        return caller

    async def password_again(self, name: str, secret: str, peer: str) -> Caller:
        """The same for a client that shows its password with every request: one that was right is not hashed anew.

        It is right only as long as it is stored: what was set or removed meanwhile is asked of the database.
        """
        if secret.startswith(secrets.AGENT_PREFIX):
            return await self.password(name, secret, peer)
        key = hmac.digest(self._process_key, f"{name}\0{secret}".encode(), "sha256")
        known = self._passwords.get(key)
        login = await self._read(name, peer)
        if known is not None and login.inbox is not None and login.inbox.status == "active":
            for stored in login.passwords:
                if (stored.id, stored.argon2) == known:
                    self._passwords.move_to_end(key)
                    return _caller(login.inbox, stored.id)
        caller = await self.password(name, secret, peer)
        found = next((one for one in login.passwords if one.id == caller.credential_id), None)
        if found is not None:
            self._passwords[key] = (found.id, found.argon2)
            if len(self._passwords) > CACHE_TOKENS:
                self._passwords.popitem(last=False)
        return caller

    async def scram_keys(self, name: str, peer: str) -> ScramKeys:
        """The keys for a SCRAM exchange; invented ones for a name that does not exist. TooMany as for a password."""
        login = await self._login(name, peer)
        if login.inbox is None or not login.passwords or login.inbox.status != "active":
            return self._hasher.invented_keys(_normal(name), self._secret)
        return login.passwords[0].scram

    async def scram_login(self, name: str, peer: str) -> Caller:
        """The caller of a SCRAM exchange that went well."""
        login = await self._login(name, peer)
        if login.inbox is None or not login.passwords or login.inbox.status != "active":
            raise errors.Unauthenticated
        await self._succeeded(login, peer)
        return _caller(login.inbox, login.passwords[0].id)

    async def scram_failed(self, name: str, peer: str) -> None:
        """Count a SCRAM proof that was wrong."""
        await self._failed(await self._read(name, peer), peer)

    def is_banned(self, peer: str) -> bool:
        """Whether no login from an address would be looked at now."""
        return self._throttle.is_banned(peer)

    def failures(self, peer: str) -> int:
        """How often logins from an address have failed lately."""
        return self._throttle.failures(peer)

    async def _token_of(self, inbox: Inbox | None, secret: str) -> Caller | None:
        """The caller behind an agent token used as a password; whatever is wrong goes the way of a wrong password."""
        if not secret.startswith(secrets.AGENT_PREFIX):
            return None
        try:
            caller = await self.token(secret)
        except errors.Unauthenticated:
            return None
        is_its_own = inbox is not None and inbox.status == "active" and caller.inbox_id == inbox.id
        return caller if is_its_own else None

    def forget(self) -> None:
        """Look tokens up again: one of them is not what it was."""
        self._cache.clear()

    # -- inside -------------------------------------------------------------------------------------------------

    def _cached(self, digest: str) -> StoredToken | None:
        entry = self._cache.get(digest)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            del self._cache[digest]
            return None
        return entry[1]

    async def _note_use(self, token: Token) -> None:
        now = int(time.time() * 1000)
        if now - (token.last_used_at or 0) > LAST_USED_MS:
            try:
                await self._database.write(credentials.touch_tokens, {token.id: now})
            except errors.Temporary as error:  # a full disk keeps nobody from reading
                log.warning("accounts.token.use.unnoted", error=error.message)

    async def _login(self, name: str, peer: str) -> _Login:
        """What is known of a name, where the failures so far let anybody try it."""
        login = await self._read(name, peer)
        if self._throttle.refuses(login.account, peer, is_known=login.is_known):
            log.info("accounts.login.refused", peer=peer, is_known=login.is_known)
            raise errors.TooMany("Too many failed logins; try again later.")
        return login

    async def _read(self, name: str, peer: str) -> _Login:
        address, now = network.origin(peer).address, int(time.time() * 1000)
        return await self._database.read(_login, _normal(name), name, address, now)

    async def _failed(self, login: _Login, peer: str) -> None:
        if self._throttle.failed(login.account, peer, is_known=login.is_known):
            origin, now = network.origin(peer), int(time.time() * 1000)
            self._throttle.trust(await self._database.read(login_addresses.of_network, origin.network, now))
        if login.is_known:
            self._throttle.trust([network.origin(peer).address])

    async def _succeeded(self, login: _Login, peer: str) -> None:
        """Remember where a login went well, over restarts; once a day is enough."""
        origin, now = network.origin(peer), int(time.time() * 1000)
        self._throttle.trust([origin.address])
        if login.inbox is None or now - (login.last_used_at or 0) < login_addresses.REFRESH_MS:
            return
        try:
            await self._database.write(login_addresses.note, login.inbox.id, origin.address, origin.network, now)
        except errors.Temporary as error:  # a full disk keeps nobody from logging in
            log.warning("accounts.login.unnoted", error=error.message)


def _set_password(tx: Transaction, stored: StoredPassword, label: str, now: int) -> None:
    credentials.set_password(tx, stored, label, now)
    if label == "main":
        login_addresses.forget(tx, stored.inbox_id)


def _login(snapshot: Snapshot, normal: str, name: str, address: str, now: int) -> _Login:
    inbox = inboxes.by_address(snapshot, normal)
    if inbox is None:
        return _Login(normal or name, None, [], None)
    used_at = login_addresses.used_at(snapshot, inbox.id, address, now)
    return _Login(f"inbox {inbox.id}", inbox, credentials.passwords(snapshot, inbox.id), used_at)


def _normal(name: str) -> str:
    try:
        return addresses.parse(name).normal
    except addresses.AddressError:
        return ""


def _caller(inbox: Inbox, credential_id: int) -> Caller:
    return Caller(inbox.tenant_id, Credential.PASSWORD, credential_id, LOGIN_SCOPES, inbox.id)

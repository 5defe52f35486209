"""Tokens and passwords in, Caller out."""

import time
from collections import OrderedDict

import structlog

from mailserver.entities import errors
from mailserver.entities.access import ALL_SCOPES, Caller, Credential, Scope, Token
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox, ScramKeys
from mailserver.mail import address as addresses
from mailserver.services.accounts import secrets
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.storage import credentials, inboxes
from mailserver.storage.credentials import StoredToken
from mailserver.storage.database import Database, Snapshot

log = structlog.get_logger()
CACHE_SECONDS = 1.0  # a revoked token is refused everywhere after this time (threats D8)
CACHE_TOKENS = 10_000
LAST_USED_MS = 60_000
FAILURE_WINDOW_SECONDS = 900
FAILURES_KEPT = 50_000
_KINDS = {"agent": Credential.AGENT_TOKEN, "session": Credential.SESSION, "api_key": Credential.API_KEY}
LOGIN_SCOPES = frozenset(
    {Scope.EMAIL_READ, Scope.EMAIL_SEND, Scope.EMAIL_WRITE, Scope.EMAIL_DELETE, Scope.FILES_READ, Scope.FILES_WRITE}
)


class Access:
    """Who is asking. Failures are generic and take the same time, whatever was wrong."""

    def __init__(
        self, database: Database, ids: IdSource, hasher: PasswordHasher, secret: bytes, failures_per_address: int
    ) -> None:
        self._database = database
        self._ids = ids
        self._hasher = hasher
        self._secret = secret
        self._most_failures = failures_per_address
        self._cache: OrderedDict[str, tuple[float, StoredToken]] = OrderedDict()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    # -- tokens -------------------------------------------------------------------------------------------------

    async def token(self, text: str) -> Caller:
        """The caller behind a bearer token; Unauthenticated for anything that is not one."""
        if not text.startswith((secrets.AGENT_PREFIX, secrets.API_KEY_PREFIX)) or len(text) > 128:
            raise errors.Unauthenticated
        digest = secrets.digest(text)
        found = self._cached(digest)
        if found is None:
            found = await self._database.read(credentials.token_by_hash, digest)
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
            is_owner=found.kind == "session",
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
    ) -> tuple[Token, str]:
        """Make a token of a kind (agent, session, api_key); its secret is in the answer and nowhere else."""
        prefix = secrets.API_KEY_PREFIX if kind == "api_key" else secrets.AGENT_PREFIX
        text = secrets.new_token(prefix)
        shown = text[: len(prefix) + secrets.SHOWN_LETTERS]
        token = Token(
            self._ids.next(), tenant_id, inbox_id, label, shown, scopes, requires_approval, int(time.time() * 1000),
            None, expires_at,
        )  # fmt: skip
        await self._database.write(credentials.add_token, token, kind, secrets.digest(text), user_id)
        return token, text

    # -- passwords ----------------------------------------------------------------------------------------------

    async def set_password(self, inbox_id: int, password: str, label: str = "main") -> None:
        """Store a password for SMTP, JMAP and IMAP logins."""
        if not 8 <= len(password) <= secrets.LONGEST_PASSWORD:
            raise errors.Invalid("A password has between 8 and 1,024 characters.")
        argon, scram = await self._hasher.hash(password)
        stored = credentials.StoredPassword(self._ids.next(), inbox_id, argon, scram)
        await self._database.write(credentials.set_password, stored, label, int(time.time() * 1000))

    async def password(self, name: str, secret: str, peer: str) -> Caller:
        """The caller behind a name and a password or agent token; Unauthenticated, or TooMany from this address."""
        self._refuse_flood(peer)
        inbox, stored = await self._database.read(_login, _normal(name))
        caller = await self._token_of(inbox, secret)
        if caller is not None:
            return caller
        position = await self._hasher.verify(secret, [one.argon2 for one in stored])
        if inbox is None or position is None or inbox.status != "active":
            self._failed(peer)
            raise errors.Unauthenticated
        return _caller(inbox, stored[position].id)

    async def scram_keys(self, name: str) -> ScramKeys:
        """The keys for a SCRAM exchange; invented ones for a name that does not exist."""
        inbox, stored = await self._database.read(_login, _normal(name))
        if inbox is None or not stored or inbox.status != "active":
            return self._hasher.invented_keys(_normal(name), self._secret)
        return stored[0].scram

    async def scram_login(self, name: str, peer: str) -> Caller:
        """The caller of a SCRAM exchange that went well."""
        self._refuse_flood(peer)
        inbox, stored = await self._database.read(_login, _normal(name))
        if inbox is None or not stored or inbox.status != "active":
            raise errors.Unauthenticated
        return _caller(inbox, stored[0].id)

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

    def scram_failed(self, peer: str) -> None:
        """Count a SCRAM proof that was wrong against the address that it came from."""
        self._failed(peer)

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

    def _refuse_flood(self, peer: str) -> None:
        recent = self._recent(peer)
        if len(recent) >= self._most_failures:
            raise errors.TooMany("Too many failed logins from this address; try again later.")

    def _failed(self, peer: str) -> None:
        recent = self._recent(peer)
        recent.append(time.monotonic())
        self._failures[peer] = recent
        self._failures.move_to_end(peer)
        while len(self._failures) > FAILURES_KEPT:
            self._failures.popitem(last=False)

    def _recent(self, peer: str) -> list[float]:
        since = time.monotonic() - FAILURE_WINDOW_SECONDS
        return [at for at in self._failures.get(peer, ()) if at > since][-1000:]


def _login(snapshot: Snapshot, name: str) -> tuple[Inbox | None, list[credentials.StoredPassword]]:
    inbox = inboxes.by_address(snapshot, name)
    return inbox, credentials.passwords(snapshot, inbox.id) if inbox else []


def _normal(name: str) -> str:
    try:
        return addresses.parse(name).normal
    except addresses.AddressError:
        return ""


def _caller(inbox: Inbox, credential_id: int) -> Caller:
    return Caller(inbox.tenant_id, Credential.PASSWORD, credential_id, LOGIN_SCOPES, inbox.id)

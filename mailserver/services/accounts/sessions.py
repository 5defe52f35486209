"""Logins of people: opened by a password and a second factor, kept by refresh tokens, ended."""

import time
from dataclasses import dataclass, replace

import structlog

from mailserver.entities import errors
from mailserver.entities.access import ALL_SCOPES, Caller, Scope, Token
from mailserver.entities.identifiers import IdSource
from mailserver.entities.tenant import Member, UserRole
from mailserver.mail import network
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.services.accounts import secrets
from mailserver.services.accounts.factors import Factors
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.accounts.throttle import Throttle
from mailserver.storage import credentials, login_addresses, members, sessions
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.sessions import LoginCode, StoredSession

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 30 * 86_400
MFA_SECONDS = 300
LOST_ANSWER_MS = 60_000  # in which a refresh token may come twice: the answer to the first may not have arrived
MOST_TRIES = 5
REFRESH_PREFIX = "gentr_"
CHALLENGE_PREFIX = "gentc_"
MFA = "mfa"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Opened:
    """A login; or, with `challenge`, one that waits for its second factor."""

    access_token: str = ""
    refresh_token: str = ""
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    member: Member | None
    account: str
    last_used_at: int | None


class Sessions:
    """Logins. Refusals are the same, and take the same time, whatever was wrong."""

    def __init__(
        self, database: Database, ids: IdSource, hasher: PasswordHasher, throttle: Throttle, factors: Factors
    ) -> None:
        self._factors = factors
        self._database = database
        self._ids = ids
        self._hasher = hasher
        self._throttle = throttle

    async def login(self, email: str, password: str, peer: str) -> Opened:
        """Open a login, or ask for the second factor; TooMany after too many failures, as everywhere else."""
        known = await self._read(email, peer)
        self._throttle.begin(peer)
        try:
            stored = known.member.password if known.member else None
            position = await self._hasher.verify(password, [stored] if stored else [])
        finally:
            self._throttle.end(peer)
        if known.member is None or position is None:
            await self._failed(known, peer)
            raise errors.Unauthenticated
        if known.member.totp_secret is not None:
            return Opened(challenge=await self._challenge(known.member))
        return await self._open(known.member, peer)

    async def second_factor(self, email: str, challenge: str, code: str, peer: str) -> Opened:
        """Go on with a login by the digits of an authenticator, or by a recovery code, which is used up."""
        known = await self._read(email, peer)
        member = await self._database.write(self._pass_challenge, known.member, secrets.digest(challenge), code)
        if member is None:
            await self._failed(known, peer)
            raise errors.Unauthenticated
        return await self._open(member, peer)

    async def refresh(self, refresh_token: str) -> Opened:
        """Another access token and another refresh token. One that was used before ends the login: it was stolen."""
        digest, now = secrets.digest(refresh_token), _now()
        following = secrets.new_token(REFRESH_PREFIX)
        token, text = self._access_token(now)

        def rotate(tx: Transaction) -> bool:
            found = sessions.by_refresh(tx, digest)
            member = members.get(tx, found.member_id) if found else None
            if found is None or member is None or found.expires_at <= now:
                return False
            if found.refresh_hash != digest and now - found.rotated_at > LOST_ANSWER_MS:
                log.warning("accounts.session.stolen", session_id=found.id, user_id=member.id)
                sessions.end(tx, found.id)
                return False
            expires_at = now + REFRESH_SECONDS * 1000
            sessions.rotate(tx, found.id, secrets.digest(following), digest, now, expires_at)
            _add_token(tx, token, text, member, found.id)
            return True

        if not await self._database.write(rotate):
            raise errors.Unauthenticated
        return Opened(text, following)

    async def logout(self, caller: Caller) -> None:
        """End the login that a caller uses."""

        def end(tx: Transaction) -> None:
            session_id = sessions.of_token(tx, caller.credential_id)
            if session_id is not None:
                sessions.end(tx, session_id)
            else:
                credentials.revoke(tx, caller.tenant_id, caller.credential_id)

        await self._database.write(end)

    async def expire(self) -> int:
        """Forget what has run out."""
        return await self._database.write(sessions.expire, _now())

    # -- inside -------------------------------------------------------------------------------------------------

    async def _read(self, email: str, peer: str) -> _Known:
        known = await self._database.read(_known, _normal(email), email, network.origin(peer).address)
        if self._throttle.refuses(known.account, peer, is_known=known.last_used_at is not None):
            log.info("accounts.login.refused", peer=peer)
            raise errors.TooMany("Too many failed logins; try again later.")
        return known

    async def _failed(self, known: _Known, peer: str) -> None:
        """Count a failure; where it shuts a network out, not those who have logged in from there before."""
        if self._throttle.failed(known.account, peer, is_known=known.last_used_at is not None):
            trusted = await self._database.read(login_addresses.of_network, network.origin(peer).network, _now())
            self._throttle.trust(trusted)

    async def _challenge(self, member: Member) -> str:
        text, now = secrets.new_token(CHALLENGE_PREFIX), _now()
        waiting = LoginCode(secrets.digest(text), member.id, MFA, "", 0, now, now + MFA_SECONDS * 1000)
        await self._database.write(sessions.add_code, waiting)
        return text

    async def _open(self, member: Member, peer: str) -> Opened:
        now, refresh = _now(), secrets.new_token(REFRESH_PREFIX)
        token, text = self._access_token(now)
        session = StoredSession(
            self._ids.next(), member.tenant_id, member.id, secrets.digest(refresh), None, now, now,
            now + REFRESH_SECONDS * 1000,
        )  # fmt: skip
        origin = network.origin(peer)

        def insert(tx: Transaction) -> None:
            sessions.add(tx, session)
            _add_token(tx, token, text, member, session.id)
            login_addresses.note(tx, member.id, origin.address, origin.network, now)

        await self._database.write(insert)
        self._throttle.trust([origin.address])
        log.info("accounts.session.opened", user_id=member.id, peer=peer)
        return Opened(text, refresh)

    def _access_token(self, now: int) -> tuple[Token, str]:
        """A token that has no owner yet, with its secret."""
        text = secrets.new_token(secrets.AGENT_PREFIX)
        shown = text[: len(secrets.AGENT_PREFIX) + secrets.SHOWN_LETTERS]
        expires_at = now + ACCESS_SECONDS * 1000
        return Token(self._ids.next(), 0, None, "login", shown, ALL_SCOPES, frozenset(), now, None, expires_at), text

    def _pass_challenge(self, tx: Transaction, claimed: Member | None, digest: str, code: str) -> Member | None:
        waiting = sessions.code_by_hash(tx, digest, MFA)
        if waiting is None or waiting.expires_at <= _now() or waiting.tries >= MOST_TRIES:
            return None
        member = members.get(tx, waiting.member_id)
        if member is None or claimed is None or claimed.id != member.id or not self._factors.use(tx, member, code):
            sessions.count_try(tx, digest)
            return None
        sessions.remove_code(tx, digest)
        return member


def scopes_of(role: UserRole) -> frozenset[Scope]:
    """What a person may do: members everything but administration."""
    return ALL_SCOPES if role is UserRole.OWNER else ALL_SCOPES - {Scope.ADMIN}


def _add_token(tx: Transaction, token: Token, text: str, member: Member, session_id: int) -> None:
    made = replace(token, tenant_id=member.tenant_id, scopes=scopes_of(member.role))
    credentials.add_token(tx, made, "session", secrets.digest(text), member.id, session_id)


def _known(snapshot: Snapshot, normal: str, email: str, address: str) -> _Known:
    member = members.by_email(snapshot, normal) if normal else None
    if member is None:
        return _Known(None, normal or email, None)
    # People and inboxes have their ids from one source, so that one table holds both's addresses.
    return _Known(member, f"user {member.id}", login_addresses.used_at(snapshot, member.id, address, _now()))


def _normal(email: str) -> str:
    try:
        return inbox_names.parse(email).normal
    except errors.Invalid:
        return ""


def _now() -> int:
    return int(time.time() * 1000)

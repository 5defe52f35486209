"""Passwords of people: changed by themselves, or set again with a code that was mailed."""

import asyncio
import hashlib
import hmac
import secrets as random
import time
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.tenant import Member
from mailserver.mail import network
from mailserver.services.accounts import factors, secrets
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.accounts.tally import Tally
from mailserver.storage import login_addresses, members, sessions
from mailserver.storage.database import Database, Transaction
from mailserver.storage.sessions import LoginCode

SHORTEST = 8
CODE_DIGITS = 6
CODE_SECONDS = 600
MOST_TRIES = 5
MOST_ASKED = 3  # codes for one address in an hour
MOST_ASKED_BY_PEER = 30
MOST_WRONG = 10
HOUR_SECONDS = 3600.0
ANSWER_SECONDS = 0.4  # how long an answer takes at least, so that nobody sees whether there was mail to be written
RESET = "reset"
_TEXT = """\
Somebody, probably you, wants to set a new password for {email} on {hostname}.

The code is {code}. It is good for ten minutes, and once.

If it was not you, nothing has changed, and there is nothing to do.
"""
log = structlog.get_logger()


class Notices(Protocol):
    """Mail from this server to people."""

    async def send(self, tenant_id: int, recipient: str, subject: str, text: str) -> bool:
        """Put a letter into the queue; False where the tenant has no address to write from."""
        ...


class UserPasswords:
    """Changes of people's passwords."""

    def __init__(
        self, database: Database, hasher: PasswordHasher, audit: Audit, notices: Notices, hostname: str
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._audit = audit
        self._notices = notices
        self._hostname = hostname
        self._asked = Tally(HOUR_SECONDS, time.monotonic)
        self._asked_by_peer = Tally(HOUR_SECONDS, time.monotonic)
        self._wrong = Tally(HOUR_SECONDS, time.monotonic)

    async def change(self, caller: Caller, old: str, new: str) -> None:
        """Set another password, for whoever knows the old one; every other login of the person ends."""
        check(new)
        if self._wrong.count(caller.user_id) >= MOST_WRONG:
            raise errors.TooMany("Too many wrong passwords; try again later.")
        member = await self._database.read(factors.person, caller)
        if await self._hasher.verify(old, [member.password] if member.password else []) is None:
            self._wrong.add(caller.user_id)
            raise errors.Invalid("The password is wrong.", old_password="The password is wrong.")  # noqa: S106  a sentence
        argon2, _ = await self._hasher.hash(new)

        def write(tx: Transaction) -> None:
            members.set_password(tx, member.id, argon2)
            sessions.end_all(tx, member.id, sessions.of_token(tx, caller.credential_id), caller.credential_id)
            login_addresses.forget(tx, member.id)
            self._audit.add(tx, caller, "user.password.changed", identifiers.encode(Kind.USER, member.id))

        await self._database.write(write)

    async def forgot(self, email: str, peer: str) -> None:
        """Mail a code to a person; the same answer after the same time where there is no such person."""
        origin = network.origin(peer)  # behind a proxy on this machine everybody comes from loopback
        if not origin.is_loopback and self._asked_by_peer.add(origin.address) > MOST_ASKED_BY_PEER:
            raise errors.TooMany
        started = time.monotonic()
        normal = _normal(email)
        member = await self._database.read(members.by_email, normal) if normal else None
        if member is not None and self._asked.add(normal) <= MOST_ASKED:
            await self._mail(member)
        await asyncio.sleep(max(0.0, ANSWER_SECONDS - (time.monotonic() - started)))

    async def confirm(self, email: str, code: str, new: str) -> None:
        """Set a password with a code that was mailed; every login of the person ends."""
        check(new)
        argon2, _ = await self._hasher.hash(new)
        normal = _normal(email)

        def write(tx: Transaction) -> bool:
            member = members.by_email(tx, normal)
            waiting = sessions.code_of(tx, member.id, RESET) if member else None
            now = int(time.time() * 1000)
            if member is None or waiting is None or waiting.expires_at <= now or waiting.tries >= MOST_TRIES:
                return False
            if not hmac.compare_digest(_digest(waiting.hash, code.strip()), waiting.code_hash):
                sessions.count_try(tx, waiting.hash)
                return False
            sessions.remove_code(tx, waiting.hash)
            members.set_password(tx, member.id, argon2)
            sessions.end_all(tx, member.id)
            login_addresses.forget(tx, member.id)
            log.info("accounts.password.reset", user_id=member.id)
            return True

        if not await self._database.write(write):
            sentence = "The code is wrong, was used, or is too old."
            raise errors.Invalid(sentence, code=sentence)

    async def _mail(self, member: Member) -> None:
        code, salt = f"{random.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}", secrets.digest(random.token_hex(16))
        now = int(time.time() * 1000)
        waiting = LoginCode(salt, member.id, RESET, _digest(salt, code), 0, now, now + CODE_SECONDS * 1000)
        await self._database.write(sessions.add_code, waiting)
        text = _TEXT.format(email=member.email, hostname=self._hostname, code=code)
        try:
            is_sent = await self._notices.send(member.tenant_id, member.email, "Your code for a new password", text)
        except errors.ServiceError as error:
            log.warning("accounts.reset.unsent", user_id=member.id, error=error.message)
            return
        if not is_sent:
            log.warning("accounts.reset.unsent", user_id=member.id, error="The tenant has no address to write from.")


def check(password: str) -> None:
    """Invalid for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= secrets.LONGEST_PASSWORD:
        sentence = f"A password has between {SHORTEST} and {secrets.LONGEST_PASSWORD:,} characters."
        raise errors.Invalid(sentence, new_password=sentence, password=sentence)


def _digest(salt: str, code: str) -> str:
    return hashlib.sha256(f"{salt} {code}".encode("utf-8", "surrogatepass")).hexdigest()


def _normal(email: str) -> str:
    try:
        return inbox_names.parse(email).normal
    except errors.Invalid:
        return ""

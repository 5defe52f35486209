"""The second factor of people: an authenticator's digits, and recovery codes for when it is lost."""

import secrets as random
import time
from dataclasses import dataclass

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.tenant import Member
from mailserver.mail import totp
from mailserver.services.accounts import secrets
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.seal import SEALED, Seal, SealBroken
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.accounts.tally import Tally
from mailserver.storage import members
from mailserver.storage.database import Database, Snapshot, Transaction

RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 random bits: a plain hash of them is not to be guessed
MOST_WRONG = 10  # of one person, in a quarter of an hour
WRONG_SECONDS = 900.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Setup:
    """A secret that waits for its first code."""

    secret: str
    uri: str


class Factors:
    """Second factors. Each change asks for something that a stolen access token does not have."""

    def __init__(self, database: Database, hasher: PasswordHasher, audit: Audit, issuer: str, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._hasher = hasher
        self._audit = audit
        self._issuer = issuer
        self._wrong = Tally(WRONG_SECONDS, time.monotonic)

    async def is_enabled(self, caller: Caller) -> bool:
        """Whether the caller's logins ask for a second factor."""
        return (await self._database.read(person, caller)).totp_secret is not None

    async def setup(self, caller: Caller) -> Setup:
        """Make a secret; it counts once the first code was confirmed."""
        secret = totp.write_secret(random.token_bytes(totp.SECRET_BYTES))

        def write(tx: Transaction) -> Member:
            member = person(tx, caller)
            if member.totp_secret is not None:
                raise errors.Conflict("There is a second factor already; disable it first.")
            members.set_factor(tx, member.id, None, self._seal.close_text(secret, member.id), 0)
            return member

        member = await self._database.write(write)
        return Setup(secret, totp.uri(secret, member.email, self._issuer))

    async def confirm(self, caller: Caller, code: str) -> list[str]:
        """Switch the second factor on; the recovery codes are in the answer and nowhere else."""
        self._refuse_many(caller)
        codes = [random.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]

        def write(tx: Transaction) -> bool:
            member = person(tx, caller)
            if member.totp_waiting is None:
                raise errors.Conflict("There is no second factor to confirm; begin with its setup.")
            step = self._step(member, member.totp_waiting, code.strip(), 0)
            if step is None:
                return False
            members.set_factor(tx, member.id, member.totp_waiting, None, step)
            members.set_recovery_codes(tx, member.id, [secrets.digest(one) for one in codes])
            self._audit.add(tx, caller, "user.mfa.enabled", identifiers.encode(Kind.USER, member.id))
            return True

        if not await self._database.write(write):
            self._refuse_wrong(caller, "code")
        return codes

    async def disable(self, caller: Caller, password: str, code: str) -> None:
        """Switch the second factor off, for whoever has the password and a code."""
        self._refuse_many(caller)
        member = await self._database.read(person, caller)
        if await self._hasher.verify(password, [member.password] if member.password else []) is None:
            self._refuse_wrong(caller, "password")

        def write(tx: Transaction) -> bool:
            known = person(tx, caller)
            if known.totp_secret is not None and not self.use(tx, known, code):
                return False
            members.set_factor(tx, known.id, None, None, 0)
            members.set_recovery_codes(tx, known.id, [])
            self._audit.add(tx, caller, "user.mfa.disabled", identifiers.encode(Kind.USER, known.id))
            return True

        if not await self._database.write(write):
            self._refuse_wrong(caller, "code")

    def use(self, tx: Transaction, member: Member, text: str) -> bool:
        """Take digits or a recovery code of a person, each once; False where they are wrong."""
        plain = "".join(text.split()).replace("-", "")
        if member.totp_secret is not None and len(plain) == totp.DIGITS:
            step = self._step(member, member.totp_secret, plain, member.totp_step)
            if step is None:
                return False
            members.set_factor(tx, member.id, member.totp_secret, None, step)
            return True
        return members.use_recovery_code(tx, member.id, secrets.digest(plain.lower()))

    async def seal_old(self) -> None:
        """Seal what an older version kept in the clear."""

        def write(tx: Transaction) -> None:
            for member in members.with_open_factor(tx, SEALED):
                kept, waiting = (
                    self._seal.close_text(each, member.id) if each else None
                    for each in (member.totp_secret, member.totp_waiting)
                )
                members.set_factor(tx, member.id, kept, waiting, member.totp_step)

        await self._database.write(write)

    def _step(self, member: Member, kept: str, code: str, after: int) -> int | None:
        try:
            secret = self._seal.open_text(kept, member.id)
        except SealBroken:  # a recovery code still lets the person in
            log.error("factor.unreadable", user=identifiers.encode(Kind.USER, member.id), why="another key sealed it")
            return None
        return totp.matching_step(secret, code, time.time(), after)

    def _refuse_many(self, caller: Caller) -> None:
        if self._wrong.count(caller.user_id) >= MOST_WRONG:
            raise errors.TooMany("Too many wrong codes; try again later.")

    def _refuse_wrong(self, caller: Caller, field: str) -> None:
        self._wrong.add(caller.user_id)
        sentence = f"The {field} is wrong."
        raise errors.Invalid(sentence, **{field: sentence})


def person(snapshot: Snapshot, caller: Caller) -> Member:
    """Who a caller is; Forbidden for a login that is nobody's in person."""
    member = members.get(snapshot, caller.user_id) if caller.user_id is not None else None
    if member is None:
        raise errors.Forbidden("This login belongs to no person.")
    return member

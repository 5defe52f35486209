"""Passwords and token secrets: made, hashed and compared, off the loop where that is slow."""

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2
from scramp import ScramException, ScramMechanism

from mailserver.entities import errors
from mailserver.entities.inbox import ScramKeys

AGENT_PREFIX = "gent_"
API_KEY_PREFIX = "ag_"
SHOWN_LETTERS = 8
LONGEST_PASSWORD = 1024
SCRAM_ITERATIONS = 4096  # RFC 7677 4
_NOBODYS = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"  # of no password that anybody finds, as slow as any


def new_token(prefix: str) -> str:
    """A secret of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class PasswordHasher:
    """Argon2id in few threads, so that many logins at once cost neither the loop nor the memory."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

    async def hash(self, password: str) -> tuple[str, ScramKeys]:
        """The two hashes that are kept of a password; Invalid for one that SASL cannot carry."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._hash, password)

    async def verify(self, password: str, hashes: list[str]) -> int | None:
        """The position of the hash that the password fits; as slow where there is none."""
        if len(password) > LONGEST_PASSWORD:
            password = ""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._verify, password, hashes)

    def invented_keys(self, name: str, secret: bytes) -> ScramKeys:
        """Keys for a name that does not exist: always the same, never right, not to be told from real ones."""
        seed = hmac.digest(secret, name.encode(), "sha256")
        salt, stored, server = (hmac.digest(seed, word, "sha256") for word in (b"salt", b"stored", b"server"))
        return ScramKeys(salt, SCRAM_ITERATIONS, stored, server)  # scramp's salts have 32 octets too

    def _hash(self, password: str) -> tuple[str, ScramKeys]:
        mechanism = ScramMechanism("SCRAM-SHA-256")
        try:
            made = mechanism.make_auth_info(password, iteration_count=SCRAM_ITERATIONS)
        except ScramException as error:  # RFC 4013: a control character, an unassigned one, both writing directions
            sentence = "A password has no control characters, and none that a login could not send."
            raise errors.Invalid(sentence, password=sentence) from error
        salt, stored_key, server_key, iterations = made
        return self._hasher.hash(password), ScramKeys(salt, iterations, stored_key, server_key)

    def _verify(self, password: str, hashes: list[str]) -> int | None:
        for position, stored in enumerate(hashes or [_NOBODYS]):
            try:
                self._hasher.verify(stored, password)
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeEncodeError):
                continue
            return position if hashes else None
        return None

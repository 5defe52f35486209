"""Requests that come again under one Idempotency-Key get the first answer, and change nothing more.

Answers may hold secrets, such as a token that is shown once. They are kept sealed under the client's own key, which is
not kept.
"""

import asyncio
import base64
import hashlib
import os
import time

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.storage import idempotency
from mailserver.storage.database import Database

LONGEST_KEY = 255
MOST_BYTES = 1 << 20  # of an answer that is kept
NONCE_BYTES = 12


class Repetition:
    """One request that may come again."""

    def __init__(
        self, database: Database, tenant_id: int, name: str, seal: AESGCM, answer: tuple[int, bytes] | None
    ) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._name = name
        self._seal = seal
        self.answer = answer

    async def keep(self, status: int, body: bytes) -> None:
        """Remember the answer; one that is very large is not kept, and the request may be made again."""
        if len(body) > MOST_BYTES:
            await self.release()
            return
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, orjson.dumps([status, body.decode()]), None)
        answer = base64.b64encode(sealed).decode()
        await self._database.write(idempotency.settle, self._tenant_id, self._name, answer)

    async def release(self) -> None:
        """Forget that the request was begun: it changed nothing."""
        await asyncio.shield(self._database.write(idempotency.release, self._tenant_id, self._name))


class Repeats:
    """Knows which requests were answered before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, caller: Caller, key: str, *parts: bytes) -> Repetition:
        """Begin a request, which `parts` tell from others; Conflict where the key belongs to another one.

        A key is one login's or one token's own. Two at once: the second gets Conflict while the first is under way.
        """
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            raise errors.Invalid("The Idempotency-Key has between 1 and 255 printable characters.")
        owner = f"{caller.user_id or 0:x}" if caller.user_id is not None else f"t{caller.credential_id:x}"
        name = "r" + hashlib.sha256(f"{owner} {key}".encode()).hexdigest()
        fingerprint = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
        seal = AESGCM(hashlib.sha256(f"seal {owner} {key}".encode()).digest())
        now = int(time.time() * 1000)
        known = await self._database.write(idempotency.reserve, caller.tenant_id, name, fingerprint, now)
        if known is None:
            return Repetition(self._database, caller.tenant_id, name, seal, None)
        if known.fingerprint != fingerprint:
            raise errors.Conflict("The Idempotency-Key was used for another request.")
        if not known.answer:
            raise errors.Conflict("The request with this Idempotency-Key is under way.")
        raw = base64.b64decode(known.answer)
        try:
            status, body = orjson.loads(seal.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None))
        except InvalidTag as error:
            raise errors.Conflict("The Idempotency-Key was used for another request.") from error
        return Repetition(self._database, caller.tenant_id, name, seal, (status, body.encode()))

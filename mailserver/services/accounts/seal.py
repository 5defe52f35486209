"""Secrets that the server has to read again, sealed: the database alone, or a copy of it, does not tell them."""

import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.storage import files

FILE = "webhooks.key"  # named for what it first sealed; beside the private keys of DKIM, readable to the server alone
KEY_BYTES = 32
NONCE_BYTES = 12
SEALED = "sealed:"  # before what is sealed in a column of text


class SealBroken(Exception):
    """The secret was sealed with another key, or is damaged."""


class Seal:
    """AES-256-GCM with a key that lies in a file. Opening one takes microseconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cipher: AESGCM | None = None

    def load(self) -> None:
        """Read the key, and make it at the first start. Blocks."""
        path = self._directory / FILE
        if not path.exists():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            waiting = path.with_suffix(".new")
            descriptor = os.open(waiting, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, secrets.token_bytes(KEY_BYTES))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            waiting.rename(path)
            files.sync_directory(self._directory)
        self._cipher = AESGCM(path.read_bytes())

    def close(self, secret: str, owner: int) -> bytes:
        """Seal a secret, for the row of this id only."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._key().encrypt(nonce, secret.encode(), str(owner).encode())

    def open(self, sealed: bytes, owner: int) -> str:
        """The secret; SealBroken where the key or the row is another one."""
        try:
            return self._key().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], str(owner).encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error

    def close_text(self, secret: str, owner: int) -> str:
        """The same, for a column of text."""
        return SEALED + b64encode(self.close(secret, owner)).decode()

    def open_text(self, text: str, owner: int) -> str:
        """The secret; one that an older version kept in the clear as it is."""
        if not text.startswith(SEALED):
            return text
        try:
            return self.open(b64decode(text.removeprefix(SEALED)), owner)
        except ValueError as error:
            raise SealBroken from error

    def _key(self) -> AESGCM:
        if self._cipher is None:
            self.load()
        assert self._cipher is not None
        return self._cipher

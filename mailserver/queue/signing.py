"""DKIM-sign what leaves.

The stored copy stays as it is, so that a key that was changed meanwhile applies. The signature's time is that of the
message: every attempt sends the same bytes.
"""

import asyncio
import os
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

import structlog

from mailserver.entities.delivery import QueuedMessage
from mailserver.mail import dkim
from mailserver.mail.canonical import BodyHash
from mailserver.mail.dkim import SigningKey
from mailserver.queue import content
from mailserver.queue.content import StreamedContent, WholeContent
from mailserver.queue.conversation import Content

STREAMED_BYTES = 1_048_576  # a larger message is never held in memory

log = structlog.get_logger()


class KeyStore(Protocol):
    """Where the keys are."""

    def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys in use for a domain, already loaded; called from several threads."""
        ...


class Signing:
    """Makes a stored message ready for the wire, in threads: the disk is slow, and RSA releases the interpreter."""

    def __init__(self, mail_directory: Path, keys: KeyStore, executor: Executor) -> None:
        self._mail_directory = mail_directory
        self._keys = keys
        self._executor = executor
        self._complained: set[str] = set()  # domains without keys that the log knows of

    async def prepare(self, message: QueuedMessage) -> Content:
        """Read and sign; OSError where the file cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._prepare, message)

    def path(self, message: QueuedMessage) -> Path:
        """Where the stored message lies."""
        return self._mail_directory / message.location

    def _prepare(self, message: QueuedMessage) -> Content:
        path = self.path(message)
        keys = self._keys.signing_keys(message.domain)
        if not keys and message.domain not in self._complained:
            self._complained.add(message.domain)
            log.warning("queue.domain.unsigned", domain=message.domain)
        signed_at = message.created_at // 1000
        if message.size <= STREAMED_BYTES:
            return _whole(path, keys, signed_at)
        return self._streamed(path, keys, signed_at)

    def _streamed(self, path: Path, keys: tuple[SigningKey, ...], signed_at: int) -> Content:
        """One pass over the body for its hash; it is read again while it is sent."""
        head = content.public_head(content.head(path))
        hashed, size = BodyHash(), 0
        for chunk in content.body(path):
            hashed.update(chunk)
            size += len(chunk)
        signatures = dkim.sign_headers(head, hashed.digest(), keys, signed_at) if keys else b""
        return StreamedContent(path, signatures + head, size, self._executor)


def _whole(path: Path, keys: tuple[SigningKey, ...], signed_at: int) -> Content:
    head, body = content.split(content.mend(_read(path)))
    data = content.public_head(head) + b"\r\n" + body
    signatures = dkim.sign(data, keys, signed_at) if keys else b""
    return WholeContent(signatures + data, waives_policies=content.waives_policies(head))


def _read(path: Path) -> bytes:
    """The whole file, without the layers of `open`: this is done for every message."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)

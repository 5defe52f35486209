"""DKIM-sign what leaves, and seal with ARC what is passed on.

The stored copy stays as it is, so that a key that was changed meanwhile applies. The signature's time is that of the
message: every attempt sends the same bytes. What others wrote bears no signature of ours: its ARC set says in what
state it was when it came.
"""

import asyncio
import os
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

import structlog

from mailserver.entities.delivery import BOUNCE, FORWARD, QueuedMessage
from mailserver.mail import arc_seal, canonical, dkim
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

    def __init__(self, mail_directory: Path, keys: KeyStore, executor: Executor, hostname: str) -> None:
        self._mail_directory = mail_directory
        self._hostname = hostname
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
        keys = () if message.source == BOUNCE else self._keys.signing_keys(message.domain)
        if not keys and message.source != BOUNCE and message.domain not in self._complained:
            self._complained.add(message.domain)
            log.warning("queue.domain.unsigned", domain=message.domain)
        if message.size <= STREAMED_BYTES:
            return self._whole(path, message, keys)
        return self._streamed(path, message, keys)

    def _whole(self, path: Path, message: QueuedMessage, keys: tuple[SigningKey, ...]) -> Content:
        head, body = content.split(content.mend(_read(path)))
        public = _public_head(head, message)
        signatures = b""
        if keys:
            hashed = BodyHash()
            hashed.update(body)
            signatures = self._signatures(public, hashed.digest(), message, keys)
        return WholeContent(signatures + public + b"\r\n" + body, waives_policies=content.waives_policies(head))

    def _streamed(self, path: Path, message: QueuedMessage, keys: tuple[SigningKey, ...]) -> Content:
        """One pass over the body for its hash; it is read again while it is sent."""
        head = _public_head(content.head(path), message)
        hashed, size = BodyHash(), 0
        for chunk in content.body(path):
            hashed.update(chunk)
            size += len(chunk)
        signatures = self._signatures(head, hashed.digest(), message, keys) if keys else b""
        return StreamedContent(path, signatures + head, size, self._executor)

    def _signatures(self, head: bytes, body_hash: bytes, message: QueuedMessage, keys: tuple[SigningKey, ...]) -> bytes:
        """The fields to stand before a message; the first key seals, because a set has one seal (RFC 8617 4.1)."""
        at = message.created_at // 1000
        if message.source != FORWARD:
            return dkim.sign_headers(head, body_hash, keys, at)
        said = arc_seal.own_results(canonical.fields(head), self._hostname)
        return arc_seal.seal(head, body_hash, said, keys[0], at)


def _public_head(head: bytes, message: QueuedMessage) -> bytes:
    return content.passed_on_head(head, message.forwarded_by) if message.is_passed_on else content.public_head(head)


def _read(path: Path) -> bytes:
    """The whole file, without the layers of `open`: this is done for every message."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)

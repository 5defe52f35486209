"""Uploads and downloads of files."""

import asyncio
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from pathlib import Path

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.storage import uploads
from mailserver.storage.database import Database
from mailserver.storage.uploads import Upload

LIFE_MS = 7 * 86_400_000
STALE_SECONDS = 86_400
CHUNK_BYTES = 256 << 10
_ID = re.compile(r"G[A-Za-z0-9_-]{22}")


class Attachments:
    """Uploaded files, below `<data>/uploads/<2 letters>/<sha256>`."""

    def __init__(self, database: Database, directory: Path, executor: Executor, most_bytes: int) -> None:
        self._database = database
        self._directory = directory
        self._executor = executor
        self._most = most_bytes
        self._sweeping = asyncio.Lock()

    async def upload(
        self, caller: Caller, inbox: Inbox, chunks: AsyncIterator[bytes], content_type: str, filename: str | None
    ) -> Upload:
        """Keep a file for seven days; TooLarge past the limit. On the disk when this returns."""
        caller.require(Scope.FILES_WRITE)
        if not (content_type.isprintable() and (filename or "").isprintable()):
            sentence = "The file's name and type have printable characters only."
            raise errors.Invalid(sentence, file=sentence)
        loop = asyncio.get_running_loop()
        try:
            writer = await loop.run_in_executor(self._executor, _Writer, self._directory)
        except OSError as error:
            raise errors.StoreFull from error
        try:
            async for chunk in chunks:
                if writer.size + len(chunk) > self._most:
                    raise errors.TooLarge(f"A file has at most {self._most} octets.")
                await loop.run_in_executor(self._executor, writer.write, chunk)
            async with self._sweeping:  # a sweep between file and row would take the file
                digest = await loop.run_in_executor(self._executor, writer.finish)
                return await self._add(inbox, digest, writer.size, content_type, filename)
        except OSError as error:
            raise errors.StoreFull from error
        finally:
            await loop.run_in_executor(self._executor, writer.close)

    async def _add(self, inbox: Inbox, digest: bytes, size: int, content_type: str, filename: str | None) -> Upload:
        now = int(time.time() * 1000)
        upload = Upload(
            f"G{secrets.token_urlsafe(16)}", inbox.tenant_id, inbox.id, digest, size, content_type, filename,
            now, now + LIFE_MS,
        )  # fmt: skip
        await self._database.write(uploads.add, upload)
        return upload

    async def find(self, inbox: Inbox, upload_id: str) -> Upload:
        """An upload of an inbox that is not past its life."""
        upload = await self._database.read(uploads.get, upload_id) if _ID.fullmatch(upload_id) else None
        if upload is None or upload.inbox_id != inbox.id or upload.expires_at <= time.time() * 1000:
            raise errors.NotFound("There is no such file, or its seven days are over.")
        return upload

    async def read(self, upload: Upload) -> bytes:
        """The bytes of an upload."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self.path(upload).read_bytes)
        except FileNotFoundError as error:
            raise errors.NotFound("There is no such file, or its seven days are over.") from error

    def path(self, upload: Upload) -> Path:
        """Where an upload lies."""
        return _path(self._directory, upload.hash)

    def place(self, digest: bytes) -> Path:
        """Where the file of a hash lies, if any upload has it."""
        return _path(self._directory, digest)

    async def sweep(self) -> int:
        """Remove what is past its life; the number of files."""
        async with self._sweeping:
            hashes = await self._database.write(uploads.expire, int(time.time() * 1000))
            await asyncio.get_running_loop().run_in_executor(self._executor, self._remove, hashes)
        return len(hashes)

    def _remove(self, hashes: list[bytes]) -> None:
        for digest in hashes:
            _path(self._directory, digest).unlink(missing_ok=True)
        for half in self._directory.glob("tmp.*"):  # of an upload that a crash broke off
            if half.stat().st_mtime < time.time() - STALE_SECONDS:
                half.unlink(missing_ok=True)


class _Writer:
    """A file on its way in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary = directory / f"tmp.{secrets.token_hex(8)}"
        self._file = self._temporary.open("xb", buffering=CHUNK_BYTES)
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> bytes:
        self._file.flush()
        os.fsync(self._file.fileno())
        target = _path(self._directory, self._digest.digest())
        target.parent.mkdir(mode=0o700, exist_ok=True)
        self._temporary.rename(target)
        for directory in (target.parent, self._directory):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return self._digest.digest()

    def close(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _path(directory: Path, digest: bytes) -> Path:
    name = digest.hex()
    return directory / name[:2] / name

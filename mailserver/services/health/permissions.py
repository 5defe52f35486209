"""Who may read what is secret."""

import asyncio
import os
import stat
from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import islice
from pathlib import Path

from mailserver.entities.health import Finding, Status
from mailserver.services.health.premises import Live, Premises

MOST_FILES = 2_000
MOST_NAMED = 5
_WHY = "Who reads the keys signs in your name; who reads the database reads everybody's mail."
_SECRET = ("keys", "tls")


class Permissions:
    """Looks at modes and owners in the data directory."""

    def __init__(self, premises: Premises, live: Live, executor: Executor) -> None:
        self._data = premises.data_dir
        self._socket = premises.runtime_dir / "admin.sock"
        self._live = live
        self._executor = executor

    async def look(self) -> list[Finding]:
        """Findings about the directory, the keys and the admin socket."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._look)

    def _look(self) -> list[Finding]:
        owner = self._data.stat().st_uid
        found = [self._directory(self._data.stat().st_mode), self._secrets(), self._owners(owner)]
        if self._live.is_serving:
            found.append(self._admin_socket())
        return found

    def _directory(self, mode: int) -> Finding:
        check, shown = "permissions.data", f"{self._data} has the mode {stat.S_IMODE(mode):04o}."
        if mode & stat.S_IRWXO or mode & stat.S_IWGRP:
            return Finding(check, Status.FAILED, f"{shown} Others may enter it.", _WHY, f"chmod 0700 {self._data}")
        if mode & stat.S_IRWXG:
            return Finding(check, Status.WARNING, f"{shown} Its group may enter it.", _WHY, f"chmod 0700 {self._data}")
        return Finding(check, Status.OK, shown, _WHY)

    def _secrets(self) -> Finding:
        check = "permissions.keys"
        open_ones = [path for path in islice(self._secret_files(), MOST_FILES) if path.stat().st_mode & 0o077]
        if not open_ones:
            return Finding(check, Status.OK, "Only the server reads its keys.", _WHY)
        shown = " ".join(str(path) for path in open_ones[:MOST_NAMED])
        detail = f"{len(open_ones)} key files may be read by others than the server."
        return Finding(check, Status.FAILED, detail, _WHY, f"chmod 0600 {shown}")

    def _secret_files(self) -> Iterator[Path]:
        for name in _SECRET:
            for path in (self._data / name).rglob("*"):
                if path.is_file():
                    yield path

    def _owners(self, owner: int) -> Finding:
        check, why = "permissions.owner", "What belongs to somebody else, such as root, the server cannot write."
        try:
            entries = [*os.scandir(self._data)]
            strange = [entry.path for entry in entries if entry.stat(follow_symlinks=False).st_uid != owner]
        except OSError as error:
            return Finding(
                check, Status.FAILED, f"The data directory cannot be read: {error}.", why, "Run as its owner."
            )
        if strange:
            detail = f"Not of the directory's owner: {', '.join(strange[:MOST_NAMED])}."
            fix = f"Stop the server, then: chown -R --reference={self._data} {self._data}"
            return Finding(check, Status.FAILED, detail, why, fix)
        return Finding(check, Status.OK, "Everything belongs to the directory's owner.", why)

    def _admin_socket(self) -> Finding:
        check = "permissions.socket"
        try:
            mode = self._socket.stat().st_mode
        except OSError as error:
            fix = "Restart the server; commands cannot reach it meanwhile."
            return Finding(check, Status.WARNING, f"{self._socket}: {error.strerror}.", _WHY, fix)
        shown = f"{self._socket} has the mode {stat.S_IMODE(mode):04o}."
        if mode & 0o077:
            return Finding(check, Status.FAILED, f"{shown} Others may give orders.", _WHY, f"chmod 0600 {self._socket}")
        return Finding(check, Status.OK, shown, _WHY)

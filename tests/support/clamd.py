"""A real clamd on loopback whose only signature is that of the EICAR test file."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.support.ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
START_SECONDS = 60
# In two pieces, so that no scanner takes this file for the test file.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def missing() -> str | None:
    return None if shutil.which("clamd", path=PATH) else "clamd is not installed"


class ClamdServer:
    """`async with ClamdServer(tmp_path) as server: server.port`."""

    def __init__(self, directory: Path, most: str = "8M") -> None:
        self._directory = directory / "clamd"
        self._most = most
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> None:
        database = self._directory / "database"
        database.mkdir(parents=True)
        (database / "test.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        config = self._directory / "clamd.conf"
        config.write_text(
            f"DatabaseDirectory {database}\nTCPSocket {self.port}\nTCPAddr 127.0.0.1\nForeground yes\n"
            f"LogFile {self._directory}/log\nStreamMaxLength {self._most}\nUser {pwd.getpwuid(os.getuid()).pw_name}\n"
        )
        with (self._directory / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ["clamd", "-c", str(config)], env={**os.environ, "PATH": PATH}, stdout=out, stderr=out
            )
        until = time.monotonic() + START_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError((self._directory / "out").read_text())
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def _is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                connection.sendall(b"nPING\n")
                return connection.recv(10).startswith(b"PONG")
        except OSError:
            return False

    async def __aenter__(self) -> "ClamdServer":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)

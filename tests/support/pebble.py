"""A certificate authority that speaks ACME: Debian's pebble, on loopback."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import aiohttp

from mailserver import trust
from tests.support import waiting
from tests.support.certificates import Authority
from tests.support.ports import free_port


def missing() -> str | None:
    return None if shutil.which("pebble") else "pebble is not installed"


class Pebble:
    """Asks for proofs at `http_port` and `tls_port` of whatever address its resolver gives it."""

    def __init__(self, directory: Path, nameserver: str, *, refused_nonces: int = 20, bindings=None) -> None:
        self._directory = directory
        self._nameserver = nameserver
        self._refused = refused_nonces
        self._bindings = bindings
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.http_port, self.tls_port, self.manager = free_port(), free_port(), free_port(), free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self.trust = directory / "trust.pem"

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/dir"

    def start(self) -> None:
        authority = Authority(self._directory)
        self.trust.write_text(Path(authority.path).read_text())
        made = authority.leaf("localhost")
        (self._directory / "pebble.pem").write_bytes(made.pem)
        binding = {"externalAccountBindingRequired": bool(self._bindings)}
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.manager}",
            "certificate": str(self._directory / "pebble.pem"),
            "privateKey": str(self._directory / "pebble.pem"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            **binding,
            **({"externalAccountMACKeys": self._bindings} if self._bindings else {}),
        }
        path = self._directory / "pebble.json"
        path.write_text(json.dumps({"pebble": config}))
        quick = {
            "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(self._refused), "PEBBLE_AUTHZREUSE": "0",
        }  # fmt: skip
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["pebble", "-config", str(path), "-dnsserver", self._nameserver, "-strict"],
                env={**os.environ, **quick}, stdout=log, stderr=log,
            )  # fmt: skip
        if not waiting.until_listening(self.port, self._process):
            raise AssertionError(self.log.read_text())

    async def fate(self, serial: str) -> tuple[str, int | None]:
        """What the authority says of a certificate: Valid or Revoked, and with which reason."""
        url = f"https://localhost:{self.manager}/cert-status-by-serial/{serial}"
        async with aiohttp.ClientSession() as web, web.get(url, ssl=trust.context(self.trust)) as answer:
            document = json.loads(await answer.text())
        return document["Status"], document.get("Reason")

    @property
    def log(self) -> Path:
        return self._directory / "pebble.log"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    async def __aenter__(self) -> "Pebble":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)

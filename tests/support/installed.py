"""A machine that `mailserver setup` has set up below a directory, with the DNS that it asked for."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.knot import Knot
from tests.support.ports import free_port
from tests.support.server import PASSWORD, Server
from tests.support.unbound import Unbound

HOST, DOMAIN, OWNER = "mail.local.test", "local.test", "owner@local.test"
PORTS = ("smtp__mx_listen", "smtp__submission_listen", "smtp__submissions_listen", "http__listen")


@dataclass(slots=True)
class Machine:
    """What was set up, and where."""

    root: Path
    environment: dict[str, str]

    @property
    def config(self) -> Path:
        return self.root / "etc/mailserver/config.toml"

    @property
    def data(self) -> Path:
        return self.root / "var/lib/mailserver"

    async def begin(self, *arguments: str, **more: str) -> asyncio.subprocess.Process:
        """A command under way."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mailserver", *arguments, env={**self.environment, **more},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *arguments: str, stdin: bytes = b"", **more: str) -> tuple[int, str, str]:
        """The exit code, stdout and stderr of a command."""
        process = await self.begin(*arguments, **more)
        async with asyncio.timeout(90):
            stdout, stderr = await process.communicate(stdin)
        return process.returncode or 0, stdout.decode(), stderr.decode()

    async def setup(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        password = self.root.parent / "password"
        password.write_text(PASSWORD + "\n")
        return await self.run(
            "setup", HOST, "--root", str(self.root), "--address", OWNER, "--password-file", str(password),
            "--non-interactive", "--no-watch", *arguments, **more,
        )  # fmt: skip

    async def doctor(self, *arguments: str) -> tuple[int, list[dict[str, str]]]:
        code, stdout, stderr = await self.run("--config", str(self.config), "doctor", "--json", *arguments)
        assert stdout, stderr
        return code, json.loads(stdout)


def bare(directory: Path, **settings: Any) -> Machine:
    """A machine on which nothing was set up; settings of the environment as `dns__timeout_seconds=1`."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}
    chosen = {"dns__nameservers": ["127.0.0.1:9"], "dns__timeout_seconds": 0.3, "storage__reserve_bytes": 0, **settings}
    for name, value in chosen.items():
        found[f"MAILSERVER_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    root = directory / "root"
    root.mkdir(parents=True)
    return Machine(root, found)


class Zone:
    """What knot and unbound say of the machine's domain. Nothing is remembered, so that a change is seen at once."""

    def __init__(self, directory: Path, snippet: str, more: str = "") -> None:
        self.records = "\n".join(
            line.replace(" 3600 IN ", " 0 IN ") for line in f"{snippet}\n{more}".splitlines() if " IN " in line
        ).replace("; mail.local.test.", "mail.local.test.")
        self._file = directory / "knot" / f"{DOMAIN}.zone"
        self._directory = directory
        self._serial = 1

    @asynccontextmanager
    async def served(self) -> AsyncIterator[tuple[Knot, Unbound]]:
        async with AsyncExitStack() as stack:
            self._knot = await stack.enter_async_context(
                Knot(self._directory / "knot", {DOMAIN: self.records}, signed=(DOMAIN,))
            )
            anchor = await asyncio.to_thread(self._knot.anchor, DOMAIN)
            unbound = Unbound(self._directory / "unbound", self._knot.port, {DOMAIN: anchor})
            yield self._knot, await stack.enter_async_context(unbound)

    def publish(self, changes: Mapping[str, str]) -> None:
        """Serve the records with some lines, known by a piece of them, replaced or, by '', taken out."""
        lines = []
        for line in self.records.splitlines():
            piece = next((piece for piece in changes if piece in line), None)
            lines.append(line if piece is None else changes[piece])
        head = self._file.read_text().split("\n")[:5]
        self._serial += 1
        soa = f"@ 0 SOA ns.{DOMAIN}. hostmaster.{DOMAIN}. {self._serial} 60 60 60 0"
        self._file.write_text("\n".join([head[0], head[1], soa, *head[3:5], *lines]) + "\n")
        process = self._knot._process
        assert process is not None
        os.kill(process.pid, signal.SIGHUP)


def certified(directory: Path) -> dict[str, str]:
    """Settings of a certificate for the host's names, and of the authority that the machine trusts."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority(directory)
    made = authority.leaf(HOST, names=(HOST, f"mta-sts.{DOMAIN}"))
    (directory / "chain.pem").write_bytes(made.pem)
    pem = str(directory / "chain.pem")
    return {"tls__certificate": pem, "tls__key": pem, "transport__authorities": authority.path}


def listening(**more: Any) -> dict[str, Any]:
    """Settings of free ports on loopback."""
    found = {name: f"127.0.0.1:{free_port()}" for name in PORTS}
    settings: dict[str, Any] = {name: [place] for name, place in found.items()}
    https = found["http__listen"].rpartition(":")[2]
    settings |= {
        "http__tls": True, "http__public_url": f"https://{HOST}:{https}", "transport__sts_https_port": int(https),
        "queue__remote_port": int(found["smtp__mx_listen"].rpartition(":")[2]), "outbound_http__allow_private": True,
    }  # fmt: skip
    return {**settings, **more}


@asynccontextmanager
async def serving(machine: Machine) -> AsyncIterator[Server]:
    """The server, started as setup says."""
    environment = {**machine.environment, "MAILSERVER_CONFIG": str(machine.config)}
    server = Server(machine.root.parent, environment)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()

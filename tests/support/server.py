"""A real appliance for tests: its own process, directory and loopback ports.

async with running_server(tmp_path) as server:
    server.smtp, server.submission, server.submissions, server.http   # (host, port), and the API's base URL
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.ports import free_port
from tests.support.zone import EMPTY, NameServer

START_SECONDS = 60
STOP_SECONDS = 60
COMMAND_SECONDS = 90
PASSWORD = "correct horse battery"
HOSTNAME = "mail.local.test"
PROGRAM = (sys.executable, "-m", "mailserver")


class CommandFailed(Exception):
    """A command of the appliance ended with another exit code than 0."""

    def __init__(self, code: int, stderr: str) -> None:
        super().__init__(f"exit {code}: {stderr}")
        self.code = code
        self.stderr = stderr


@dataclass(slots=True)
class Server:
    """The appliance and how to reach it."""

    directory: Path
    environment: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    listeners: dict[str, Any] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()  # a program that runs it, such as strace
    verb: tuple[str, ...] = ("serve",)
    program: tuple[str, ...] = PROGRAM

    @property
    def smtp(self) -> tuple[str, int]:
        return _pair(self.listeners["smtp"][0])

    @property
    def submission(self) -> tuple[str, int]:
        return _pair(self.listeners["submission"][0])

    @property
    def submissions(self) -> tuple[str, int]:
        return _pair(self.listeners["submissions"][0])

    @property
    def http(self) -> str:
        return f"http://{self.listeners['http'][0]}"

    @property
    def log(self) -> str:
        """The lines of the log that are whole: it is read while the server writes."""
        return _whole((self.directory / "server.log").read_bytes()).decode()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of an event."""
        return [json.loads(line) for line in self.log.splitlines() if f'"{event}"' in line]

    async def start(self, seconds: float = START_SECONDS) -> None:
        """Start the process and wait until every socket is bound. The ports stay the same over restarts."""
        log = self.directory / "server.log"
        with log.open("ab") as stderr:
            mark = stderr.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self.prefix,
                *self.program, *self.verb, env=self.environment, stderr=stderr,
                stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in _whole(log.read_bytes()[mark:]).splitlines():
                if b'"server.ready"' in line:
                    self.listeners = json.loads(line)["listeners"]
                    self._keep_ports()
                    return
            if self.process.returncode is not None:
                break
            await asyncio.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log[-4000:]}")

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        process = self.process
        assert process is not None
        if process.returncode is None:
            os.kill(self.pid, signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()

    @property
    def is_usual(self) -> bool:
        """Whether nothing is asked for that a first tenant would show."""
        given = self.environment
        return (given["MAILSERVER_HOSTNAME"], given["MAILSERVER_DATA_DIR"], self.program) == (
            HOSTNAME, str(self.directory / "data"), PROGRAM,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The appliance's own process, behind whatever runs it."""
        assert self.process is not None
        if not self.prefix:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    async def kill(self) -> None:
        """SIGKILL."""
        process = self.process
        assert process is not None
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def command(self, *arguments: str, stdin: bytes = b"") -> Any:
        """Run `mailserver --json …`; its document, or CommandFailed."""
        process = await asyncio.create_subprocess_exec(
            *self.program, "--json", *arguments, env=self.environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(COMMAND_SECONDS):
            stdout, stderr = await process.communicate(stdin)
        if process.returncode:
            raise CommandFailed(process.returncode, stderr.decode())
        return json.loads(stdout) if stdout.strip() else None

    async def bootstrap(self, domain: str = "local.test", address: str = "agent@local.test") -> dict[str, str]:
        """Make the first tenant; its ids and tokens. The usual one is made once, and then copied."""
        data = self.directory / "data"
        if (domain, address) == ("local.test", "agent@local.test") and self.is_usual and not data.exists():
            (self.directory / "password").write_text(PASSWORD)
            self.account = self.account or await _furnish(data)
            return dict(self.account)
        return await self.make(domain, address)

    async def make(self, domain: str, address: str) -> dict[str, str]:
        """Make a first tenant; its ids and tokens."""
        path = self.directory / "password"
        path.write_text(PASSWORD)
        made = await self.command("bootstrap", "--domain", domain, "--address", address, "--password-file", str(path))
        self.account = self.account or made
        return made

    def session(self, token: str | None = None) -> aiohttp.ClientSession:
        """An HTTP client with a token, the agent's where none is named."""
        bearer = token or self.account["agent_token"]
        return aiohttp.ClientSession(self.http, headers={"Authorization": f"Bearer {bearer}"})

    def _keep_ports(self) -> None:
        for name, variable in (
            ("smtp", "SMTP__MX_LISTEN"), ("submission", "SMTP__SUBMISSION_LISTEN"),
            ("submissions", "SMTP__SUBMISSIONS_LISTEN"), ("http", "HTTP__LISTEN"),
        ):  # fmt: skip
            if name in self.listeners:
                self.environment[f"MAILSERVER_{variable}"] = json.dumps(self.listeners[name])


def environment(directory: Path, **settings: Any) -> dict[str, str]:
    """The environment of an appliance on free loopback ports; settings as `limits__errors=3`."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}
    chosen: dict[str, Any] = {
        "hostname": HOSTNAME,
        "data_dir": str(directory / "data"),
        "smtp__mx_listen": [f"127.0.0.1:{free_port()}"],
        "smtp__submission_listen": [f"127.0.0.1:{free_port()}"],
        "smtp__submissions_listen": [f"127.0.0.1:{free_port()}"],
        "http__listen": [f"127.0.0.1:{free_port()}"],
        "dns__nameservers": ["127.0.0.1:9"],  # nobody answers; `running_server` has one that does
        "storage__journal_segment_bytes": 8 << 20,
        "storage__reserve_bytes": 0,
        "queue__allow_private": True,
        "log__format": "json",
    }
    chosen |= settings
    for name, value in chosen.items():
        found[f"MAILSERVER_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return found


_MADE: list[tuple[tempfile.TemporaryDirectory[str], dict[str, str]]] = []  # it takes longer than most tests


async def _furnish(data: Path) -> dict[str, str]:
    """Put a copy of what `mailserver bootstrap` made once into a directory that is not there yet."""
    if not _MADE:
        place = tempfile.TemporaryDirectory()
        directory = Path(place.name)
        _MADE.append((place, await Server(directory, environment(directory)).make("local.test", "agent@local.test")))
    place, account = _MADE[0]
    await asyncio.to_thread(shutil.copytree, Path(place.name) / "data", data)
    return dict(account)


@asynccontextmanager
async def running_server(
    directory: Path, *, bootstrap: bool = True, more: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[Server]:
    """Start an appliance, with a first tenant on local.test; stop it at the end.

    Where no nameserver is named it asks one in this process, to which no name exists.
    """
    directory.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        if "dns__nameservers" not in settings:
            nobody = await stack.enter_async_context(NameServer(".", EMPTY))
            settings["dns__nameservers"] = [f"127.0.0.1:{nobody.port}"]
        server = Server(directory, environment(directory, **settings) | dict(more or {}))
        if bootstrap:
            await server.bootstrap()
        await server.start()
        try:
            yield server
        finally:
            if server.process is not None and server.process.returncode is None:
                try:
                    await server.stop()
                except TimeoutError:
                    await server.kill()
                    raise


def _whole(lines: bytes) -> bytes:
    return lines[: lines.rfind(b"\n") + 1]


def _pair(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)

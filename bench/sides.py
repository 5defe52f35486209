"""The contenders of an SMTP comparison, each in a fresh directory on a real disk: this server, and Postfix twice."""

import asyncio
import contextlib
import os
import re
import tempfile
from pathlib import Path

from tests.support import server
from tests.support.postfix import Postfix

ROOT = Path(os.environ.get("MAILSERVER_BENCH_DIR", "/var/tmp"))  # not a tmpfs: syncs have to cost what they cost
ADDRESS = "agent@local.test"
QUIET_SHARE, QUIET_TRIES = 0.15, 16
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = re.compile(rb"^mailserver_event_loop_longest_lag_seconds (\S+)$", re.MULTILINE)


def fresh(name):
    """A new directory; the whole run's are deleted at its end, none between its rounds."""
    ROOT.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f"mailserver-bench-{name}-", dir=ROOT))
    path.chmod(0o755)
    MADE.append(path)
    return path


MADE = []


class Ours:
    """This server, logging to a file. Postfix as it comes checks no sender and no content; so does this one, unless
    it is asked to check as it does by default."""

    def __init__(self, *, checks=False):
        self.checks = checks
        self.name = "ours, checking" if checks else "ours"

    @contextlib.asynccontextmanager
    async def running(self):
        settings = {
            "storage__journal_segment_bytes": 32 << 20,
            "storage__reserve_bytes": 256 << 20,
            "log__level": "info",
            "authentication__verify": self.checks,
            "filter__enabled": self.checks,
        }
        async with server.running_server(fresh("ours"), **settings) as running:
            self.server = running
            self.session = running.session()
            try:
                yield self
            finally:
                await self.session.close()

    @property
    def port(self):
        return self.server.smtp[1]

    def cpu_seconds(self):
        return cpu_of([self.server.process.pid])

    async def longest_lag(self):
        """Seconds of the longest stall of the event loop in the last minute."""
        async with self.session.get("/metrics") as answer:
            found = LONGEST.search(await answer.read())
            return float(found[1]) if found else None

    async def delivered(self):
        """How many messages the API shows in the inbox."""
        async with self.session.get("/v1/messages/", params={"folder": "inbox", "limit": "1"}) as answer:
            return (await answer.json())["total"]


class PostfixSide:
    """Postfix with its defaults. `hold` keeps every message in the queue; `deliver` writes it to a Maildir."""

    def __init__(self, kind):
        self.kind = kind
        self.name = f"postfix {kind}"

    @contextlib.asynccontextmanager
    async def running(self):
        home = fresh("postfix")
        settings = {
            "virtual_mailbox_domains": "local.test",
            "virtual_mailbox_base": str(home / "mail"),
            "virtual_mailbox_maps": "static:agent/",
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
        }
        if self.kind == "hold":
            settings["smtpd_recipient_restrictions"] = "check_recipient_access static:HOLD, permit_mynetworks, reject"
        self.home = home
        async with Postfix(home, settings) as postfix:
            self.postfix = postfix
            yield self

    @property
    def port(self):
        return self.postfix.port

    def cpu_seconds(self):
        master = int((self.home / "queue/pid/master.pid").read_text())
        return cpu_of([master, *children(master)], with_ended=master)

    async def longest_lag(self):
        return None

    async def delivered(self):
        """How many messages lie in the Maildir."""
        new = self.home / "mail/agent/new"
        return await asyncio.to_thread(lambda: len(os.listdir(new)) if new.is_dir() else 0)


def cpu_of(pids, with_ended=None):
    """CPU seconds of processes, and of the ended children of one of them."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15] if pid == with_ended else fields[11:13]))
    return total / TICKS


def children(pid):
    """Every process below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children(child)]
    return found


def busy_seconds():
    """CPU seconds that the whole machine was busy."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICKS


async def quiet():
    """Wait for neighbours to be quiet, but not for ever."""
    for _ in range(QUIET_TRIES):
        before = busy_seconds()
        await asyncio.sleep(0.5)
        if busy_seconds() - before < 0.5 * os.cpu_count() * QUIET_SHARE:
            return


async def source(port, *, messages, sessions, size, reconnect=False):
    """Send messages with Postfix's smtp-source; the seconds it took."""
    command = ["smtp-source", *([] if reconnect else ["-d"]), "-s", str(sessions), "-m", str(messages), "-l", str(size)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await asyncio.create_subprocess_exec(
        *command, "-f", "a@remote.test", "-t", ADDRESS, f"127.0.0.1:{port}"
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError("smtp-source failed")
    return loop.time() - began

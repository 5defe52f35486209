"""Cycles of start, load and sudden death; then peace, and the account."""

import asyncio
import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.crash.account import Findings, account
from tests.crash.ledger import Answer, Ledger
from tests.crash.load import Clients
from tests.crash.receiver import Receiver
from tests.support import database_file
from tests.support.server import Server, environment
from tests.support.waiting import until
from tests.support.zone import NameServer

DRAIN_SECONDS = 180
LEAST_IN, LEAST_OUT = 100, 30
QUIET_SECONDS = 5.0  # longer than mail may wait in the journal, by figures that may be two seconds old
ZONE = """
@ 60 IN SOA ns.test. h.test. 1 60 60 60 60
remote.test. 60 IN MX 10 mx.remote.test.
mx.remote.test. 60 IN A 127.0.0.1
"""


@dataclass(slots=True)
class Run:
    """What a run saw."""

    findings: Findings
    ledger: Ledger
    receiver: Receiver
    data: Path
    starts: list[float] = field(default_factory=list)  # seconds until every socket was bound
    exits: list[int] = field(default_factory=list)  # of SIGTERM
    stops: list[float] = field(default_factory=list)
    broken: int = 0  # databases that were not whole right after a kill

    def lines(self) -> list[str]:
        slowest = max(self.starts, default=0.0)
        return [
            *self.findings.lines(),
            f"slowest start {slowest:.1f} s of {len(self.starts)}, databases broken {self.broken}, "
            f"exits {sorted(set(self.exits))}, slowest stop {max(self.stops, default=0.0):.1f} s",
        ]


async def run(directory: Path, cycles: int, seed: int, *, gently: bool = False) -> Run:
    """`gently` stops by SIGTERM instead of SIGKILL."""
    chance = random.Random(seed)
    ledger = Ledger()
    directory.mkdir(parents=True, exist_ok=True)
    async with Receiver() as receiver, NameServer("test.", ZONE) as names:
        server = Server(
            directory,
            environment(
                directory,
                dns__nameservers=[f"127.0.0.1:{names.port}"],
                queue__remote_port=receiver.port,
                queue__retry_seconds=[1, 2, 3],
                storage__checkpoint_seconds=0.5,
                limits__login_failures_per_address=1_000_000,
            ),
        )
        seen = Run(Findings(), ledger, receiver, directory / "data")
        await server.bootstrap()
        await _start(server, seen)
        clients = Clients(server, ledger, seed)
        tasks = [asyncio.create_task(client()) for client in clients.all()]
        for cycle in range(cycles):
            await asyncio.sleep(chance.uniform(0.2, 1.6))
            if gently:
                started = time.monotonic()
                seen.exits.append(await server.stop())
                seen.stops.append(time.monotonic() - started)
            else:
                await server.kill()
                seen.broken += not _is_whole(seen.data)
                if cycle % 8 == 7:  # die while starting, too
                    await _die_young(server, chance)
            await _start(server, seen)
        await until(lambda: _has_met(ledger))
        clients.stopped = True
        await asyncio.wait(tasks, timeout=40)
        await _drained(server)
        started = time.monotonic()
        seen.exits.append(await server.stop())
        seen.stops.append(time.monotonic() - started)
        seen.findings = account(seen.data, ledger, receiver)
        return seen


async def _start(server: Server, seen: Run) -> None:
    started = time.monotonic()
    await server.start()
    seen.starts.append(time.monotonic() - started)


async def _die_young(server: Server, chance: random.Random) -> None:
    before = server.process
    starting = asyncio.create_task(server.start())
    await until(lambda: server.process is not before)
    await asyncio.sleep(chance.uniform(0.2, 1.4))
    await server.kill()
    await asyncio.gather(starting, return_exceptions=True)


def _has_met(ledger: Ledger) -> bool:
    """Whether enough was promised to say anything: a machine that is slow takes less in the same time."""
    incoming, outgoing = (ledger.tokens(*kinds, answer=Answer.ACCEPTED) for kinds in (("mx",), ("submission", "api")))
    return len(incoming) > LEAST_IN and len(outgoing) > LEAST_OUT


def _is_whole(data: Path) -> bool:
    with database_file.writing(data) as database:
        return database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"


async def _drained(server: Server) -> None:
    """Wait until nothing is queued any more, and nothing comes from the journal that would be.

    What is stranded after DRAIN_SECONDS counts as lost.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    quiet_since = None
    async with aiohttp.ClientSession() as client:
        while time.monotonic() < deadline:
            async with client.get(f"{server.http}/metrics") as answer:
                found = re.search(r'mailserver_queue_messages\{state="queued"\} (\S+)', await answer.text())
            if not found or float(found[1]):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_SECONDS:
                return
            await asyncio.sleep(0.2)

"""All SMTP ports together: bind, serve, drain."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog
from prometheus_client.registry import CollectorRegistry

from mailserver.smtp import sockets
from mailserver.smtp.conduct import Conduct
from mailserver.smtp.contracts import Logins, Reception, Submission
from mailserver.smtp.counts import Counts
from mailserver.smtp.gate import Gate
from mailserver.smtp.handshake import Tls
from mailserver.smtp.limits import Clock, Door, SmtpLimits
from mailserver.smtp.listener import Connected, Listener
from mailserver.smtp.mx import MxPolicy
from mailserver.smtp.policy import Policy
from mailserver.smtp.submission import SubmissionPolicy
from mailserver.smtp.transaction import Receiver

DRAIN_SECONDS = 15.0  # for messages in hand, where nobody asks for another deadline
LAST_WORDS_SECONDS = 0.5  # for the 421 of connections that are given up to leave
logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen: `host:port` for each kind of port; () is off. Inherited sockets stand for addresses.

    `inherited` has the names of systemd's file descriptors: smtp, submission, submissions.
    """

    mx: tuple[str, ...] = ()
    submission: tuple[str, ...] = ()
    submissions: tuple[str, ...] = ()
    inherited: Mapping[str, Sequence[socket.socket]] = field(default_factory=dict)


class Listeners:
    """Serves from `async with` on; leaving it drains."""

    def __init__(
        self,
        hostname: str,
        ports: Ports,
        limits: SmtpLimits,
        tls: Tls | None,
        reception: Reception,
        submission: Submission,
        logins: Logins,
        registry: CollectorRegistry,
        clock: Clock = time.monotonic,
    ) -> None:
        self._hostname = hostname
        self._ports = ports
        self._limits = limits
        self._tls = tls
        self._conduct = Conduct(limits, clock)
        self._mx = MxPolicy(reception, self._conduct)
        self._submission = SubmissionPolicy(submission, logins)
        self._counts = Counts(registry)
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()
        self._moved = asyncio.Event()
        self._listeners: list[Listener] = []
        self._ways_in: list[asyncio.Server | Gate] = []
        self._addresses: dict[str, tuple[str, ...]] = {}

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Where we listen, for smtp, submission and submissions."""
        return self._addresses

    @property
    def open_connections(self) -> int:
        """How many peers are connected."""
        return sum(len(listener.connections) for listener in self._listeners)

    async def __aenter__(self) -> Self:
        door = Door(self._limits, asyncio.get_running_loop().time)
        await self._stack.enter_async_context(self._tasks)
        try:
            await self._open("smtp", self._ports.mx, self._mx, door)
            await self._open("submission", self._ports.submission, self._submission, door)
            await self._open("submissions", self._ports.submissions, self._submission, door, implicit_tls=True)
        except BaseException:
            self._stop_accepting()
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.drain(DRAIN_SECONDS if kind is None else 0.0)
        finally:
            await self._stack.__aexit__(kind, error, traceback)

    async def drain(self, deadline_seconds: float) -> None:
        """Stop accepting, say 421 to idle peers, finish what is in hand, and give up what is not done by then."""
        self._stop_accepting()
        loop = asyncio.get_running_loop()
        deadline_at = loop.time() + deadline_seconds
        for connection in self._connections():
            connection.drain()
        in_hand = [connection for connection in self._connections() if connection.is_in_hand]
        logger.info("smtp.listeners.draining", in_hand=len(in_hand))
        await self._quiet(deadline_at, lambda: any(connection.is_in_hand for connection in in_hand) or self._has_work())
        for listener in self._listeners:
            for task in tuple(listener.work):
                task.cancel()
        for connection in self._connections():
            connection.abandon()
        await self._quiet(loop.time() + LAST_WORDS_SECONDS, lambda: self.open_connections > 0 or self._has_work())
        for listener in self._listeners:
            listener.wheel.close()
        for connection in self._connections():
            connection.expire(loop.time())
        logger.info("smtp.listeners.drained")

    async def _quiet(self, deadline_at: float, is_busy: Callable[[], bool]) -> None:
        """Wait until nothing is busy, looking again whenever something comes to its end."""
        try:
            async with asyncio.timeout_at(deadline_at):
                while is_busy():
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return

    def _connections(self) -> list[Connected]:
        return [connection for listener in self._listeners for connection in listener.connections]

    def _has_work(self) -> bool:
        return any(listener.work for listener in self._listeners)

    def _stop_accepting(self) -> None:
        for listener in self._listeners:
            listener.is_draining = True
        for way_in in self._ways_in:
            way_in.close()
        self._ways_in.clear()

    async def _open(
        self, name: str, addresses: tuple[str, ...], policy: Policy, door: Door, *, implicit_tls: bool = False
    ) -> None:
        inherited = self._ports.inherited.get(name)
        opened = list(inherited) if inherited else sockets.bind(addresses)
        if not opened:
            return
        if implicit_tls and self._tls is None:
            raise ValueError("Implicit TLS needs a certificate.")
        listener = Listener(
            name,
            self._hostname,
            policy,
            self._limits,
            door,
            self._conduct,
            self._counts,
            self._tasks,
            self._tls,
            self._moved.set,
            implicit_tls=implicit_tls,
        )
        self._listeners.append(listener)
        self._addresses[name] = tuple(sockets.name(one) for one in opened)
        loop = asyncio.get_running_loop()
        for one in opened:
            one.setblocking(False)
            if implicit_tls:
                self._ways_in.append(Gate(one, listener, lambda: Receiver(listener), self._tasks))
            else:
                self._ways_in.append(
                    await loop.create_server(lambda: Receiver(listener), sock=one, backlog=sockets.BACKLOG)
                )

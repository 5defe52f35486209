"""What all connections of one port share."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, Protocol

import structlog

from mailserver.entities import errors
from mailserver.mail.reply import Reply
from mailserver.smtp import replies, wishes
from mailserver.smtp.authentication import Authenticator
from mailserver.smtp.conduct import Conduct
from mailserver.smtp.counts import Counts
from mailserver.smtp.handshake import Tls
from mailserver.smtp.limits import Door, SmtpLimits
from mailserver.smtp.policy import Policy
from mailserver.smtp.scram import Bindings
from mailserver.smtp.wheel import Watched, Wheel


class Connected(Watched, Protocol):
    """A connection as its listener sees it."""

    @property
    def is_in_hand(self) -> bool:
        """Whether a message or a command is under way."""
        ...

    def drain(self) -> None:
        """Close now where nothing is in hand, else when it is done."""
        ...

    def abandon(self) -> None:
        """Close whatever is in hand."""
        ...


class Listener:
    """One kind of port: its name, its policy and its open connections."""

    def __init__(
        self,
        name: str,
        hostname: str,
        policy: Policy,
        limits: SmtpLimits,
        door: Door,
        conduct: Conduct,
        counts: Counts,
        tasks: asyncio.TaskGroup,
        tls: Tls | None,
        moved: Callable[[], None],
        *,
        implicit_tls: bool = False,
    ) -> None:
        self.name = name
        self.hostname = hostname
        self.policy = policy
        self.limits = limits
        self.door = door
        self.conduct = conduct
        self.counts = counts
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.greeting = f"220 {hostname} ESMTP\r\n".encode("ascii")
        self.is_draining = False
        self.connections: set[Connected] = set()
        self.clock = asyncio.get_running_loop().time
        shortest = min(limits.idle_seconds, limits.data_seconds, limits.session_seconds)
        self.wheel = Wheel(tick_seconds=min(1.0, max(0.02, shortest / 4)), horizon_seconds=min(30.0, shortest))
        self.moved = moved  # tells a drain that something came to its end
        self.work: set[asyncio.Task[None]] = set()
        self.log = structlog.get_logger().bind(listener=name)
        self._tasks = tasks

    def start(self, work: Coroutine[Any, Any, None], *, may_cancel: bool = True) -> "asyncio.Task[None]":
        """Run a connection's work; the listeners own the task, and cancel it at the end of a drain where they may."""
        task = self._tasks.create_task(work)
        if may_cancel:
            self.work.add(task)
        return task

    def finished(self, task: "asyncio.Task[None] | None") -> None:
        """Note that a connection's work has come to its end."""
        if task:
            self.work.discard(task)
        if self.is_draining:
            self.moved()

    def refusal(self, error: Exception, command: str) -> errors.ServiceError:
        """The refusal that a piece of work ended with; what is none is logged, and a reason to try again."""
        if isinstance(error, errors.ServiceError):
            return error
        self.log.error("smtp.command.failed", command=command, exc_info=error)
        return errors.Temporary()

    def admit(self, address: str) -> Reply | None:
        """Count a connection in, or return why it may not come in."""
        refusal = replies.SHUTTING_DOWN if self.is_draining else self.policy.turn_away(address)
        refusal = refusal or self.door.enter(address)
        self.counts.connections[(self.name, "refused" if refusal else "accepted")] += 1
        return refusal

    def arrive(self, connection: Connected) -> None:
        """Take a connection in."""
        self.connections.add(connection)
        self.counts.sessions[self.name] += 1
        self.wheel.watch(connection)

    def depart(self, connection: Connected) -> None:
        """Let a connection go that had come in."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.counts.sessions[self.name] -= 1
            self.wheel.forget(connection)
            if self.is_draining:
                self.moved()

    def ehlo(self, *, tls: bool, bindings: Bindings) -> bytes:
        """Return the answer to EHLO (RFC 5321 4.1.1.1)."""
        mechanisms: tuple[str, ...] = ()
        if tls and self.policy.authenticator:
            mechanisms = Authenticator.mechanisms(bindings)
        wished = () if self.policy.meets_strangers else self._wishes()
        return _ehlo(self.hostname, self.limits, mechanisms, tls, self.tls is not None and not tls, wished)

    def _wishes(self) -> tuple[str, ...]:
        """What only submissions may ask for."""
        longest, soonest = self.limits.longest_hold_seconds, self.limits.soonest_by_seconds
        hold = (f"FUTURERELEASE {longest} {wishes.last_release(time.time(), longest)}",) if longest else ()  # RFC 4865
        return (*hold, f"DELIVERBY {soonest}", "MT-PRIORITY")  # RFC 2852, RFC 6710


@lru_cache(maxsize=64)
def _ehlo(
    hostname: str,
    limits: SmtpLimits,
    mechanisms: tuple[str, ...],
    tls: bool,  # noqa: FBT001  cached by position
    starttls: bool,  # noqa: FBT001
    wished: tuple[str, ...],
) -> bytes:
    lines = [
        hostname,
        "PIPELINING",  # RFC 2920
        f"SIZE {limits.message_bytes}",  # RFC 1870
        "8BITMIME",  # RFC 6152
        "SMTPUTF8",  # RFC 6531
        "ENHANCEDSTATUSCODES",  # RFC 2034
        "CHUNKING",  # RFC 3030
        "BINARYMIME",
        "DSN",  # RFC 3461
        f"LIMITS RCPTMAX={limits.recipients} MAILMAX={limits.messages_per_session}",  # RFC 9422
    ]
    if starttls:
        lines.append("STARTTLS")  # RFC 3207
    if tls:
        lines.append("REQUIRETLS")  # RFC 8689 2: only inside TLS
    if mechanisms:
        lines.append("AUTH " + " ".join(mechanisms))  # RFC 4954
    lines += wished
    lines.append("HELP")
    return replies.wire_lines(250, tuple(lines))

"""Open a connection to one host, with the best TLS that it can do and never less than is demanded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from mailserver.entities.transport import Fault, PolicyType, ResultType, Session
from mailserver.mail.reply import Reply
from mailserver.queue import tls
from mailserver.queue.conversation import Conversation, Login, Patience
from mailserver.queue.demand import Distrusted
from mailserver.queue.parameters import Unsupported
from mailserver.queue.routing import Target
from mailserver.queue.sessions import Sessions
from mailserver.queue.tls import TlsContexts, TlsLevel
from mailserver.queue.wire import Broken, HandshakeFailed, Wire

CONNECT_SECONDS = 30.0  # Postfix's; the kernel would try for two minutes
LESSON_SECONDS = 3600.0  # how long a host's TLS failure is remembered
UNREACHABLE_SECONDS = 60.0
MOST_LESSONS = 10_000

_BROKEN_OFF = ResultType.VALIDATION_FAILURE
K = TypeVar("K")
V = TypeVar("V")
log = structlog.get_logger()


class Opening:
    """Remembers which addresses do not answer, and which hosts had trouble with TLS."""

    def __init__(
        self,
        hostname: str,
        contexts: TlsContexts,
        sessions: Sessions,
        patience: Patience | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        login: Login | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hello = hostname
        self._contexts = contexts
        self._sessions = sessions
        self._patience = patience or Patience()
        self._connect_seconds = connect_seconds
        self._login = login
        self._clock = clock
        self._lessons: dict[tuple[str, int], tuple[TlsLevel, float]] = {}
        self._unreachable: dict[tuple[str, int], float] = {}

    def in_order(self, targets: Sequence[Target]) -> list[Target]:
        """As they come, but an address that has just not answered comes last."""
        now = self._clock()
        return sorted(targets, key=lambda target: self._unreachable.get((target.address, target.port), 0.0) > now)

    async def open(self, target: Target, least: TlsLevel) -> Conversation:
        """A conversation that may be used.

        Distrusted where the host's policy is not met, Unsupported where the message's own demand is not, Refused or
        Broken where there is no talking to the host.
        """
        demand = target.demand
        if demand.is_closed and demand.fault is not None:
            self._tell(target, demand.fault)
            raise Distrusted(demand.fault)
        needed = max(least, demand.least)
        # Only the opportunistic learn from trouble: a policy is tried as it stands, each time.
        level = TlsLevel.VERIFIED if demand.type is not PolicyType.NONE else max(self._best(target), needed)
        fault = demand.fault
        if level is TlsLevel.CLEAR:
            fault = Fault(ResultType.VALIDATION_FAILURE, "remembered", f"TLS with {target.name} has just failed")
        while True:
            wire = await self._connect(target)
            try:
                conversation = await self._converse(wire, target, level)
            except HandshakeFailed as error:
                found = tls.fault(target.name, error.error or error)
                log.info("queue.tls.failed", host=target.name, level=level.name, error=str(error))
                if level is not TlsLevel.VERIFIED or demand.type is PolicyType.STS:
                    fault = fault or found  # else a certificate that proves nothing is nobody's fault
                lower = TlsLevel(level - 1)
                if lower < needed:
                    self._tell(target, fault or found, wire)
                    raise self._distrusted(target, least, found) from error
                self._learn(target, lower)
                level = lower
            except Distrusted as error:
                self._tell(target, error.fault, wire)
                raise
            else:
                return self._accepted(conversation, target, least, wire, fault)

    def _accepted(
        self, conversation: Conversation, target: Target, least: TlsLevel, wire: Wire, fault: Fault | None
    ) -> Conversation:
        """The conversation, if it is as private as it has to be."""
        if conversation.level is TlsLevel.CLEAR:
            missing = Fault(
                ResultType.STARTTLS_NOT_SUPPORTED, "starttls", f"{target.name} does not offer to encrypt the connection"
            )
            fault = fault or missing
            if target.demand.least > TlsLevel.CLEAR:
                conversation.leave()
                self._tell(target, missing, wire)
                text = f"{missing.text}, which {target.demand.owner} demands"
                raise Distrusted(Fault(missing.result, missing.code, text), "4.7.10")
        self._tell(target, fault, wire)
        if conversation.level < least:
            conversation.leave()
            raise Unsupported(Reply(550, "5.7.10", f"{target.name} does not offer the encryption that is needed"))
        return conversation

    def _distrusted(self, target: Target, least: TlsLevel, found: Fault) -> Distrusted:
        """The sentence that the operator reads, and in the end the sender."""
        demand = target.demand
        what = "a valid one" if found.text.startswith("The certificate") else "it"
        owner = demand.owner if demand.least >= least else "the message itself, by REQUIRETLS,"
        return Distrusted(Fault(found.result, found.code, f"{found.text} and {owner} demands {what}"))

    async def _converse(self, wire: Wire, target: Target, level: TlsLevel) -> Conversation:
        conversation = Conversation(wire, self._hello, self._patience)
        try:
            await conversation.greet()
            if level is not TlsLevel.CLEAR:
                await self._secure(conversation, wire, target, level)
            if self._login is not None:
                await conversation.log_in(self._login)
        except BaseException:
            conversation.abort()
            raise
        return conversation

    async def _secure(self, conversation: Conversation, wire: Wire, target: Target, level: TlsLevel) -> None:
        try:
            await conversation.secure(self._contexts, level, target.name, target.demand)
        except Distrusted:
            raise  # it is told with its own fault
        except Broken as error:
            if conversation.level is TlsLevel.CLEAR:  # somebody broke it off in the middle of STARTTLS
                text = f"{target.name} began with TLS and broke off: {error}"
                self._tell(target, target.demand.fault or Fault(_BROKEN_OFF, "starttls-broken", text), wire)
            raise

    async def _connect(self, target: Target) -> Wire:
        key = (target.address, target.port)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, wire = await loop.create_connection(Wire, target.address, target.port)
        except TimeoutError as error:
            _remember(self._unreachable, key, self._clock() + UNREACHABLE_SECONDS)
            raise Broken(f"{target.name} [{target.address}] does not answer", "4.4.1") from error
        except OSError as error:
            _remember(self._unreachable, key, self._clock() + UNREACHABLE_SECONDS)
            why = error.strerror or str(error)
            raise Broken(f"Cannot connect to {target.name} [{target.address}]: {why}", "4.4.1") from error
        self._unreachable.pop(key, None)
        return wire

    def _best(self, target: Target) -> TlsLevel:
        level, until = self._lessons.get((target.name, target.port), (TlsLevel.VERIFIED, 0.0))
        return level if until > self._clock() else TlsLevel.VERIFIED

    def _learn(self, target: Target, level: TlsLevel) -> None:
        _remember(self._lessons, (target.name, target.port), (level, self._clock() + LESSON_SECONDS))

    def _tell(self, target: Target, fault: Fault | None, wire: Wire | None = None) -> None:
        """One session; what is said of it does not depend on what the message demanded beyond the policy."""
        demand = target.demand
        if demand.is_waived:
            return  # it was held to nothing, which says nothing about the policy that there may be
        self._sessions.record(
            Session(
                day=f"{datetime.now(UTC):%Y-%m-%d}",
                domain=demand.domain,
                policy_type=demand.type,
                policy_strings=demand.strings,
                policy_domain=demand.policy_domain or demand.domain,
                policy_hosts=demand.patterns,
                mx_host=target.name,
                sending_address=wire.local_address if wire is not None else "",
                receiving_address=target.address,
                result=fault.result if fault is not None else None,
                reason=fault.code if fault is not None else "",
                explanation=fault.text if fault is not None else "",
            )
        )


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    if len(memory) >= MOST_LESSONS:
        memory.clear()
    memory[key] = value

"""One attempt: sign, route, converse, classify, report."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from mailserver.entities.delivery import (
    Deferred,
    Delivered,
    Delivery,
    Failed,
    FailureKind,
    Job,
    Outcome,
    QueuedMessage,
)
from mailserver.mail import verp
from mailserver.mail.reply import Reply
from mailserver.queue import classify
from mailserver.queue.bounce import Bounces, Undeliverable
from mailserver.queue.conversation import Content, Refused
from mailserver.queue.demand import WAIVED
from mailserver.queue.ledger import Ledger
from mailserver.queue.line import Line
from mailserver.queue.local import LocalDelivery
from mailserver.queue.parameters import Letter, Unsupported
from mailserver.queue.pool import Pool
from mailserver.queue.retry import Schedule
from mailserver.queue.routing import NoRoute, RouteUnknown, Routing, Target
from mailserver.queue.signing import Signing
from mailserver.queue.tls import TlsLevel
from mailserver.queue.wire import Broken
from mailserver.services.outbound.outcomes import Told

REPORT_AGAIN_MS = 60_000  # a failure whose report could not be stored is found again after this

_LOGGED = {
    Delivered: "queue.delivery.delivered",
    Deferred: "queue.delivery.deferred",
    Failed: "queue.delivery.failed",
}
# RFC 3463 3.8 (7.5), RFC 5248 (7.10) and RFC 8689 (7.30): replies of ours, about the privacy of the way.
_POLICY = re.compile(r"451 4\.(7\.(?:5|10|30)) (.+)", re.DOTALL)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt works with."""

    signing: Signing
    routing: Routing
    pool: Pool
    local: LocalDelivery
    bounces: Bounces
    ledger: Ledger
    schedule: Schedule
    verp_secret: bytes
    clock: Callable[[], int]


class Attempt:
    """Tries the recipients of one message at one destination, and leaves every outcome on the disk."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def make(self, job: Job) -> list[Outcome]:
        """Try every recipient; what came of each, in order."""
        started_at = self._means.clock()
        if _is_overdue(job.message, started_at):
            await self.expire(job)
            return []
        domain = job.deliveries[0].domain
        if await self._means.local.is_local(domain):
            return await self._deliver_locally(job, started_at)
        try:
            content = await self._means.signing.prepare(job.message)
            targets = await self._targets(job.message, domain, waives_policies=content.waives_policies)
        except (NoRoute, RouteUnknown, Unsupported) as trouble:
            return await self._settle_all(job, classify.outcome(trouble, self._means.clock()), started_at)
        except OSError as error:
            log.error("queue.message.unreadable", queue_id=job.message.queue_id, error=str(error))
            return await self._settle_all(job, self._internal("The stored message cannot be read"), started_at)
        return await self._converse(job, content, targets)

    async def expire(self, job: Job) -> None:
        """Give up on recipients whose time is over."""
        now = self._means.clock()
        tried = []
        for delivery in job.deliveries:
            expired = Failed(now, FailureKind.EXPIRED, _expired(delivery.last_reply), delivery.last_host or "")
            tried.append(Told(job.message, delivery, expired, now))
        await self._settle(job.message, tried)

    async def give_up_for_now(self, job: Job) -> None:
        """An error of ours: no recipient pays for it with a bounce."""
        await self._settle_all(job, self._internal("Internal error"), self._means.clock())

    async def _deliver_locally(self, job: Job, started_at: int) -> list[Outcome]:
        path = self._means.signing.path(job.message)
        tried = []
        for delivery in job.deliveries:
            outcome = await self._means.local.deliver(path, job.message.sender, delivery.recipient, delivery.id)
            tried.append(Told(job.message, delivery, outcome, started_at))
        stored = [one for one in tried if isinstance(one.outcome, Delivered)]
        await self._report("delivered", job.message, stored)
        return await self._settle(job.message, tried)

    async def _targets(self, message: QueuedMessage, domain: str, *, waives_policies: bool) -> tuple[Target, ...]:
        targets = await self._means.routing.targets(domain)
        if not message.require_tls:
            # RFC 8689 4.2.2: the sender would rather have the message read by others than not at all.
            return tuple(replace(one, demand=WAIVED) for one in targets) if waives_policies else targets
        # RFC 8689 4.2.1: a name that an unsigned answer gave proves nothing, whatever certificate it shows.
        trusted = tuple(target for target in targets if target.trusted)
        if not trusted:
            raise Unsupported(Reply(550, "5.7.30", f"The mail servers of {domain} are not known for sure"))
        return trusted

    async def _converse(self, job: Job, content: Content, targets: tuple[Target, ...]) -> list[Outcome]:
        """One recipient after another on one connection; what was taken is on the disk before the next is offered."""
        outcomes: list[Outcome] = []
        rest: list[Told] = []
        line = Line(self._means.pool, targets, TlsLevel.VERIFIED if job.message.require_tls else TlsLevel.CLEAR)
        try:
            for delivery in job.deliveries:
                started_at = self._means.clock()
                outcome = refusal_of_all(outcomes) or await self._send(line, job.message, delivery, content)
                outcomes.append(outcome)
                told = Told(job.message, delivery, outcome, started_at)
                if isinstance(outcome, Delivered):
                    await self._record([told])
                    await self._tell_of_relay(line, told)
                else:
                    rest.append(told)
        finally:
            line.hang_up()
        await self._settle(job.message, rest)
        return outcomes

    async def _tell_of_relay(self, line: Line, told: Told) -> None:
        """The server takes a message over, and will not tell its sender all that he wants to know."""
        message = told.message
        # RFC 2852 4.1.4: who sets a time is told where nobody keeps it any more, or of every relay.
        is_asked = message.by_at is not None and (not line.keeps_time or "T" in (message.by_mode or ""))
        if is_asked or not line.reports_for_us:  # RFC 3461 6.2.7.1
            await self._report("relayed", message, [told], is_asked=is_asked)

    async def _send(self, line: Line, message: QueuedMessage, delivery: Delivery, content: Content) -> Outcome:
        now = self._means.clock()
        if _is_overdue(message, now):
            return Failed(now, FailureKind.EXPIRED, _expired(delivery.last_reply))
        try:
            reply = await line.send(self._letter(message, delivery, content), content)
        except (Refused, Unsupported, Broken) as trouble:
            return classify.outcome(trouble, self._means.clock(), line.host, line.verdict)
        return Delivered(self._means.clock(), line.host, reply, line.verdict)

    def _letter(self, message: QueuedMessage, delivery: Delivery, content: Content) -> Letter:
        return Letter(
            self._sender(message, delivery),
            delivery.recipient,
            content.size,
            message.eight_bit,
            message.smtputf8,
            message.require_tls,
            message.ret,
            message.envid,
            delivery.notify,
            delivery.orcpt,
            self._left_seconds(message),
            message.by_mode or "",
            delivery.priority,
        )

    def _left_seconds(self, message: QueuedMessage) -> int | None:
        """What is left of the time that the sender gave (RFC 2852 4.1.4): whole seconds, and with R at least one."""
        if message.by_at is None:
            return None
        seconds = (message.by_at - self._means.clock()) // 1000
        return max(1, seconds) if (message.by_mode or "").startswith("R") else seconds

    def _sender(self, message: QueuedMessage, delivery: Delivery) -> str:
        """The return path: it names the delivery; that of others' mail leads back to who had sent it."""
        if not message.sender or message.is_passed_on:
            return message.sender
        return verp.make(self._means.verp_secret, delivery.id, message.domain)

    async def _settle_all(self, job: Job, outcome: Outcome, started_at: int) -> list[Outcome]:
        return await self._settle(
            job.message, [Told(job.message, delivery, outcome, started_at) for delivery in job.deliveries]
        )

    async def _settle(self, message: QueuedMessage, tried: Sequence[Told]) -> list[Outcome]:
        """Set the next attempts, report what ends here, then write it all down."""
        settled = [self._scheduled(one) for one in tried]
        failed = [one for one in settled if isinstance(one.outcome, Failed)]
        if failed and not await self._report("failed", message, failed):
            settled = [_found_again(one) if one in failed else one for one in settled]
        if settled:
            await self._record(settled)
        return [one.outcome for one in settled]

    async def _record(self, told: Sequence[Told]) -> None:
        for one in told:
            outcome = one.outcome
            log.info(
                _LOGGED[type(outcome)],
                queue_id=one.message.queue_id,
                delivery_id=one.delivery.id,
                domain=one.delivery.domain,
                host=outcome.host,
                tls=outcome.tls,
                reply=str(outcome.reply),
                ms=outcome.at - one.started_at,
            )
        await self._means.ledger.record(told)

    def _scheduled(self, told: Told) -> Told:
        outcome = told.outcome
        if not isinstance(outcome, Deferred):
            return told
        until = self._means.schedule.next_at(told.delivery.attempts, outcome.at, told.message.expires_at)
        if until is not None:
            return replace(told, outcome=replace(outcome, until=until))
        reply = _expired(str(outcome.reply))
        return replace(told, outcome=Failed(outcome.at, FailureKind.EXPIRED, reply, outcome.host, outcome.tls))

    async def _report(self, kind: str, message: QueuedMessage, told: Sequence[Told], *, is_asked: bool = False) -> bool:
        """Tell the sender; False where that has to be tried again."""
        outcomes = [(one.delivery, one.outcome) for one in told]
        try:
            await self._means.bounces.report(kind, message, outcomes, is_asked=is_asked)
        except Undeliverable as error:
            log.warning("queue.report.deferred", queue_id=message.queue_id, kind=kind, error=str(error))
            return False
        return True

    def _internal(self, text: str) -> Deferred:
        return Deferred(self._means.clock(), Reply(451, "4.3.0", text))


def refusal_of_all(outcomes: Sequence[Outcome]) -> Deferred | None:
    """The outcome that says no to the whole destination, where there is one."""
    return next((one for one in outcomes if isinstance(one, Deferred) and one.whole_destination), None)


def _is_overdue(message: QueuedMessage, now: int) -> bool:
    """Whether the message was to go back by now, and must not be delivered any more (RFC 2852 4.1)."""
    return message.by_at is not None and (message.by_mode or "").startswith("R") and now >= message.by_at


def _expired(last: str | None) -> Reply:
    """What the sender reads: where a policy was in the way, that policy's sentence, not the time that went by."""
    policy = _POLICY.fullmatch(last or "")
    if policy is not None:
        return Reply(550, f"5.{policy[1]}", f"{policy[2]}; it was tried until the delivery time expired")
    return Reply(550, "5.4.7", f"Delivery time expired{f': {last}' if last else ''}")  # RFC 3463 3.5


def _found_again(told: Told) -> Told:
    """The failure is not written down before its report is: the next attempt meets it again."""
    outcome = told.outcome
    again_at = outcome.at + REPORT_AGAIN_MS
    return replace(told, outcome=Deferred(outcome.at, outcome.reply, outcome.host, until=again_at, tls=outcome.tls))

"""The engine of the subscriptions: verifies them, and posts new states to those that are verified (RFC 8620 7.2).

What was told last stands in the database as a digest, and here as it is; after a start a client whose digest is
another one is told everything once. Nothing waits in a line: a try that comes later tells what holds then.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson
import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.push_subscription import PushSubscription
from mailserver.jmap.push import states
from mailserver.services.notify import backoff
from mailserver.services.notify.posting import Tried
from mailserver.services.syncing import push_posting, state_changes
from mailserver.services.syncing.push_posting import PushPosting
from mailserver.services.syncing.push_subscriptions import TOPIC, PushSubscriptions, Target
from mailserver.services.syncing.state_changes import Listener, StateChanges, States

WORKERS = 32
FAILING_WORKERS = 16
WORKERS_PER_HOST = 8
WORKERS_PER_TENANT = 8
PAUSE_SECONDS = 1.0  # between two posts of new states to one client
REFRESH_SECONDS = 20.0  # how soon a login that is good no more, or an inbox that is new, is seen
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
SOONEST_SECONDS = 0.05
DRAIN_SECONDS = 12.0  # for tries under way when the server stops: longer than one of them takes
LOOKED_AT = 500
MOST_VERIFICATIONS = 5  # tries to post one
LONGEST_TTL = 86_400  # seconds that a push service may keep a message
TICK_SECONDS = 5.0
GONE = (404, 410)
log = structlog.get_logger()


class Doorbell(Protocol):
    """A hint that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(slots=True)
class _Watched:
    """A subscription that is told of new states. `told` is None where only its digest is known."""

    subscription: PushSubscription
    inbox_ids: frozenset[int]
    told: States | None = None
    quiet_until: float = 0.0


class Pusher:
    """Owns every task of the subscriptions."""

    def __init__(
        self, subscriptions: PushSubscriptions, posting: PushPosting, changes: StateChanges, doorbell: Doorbell
    ) -> None:
        self._subscriptions = subscriptions
        self._posting = posting
        self._changes = changes
        self._doorbell = doorbell
        self._listener = Listener()
        self._watched: dict[int, _Watched] = {}
        self._by_inbox: dict[int, set[int]] = {}
        self._ripe: dict[int, None] = {}  # subscriptions of whose inboxes something is new
        self._workers: dict[asyncio.Task[None], PushSubscription] = {}
        self._refreshed_at = float("-inf")
        self._generation = -1
        self._is_stopping = False

    async def run(self) -> None:
        """Work until told to stop; then finish the tries that are under way."""
        async with asyncio.TaskGroup() as group:
            self._listener.begin(is_known=False)
            hearing = group.create_task(self._hear())
            while not self._is_stopping:
                await self._doorbell.wait(TOPIC, await self._round(group))
            hearing.cancel()
            unfinished = set(self._workers)
            if unfinished:
                _, unfinished = await asyncio.wait(unfinished, timeout=DRAIN_SECONDS)
            for worker in unfinished:
                worker.cancel()
        self._changes.leave(self._listener)

    def stop(self) -> None:
        """Begin no more tries."""
        self._is_stopping = True
        self._doorbell.ring(TOPIC)

    async def _hear(self) -> None:
        """Note what is new."""
        while not self._listener.is_ended:
            new = await self._listener.next(TICK_SECONDS)
            if new is not None:
                for inbox_id in new:
                    self._ripe |= dict.fromkeys(self._by_inbox.get(inbox_id, ()))
                self._doorbell.ring(TOPIC)

    async def _round(self, group: asyncio.TaskGroup) -> float:
        """Begin the tries that can be made; how long to wait before the next round."""
        try:
            await self._refresh()
            due = await self._subscriptions.due(LOOKED_AT)
            chosen, soonest = self._choose(due)
            for one in chosen:
                self._ripe.pop(one.id, None)
                worker = group.create_task(self._work(one))
                self._workers[worker] = one
                worker.add_done_callback(self._dismiss)
            next_due_at = await self._subscriptions.next_due_at()
        except errors.Temporary as error:
            log.error("jmap.push.round.failed", error=error.message)
            return TROUBLE_SECONDS
        except Exception:  # the root of the engine: a mistake about subscriptions must not stop the mail
            log.exception("jmap.push.round.crashed")
            return REFRESH_SECONDS
        if next_due_at is not None:
            soonest = min(soonest, max(next_due_at / 1000 - time.time(), SOONEST_SECONDS))
        return min(soonest, REFRESH_SECONDS)

    async def _refresh(self) -> None:
        """Know who is told of what: now and then, and whenever a client has changed something."""
        generation = self._subscriptions.generation
        if generation == self._generation and time.monotonic() - self._refreshed_at < REFRESH_SECONDS:
            return
        await self._subscriptions.sweep()
        watched, by_inbox = dict[int, _Watched](), dict[int, set[int]]()
        for one, inbox_ids in await self._subscriptions.watched():
            known = self._watched.get(one.id)
            is_same = known is not None and known.subscription.types == one.types
            if known is None or not is_same:
                known = _Watched(one, inbox_ids)
                self._ripe[one.id] = None  # something may have happened before it was watched
            elif known.inbox_ids != inbox_ids:
                self._ripe[one.id] = None
            known.subscription, known.inbox_ids = one, inbox_ids
            watched[one.id] = known
            for inbox_id in inbox_ids:
                by_inbox.setdefault(inbox_id, set()).add(one.id)
        self._watched, self._by_inbox = watched, by_inbox
        self._ripe = {number: None for number in self._ripe if number in watched}
        await self._changes.watch(self._listener, by_inbox)
        self._generation, self._refreshed_at = generation, time.monotonic()

    def _choose(self, due: list[PushSubscription]) -> tuple[list[PushSubscription], float]:
        """Whom to try now, hosts and tenants with a bound of their own; how soon there may be more to try."""
        busy, now, soonest = list(self._workers.values()), time.monotonic(), REFRESH_SECONDS
        at_work = {one.id for one in busy}
        hosts, tenants = Counter(one.host for one in busy), Counter(one.owner.tenant_id for one in busy)
        failing, chosen = sum(one.attempts > 0 for one in busy), list[PushSubscription]()
        waiting = {one.id: one for one in due}
        for number in self._ripe:
            watched = self._watched.get(number)
            if watched is None or number in waiting or watched.subscription.due_at is not None:
                continue  # its next try tells this too
            if watched.quiet_until > now:
                soonest = min(soonest, watched.quiet_until - now)
                continue
            waiting[number] = watched.subscription
        for one in waiting.values():
            if len(busy) + len(chosen) >= WORKERS or (one.attempts and failing >= FAILING_WORKERS):
                continue
            if one.id in at_work or hosts[one.host] >= WORKERS_PER_HOST:
                continue
            if tenants[one.owner.tenant_id] >= WORKERS_PER_TENANT:
                continue
            hosts[one.host] += 1
            tenants[one.owner.tenant_id] += 1
            failing += one.attempts > 0
            chosen.append(one)
        return chosen, soonest

    def _dismiss(self, worker: asyncio.Task[None]) -> None:
        del self._workers[worker]
        self._doorbell.ring(TOPIC)  # there is room again

    # -- one try ----------------------------------------------------------------------------------------------------

    async def _work(self, one: PushSubscription) -> None:
        try:
            target = await self._subscriptions.target(one.id)
            if target is None:
                await self._subscriptions.give_up(one.id)
            elif not target.subscription.is_verified:
                await self._verify(target)
            elif one.id in self._watched and (target.subscription.due_at or 0) <= time.time() * 1000:
                await self._tell(target, self._watched[one.id])
        except errors.Temporary as error:
            log.error("jmap.push.failed", subscription_id=one.id, error=error.message)
            self._ripe[one.id] = None
            await asyncio.sleep(TROUBLE_SECONDS)
        except Exception:  # the root of a worker: one subscription that we cannot cope with must not stop the others
            log.exception("jmap.push.crashed", subscription_id=one.id)
            await self._put_off(one, None)

    async def _verify(self, target: Target) -> None:
        """Post the code; it comes back from whoever reads what is posted there."""
        one = target.subscription
        body = {
            "@type": "PushVerification",
            "pushSubscriptionId": identifiers.encode(Kind.PUSH_SUBSCRIPTION, one.id),
            "verificationCode": target.address.code,
        }
        tried = await self._posting.post(target.address, orjson.dumps(body), _ttl(one))
        if tried.is_delivered or one.attempts + 1 >= MOST_VERIFICATIONS:
            await self._subscriptions.tried(one, one.attempts, None, None)
        else:
            await self._put_off(one, tried)

    async def _tell(self, target: Target, watched: _Watched) -> None:
        """Post what is new, in as many messages as it needs."""
        one, digest = target.subscription, state_changes.token(target.states)
        if watched.told is None:
            watched.told = target.states if digest == one.digest else {}
        for part in parts(state_changes.difference(target.states, watched.told)):
            tried = await self._posting.post(target.address, orjson.dumps(states.change(part)), _ttl(one))
            if not tried.is_delivered:
                await self._put_off(one, tried)
                return
            for inbox_id, told in part.items():
                watched.told[inbox_id] = {**watched.told.get(inbox_id, {}), **told}
            watched.quiet_until = time.monotonic() + PAUSE_SECONDS
        if digest != one.digest or one.due_at is not None:
            await self._subscriptions.tried(one, 0, None, digest)
        self._note(one.id, is_put_off=False)

    async def _put_off(self, one: PushSubscription, tried: Tried | None) -> None:
        """Try again later, or never again where that makes no sense."""
        status = tried.status if tried else None
        wait = backoff.wait_seconds(one.attempts + 1, None, None, tried.retry_after if tried else None)
        log.info("jmap.push.refused", subscription_id=one.id, status=status, attempt=one.attempts + 1)
        if wait is None or status in GONE:
            await self._subscriptions.give_up(one.id)
            return
        await self._subscriptions.tried(one, one.attempts + 1, wait, None)
        self._note(one.id, is_put_off=True)

    def _note(self, number: int, *, is_put_off: bool) -> None:
        """Know whether a subscription waits for its next try."""
        watched = self._watched.get(number)
        if watched is not None and (watched.subscription.due_at is not None) != is_put_off:
            self._generation = -1  # read anew in the next round


def parts(new: Mapping[int, Mapping[int, int]]) -> Iterator[States]:
    """New states in pieces, each of which is short enough for one message."""
    part: States = {}
    for inbox_id, of_inbox in new.items():
        longer = {**part, inbox_id: dict(of_inbox)}
        if part and _length(longer) > push_posting.LONGEST:
            yield part
            part = {inbox_id: dict(of_inbox)}
        else:
            part = longer
    if part:
        yield part


def _length(part: Mapping[int, Mapping[int, int]]) -> int:
    return len(orjson.dumps(states.change(part)))


def _ttl(one: PushSubscription) -> int:
    return max(0, min(LONGEST_TTL, int(one.expires_at / 1000 - time.time())))

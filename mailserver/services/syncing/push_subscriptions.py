"""Subscriptions to new states: what a client asks for, what it proves, and what the engine that posts needs to know."""

import json
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import IdSource
from mailserver.entities.push_subscription import Holder, Owner, PushAddress, PushSubscription
from mailserver.fetch import Fetch, FetchFailed
from mailserver.mail import web_push
from mailserver.services.accounts.seal import Seal, SealBroken
from mailserver.services.syncing import state_changes
from mailserver.services.syncing.state_changes import States
from mailserver.storage import credentials, inboxes, push_subscriptions, sessions, type_states
from mailserver.storage.database import Database, Snapshot, Transaction

TOPIC = "push"  # rung where a subscription is made or changed
HOUR_MS = 3_600_000
USUAL_MS = 48 * HOUR_MS  # RFC 8620 7.2: where the client names no time
LONGEST_MS = 7 * 24 * HOUR_MS  # it is named anew whenever the client comes by
MOST_OF_OWNER = 10
MOST_OF_TENANT = 1_000
MOST_NEW_AN_HOUR = 30  # of one login: each posts to a URL that a client chose
MOST_OWNERS = 10_000  # whose new ones are counted
MOST_ACCOUNTS = 1_000  # that one subscription is told of
MOST_TYPES = 100
LONGEST_TYPE = 100
LONGEST_DEVICE = 255


class TooManySubscriptions(errors.ServiceError):
    """There are as many subscriptions as there may be; destroy some first."""


@dataclass(frozen=True, slots=True)
class NewPush:
    """A subscription as a client asks for it. `expires_at` is in unix milliseconds; None for the usual time."""

    device_id: str
    url: str
    p256dh: str | None
    auth: str | None
    expires_at: int | None
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Target:
    """A subscription with where it leads, and the states as they are now of what it is told of."""

    subscription: PushSubscription
    address: PushAddress
    states: States


class PushSubscriptions:
    """Every login's own, and the engine's view of all."""

    def __init__(
        self, database: Database, ids: IdSource, seal: Seal, fetch: Fetch, clock: Callable[[], int], *,
        allow_private: bool,
    ) -> None:  # fmt: skip
        self._database = database
        self._ids = ids
        self._seal = seal
        self._fetch = fetch
        self._clock = clock
        self._allow_private = allow_private
        self._made: OrderedDict[Owner, deque[float]] = OrderedDict()
        self.generation = 0  # grows with every change of who is told of what

    def hear(self, topic: str) -> None:
        """Know that somebody else may be told, or of something else."""
        if topic in (TOPIC, "accounts", credentials.TOPIC):
            self.generation += 1

    # -- the clients' side ---------------------------------------------------------------------------------------

    async def of(self, caller: Caller) -> list[PushSubscription]:
        """The subscriptions of a login."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(
            lambda snapshot: push_subscriptions.of_owner(snapshot, _owner(snapshot, caller), self._clock())
        )

    def code(self, one: PushSubscription) -> str | None:
        """The code that a client has verified a subscription with."""
        address = self._opened(one) if one.is_verified else None
        return address.code if address else None

    async def create(self, caller: Caller, new: NewPush) -> PushSubscription:
        """Make a subscription; the code that verifies it is posted to its URL, and nothing else before it came back."""
        caller.require(Scope.EMAIL_READ)
        _check_types(new.types)
        if not new.device_id or len(new.device_id) > LONGEST_DEVICE:
            raise _invalid("deviceClientId", f"It has between 1 and {LONGEST_DEVICE} characters.")
        _check_keys(new.p256dh, new.auth)
        try:
            host = self._fetch.check(new.url, https_only=not self._allow_private)
        except FetchFailed as error:
            raise _invalid("url", f"{error}.") from error
        now = self._clock()
        expires_at = _expires_at(new.expires_at, now)
        number = self._ids.next()
        address = PushAddress(new.url, secrets.token_urlsafe(32), new.p256dh, new.auth)
        sealed = self._seal.close(json.dumps(asdict(address)), number)

        def insert(tx: Transaction) -> PushSubscription:
            owner = _owner(tx, caller)
            if len(push_subscriptions.of_owner(tx, owner, now)) >= MOST_OF_OWNER:
                raise TooManySubscriptions
            if push_subscriptions.count_of_tenant(tx, owner.tenant_id) >= MOST_OF_TENANT:
                raise TooManySubscriptions
            one = PushSubscription(
                number, owner, caller.inbox_id, caller.pod_id, new.device_id, new.types, sealed, host,
                is_verified=False, expires_at=expires_at, digest=None, attempts=0, due_at=now, created_at=now,
            )  # fmt: skip
            push_subscriptions.add(tx, one)
            tx.ring(TOPIC)
            return one

        self._count(await self._database.read(_owner, caller))
        return await self._database.write(insert)

    async def change(
        self,
        caller: Caller,
        number: int,
        *,
        code: str | None = None,
        expires_at: Sequence[int | None] = (),
        types: Sequence[tuple[str, ...] | None] = (),
    ) -> PushSubscription:
        """Verify a subscription, prolong it, or choose its types anew; an empty sequence leaves what there is."""
        caller.require(Scope.EMAIL_READ)
        now = self._clock()

        def write(tx: Transaction) -> PushSubscription:
            one = _own(tx, caller, number, now)
            if types:
                _check_types(types[0])
                one = replace(one, types=types[0])
            if expires_at:
                one = replace(one, expires_at=_expires_at(expires_at[0], now))
            if code is not None:
                address = self._opened(one)
                if address is None or not secrets.compare_digest(code.encode(), address.code.encode()):
                    raise _invalid("verificationCode", "It is not the one that was posted to the URL.")
            if (code is not None and not one.is_verified) or (types and one.is_verified):
                digest = state_changes.token(_states(tx, one))
                one = replace(one, is_verified=True, digest=digest, attempts=0, due_at=None)
            push_subscriptions.change(tx, one)
            tx.ring(TOPIC)
            return one

        return await self._database.write(write)

    async def remove(self, caller: Caller, number: int) -> None:
        """Delete a subscription, with all that led to the client."""
        caller.require(Scope.EMAIL_READ)

        def write(tx: Transaction) -> None:
            push_subscriptions.remove(tx, _own(tx, caller, number, self._clock()).id)
            tx.ring(TOPIC)

        await self._database.write(write)

    # -- the engine's side ----------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Delete what has expired, and what was made by logins that are good no more."""
        now = self._clock()
        if await self._database.read(push_subscriptions.is_any_gone, now):
            await self._database.write(push_subscriptions.sweep, now)

    async def watched(self) -> list[tuple[PushSubscription, frozenset[int]]]:
        """Every subscription that is told of new states, with the inboxes that it is told of."""

        def read(snapshot: Snapshot) -> list[tuple[PushSubscription, frozenset[int]]]:
            found = push_subscriptions.verified(snapshot, self._clock())
            return [(one, frozenset(_inbox_ids(snapshot, one))) for one in found]

        return await self._database.read(read)

    async def due(self, limit: int) -> list[PushSubscription]:
        """Those for which a try is due."""
        return await self._database.read(push_subscriptions.due, self._clock(), limit)

    async def next_due_at(self) -> int | None:
        """When the next try is due."""
        return await self._database.read(push_subscriptions.next_due_at, self._clock())

    async def target(self, number: int) -> Target | None:
        """A subscription as it is now; None where there is none any more, or it cannot be read."""

        def read(snapshot: Snapshot) -> tuple[PushSubscription, States] | None:
            one = push_subscriptions.get(snapshot, number, self._clock())
            return (one, _states(snapshot, one)) if one is not None else None

        found = await self._database.read(read)
        if found is None:
            return None
        address = self._opened(found[0])
        return Target(found[0], address, found[1]) if address is not None else None

    async def tried(self, one: PushSubscription, attempts: int, wait_seconds: float | None, digest: str | None) -> None:
        """Write what became of a try: how many have failed, and how long to wait for the next one, if any is needed."""
        due_at = self._clock() + int(wait_seconds * 1000) if wait_seconds is not None else None
        await self._database.write(
            push_subscriptions.tried, one.id, attempts, due_at, digest, was_verified=one.is_verified
        )

    async def give_up(self, number: int) -> None:
        """Delete a subscription that leads nowhere."""
        await self._database.write(push_subscriptions.remove, number)
        self.generation += 1  # nobody has to be woken for that

    # -- inside ---------------------------------------------------------------------------------------------------

    def _opened(self, one: PushSubscription) -> PushAddress | None:
        try:
            return PushAddress(**json.loads(self._seal.open(one.sealed, one.id)))
        except SealBroken:
            return None  # the key is another one: the client makes a new subscription when this one expires

    def _count(self, owner: Owner) -> None:
        """Count a new subscription; TooMany where there were many within the hour."""
        made, now = self._made.setdefault(owner, deque()), time.monotonic()
        while made and made[0] < now - HOUR_MS / 1000:
            made.popleft()
        if len(made) >= MOST_NEW_AN_HOUR:
            raise errors.TooMany("Too many new subscriptions; try again later.")
        made.append(now)
        self._made.move_to_end(owner)
        if len(self._made) > MOST_OWNERS:
            self._made.popitem(last=False)


def _owner(snapshot: Snapshot, caller: Caller) -> Owner:
    if caller.credential is Credential.PASSWORD:
        return Owner(caller.tenant_id, Holder.PASSWORD, caller.credential_id)
    session_id = sessions.of_token(snapshot, caller.credential_id) if caller.credential is Credential.SESSION else None
    if session_id is not None:  # its tokens change every hour
        return Owner(caller.tenant_id, Holder.SESSION, session_id)
    return Owner(caller.tenant_id, Holder.TOKEN, caller.credential_id)


def _own(snapshot: Snapshot, caller: Caller, number: int, now: int) -> PushSubscription:
    one = push_subscriptions.get(snapshot, number, now)
    if one is None or one.owner != _owner(snapshot, caller):
        raise errors.NotFound("There is no such subscription.")
    return one


def _inbox_ids(snapshot: Snapshot, one: PushSubscription) -> list[int]:
    if one.inbox_id is not None:
        inbox = inboxes.get(snapshot, one.inbox_id)
        return [inbox.id] if inbox is not None else []
    found = inboxes.of_tenant(snapshot, one.owner.tenant_id)
    return [inbox.id for inbox in found if one.pod_id in (None, inbox.pod_id)][:MOST_ACCOUNTS]


def _states(snapshot: Snapshot, one: PushSubscription) -> States:
    types = state_changes.types(one.types)
    return {
        inbox_id: {kind: modseq for kind, modseq in states.items() if kind in types}
        for inbox_id, states in type_states.of(snapshot, _inbox_ids(snapshot, one)).items()
    }


def _expires_at(wanted: int | None, now: int) -> int:
    if wanted is None:
        return now + USUAL_MS
    if wanted <= now:
        raise _invalid("expires", "It is past.")
    return min(wanted, now + LONGEST_MS)


def _check_types(types: Sequence[str] | None) -> None:
    if types is None:
        return
    if not 0 < len(types) <= MOST_TYPES or any(not name or len(name) > LONGEST_TYPE for name in types):
        raise _invalid("types", f"At least one name and at most {MOST_TYPES}, of at most {LONGEST_TYPE} characters.")


def _check_keys(p256dh: str | None, auth: str | None) -> None:
    if p256dh is None and auth is None:
        return
    try:
        web_push.read_point(p256dh or "")
        web_push.read_secret(auth or "")
    except web_push.BadKey as error:
        raise _invalid("keys", str(error)) from error


def _invalid(name: str, sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, **{name: sentence})

"""The queue with its real store, a local inbox that keeps what it gets, and a clock that can be put forward."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from mailserver.entities.delivery import Delivered, Delivery, QueuedMessage, State
from mailserver.entities.figures import Figures
from mailserver.entities.identifiers import IdSource
from mailserver.mail.reply import Reply
from mailserver.queue import tls
from mailserver.queue.attempt import Attempt, Means
from mailserver.queue.bounce import Bounces
from mailserver.queue.conversation import Patience
from mailserver.queue.ledger import Ledger
from mailserver.queue.opening import Opening
from mailserver.queue.policy import NoStsPolicies, Policies
from mailserver.queue.pool import Pool
from mailserver.queue.retry import Schedule
from mailserver.queue.routing import Ourselves, Routing
from mailserver.queue.runner import Limits, Runner
from mailserver.queue.signing import Signing
from mailserver.queue.upkeep import Upkeep
from mailserver.services.broadcast.tally import Tally
from mailserver.services.notify.doorbell import Doorbell
from mailserver.services.outbound.claims import Claims
from mailserver.services.outbound.outcomes import Outcomes
from mailserver.services.outbound.queue import Queue
from mailserver.storage import deliveries, sqlite
from mailserver.storage.database import Database

DAY_MS = 86_400_000
SECRET = b"only for tests"
PATIENCE = Patience(30, 30, 30, 30, 30, 30, 0.1)
MESSAGE = (
    b"From: agent@local.test\r\nTo: bob@remote.test\r\nSubject: Hello\r\nMessage-ID: <1@local.test>\r\n\r\nHello.\r\n"
)


class Clock:
    def __init__(self):
        self.ahead_ms = 0

    def __call__(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms

    def advance(self, seconds: float) -> None:
        self.ahead_ms += int(seconds * 1000)


class LocalInboxes:
    """Everything at local.test; `outcome` may be set to something else than success."""

    def __init__(self, clock, domains=("local.test",)):
        self.clock, self.domains, self.outcome = clock, set(domains), None
        self.stored = []

    async def is_local(self, domain):
        return domain in self.domains

    async def deliver(self, message, sender, recipient, delivery_id=0, about=()):
        outcome = self.outcome or Delivered(self.clock(), "local", Reply(250, "2.1.5", "stored"))
        if isinstance(outcome, Delivered):
            raw = message if isinstance(message, bytes) else message.read_bytes()
            self.stored.append((sender, recipient, raw))
        return outcome


class KeptSessions:
    def __init__(self):
        self.all = []

    def record(self, session):
        self.all.append(session)


class NoKeys:
    def signing_keys(self, domain):
        return ()


class Outgoing:
    """All the parts; `send` queues, `settled` waits until nothing is due."""

    def __init__(self, directory: Path, database, doorbell, resolver, port, **options):
        self.directory, self.database, self.doorbell = directory, database, doorbell
        self.clock = options.get("clock") or Clock()
        self.ids = IdSource()
        self.executor = ThreadPoolExecutor(2, "signer")
        self.local = LocalInboxes(self.clock)
        self.outcomes = Outcomes(database, self.ids, Tally(), Figures())
        self.claims = Claims(database, "node0", 900, self.clock)
        self.queue = Queue(database, self.clock)
        chance = random.Random(1)
        schedule = Schedule(options.get("retry_seconds", (60.0, 300.0)), 0.2, chance)
        self.sessions = KeptSessions()
        self.pool = Pool(Opening(
            "mx.local.test", options.get("contexts") or tls.contexts(), self.sessions,
            options.get("patience", PATIENCE), options.get("connect_seconds", 30.0), options.get("login"),
        ))  # fmt: skip
        ours = Ourselves("mx.local.test", lambda: options.get("listening", frozenset()))
        self.sts = options.get("sts") or NoStsPolicies()
        if "sts_of" in options:
            self.sts = options["sts_of"](database, self.clock)
        policies = Policies(resolver, self.sts)
        self.routing = Routing(
            resolver, policies, ours, port, options.get("smarthost"), allow_private=True, chance=chance
        )
        self.ledger = Ledger(options.get("recorder") or self.outcomes)
        self.bounces = Bounces("mx.local.test", directory, self.local, self.executor, self.clock)
        self.signing = Signing(directory, options.get("keys") or NoKeys(), self.executor, "mail.local.test")
        means = Means(
            self.signing, self.routing, self.pool, self.local, self.bounces, self.ledger, schedule, SECRET, self.clock
        )
        self.attempt = Attempt(means)
        self.upkeep = Upkeep(
            self.claims, self.attempt, self.bounces, options.get("delay_notice_seconds", 14400), self.clock
        )
        self.runner = Runner(
            self.claims, self.attempt, self.ledger, self.pool, self.upkeep, schedule, doorbell,
            options.get("limits", Limits(drain_seconds=2)), self.clock,
        )  # fmt: skip

    async def send(self, *recipients, content=MESSAGE, sender="agent@local.test", **fields):
        """Queue a message for addresses, or for (address, {field: value})."""
        queued_id, now = self.ids.next(), self.clock()
        location = f"{queued_id}"
        (self.directory / location).write_bytes(content)
        values = dict(  # noqa: C408  it reads better
            id=queued_id, tenant_id=1, inbox_id=7, message_id=queued_id, thread_id=None, header_id="<1@local.test>",
            subject="Hello", sender=sender, domain="local.test", location=location, size=len(content), eight_bit=False,
            smtputf8=False, require_tls=False, ret=None, envid=None, source="submission", created_at=now,
            expires_at=now + 5 * DAY_MS,
        )  # fmt: skip
        message = QueuedMessage(**(values | fields))
        rows = []
        for one in recipients:
            address, more = one if isinstance(one, tuple) else (one, {})
            row = dict(  # noqa: C408  it reads better
                id=self.ids.next(), queued_id=queued_id, tenant_id=message.tenant_id, inbox_id=7, recipient=address,
                domain=address.rpartition("@")[2], state=State.QUEUED, notify=None, orcpt=None, attempts=0,
                next_attempt_at=now, created_at=message.created_at,
            )  # fmt: skip
            rows.append(Delivery(**(row | more)))
        await self.database.write(deliveries.add, message, rows)
        self.doorbell.ring("queue")
        return [row.id for row in rows]

    async def show(self, delivery_id):
        return await self.queue.show(delivery_id)

    async def until(self, delivery_id, *states, seconds=60, attempts=1):
        """The delivery once it is in a state and has been tried so often."""
        async with asyncio.timeout(seconds):
            while True:
                shown = await self.queue.show(delivery_id)
                if shown.delivery.state in states and len(shown.attempts) >= attempts:
                    return shown
                await asyncio.sleep(0.01)

    async def events(self):
        rows = await self.database.read(lambda snapshot: snapshot.all("SELECT type, body FROM event ORDER BY id"))
        return [row[0] for row in rows]

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.runner.run())
        try:
            yield self
        finally:
            self.runner.stop()
            await task


@asynccontextmanager
async def outgoing(directory: Path, resolver, port: int, **options):
    """The parts over a fresh database; nothing runs before `running`."""
    base = sqlite.connect(directory / "test.db")
    sqlite.migrate(base)
    doorbell = Doorbell()
    mail = directory / "mail"
    mail.mkdir(exist_ok=True)
    async with Database(base, doorbell.ring).running() as database:
        parts = Outgoing(mail, database, doorbell, resolver, port, **options)
        try:
            yield parts
        finally:
            parts.pool.close()
            parts.executor.shutdown()

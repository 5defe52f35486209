import asyncio

from mailserver.entities import errors
from mailserver.entities.delivery import State
from mailserver.queue import runner as runners
from mailserver.queue.runner import Limits
from tests.support.outgoing import outgoing
from tests.support.ports import free_port
from tests.support.remote import CLOSE, Remote
from tests.support.waiting import until
from tests.support.zone import FakeResolver

QUEUED, DELIVERED, HELD = State.QUEUED, State.DELIVERED, State.HELD


def zone(*domains):
    return FakeResolver(
        mx={domain: [(10, f"mx.{domain}")] for domain in domains},
        hosts={f"mx.{domain}": ["127.0.0.1"] for domain in domains},
    )


async def test_what_a_dead_process_held_is_sent_at_the_next_start(parts, remote):
    async with parts(is_running=False) as out:
        (number,) = await out.send("a@remote.test")
        lanes = await out.claims.lanes()
        claimed = await out.claims.claim([(lanes[0], 10)])
        assert [job.deliveries[0].id for job in claimed] == [number]
        assert await out.claims.claim([(lanes[0], 10)]) == []  # nobody else gets it meanwhile
        async with out.running():
            shown = await out.until(number, DELIVERED)
    assert shown.delivery.attempts == 2


async def test_a_lease_that_ends_makes_a_delivery_due_for_others(parts):
    async with parts(is_running=False) as out:
        await out.send("a@remote.test")
        (lane,) = await out.claims.lanes()
        await out.claims.claim([(lane, 10)])
        assert await out.claims.lanes() == []
        out.clock.advance(901)
        assert len(await out.claims.claim([(lane, 10)])) == 1


async def test_a_stop_finishes_what_is_in_hand_and_gives_the_rest_back(parts, remote):
    remote.answers("DATA", "354 go", always=True, delay_seconds=0.2)
    async with parts(is_running=False, limits=Limits(connections_per_destination=2, drain_seconds=30)) as out:
        numbers = [(await out.send("a@remote.test"))[0] for _ in range(20)]
        async with out.running():
            await until(lambda: remote.most_open == 2)
        shown = [await out.show(number) for number in numbers]
    delivered = [one for one in shown if one.delivery.state is DELIVERED]
    waiting = [one for one in shown if one.delivery.state is QUEUED]
    assert 0 < len(delivered) < 20
    assert len(delivered) == len(remote.messages)
    assert all(one.delivery.attempts == 0 and one.delivery.next_attempt_at <= out.clock() for one in waiting)


async def test_an_attempt_that_outlasts_the_drain_is_given_back(parts, remote):
    remote.answers("DATA", "354 go", delay_seconds=60)
    limits = Limits(drain_seconds=0.1)
    async with parts(is_running=False, limits=limits) as out:
        (number,) = await out.send("a@remote.test")
        async with out.running():
            await until(lambda: "DATA" in remote.commands)
        shown = await out.show(number)
    assert shown.delivery.state is QUEUED
    assert shown.delivery.next_attempt_at <= out.clock()


async def test_a_destination_never_gets_more_connections_than_its_limit(parts, remote):
    remote.answers("DATA", "354 go", always=True, delay_seconds=0.02)
    async with parts(limits=Limits(connections_per_destination=3)) as out:
        numbers = [(await out.send("a@remote.test"))[0] for _ in range(40)]
        for number in numbers:
            await out.until(number, DELIVERED)
    assert remote.most_open == 3
    assert len(remote.messages) == 40


async def test_all_destinations_together_never_get_more_connections_than_the_whole_limit(parts, remote):
    remote.answers("DATA", "354 go", always=True, delay_seconds=0.02)
    domains = [f"d{number}.test" for number in range(8)]
    async with parts(resolver=zone(*domains), limits=Limits(connections=4)) as out:
        numbers = [(await out.send(f"a@{domain}"))[0] for domain in domains for _ in range(3)]
        for number in numbers:
            await out.until(number, DELIVERED)
    assert remote.most_busy <= 4


async def test_connections_are_reused_from_message_to_message(parts, remote):
    async with parts(limits=Limits(connections_per_destination=2)) as out:
        numbers = [(await out.send("a@remote.test"))[0] for _ in range(30)]
        for number in numbers:
            await out.until(number, DELIVERED)
    assert remote.connections <= 4


async def said(out, numbers, text):
    return all([text in ((await out.show(number)).delivery.last_reply or "") for number in numbers])


async def test_a_destination_that_does_not_answer_rests_and_its_mail_says_why(tmp_path):
    async with outgoing(tmp_path, zone("dead.test"), 1, connect_seconds=0.5) as out:
        numbers = [(await out.send("a@dead.test"))[0] for _ in range(30)]
        async with out.running():
            async with asyncio.timeout(30):
                while not await said(out, numbers, "Cannot connect to mx.dead.test"):
                    await asyncio.sleep(0.01)
            shown = [await out.show(number) for number in numbers]
            (late,) = await out.send("b@dead.test")
            await asyncio.sleep(0.3)
            untried = await out.show(late)
    assert all(one.delivery.next_attempt_at > out.clock() + 30_000 for one in shown)
    assert sum(len(one.attempts) for one in shown) < 10
    assert untried.attempts == ()


async def test_a_dead_destination_does_not_hold_up_the_others(parts, remote):
    resolver = zone("remote.test", "dead.test")
    resolver.hosts["mx.dead.test"] = ["127.0.0.99"]
    async with parts(resolver=resolver) as out:
        for _ in range(20):
            await out.send("a@dead.test")
        numbers = [(await out.send("a@remote.test"))[0] for _ in range(20)]
        for number in numbers:
            await out.until(number, DELIVERED)


async def test_a_destination_that_comes_back_gets_its_mail(tmp_path):
    remote = Remote(port=free_port())
    async with outgoing(tmp_path, zone("remote.test"), remote.port, retry_seconds=(0.2,)) as out:
        number, *_ = [(await out.send("a@remote.test"))[0] for _ in range(12)]
        async with out.running():
            await out.until(number, QUEUED)
            async with remote:
                shown = await out.until(number, DELIVERED, attempts=2)
                await until(lambda: len(remote.messages) == 12)
    assert shown.attempts[0].result == "deferred"


async def test_421_slows_the_destination_down(parts, remote):
    remote.answers("MAIL", "421 4.7.0 too fast", always=True)
    async with parts(limits=Limits(connections_per_destination=8)) as out:
        numbers = [(await out.send("a@remote.test"))[0] for _ in range(40)]
        await out.until(numbers[0], QUEUED)
        await asyncio.sleep(0.5)
    assert remote.connections < 12


async def test_one_tenants_flood_does_not_delay_another(parts, remote):
    remote.answers("DATA", "354 go", always=True, delay_seconds=0.01)
    async with parts(is_running=False, limits=Limits(connections_per_destination=1)) as out:
        for _ in range(60):
            await out.send("flood@remote.test")
        (number,) = await out.send("b@remote.test", tenant_id=2)
        async with out.running():
            await out.until(number, DELIVERED)
            before = len(remote.messages)
    assert before < 30


async def test_the_operator_holds_releases_retries_and_drops(parts, remote):
    remote.answers("RCPT", "451 4.2.1 later", "451 4.2.1 later")
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        await out.until(number, QUEUED)
        assert await out.queue.hold([number]) == [number]
        assert await out.queue.hold([number]) == []
        out.clock.advance(1000)
        out.doorbell.ring("queue")
        await asyncio.sleep(0.1)
        assert (await out.show(number)).delivery.state is HELD
        assert (await out.queue.counts()).held == 1
        assert await out.queue.release([number]) == [number]
        await out.until(number, QUEUED, attempts=2)
        assert await out.queue.retry([number]) == [number]
        await out.until(number, DELIVERED, attempts=3)
        assert await out.queue.drop([number]) == []


async def test_a_dropped_delivery_is_never_sent_and_its_message_is_closed(parts, remote):
    async with parts(is_running=False) as out:
        a, b = await out.send("a@remote.test", "b@remote.test")
        assert await out.queue.drop([a]) == [a]
        async with out.running():
            await out.until(b, DELIVERED)
        shown = await out.show(a)
        rows = await out.database.read(lambda snapshot: snapshot.all("SELECT open_deliveries FROM queued"))
    assert shown.delivery.state is State.DROPPED
    assert rows == [(0,)]
    assert len(remote.messages) == 1


async def test_retry_does_not_send_twice_what_is_under_way(parts, remote):
    remote.answers("DATA", "354 go", delay_seconds=0.4)
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        await until(lambda: "DATA" in remote.commands)
        await out.queue.retry([number])
        await out.queue.hold([number])
        await out.queue.release([number])
        await out.until(number, DELIVERED)
        await asyncio.sleep(0.1)
    assert len(remote.messages) == 1


class Forgetful:
    """A store that cannot write, for a while."""

    def __init__(self, times):
        self.times, self.inner, self.told = times, None, 0

    async def tell(self, told):
        if self.times:
            self.times -= 1
            raise errors.StoreUnavailable
        await self.inner.tell(told)


async def test_an_outcome_that_cannot_be_written_is_not_forgotten(parts, remote, monkeypatch):
    monkeypatch.setattr("mailserver.queue.ledger.AGAIN_SECONDS", 0.05)
    recorder = Forgetful(3)
    async with parts(recorder=recorder) as out:
        recorder.inner = out.outcomes
        (number,) = await out.send("a@remote.test")
        await out.until(number, DELIVERED)
    assert len(remote.messages) == 1


class Crashing:
    """A part that fails in a way that nobody foresaw."""

    def __init__(self, inner):
        self.inner, self.times = inner, 1

    async def prepare(self, message):
        if self.times:
            self.times -= 1
            raise ZeroDivisionError
        return await self.inner.prepare(message)


async def test_a_message_that_we_cannot_cope_with_waits_and_the_others_go(parts, remote):
    async with parts(is_running=False) as out:
        out.attempt._means = out.attempt._means.__class__(
            **{name: getattr(out.attempt._means, name) for name in out.attempt._means.__slots__}
            | {"signing": Crashing(out.signing)}
        )
        (bad,) = await out.send("a@remote.test")
        async with out.running():
            shown = await out.until(bad, QUEUED)
            (good,) = await out.send("b@remote.test")
            await out.until(good, DELIVERED)
    assert shown.delivery.last_reply == "451 4.3.0 Internal error"


async def test_leases_of_slow_attempts_are_kept(parts, remote):
    remote.answers("DATA", "354 go", delay_seconds=4)
    limits = Limits(lease_seconds=3)
    async with parts(limits=limits) as out:
        out.claims._lease_ms = 3_000
        (number,) = await out.send("a@remote.test")
        await out.until(number, DELIVERED)
    assert len(remote.messages) == 1
    assert runners.RESCAN_SECONDS > 1


async def test_a_kept_connection_that_the_server_has_closed_costs_no_attempt(parts, remote):
    async with parts() as out:
        (first,) = await out.send("a@remote.test")
        await out.until(first, DELIVERED)
        remote.answers("MAIL", CLOSE)
        (second,) = await out.send("b@remote.test")
        shown = await out.until(second, DELIVERED)
    assert shown.delivery.attempts == 1
    assert remote.connections == 2

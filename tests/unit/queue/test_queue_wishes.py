"""Mail that is held, wanted by a time, or put first (RFC 4865, RFC 2852, RFC 6710)."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest

from mailserver.entities import errors
from mailserver.entities.delivery import Deferred, Lane, State
from mailserver.mail import dsn
from mailserver.mail.reply import Reply
from mailserver.queue import extensions, parameters
from mailserver.queue.backlog import Backlog
from mailserver.queue.parameters import Letter, Unsupported
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.storage import claims
from tests.support.outgoing import DAY_MS, Outgoing
from tests.support.remote import EXTENSIONS, Remote

QUEUED, DELIVERED, FAILED = State.QUEUED, State.DELIVERED, State.FAILED
WITH_TIME = (*EXTENSIONS, "DELIVERBY 30", "MT-PRIORITY MIXER")


def offered(*lines):
    return extensions.read(("mx.remote.test", *lines))


def wanted_by(out: Outgoing, seconds, mode):
    at = out.clock() + seconds * 1000
    return {"by_at": at, "by_mode": mode} | ({"expires_at": at} if mode.startswith("R") else {})


@pytest.fixture
async def keeper():
    """A server that keeps times and priorities."""
    async with Remote(WITH_TIME) as server:
        yield server


@asynccontextmanager
async def writing(out):
    """Outcomes are written down, though no runner runs."""
    task = asyncio.create_task(out.ledger.run_forever())
    yield
    task.cancel()


async def try_once(out):
    for job in await out.claims.claim([(Lane("remote.test", 1, 0), 10)]):
        await out.attempt.make(job)


def reports(out):
    return [(dsn.parse(raw).recipients[0], raw) for _, _, raw in out.local.stored]


# -- on the wire ------------------------------------------------------------------------------------------------


def test_what_is_left_and_the_priority_are_passed_on_where_they_are_offered():
    letter = Letter("a@local.test", "b@remote.test", 10, by_seconds=119, by_mode="RT", priority=-3)
    mail, _ = parameters.commands(letter, offered("DELIVERBY", "MT-PRIORITY"))
    assert mail == b"MAIL FROM:<a@local.test> BY=119;RT MT-PRIORITY=-3\r\n"
    mail, _ = parameters.commands(letter, offered("SIZE"))
    assert mail == b"MAIL FROM:<a@local.test> SIZE=10\r\n"


def test_a_time_that_is_over_is_passed_on_where_only_the_sender_is_told():
    letter = Letter("", "b@remote.test", 10, by_seconds=-7, by_mode="N")
    assert b"BY=-7;N" in parameters.commands(letter, offered("DELIVERBY 60"))[0]


@pytest.mark.parametrize("line", ["DELIVERBY 60", "DELIVERBY 60,future"])
def test_a_server_that_needs_more_time_does_not_get_the_message(line):
    letter = Letter("", "b@remote.test", 10, by_seconds=59, by_mode="R")
    with pytest.raises(Unsupported, match=r"5\.4\.7"):
        parameters.commands(letter, offered(line))
    parameters.commands(letter, offered("DELIVERBY"))
    parameters.commands(letter, offered("DELIVERBY x"))


# -- held -------------------------------------------------------------------------------------------------------


def test_a_held_message_is_due_at_its_release_and_has_its_whole_time_from_then():
    class Ids:
        def next(self):
            return 5

    class Inbox:
        id, tenant_id, address = 1, 1, "a@local.test"

    enqueue, far = Enqueue(Ids(), 3600), 4_000_000_000_000
    queued, _ = enqueue.build(Inbox(), "a@local.test", 1, [], Terms("api", "<1@x>", "", 1, release_at=far))
    assert (queued.release_at, queued.expires_at) == (far, far + 3_600_000)
    queued, _ = enqueue.build(Inbox(), "a@local.test", 1, [], Terms("api", "<1@x>", "", 1, release_at=1))
    assert queued.release_at is None
    assert queued.expires_at == queued.created_at + 3_600_000


async def test_a_held_message_is_not_tried_before_its_release(parts, remote):
    async with parts() as out:
        at = out.clock() + 3_600_000
        (number,) = await out.send(("bob@remote.test", {"next_attempt_at": at}), release_at=at)
        await asyncio.sleep(0.3)
        assert remote.connections == 0
        assert (await out.show(number)).delivery.attempts == 0
        out.clock.advance(3_600)
        out.doorbell.ring("queue")
        await out.until(number, DELIVERED)
        assert out.clock() >= at


async def test_no_delay_is_told_of_a_message_that_was_held_for_long(parts, remote):
    remote.answers("RCPT TO", "451 later", always=True)
    async with parts(is_running=False) as out:
        release = out.clock()
        created = release - 20 * DAY_MS
        (number,) = await out.send("bob@remote.test", created_at=created, release_at=release)
        async with out.running():
            await out.until(number, QUEUED)
        await out.upkeep.once()
        assert out.local.stored == []
        out.clock.advance(5 * 3600)
        async with writing(out):
            await try_once(out)
            await out.until(number, QUEUED, attempts=2)
        await out.upkeep.once()
        ((told, raw),) = reports(out)
        assert told.action == "delayed"
        assert re.search(rb"Future-Release-Request: until;\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n", raw)


# -- wanted by a time: R ----------------------------------------------------------------------------------------


async def test_what_is_not_delivered_in_time_goes_back_and_is_never_tried_again(parts, remote):
    remote.answers("RCPT TO", "451 4.2.1 later", always=True)
    async with parts(is_running=False) as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 90, "R"))
        async with out.running():
            await out.until(number, QUEUED)
        await out.upkeep.deadlines()
        assert out.local.stored == []
        out.clock.advance(91)
        async with writing(out):
            await out.upkeep.deadlines()
            shown = await out.until(number, FAILED)
            assert shown.delivery.last_reply.startswith("550 5.4.7 Delivery time expired: 451 4.2.1 later")
            await try_once(out)
            await out.upkeep.deadlines()
        assert len([command for command in remote.commands if command.startswith("MAIL")]) == 1
        ((told, raw),) = reports(out)
        assert (told.address, told.action, told.status) == ("bob@remote.test", "failed", "5.4.7")
        assert b"\r\nDeliver-By-Date: " in raw


async def test_an_attempt_that_comes_too_late_is_none(parts, remote):
    async with parts(is_running=False) as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 90, "R"))
        out.clock.advance(91)
        async with writing(out):
            await try_once(out)
            await out.until(number, FAILED)
    assert remote.connections == 0


async def test_the_time_is_up_between_two_recipients(parts, keeper):
    async with parts(is_running=False, port=keeper.port) as out:
        a, b = await out.send("a@remote.test", "b@remote.test", **wanted_by(out, 90, "R"))
        deliver = out.pool.take

        async def take(*arguments):
            link = await deliver(*arguments)
            send = link.conversation.send

            async def late(*more):
                reply = await send(*more)
                out.clock.advance(91)
                return reply

            link.conversation.send = late
            return link

        out.pool.take = take
        async with out.running():
            await out.until(a, DELIVERED)
            await out.until(b, FAILED)
    assert [message.recipients for message in keeper.messages] == [["RCPT TO:<a@remote.test>"]]


async def test_the_remaining_time_is_told_to_the_next_server(parts, keeper):
    async with parts(is_running=False, port=keeper.port) as out:
        (number,) = await out.send(("bob@remote.test", {"priority": 4}), **wanted_by(out, 90, "R"))
        out.clock.advance(20)
        async with out.running():
            await out.until(number, DELIVERED)
        assert out.local.stored == []
    found = re.search(r" BY=(\d+);R MT-PRIORITY=4$", keeper.messages[0].mail.split(" RET")[0])
    assert 65 <= int(found[1]) <= 70


async def test_a_server_that_promises_nothing_so_soon_is_no_way(parts, keeper):
    async with parts(port=keeper.port) as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 10, "R"))
        shown = await out.until(number, FAILED)
        assert shown.delivery.last_reply.startswith("550 5.4.7")
        ((told, _),) = reports(out)
        assert told.status == "5.4.7"
    assert keeper.messages == []


@pytest.mark.parametrize("mode", ["R", "N"])
async def test_the_sender_is_told_where_nobody_keeps_the_time_any_more(parts, remote, mode):
    async with parts() as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 90, mode))
        await out.until(number, DELIVERED)
        ((told, raw),) = reports(out)
        assert (told.address, told.action) == ("bob@remote.test", "relayed")
        assert b"\r\nDeliver-By-Date: " in raw


async def test_never_is_never(parts, remote):
    async with parts() as out:
        (number,) = await out.send(("bob@remote.test", {"notify": "NEVER"}), **wanted_by(out, 90, "RT"))
        await out.until(number, DELIVERED)
        assert out.local.stored == []


async def test_who_asks_for_a_trace_is_told_of_every_relay(parts, keeper):
    async with parts(port=keeper.port) as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 90, "NT"))
        await out.until(number, DELIVERED)
        ((told, _),) = reports(out)
        assert told.action == "relayed"
    assert re.search(r"BY=\d+;NT", keeper.messages[0].mail)


# -- wanted by a time: N ----------------------------------------------------------------------------------------


async def test_the_sender_is_told_once_that_it_is_late_and_it_is_tried_on(parts, remote):
    remote.answers("RCPT TO", "451 4.2.1 later", "451 4.2.1 later")
    async with parts(is_running=False) as out:
        (number,) = await out.send("bob@remote.test", **wanted_by(out, 90, "N"))
        async with out.running():
            await out.until(number, QUEUED)
        await out.upkeep.deadlines()
        assert out.local.stored == []
        out.clock.advance(91)
        for _ in range(3):
            await out.upkeep.deadlines()
        ((told, raw),) = reports(out)
        assert (told.action, told.status) == ("delayed", "4.4.7")
        assert b"4.2.1 later" in raw
        out.clock.advance(5 * 3600)
        async with writing(out):
            await try_once(out)
            await out.until(number, QUEUED, attempts=2)
        await out.upkeep.once()  # the usual notice has another reason and another Message-ID
        ids = [re.search(rb"Message-ID: (\S+)", raw)[1] for _, raw in reports(out)]
        assert len(set(ids)) == 2
        out.clock.advance(3600)
        remote.forget_rules()
        async with writing(out):
            await try_once(out)
            await out.until(number, DELIVERED)


async def test_a_report_that_cannot_be_stored_is_tried_again(parts, remote):
    async with parts(is_running=False) as out:
        await out.send("bob@remote.test", **wanted_by(out, 1, "N"))
        out.clock.advance(2)
        out.local.outcome = Deferred(out.clock(), Reply(452, "4.2.2", "full"))
        with pytest.raises(errors.Temporary):
            await out.upkeep.deadlines()
        out.local.outcome = None
        await out.upkeep.deadlines()
        assert len(out.local.stored) == 1


# -- priorities -------------------------------------------------------------------------------------------------


async def claimed(out, limit):
    jobs = await out.claims.claim([(Lane("remote.test", 1, 0), limit)])
    return sorted(delivery.recipient.partition("@")[0] for job in jobs for delivery in job.deliveries)


async def queue_up(out, *rows):
    """(name, priority, seconds that it has been due)."""
    now = out.clock()
    for name, priority, age in rows:
        due_at = now - age * 1000
        await out.send((f"{name}@remote.test", {"priority": priority, "next_attempt_at": due_at, "created_at": due_at}))


async def test_the_urgent_are_claimed_first(parts):
    async with parts(is_running=False) as out:
        await queue_up(out, ("bulk", -9, 10), ("plain", 0, 5), ("urgent", 5, 1), ("most", 9, 0))
        assert [await claimed(out, 1) for _ in range(4)] == [["most"], ["urgent"], ["plain"], ["bulk"]]
        assert await claimed(out, 1) == []


async def test_what_has_waited_for_long_goes_before_the_urgent(parts):
    async with parts(is_running=False) as out:
        await queue_up(out, ("bulk", -9, 19 * 60), ("urgent", 9, 1), ("plain", 0, 20))
        assert [await claimed(out, 1) for _ in range(3)] == [["bulk"], ["urgent"], ["plain"]]


async def test_only_what_is_due_is_claimed_however_urgent(parts):
    async with parts(is_running=False) as out:
        await queue_up(out, ("later", 9, -60), ("plain", 0, 0))
        assert await claimed(out, 10) == ["plain"]


async def test_urgent_mail_overtakes_what_waits_for_a_worker(parts, remote):
    remote.answers("DATA", "354 go on", always=True, delay_seconds=0.02)
    async with parts(is_running=False) as out:
        await out.send(*(f"plain{number}@remote.test" for number in range(3)))
        for number in range(40):
            await out.send(f"bulk{number}@remote.test")
        await out.send(("urgent@remote.test", {"priority": 9}))
        async with out.running():
            async with asyncio.timeout(30):
                while len(remote.messages) < 12:
                    await asyncio.sleep(0.01)
        order = [message.recipients[0].split("<")[1].split("@")[0] for message in remote.messages]
    assert "urgent" in order[:6]


async def test_claiming_from_a_long_lane_sorts_no_table(parts):
    async with parts(is_running=False) as out:
        await out.send("a@remote.test")
        values = ["me", 1, 1, "remote.test", 1, 5, 9, "remote.test", 1, 5, 9, 9, 5]
        plan = await out.database.read(
            lambda snapshot: [row[3] for row in snapshot.all(f"EXPLAIN QUERY PLAN {claims._CLAIM}", values)]
        )
        overdue = await out.database.read(
            lambda snapshot: [row[3] for row in snapshot.all(f"EXPLAIN QUERY PLAN {claims._RETURNED}", [1, 1, 1])]
        )
    assert not [step for step in plan if step.startswith(("SCAN delivery", "SCAN d", "SCAN q"))]
    assert any("delivery_domain (domain=? AND tenant_id=? AND priority=? AND next_attempt_at<?)" in s for s in plan)
    assert any("delivery_urgency (domain=? AND tenant_id=?)" in step for step in plan)
    assert sum("TEMP B-TREE" in step for step in plan) == 1  # of the few that were picked
    assert any("queued_by" in step for step in overdue)


def job(name, priority=0):
    class Delivery:
        id = name

    Delivery.priority = priority

    class Job:
        deliveries = (Delivery,)
        label = name

    return Job


def test_a_backlog_keeps_its_order_among_equals_and_counts_recipients():
    backlog = Backlog()
    for name in "abc":
        backlog.add(job(name), 1000)
    backlog.add(job("u", 1), 1000)
    backlog.add(job("late", -1), 1000)
    backlog.add(job("d"), 1000)
    assert (len(backlog), backlog.recipients) == (6, 6)
    assert [backlog.pop().label for _ in range(4)] == ["u", "a", "b", "c"]
    assert backlog.clear() == ["d", "late"]
    assert (len(backlog), backlog.recipients) == (0, 0)


def test_a_backlog_lets_nobody_wait_for_ever():
    backlog = Backlog()
    backlog.add(job("patient", -9), 0)
    now = 0
    for number in range(1000):
        now += 10_000
        backlog.add(job(number, 9), now)
        if backlog.pop().label == "patient":
            break
    assert now <= 19 * 60_000

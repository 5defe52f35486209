import asyncio

from mailserver.entities.delivery import Deferred, Lane, State
from mailserver.mail import dsn, verp
from mailserver.mail.reply import Reply
from tests.support.outgoing import MESSAGE, PATIENCE, SECRET
from tests.support.remote import CLOSE, Remote
from tests.support.zone import FAILS, FakeResolver

QUEUED, DELIVERED, FAILED = State.QUEUED, State.DELIVERED, State.FAILED


async def test_a_message_is_delivered_with_the_recorded_reply_and_host(parts, remote):
    async with parts() as out:
        (number,) = await out.send("bob@remote.test")
        shown = await out.until(number, DELIVERED)
        assert await out.events() == ["message.delivered"]
    assert remote.messages[0].content == MESSAGE
    assert shown.delivery.last_reply == "250 2.0.0 queued"
    assert shown.delivery.last_host == "mx.remote.test"
    assert shown.delivery.tls == "none"
    assert [attempt.result for attempt in shown.attempts] == ["delivered"]


async def test_each_recipient_gets_its_own_signed_return_path_on_one_connection(parts, remote):
    async with parts() as out:
        numbers = await out.send("a@remote.test", "b@remote.test")
        for number in numbers:
            await out.until(number, DELIVERED)
    paths = [message.mail.split("<")[1].split(">")[0] for message in remote.messages]
    assert [verp.read(SECRET, path) for path in paths] == numbers
    assert remote.connections == 1


async def test_the_null_sender_stays_null(parts, remote):
    async with parts() as out:
        (number,) = await out.send("a@remote.test", sender="", source="bounce")
        await out.until(number, DELIVERED)
    assert remote.messages[0].mail.startswith("MAIL FROM:<>")


async def test_a_refused_recipient_fails_is_suppressed_and_reported_while_the_other_is_delivered(parts, remote):
    remote.answers("RCPT TO:<b@", "550 5.1.1 no such user")
    async with parts() as out:
        a, b = await out.send("a@remote.test", "b@remote.test")
        await out.until(a, DELIVERED)
        failed = await out.until(b, FAILED)
        assert sorted(await out.events()) == ["message.bounced", "message.delivered"]
        suppressed = await out.database.read(
            lambda snapshot: snapshot.all("SELECT address, reason, source FROM suppression")
        )
    assert failed.delivery.last_reply == "550 5.1.1 no such user"
    assert suppressed == [("b@remote.test", "hard_bounce", "bounce:hard")]
    (sender, recipient, raw) = out.local.stored[0]
    assert (sender, recipient) == ("", "agent@local.test")
    report = dsn.parse(raw)
    assert [(one.address, one.action, one.status) for one in report.recipients] == [
        ("b@remote.test", "failed", "5.1.1")
    ]


async def test_two_refused_recipients_share_one_report(parts, remote):
    remote.answers("RCPT", "550 5.1.1 no", always=True)
    async with parts() as out:
        for number in await out.send("a@remote.test", "b@remote.test"):
            await out.until(number, FAILED)
    assert len(out.local.stored) == 1
    assert len(dsn.parse(out.local.stored[0][2]).recipients) == 2


async def test_a_second_recipient_is_deferred_with_its_reply_and_next_time(parts, remote):
    remote.answers("RCPT TO:<b@", "451 4.2.1 later")
    async with parts() as out:
        a, b = await out.send("a@remote.test", "b@remote.test")
        await out.until(a, DELIVERED)
        shown = await out.until(b, QUEUED)
        now = out.clock()
    assert shown.delivery.last_reply == "451 4.2.1 later"
    assert 40_000 < shown.delivery.next_attempt_at - now < 80_000
    assert shown.delivery.attempts == 1


async def test_421_at_the_second_recipient_defers_the_rest_and_nothing_more_is_tried(parts, remote):
    remote.answers("RCPT TO:<b@", "421 4.7.0 too much")
    async with parts() as out:
        a, b, c = await out.send("a@remote.test", "b@remote.test", "c@remote.test")
        await out.until(a, DELIVERED)
        for number in (b, c):
            shown = await out.until(number, QUEUED)
            assert shown.delivery.last_reply == "421 4.7.0 too much"
    assert not [command for command in remote.commands if command.startswith("RCPT TO:<c@")]


async def test_a_greylisting_server_gets_the_same_bytes_again(parts, remote):
    remote.answers("RCPT", "450 4.7.1 greylisted")
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        await out.until(number, QUEUED)
        out.clock.advance(100)
        out.doorbell.ring("queue")
        shown = await out.until(number, DELIVERED, attempts=2)
    assert [attempt.result for attempt in shown.attempts] == ["deferred", "delivered"]
    assert remote.messages[0].content == MESSAGE


async def test_a_connection_lost_before_the_answer_to_the_message_defers(parts, remote):
    remote.answers(".", CLOSE)
    async with parts() as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert "the message" in shown.delivery.last_reply
    assert remote.messages == []


async def test_a_silent_server_is_given_up_in_time(parts, remote):
    remote.answers("DATA", "354 go", delay_seconds=300)
    async with parts(patience=PATIENCE.at_most(1)) as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert "too long over the reply to DATA" in shown.delivery.last_reply


async def test_a_null_mx_domain_bounces_at_once(parts):
    resolver = FakeResolver(mx={"null.test": [(0, "")]})
    async with parts(resolver=resolver) as out:
        (number,) = await out.send("a@null.test")
        shown = await out.until(number, FAILED)
    assert shown.delivery.last_reply.startswith("556 5.1.10 ")
    assert len(out.local.stored) == 1


async def test_a_failed_lookup_defers(parts):
    async with parts(resolver=FakeResolver(mx={"remote.test": FAILS})) as out:
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.4.3 ")


async def test_after_five_days_a_message_fails_and_is_reported(parts, remote):
    remote.answers("RCPT", "451 4.2.1 later", always=True)
    async with parts() as out:
        (number,) = await out.send("a@remote.test", expires_at=out.clock() + 5000)
        await out.until(number, QUEUED)
        out.clock.advance(6)
        out.doorbell.ring("queue")
        shown = await out.until(number, FAILED, attempts=2)
        assert await out.database.read(lambda snapshot: snapshot.all("SELECT * FROM suppression")) == []
    assert shown.delivery.last_reply == "550 5.4.7 Delivery time expired: 451 4.2.1 later"
    assert dsn.parse(out.local.stored[0][2]).recipients[0].status == "5.4.7"


async def test_no_report_goes_to_the_null_sender_or_about_a_report(parts, remote):
    remote.answers("RCPT", "550 5.1.1 no", always=True)
    async with parts() as out:
        (one,) = await out.send("a@remote.test", sender="")
        (two,) = await out.send("a@remote.test", source="bounce")
        (three,) = await out.send(("b@remote.test", {"notify": "NEVER"}))
        (four,) = await out.send("c@remote.test", sender="stranger@elsewhere.test")
        for number in (one, two, three, four):
            await out.until(number, FAILED)
    assert out.local.stored == []


async def test_no_report_goes_to_a_program(parts, remote):
    remote.answers("RCPT", "550 5.1.1 no", always=True)
    async with parts() as out:
        (number,) = await out.send("a@remote.test", content=b"Auto-Submitted: auto-replied\r\n" + MESSAGE)
        await out.until(number, FAILED)
    assert out.local.stored == []


async def test_a_failure_waits_for_its_report(parts, remote):
    remote.answers("RCPT", "550 5.1.1 no", always=True)
    async with parts() as out:
        out.local.outcome = Deferred(0, Reply(452, "4.3.1", "full"))
        (number,) = await out.send("a@remote.test")
        shown = await out.until(number, QUEUED)
        assert shown.delivery.last_reply == "550 5.1.1 no"
        out.local.outcome = None
        out.clock.advance(100)
        out.doorbell.ring("queue")
        await out.until(number, FAILED, attempts=2)
    assert len(out.local.stored) == 1


async def test_success_that_the_sender_asked_for_is_reported_where_the_server_does_not(tmp_path, parts):
    async with Remote(["PIPELINING"]) as plain, parts(port=plain.port) as out:
        (number,) = await out.send(("a@remote.test", {"notify": "SUCCESS,FAILURE"}))
        await out.until(number, DELIVERED)
        async with asyncio.timeout(30):
            while not out.local.stored:
                await asyncio.sleep(0.01)
    assert dsn.parse(out.local.stored[0][2]).recipients[0].action == "relayed"


async def test_dsn_parameters_go_on_to_a_server_that_knows_them(parts, remote):
    async with parts() as out:
        (number,) = await out.send(
            ("a@remote.test", {"notify": "SUCCESS,FAILURE", "orcpt": "rfc822;x+2By@remote.test"}),
            ret="HDRS",
            envid="QQ",
        )
        await out.until(number, DELIVERED)
    assert " RET=HDRS ENVID=QQ" in remote.messages[0].mail
    assert remote.messages[0].recipients == [
        "RCPT TO:<a@remote.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@remote.test"
    ]
    assert out.local.stored == []


async def test_mail_for_ourselves_never_touches_the_network(parts, remote):
    async with parts() as out:
        (number,) = await out.send("bob@local.test")
        shown = await out.until(number, DELIVERED)
    assert out.local.stored == [("agent@local.test", "bob@local.test", MESSAGE)]
    assert remote.connections == 0
    assert shown.delivery.last_host == "local"


async def test_a_missing_file_defers_instead_of_bouncing(parts):
    async with parts(is_running=False) as out:
        (number,) = await out.send("a@remote.test")
        for path in out.directory.iterdir():
            path.unlink()
        async with out.running():
            shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.3.0 ")


async def test_a_late_message_is_told_of_once(parts, remote):
    remote.answers("RCPT", "451 4.2.1 later", always=True)
    async with parts(is_running=False) as out:
        (number,) = await out.send("a@remote.test")
        async with out.running():  # its own upkeep looks before the first attempt is over
            await out.until(number, QUEUED)
        out.clock.advance(86_400)
        await out.upkeep.once()
        assert out.local.stored == []  # it is due: nobody knows yet that it is not delivered now
        task = asyncio.create_task(out.ledger.run_forever())
        for job in await out.claims.claim([(Lane("remote.test", 1, 0), 10)]):
            await out.attempt.make(job)
        await out.until(number, QUEUED, attempts=2)
        task.cancel()
        await out.upkeep.once()
        await out.upkeep.once()
    assert len(out.local.stored) == 1
    reported = dsn.parse(out.local.stored[0][2]).recipients[0]
    assert (reported.action, reported.status) == ("delayed", "4.2.1")
    assert reported.retry_until is not None


async def test_what_expires_without_an_attempt_is_given_up(parts, remote):
    async with parts(is_running=False) as out:
        (number,) = await out.send("a@remote.test", expires_at=out.clock() - 1)
        task = asyncio.create_task(out.ledger.run_forever())
        await out.upkeep.once()
        await out.ledger.flush()
        shown = await out.show(number)
        task.cancel()
    assert shown.delivery.state is FAILED
    assert remote.connections == 0
    assert len(out.local.stored) == 1


async def test_what_expires_while_its_report_cannot_be_stored_is_not_tried_in_a_circle(parts):
    async with parts(is_running=False) as out:
        (number,) = await out.send("a@remote.test", expires_at=out.clock() - 1)
        task = asyncio.create_task(out.ledger.run_forever())
        out.local.outcome = Deferred(0, Reply(452, "4.3.1", "full"))
        async with asyncio.timeout(30):
            await out.upkeep.once()
            await out.ledger.flush()
        assert (await out.show(number)).delivery.state is QUEUED
        out.local.outcome = None
        out.clock.advance(1000)
        await out.upkeep.once()
        await out.ledger.flush()
        shown = await out.show(number)
        task.cancel()
    assert shown.delivery.state is FAILED
    assert len(out.local.stored) == 1

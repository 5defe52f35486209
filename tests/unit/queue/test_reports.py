import pytest

from mailserver.entities.delivery import Delivered, State
from mailserver.entities.suppression import Reason
from mailserver.mail import address, dsn, verp
from mailserver.mail.address import Address
from mailserver.mail.dsn import ReportedRecipient
from mailserver.mail.envelope import Envelope, Peer
from mailserver.mail.headers import split
from mailserver.mail.reply import Reply
from mailserver.services.inbound.reports import Reports
from mailserver.services.outbound.suppressions import Suppressions
from tests.support.outgoing import MESSAGE, SECRET

PEER = Peer("127.0.0.1", 4000, "mx.remote.test", esmtp=True)


class Content:
    is_spooled, spool = False, -1

    def __init__(self, raw):
        self.raw = raw

    def octets(self):
        return self.raw

    def headers(self):
        return split(self.raw)[0]


def bounce(recipient="bob@remote.test", status="5.1.1", kind="failed", mta="mx.remote.test"):
    return dsn.write(
        reporting_mta=mta, to="x@local.test", from_="mailer-daemon@remote.test", header_id="<r@remote.test>", at=1,
        arrival_at=None, envid=None, original=MESSAGE, ret_full=False, kind=kind,
        recipients=[ReportedRecipient(recipient, kind, status, f"550 {status} no such user")],
    )  # fmt: skip


def complaint(mail_from):
    return (
        b"From: fbl@provider.test\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nspam\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\nOriginal-Mail-From: <"
        + mail_from.encode()
        + b">\r\n"
        b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + MESSAGE + b"\r\n--b--\r\n"
    )


@pytest.fixture
async def sent(parts):
    """A delivery to bob@remote.test that the remote server took, and the reports service."""
    async with parts(is_running=False) as out:
        (number,) = await out.send("bob@remote.test")
        job = (await out.queue.page())[0]
        outcome = Delivered(out.clock(), "mx.remote.test", Reply(250, "", "ok"), "none")
        await out.database.write(out.outcomes.record, job.message, job.deliveries[0], outcome)
        out.reports = Reports(out.database, out.outcomes, "mx.local.test", SECRET, out.executor)
        yield out, number


async def take(out, raw, delivery_ids=(), sender=None):
    envelope = Envelope(PEER, sender, ())
    report, inboxes = await out.reports.recognise(envelope, Content(raw), delivery_ids)
    if report:
        await out.database.write(out.reports.apply, report, out.clock())
    return report, inboxes


async def suppressed(out):
    page = await Suppressions(out.database).page(7)
    return [(one.address, one.reason, one.source) for one in page.items]


async def test_a_bounce_to_the_return_path_fails_its_delivery_and_suppresses(sent):
    out, number = sent
    _, inboxes = await take(out, bounce(recipient="forwarded@elsewhere.test"), (number,))
    shown = await out.show(number)
    assert inboxes == ((7, 1),)
    assert shown.delivery.state is State.FAILED
    assert "5.1.1" in shown.delivery.last_reply
    assert await suppressed(out) == [("bob@remote.test", Reason.HARD_BOUNCE, "report:dsn")]
    assert await out.events() == ["message.delivered", "message.bounced"]


async def test_a_report_that_is_applied_twice_counts_once(sent):
    out, number = sent
    report, _ = await take(out, bounce(), (number,))
    await out.database.write(out.reports.apply, report, out.clock())
    assert await out.events() == ["message.delivered", "message.bounced"]


async def test_a_bounce_that_only_quotes_the_message_suppresses_nobody(sent):
    out, number = sent
    await take(out, bounce())
    assert (await out.show(number)).delivery.state is State.FAILED
    assert await suppressed(out) == []


async def test_a_bounce_about_somebody_else_changes_nothing(sent):
    out, number = sent
    report, _ = await take(out, bounce(recipient="eve@remote.test"))
    assert report is None
    assert (await out.show(number)).delivery.state is State.DELIVERED


async def test_our_own_report_is_no_news(sent):
    out, _ = sent
    report, _ = await take(out, bounce(mta="mx.local.test"))
    assert report is None


async def test_a_temporary_failure_that_is_final_suppresses_nobody(sent):
    out, number = sent
    await take(out, bounce(status="4.4.7"), (number,))
    assert (await out.show(number)).delivery.state is State.FAILED
    assert await suppressed(out) == []


async def test_a_delay_is_noted_and_nothing_more(sent):
    out, number = sent
    await take(out, bounce(status="4.4.1", kind="delayed"), (number,))
    shown = await out.show(number)
    assert shown.delivery.state is State.DELIVERED
    assert shown.delivery.last_reply.startswith("450 4.4.1")


async def test_an_answer_of_a_person_to_the_return_path_still_reaches_the_inbox(sent):
    out, number = sent
    assert await take(out, MESSAGE, (number,), Address("bob", "remote.test")) == (None, ((7, 1),))


async def test_ordinary_mail_is_not_looked_at(sent):
    out, _ = sent
    assert await take(out, MESSAGE, (), Address("bob", "remote.test")) == (None, ())


async def test_a_complaint_that_quotes_our_return_path_suppresses(sent):
    out, number = sent
    await take(out, complaint(verp.make(SECRET, number, "local.test")), (), Address("fbl", "provider.test"))
    assert await suppressed(out) == [("bob@remote.test", Reason.SPAM_COMPLAINT, "report:arf")]
    assert await out.events() == ["message.delivered", "message.complained"]
    assert (await out.show(number)).delivery.state is State.DELIVERED


async def test_a_complaint_that_anybody_could_have_written_does_nothing(sent):
    out, _ = sent
    await take(out, complaint("agent@local.test"), (), Address("fbl", "provider.test"))
    assert await suppressed(out) == []


async def test_a_suppressed_address_stays_so_whatever_its_case_or_tag(sent):
    out, number = sent
    await take(out, bounce(), (number,))
    asked = [address.parse(text) for text in ("BOB@REMOTE.test", "bob+x@remote.test", "bobby@remote.test")]
    found = await Suppressions(out.database).check(7, asked)
    assert list(found) == asked[:2]
    assert await Suppressions(out.database).check(8, asked) == {}


async def test_a_suppression_can_be_lifted_but_not_a_complaint(sent):
    out, number = sent
    await take(out, bounce(), (number,))
    await take(out, complaint(verp.make(SECRET, number, "local.test")))
    service = Suppressions(out.database)
    assert await service.remove(7, "Bob@remote.test")
    assert not await service.remove(7, "bob@remote.test")
    assert [reason for _, reason, _ in await suppressed(out)] == [Reason.SPAM_COMPLAINT]

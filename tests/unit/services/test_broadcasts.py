"""A message to everybody who has a label: who gets it, who does not, what is counted, and what a crash leaves."""

import asyncio
import re
import time

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.broadcast import Broadcast, BroadcastStatus
from mailserver.entities.contact import Card, Labelled
from mailserver.entities.delivery import Deferred, Delivered, Failed, FailureKind, State
from mailserver.entities.identifiers import Kind
from mailserver.entities.label import LabelType
from mailserver.entities.suppression import Reason, Suppression
from mailserver.mail.address import Person
from mailserver.mail.reply import Reply
from mailserver.services.broadcast.broadcasts import NewBroadcast
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable
from mailserver.storage import broadcasts, closing, deliveries, label_store, suppressions
from tests.support.inside import House, inside

HTML = '<p>Dear {first_name}, <a href="https://x.test/?a=1&amp;b=2">read</a> <a href="mailto:x@y.test">write</a></p>'


class Newsletter:
    """A house with a label, contacts on it, and an engine that is turned by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.room = house.services.broadcasting
        self.label_id = ""

    async def begin(self, people):
        assert self.house.account is not None
        self.inbox = self.house.account.inbox
        self.caller = await self.house.caller(self.inbox)
        label = await self.house.services.labels.create(self.caller, "News", LabelType.CONTACT, None, None, None)
        self.label, self.label_id = label, identifiers.encode(Kind.LABEL, label.id)
        await self.add(people)

    async def add(self, people):
        def write(tx):
            for name, *addresses in people:
                card = Card(name, tuple(Labelled(each) for each in addresses))
                made = self.house.services.contacts.add(tx, self.inbox.tenant_id, self.inbox.id, card)
                label_store.attach_contact(tx, self.label.id, made.id, self.inbox.id, int(time.time() * 1000))

        await self.house.store.database.write(write)

    async def ask(self, text="Hello {first_name}.", html=HTML, subject="News for {first_name}") -> Broadcast:
        new = NewBroadcast(self.label_id, subject, text, html)
        return await self.room.broadcasts.create(self.caller, self.inbox, new)

    async def feed(self, rounds=50):
        for _ in range(rounds):
            if await self.room.feeder.once() > 0:
                return
        raise AssertionError("the engine does not come to rest")

    async def get(self, one) -> Broadcast:
        return await self.room.broadcasts.get(self.caller, identifiers.encode(Kind.BROADCAST, one.id))

    async def jobs(self):
        return await self.house.services.queue.page((State.QUEUED, State.HELD), limit=1000)

    async def tell(self, job, outcome):
        await self.house.store.database.write(
            self.house.assembled.outcomes.record, job.message, job.deliveries[0], outcome
        )

    async def letter(self, job) -> str:
        return (self.house.store.directory / "mail" / job.message.location).read_bytes().decode().replace("=\r\n", "")

    async def events(self, kind):
        return await self.house.rows("SELECT body FROM event WHERE type = ?", kind)


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def newsletter(house, people=(("Ann Lee", "ann@remote.test"), ("Bob", "bob@remote.test"))) -> Newsletter:
    made = Newsletter(house)
    await made.begin(people)
    return made


GOOD, BAD = Reply(250, "2.0.0", "ok"), Reply(550, "5.1.1", "no such user")


def delivered():
    return Delivered(int(time.time() * 1000), "mx", GOOD)


def failed():
    return Failed(int(time.time() * 1000), FailureKind.REFUSED, BAD)


def leave_url(letter):
    return re.search(r"List-Unsubscribe: <([^>]+)>", letter)[1]


def token(url):
    return url.rstrip("/").rpartition("/")[2]


# -- who gets it ------------------------------------------------------------------------------------------------------


async def test_everybody_gets_a_message_of_their_own(house):
    news = await newsletter(house)
    one = await news.ask()
    assert one.status is BroadcastStatus.QUEUED
    await news.feed()
    jobs = await news.jobs()
    assert [job.deliveries[0].recipient for job in jobs] == ["ann@remote.test", "bob@remote.test"]
    letters = [await news.letter(job) for job in jobs]
    assert "To: Ann Lee <ann@remote.test>" in letters[0]
    assert "Subject: News for Ann\r\n" in letters[0]
    assert "Hello Ann." in letters[0]
    assert "Dear Ann," in letters[0]
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in letters[0]
    assert "ann" not in letters[1].lower()
    assert leave_url(letters[0]) != leave_url(letters[1])
    assert letters[0].count(leave_url(letters[0])) == 3  # the field, and the foot of both bodies
    found = await news.get(one)
    assert (found.status, found.sent_count, found.suppressed_count) == (BroadcastStatus.SENDING, 2, 0)
    assert len({job.message.header_id for job in jobs}) == 2
    assert all(job.message.message_id is None and job.deliveries[0].priority < 0 for job in jobs)


async def test_one_copy_lies_in_sent_as_it_was_written(house):
    news = await newsletter(house)
    await news.ask()
    await news.feed()
    (row,) = await house.rows("SELECT id FROM message WHERE is_ours = 1")
    text = identifiers.encode(Kind.MESSAGE, row[0])
    body = await house.services.messages.body(await house.services.messages.get(news.caller, text, news.inbox))
    assert "{first_name}" in body.text
    assert "track" not in body.html


async def test_each_address_gets_it_once_and_only_the_first_of_a_contact(house):
    people = [("A", "one@remote.test", "two@remote.test"), ("B", "ONE@remote.test"), ("C",), ("D", "three@remote.test")]
    news = await newsletter(house, people)
    one = await news.ask()
    await news.feed()
    found = [job.deliveries[0].recipient for job in await news.jobs()]
    assert found == ["one@remote.test", "three@remote.test"]
    assert (await news.get(one)).sent_count == 2


async def test_who_is_suppressed_or_has_left_is_counted_and_left_out(house):
    news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(4)])
    gone = Suppression(house.store.ids.next(), news.inbox.id, "p1@remote.test", Reason.HARD_BOUNCE, "bounce:hard", 1)
    await house.store.database.write(suppressions.add, gone, news.inbox.tenant_id, None)
    one = await news.ask()
    await news.feed()
    assert ((await news.get(one)).sent_count, (await news.get(one)).suppressed_count) == (3, 1)
    letter = await news.letter((await news.jobs())[0])
    await news.room.unsubscribing.leave(token(leave_url(letter)))
    second = await news.ask()
    await news.feed()
    assert ((await news.get(second)).sent_count, (await news.get(second)).suppressed_count) == (2, 2)


async def test_leaving_twice_is_one_event_and_never_undone_by_removing_a_suppression(house):
    news = await newsletter(house)
    one = await news.ask()
    await news.feed()
    leaving = token(leave_url(await news.letter((await news.jobs())[0])))
    for _ in range(2):
        assert (await news.room.unsubscribing.leave(leaving)).label_name == "News"
    assert len(await news.events("contact.unsubscribed")) == 1
    await house.services.suppressions.remove(news.inbox.id, "ann@remote.test")
    (row,) = (await house.services.suppressions.page(news.inbox.id)).items
    assert (row.address, row.reason, row.source) == ("ann@remote.test", Reason.UNSUBSCRIBED, "unsubscribe:news")
    for wrong in ("", "x", leaving[:-1], leaving + "A", "A" * 54, leaving.swapcase(), "é"):
        with pytest.raises(errors.NotFound):
            await news.room.unsubscribing.leave(wrong)
    assert (await news.get(one)).sent_count == 2


async def test_a_label_that_is_made_again_finds_who_had_left(house):
    news = await newsletter(house)
    await news.ask()
    await news.feed()
    await news.room.unsubscribing.leave(token(leave_url(await news.letter((await news.jobs())[0]))))
    await house.services.labels.remove(news.caller, news.label_id)
    await news.begin([])
    await house.store.database.write(
        lambda tx: [
            label_store.attach_contact(tx, news.label.id, row[0], news.inbox.id, 1)
            for row in tx.all("SELECT id FROM contact")
        ]
    )
    again = await news.ask()
    await news.feed()
    assert ((await news.get(again)).sent_count, (await news.get(again)).suppressed_count) == (1, 1)


async def test_who_gets_the_label_later_is_not_meant(house):
    news = await newsletter(house)
    one = await news.ask()
    await asyncio.sleep(0.002)
    await news.add([("Late", "late@remote.test")])
    await news.feed()
    assert (await news.get(one)).sent_count == 2


async def test_a_name_cannot_break_out_of_html_or_headers(house):
    news = await newsletter(house, [("<b>&\r\nBcc: x@y.test", "ann@remote.test")])
    await news.ask()
    await news.feed()
    letter = await news.letter((await news.jobs())[0])
    assert "\r\nBcc:" not in letter
    assert "Dear &lt;b&gt;&amp;" in letter


async def test_an_audience_of_nobody_is_refused(house):
    news = await newsletter(house, [("No address",)])
    with pytest.raises(errors.Conflict):
        await news.ask()
    for text, html in ((None, None), ("x" * 500_001, None)):
        with pytest.raises(errors.Invalid):
            await news.ask(text, html)
    other = await house.services.labels.create(news.caller, "Mail", LabelType.MESSAGE, None, None, None)
    news.label_id = identifiers.encode(Kind.LABEL, other.id)
    with pytest.raises(errors.Invalid):
        await news.ask()


async def test_what_was_approved_runs_once_however_often_it_is_begun(house):
    news = await newsletter(house)
    new, once = NewBroadcast(news.label_id, "x", "Hello", None), Repeatable("approval 1", "apr_1")
    made = [await news.room.broadcasts.create(news.caller, news.inbox, new, once) for _ in range(2)]
    assert made[0].id == made[1].id
    assert len(await house.rows("SELECT id FROM broadcast")) == 1
    assert len(await house.rows("SELECT id FROM message")) == 1


# -- counts -----------------------------------------------------------------------------------------------------------


async def test_counts_follow_outcomes_once_and_a_late_bounce_moves_one_over(house):
    news = await newsletter(house)
    one = await news.ask()
    await news.feed()
    first, second = await news.jobs()
    await news.tell(first, Deferred(1, Reply(451, "4.2.1", "later")))
    for _ in range(2):
        await news.tell(first, delivered())
        await news.tell(second, delivered())
    found = await news.get(one)
    assert (found.delivered_count, found.bounced_count, found.open_deliveries) == (2, 0, 0)
    await news.feed()
    assert (await news.get(one)).status is BroadcastStatus.COMPLETED
    assert len(await news.events("broadcast.completed")) == 1
    report = Failed(2, FailureKind.REPORTED, BAD)
    for _ in range(2):
        await house.store.database.write(
            lambda tx: house.assembled.outcomes.record_report(
                tx, first.message, first.deliveries[0], report, is_proven=True
            )
        )
        await house.store.database.write(house.assembled.outcomes.complain, second, 3, "abuse")
    await news.tell(first, delivered())
    found = await news.get(one)
    assert (found.delivered_count, found.bounced_count, found.spam_complaint_count) == (1, 1, 1)
    assert found.delivered_count + found.bounced_count == found.sent_count
    rows = (await house.services.suppressions.page(news.inbox.id)).items
    kept = {(row.address, row.reason.value, row.source) for row in rows}
    assert kept == {
        ("ann@remote.test", "hard_bounce", "report:dsn"),
        ("bob@remote.test", "spam_complaint", "report:arf"),
    }


async def test_a_refusal_at_once_and_one_by_policy_suppress(house):
    news = await newsletter(house)
    await news.ask()
    await news.feed()
    first, second = await news.jobs()
    await news.tell(first, failed())
    await news.tell(second, Failed(1, FailureKind.POLICY, Reply(554, "5.7.1", "spam")))
    rows = (await house.services.suppressions.page(news.inbox.id)).items
    assert {(row.reason.value, row.source) for row in rows} == {("hard_bounce", "bounce:hard")}
    assert len(rows) == 2


async def test_opens_and_clicks_are_counted_and_survive_a_stop(house):
    news = await newsletter(house)
    one = await news.ask()
    await news.feed()
    letter = await news.letter((await news.jobs())[0])
    broadcast_id, opened = re.search(r"/track/open/(\w+)/([\w-]+)/", letter).groups()
    (link,) = set(re.findall(r"/track/click/([\w-]+)/", letter))
    tracking = news.room.tracking
    for each in (opened, opened, "nonsense", token(leave_url(letter))):
        tracking.open(broadcast_id, each)
    tracking.open(identifiers.encode(Kind.BROADCAST, 7), opened)
    assert await tracking.follow(link) == "https://x.test/?a=1&b=2"
    await tracking.follow(link)
    for wrong in (link.upper(), "x", link[:-1], link.replace("-", ""), "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(errors.NotFound):
            await tracking.follow(wrong)
    task = asyncio.create_task(tracking.run())
    await asyncio.sleep(0)
    tracking.stop()
    await asyncio.wait_for(task, 30)
    found = await news.get(one)
    assert (found.open_count, found.click_count) == (2, 2)
    assert len(await news.events("message.opened")) == len(await news.events("message.clicked")) == 1


async def test_counts_that_could_not_be_written_are_written_later(house):
    news = await newsletter(house)
    one = await news.ask()
    await news.feed()
    letter = await news.letter((await news.jobs())[0])
    tracking, database = news.room.tracking, house.store.database

    async def full(*_arguments):
        raise errors.StoreFull

    tracking._database = Dying(database, full)
    tracking.open(*re.search(r"/track/open/(\w+)/([\w-]+)/", letter).groups())
    await tracking.follow(re.search(r"/track/click/([\w-]+)/", letter)[1])
    with pytest.raises(errors.StoreFull):
        await tracking.flush()
    tracking._database = database
    await tracking.flush()
    await tracking.flush()
    found = await news.get(one)
    assert (found.open_count, found.click_count) == (1, 1)
    assert len(await news.events("message.opened")) == 1


async def test_text_alone_has_neither_picture_nor_links(house):
    news = await newsletter(house)
    await news.ask(html=None)
    await news.feed()
    letter = await news.letter((await news.jobs())[0])
    assert "/track/" not in letter
    assert "Unsubscribe: http" in letter


# -- stopping and crashing --------------------------------------------------------------------------------------------


async def test_a_pause_holds_what_waits_and_a_resume_goes_on_where_it_was(house):
    news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(250)])
    one = await news.ask()
    await news.room.feeder.once()
    name = identifiers.encode(Kind.BROADCAST, one.id)
    assert (await news.room.broadcasts.pause(news.caller, name)).status is BroadcastStatus.PAUSED
    await news.room.broadcasts.pause(news.caller, name)
    await news.feed()
    assert {job.deliveries[0].state for job in await news.jobs()} == {State.HELD}
    assert (await news.get(one)).sent_count == 100
    await news.room.broadcasts.resume(news.caller, name)
    await news.feed()
    jobs = await news.jobs()
    assert {job.deliveries[0].state for job in jobs} == {State.QUEUED}
    assert len({job.deliveries[0].recipient for job in jobs}) == len(jobs) == 250


async def test_a_cancelled_broadcast_takes_back_what_waits(house):
    news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(150)])
    one = await news.ask()
    await news.room.feeder.once()
    (early, *_) = await news.jobs()
    name = identifiers.encode(Kind.BROADCAST, one.id)
    await news.room.broadcasts.cancel(news.caller, name)
    await news.feed()
    found = await news.get(one)
    assert (found.status, found.sent_count, found.open_deliveries) == (BroadcastStatus.CANCELLED, 0, 0)
    assert await news.jobs() == []
    await news.tell(early, delivered())  # it was under way
    found = await news.get(one)
    assert (found.sent_count, found.delivered_count) == (1, 1)
    with pytest.raises(errors.Conflict):
        await news.room.broadcasts.resume(news.caller, name)
    assert await house.rows("SELECT * FROM broadcast_text") == []
    assert len(await house.rows("SELECT * FROM removed_file")) == 100


async def test_what_the_operator_takes_out_does_not_keep_a_broadcast_from_its_end(house):
    news = await newsletter(house)
    one = await news.ask()
    await news.room.feeder.once()
    first, second = await news.jobs()
    await house.services.queue.drop([first.deliveries[0].id])
    await news.tell(second, delivered())
    await news.feed()
    found = await news.get(one)
    assert (found.status, found.sent_count, found.delivered_count) == (BroadcastStatus.COMPLETED, 1, 1)


class Broken(Exception):
    """The process dies here."""


async def test_a_crash_at_any_point_of_a_slice_leaves_nobody_out_and_nobody_twice(tmp_path):
    """The engine is killed before, inside and behind the transaction of a slice, again and again."""
    people = [(f"P{n}", f"p{n}@remote.test") for n in range(350)]
    async with inside(tmp_path) as house:
        news = await newsletter(house, people)
        one = await news.ask()
        label = news.label
        account = house.account
    for place in ("files", "rows", "after", "rows", "after", "none"):
        async with inside(tmp_path) as house:
            house.account = account
            news = Newsletter(house)
            news.inbox, news.label = account.inbox, label
            news.caller = await house.caller(news.inbox)
            database = house.store.database
            write = database.write

            async def dying(function, *arguments, place=place, write=write, **more):
                if getattr(function, "__name__", "") == "_queue":
                    if place == "files":
                        raise Broken
                    if place == "rows":

                        def inner(tx, *arguments):
                            function(tx, *arguments)
                            raise Broken

                        return await write(inner, *arguments)
                    await write(function, *arguments, **more)
                    if place == "after":
                        raise Broken
                    return None
                return await write(function, *arguments, **more)

            news.room.feeder._database = Dying(database, dying)
            for _ in range(10):
                await news.room.feeder.once()
    async with inside(tmp_path) as house:
        rows = await house.rows("SELECT recipient FROM delivery")
        assert sorted(row[0] for row in rows) == sorted(address for _, address in people)
        locations = [row[0] for row in await house.rows("SELECT location FROM queued")]
        on_disk = list((house.store.directory / "mail" / "outbound").rglob("que_*"))
        assert len(set(locations)) == len(on_disk) == 350
        (row,) = await house.rows("SELECT sent_count, open_deliveries FROM broadcast WHERE id = ?", one.id)
        assert tuple(row) == (350, 350)


class Dying:
    """A database whose writes end as a test says."""

    def __init__(self, database, write):
        self.read = database.read
        self.write = write


async def test_the_engine_keeps_within_what_the_inbox_may_send(tmp_path):
    async with inside(tmp_path, limits={"messages_per_inbox_per_hour": 30}) as house:
        news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(50)])
        one = await news.ask()
        await news.feed()
        found = await news.get(one)
        assert (found.status, found.sent_count) == (BroadcastStatus.SENDING, 30)
        assert len(await news.jobs()) == 30


async def test_no_more_waits_in_the_queue_than_it_can_try(house):
    news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(900)])
    one = await news.ask()
    await news.feed()
    assert (await news.get(one)).sent_count == 500
    for job in (await news.jobs())[:150]:
        await news.tell(job, Deferred(1, Reply(451, "4.2.1", "later"), until=int(time.time() * 1000) + 60_000))
    await news.feed()
    assert (await news.get(one)).sent_count == 700  # those that were put off stand in nobody's way


async def test_other_mail_goes_first(house):
    news = await newsletter(house)
    await news.ask()
    await news.feed()
    await house.services.sending.send(
        news.caller, news.inbox, Outgoing(to=(Person("friend@remote.test", None),), subject="Hi", text="x")
    )
    (lane,) = await house.assembled.claims.lanes()
    (job,) = await house.assembled.claims.claim([(lane, 1)])
    assert job.deliveries[0].recipient == "friend@remote.test"


async def test_a_closed_inbox_takes_its_broadcasts_along(house, monkeypatch):
    monkeypatch.setattr(closing, "MOST_OPEN", 50)
    news = await newsletter(house, [(f"P{n}", f"p{n}@remote.test") for n in range(250)])
    await news.ask()
    await news.feed()
    now = int(time.time() * 1000)
    await house.store.database.write(closing.close, news.inbox.id, now)
    assert [row[0] for row in await house.rows("SELECT status FROM broadcast")] == ["cancelled"]
    while not await house.store.database.write(closing.purge, news.inbox.id, 100, now):
        pass
    for table in ("broadcast", "broadcast_text", "broadcast_recipient", "broadcast_link", "opt_out"):
        assert await house.rows(f"SELECT * FROM {table}") == []
    assert await house.store.database.read(broadcasts.at_work, 0, 10) == []
    assert await house.store.database.read(deliveries.counts) == {State.QUEUED: 0, State.HELD: 0}

"""Greylist, words of junk, correspondents and rules, on the real database."""

import pytest

from mailserver.entities.rule import Direction, EntryType, ListType, Rule, RuleScope
from mailserver.storage import bayes, correspondents, greylist, rules, sqlite
from mailserver.storage.bayes import HAM, NOTHING, SPAM, Lesson
from mailserver.storage.database import Database
from mailserver.storage.greylist import Periods

MINUTE, DAY = 60_000, 86_400_000
PERIODS = Periods(wait=5 * MINUTE, retry=2 * DAY, lifetime=36 * DAY)


@pytest.fixture
async def base(tmp_path):
    raw = sqlite.connect(tmp_path / "x.db")
    sqlite.migrate(raw)
    async with Database(raw, lambda _: None).running() as database:
        yield database


class TestGreylist:
    KEYS = [greylist.triplet("203.0.113.0/24", "a@remote.test", "b@local.test")]

    async def met(self, base, now):
        waiting = await base.read(greylist.waits, self.KEYS, now, PERIODS)
        if waiting is not None:
            return waiting
        return await base.write(greylist.meet, self.KEYS, now, PERIODS)

    async def test_a_stranger_waits_and_then_is_known_for_weeks(self, base):
        assert await self.met(base, 0) == 5 * MINUTE
        assert await self.met(base, 2 * MINUTE) == 3 * MINUTE
        assert await self.met(base, 6 * MINUTE) == 0
        assert await self.met(base, 7 * MINUTE) == 0
        assert await self.met(base, 30 * DAY) == 0
        assert await self.met(base, 60 * DAY) == 0  # it was seen 30 days ago
        assert await self.met(base, 97 * DAY) == 5 * MINUTE

    async def test_who_comes_back_too_late_starts_again(self, base):
        await self.met(base, 0)
        assert await self.met(base, 3 * DAY) == 5 * MINUTE
        assert await self.met(base, 3 * DAY + 6 * MINUTE) == 0

    async def test_a_clock_that_was_set_back_lets_nobody_wait_for_ever(self, base):
        await self.met(base, 10 * DAY)
        assert await self.met(base, 9 * DAY) <= 5 * MINUTE
        assert await self.met(base, 9 * DAY + 6 * MINUTE) == 0

    async def test_a_known_triplet_is_read_and_not_written(self, base):
        await self.met(base, 0)
        await self.met(base, 6 * MINUTE)
        assert await base.read(greylist.waits, self.KEYS, 7 * MINUTE, PERIODS) == 0

    async def test_of_several_recipients_the_newest_lets_wait(self, base):
        await self.met(base, 0)
        both = [*self.KEYS, greylist.triplet("203.0.113.0/24", "a@remote.test", "c@local.test")]
        assert await base.write(greylist.meet, both, 4 * MINUTE, PERIODS) == 5 * MINUTE

    async def test_what_is_too_old_goes(self, base):
        await self.met(base, 0)
        await base.write(greylist.meet, [1], 0, PERIODS)
        await self.met(base, 6 * MINUTE)
        assert await base.write(greylist.expire, 3 * DAY, PERIODS) == 1
        assert await base.write(greylist.expire, 40 * DAY, PERIODS) == 1
        assert await base.write(greylist.expire, 40 * DAY, PERIODS) == 0


class TestBayes:
    async def learned(self, base, number, tokens, *, is_spam, inbox=1):
        await base.write(bayes.ask, number, inbox, is_spam, number)
        (lesson,) = [one for one in await base.read(bayes.open_lessons, 10) if one.message_id == number]
        return await base.write(bayes.learn, lesson, tokens, number)

    async def counted(self, base, tokens, inbox=1):
        found = await base.read(bayes.counts, inbox, tokens, 0)
        return (found.ham, found.spam, sorted(found.tokens)) if found else None

    async def test_a_lesson_is_learned_once_and_taken_back_when_it_is_moved_back(self, base):
        keep = await base.write(self.stored)
        assert await self.learned(base, keep, ["pill", "offer"], is_spam=True)
        assert await self.counted(base, ["pill", "offer", "x"]) == (0, 1, [(0, 1), (0, 1)])
        await base.write(bayes.ask, keep, 1, True, 2)
        assert await base.read(bayes.open_lessons, 10) == []
        assert await self.learned(base, keep, ["pill", "offer"], is_spam=False)
        assert await self.counted(base, ["pill", "offer"]) == (1, 0, [(1, 0), (1, 0)])

    async def test_two_workers_with_the_same_lesson_learn_it_once(self, base):
        keep = await base.write(self.stored)
        await base.write(bayes.ask, keep, 1, True, 1)
        (lesson,) = await base.read(bayes.open_lessons, 10)
        assert await base.write(bayes.learn, lesson, ["pill"], 1)
        assert not await base.write(bayes.learn, lesson, ["pill"], 1)
        assert await self.counted(base, ["pill"]) == (0, 1, [(0, 1)])

    async def test_who_changes_their_mind_before_the_worker_came_is_heard(self, base):
        keep = await base.write(self.stored)
        await base.write(bayes.ask, keep, 1, True, 1)
        (lesson,) = await base.read(bayes.open_lessons, 10)
        await base.write(bayes.ask, keep, 1, False, 2)
        assert not await base.write(bayes.learn, lesson, ["pill"], 3)
        assert await base.read(bayes.open_lessons, 10) == [Lesson(keep, 1, HAM, NOTHING)]

    async def test_a_token_that_nobody_has_any_more_leaves_no_row(self, base):
        keep = await base.write(self.stored)
        await self.learned(base, keep, ["pill"], is_spam=True)
        await base.write(lambda tx: tx.execute("UPDATE lesson SET wanted = 0"))
        await base.write(bayes.learn, Lesson(keep, 1, NOTHING, SPAM), ["pill"], 2)
        assert await base.read(lambda snapshot: snapshot.all("SELECT * FROM bayes_token")) == []
        assert await self.counted(base, ["pill"]) == (0, 0, [])

    async def test_inboxes_know_nothing_of_each_other_and_their_rows_do_not_show_what_they_share(self, base):
        await self.learned(base, 1, ["secret"], is_spam=True, inbox=1)
        await self.learned(base, 2, ["secret"], is_spam=True, inbox=2)
        rows = await base.read(lambda snapshot: snapshot.all("SELECT inbox_id, token FROM bayes_token"))
        assert len({token for _, token in rows}) == 2
        assert await self.counted(base, ["secret"], inbox=3) is None

    async def test_nothing_is_said_before_enough_was_learned(self, base):
        for number in range(1, 4):
            await self.learned(base, number, ["pill"], is_spam=True)
        assert await base.read(bayes.counts, 1, ["pill"], 3) is None
        for number in range(4, 7):
            await self.learned(base, number, ["lunch"], is_spam=False)
        assert (await base.read(bayes.counts, 1, ["pill"], 3)).tokens == ((0, 3),)

    async def test_the_rarest_and_oldest_words_go_when_there_are_too_many(self, base, monkeypatch):
        monkeypatch.setattr(bayes, "MOST_TOKENS", 100)
        for number in range(1, 21):
            words = ["always", *(f"word{number}-{index}" for index in range(10))]
            await self.learned(base, number, words, is_spam=bool(number % 2))
        (count,) = await base.read(lambda snapshot: snapshot.one("SELECT COUNT(*) FROM bayes_token"))
        assert 80 <= count <= 100
        assert (await self.counted(base, ["always"]))[2] == [(10, 10)]
        assert (await self.counted(base, ["word1-1"]))[2] == []
        assert (await self.counted(base, ["word20-1"]))[2] == [(1, 0)]

    async def test_the_row_of_a_lesson_goes_with_its_message_and_what_was_learned_stays(self, base):
        assert await self.learned(base, 99, ["pill"], is_spam=True)  # a message that is not there any more
        assert await base.read(lambda snapshot: snapshot.all("SELECT * FROM lesson")) == []
        assert await self.counted(base, ["pill"]) == (0, 1, [(0, 1)])

    @staticmethod
    def stored(tx):
        tx.execute(
            "INSERT INTO message(id, inbox_id, tenant_id, thread_id, blob, header_hash, size, received_at, updated_at, "
            "created_modseq, modseq) VALUES (7, 1, 1, 1, x'00', 0, 1, 1, 1, 1, 1)"
        )
        return 7


class TestCorrespondents:
    async def test_whom_an_inbox_wrote_to_is_known_to_it_alone(self, base):
        await base.write(correspondents.note, 1, ["ann@remote.test", "ann@remote.test"], 10)
        await base.write(correspondents.note, 1, ["ann@remote.test"], 5)
        assert await base.read(correspondents.known, [1, 2], "ann@remote.test")
        assert await base.read(correspondents.known_to, [1, 2], "ann@remote.test") == {1}
        assert not await base.read(correspondents.known, [2], "ann@remote.test")
        assert not await base.read(correspondents.known, [], "ann@remote.test")
        rows = await base.read(lambda snapshot: snapshot.all("SELECT written_at FROM correspondent"))
        assert [row[0] for row in rows] == [10]

    async def test_those_written_to_longest_ago_are_forgotten(self, base, monkeypatch):
        monkeypatch.setattr(correspondents, "MOST", 100)
        for at in range(150):
            await base.write(correspondents.note, 1, [f"a{at}@remote.test"], at)
        assert not await base.read(correspondents.known, [1], "a0@remote.test")
        assert await base.read(correspondents.known, [1], "a149@remote.test")
        (count,) = await base.read(lambda snapshot: snapshot.one("SELECT COUNT(*) FROM correspondent"))
        assert 98 <= count <= 100


class TestRules:
    SCOPE = RuleScope(1, 0, 2)

    def rule(self, entry, number=1, scope=SCOPE):
        kind = EntryType.EMAIL if "@" in entry else EntryType.DOMAIN
        return Rule(number, scope, Direction.RECEIVE, ListType.BLOCK, entry, kind, "spam", number)

    async def test_an_entry_stands_once_and_keeps_its_id(self, base):
        first = await base.write(rules.add, self.rule("a@x.test"))
        again = await base.write(rules.add, self.rule("a@x.test", number=2))
        assert (first.id, again.id) == (1, 1)
        assert await base.read(rules.count, 1) == 1
        assert await base.read(rules.get, self.SCOPE, Direction.RECEIVE, ListType.BLOCK, "a@x.test") == first

    async def test_pages_follow_the_text(self, base):
        for number, entry in enumerate(["c.test", "a.test", "b.test"], 1):
            await base.write(rules.add, self.rule(entry, number))
        await base.write(rules.add, self.rule("other.test", 9, RuleScope(1)))
        place = (self.SCOPE, Direction.RECEIVE, ListType.BLOCK)
        assert [one.entry for one in await base.read(rules.page, *place, "", 2)] == ["a.test", "b.test"]
        assert [one.entry for one in await base.read(rules.page, *place, "b.test", 2)] == ["c.test"]
        assert await base.write(rules.remove, *place, "a.test")
        assert not await base.write(rules.remove, *place, "other.test")
        assert len(await base.read(rules.of_tenant, 1)) == 3
        assert await base.read(rules.of_tenant, 2) == []

"""From a move in the mailbox to what the filter knows, through the real store."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind, decode, encode
from mailserver.services.filtering.lessons import Lessons
from mailserver.services.mailbox.messages import Update
from mailserver.services.notify.doorbell import Doorbell
from mailserver.storage import bayes, files, folders
from tests.support.inside import inside


class Scene:
    def __init__(self, house, lessons, bell):
        self.house, self.lessons, self.bell = house, lessons, bell
        self.inbox = house.account.inbox
        self.database = house.store.database

    async def arrived(self, text):
        raw = f"From: a@remote.test\r\nSubject: {text}\r\nMessage-ID: <{text}@remote.test>\r\n\r\n{text}\r\n"
        await self.house.receive(raw.encode())
        await self.house.settled()
        rows = await self.database.read(lambda snapshot: snapshot.all("SELECT MAX(id) FROM message"))
        return encode(Kind.MESSAGE, rows[0][0])

    async def move(self, message_id, role):
        folder = await self.database.read(folders.by_role, self.inbox.id, role)
        update = Update(mailbox_id=encode(Kind.FOLDER, folder.id))
        await self.house.services.messages.update(await self.house.caller(), self.inbox, message_id, update)

    async def delete(self, message_id):
        await self.house.services.messages.delete(await self.house.caller(), self.inbox, message_id)

    async def counts(self, *words):
        found = await self.database.read(bayes.counts, self.inbox.id, words, 0)
        return (found.ham, found.spam, list(found.tokens)) if found else (0, 0, [])

    async def waiting(self):
        return [(one.wanted, one.learned) for one in await self.database.read(bayes.open_lessons, 10)]


@pytest.fixture
async def scene(tmp_path):
    bell = Doorbell()
    with ThreadPoolExecutor(1) as executor:
        async with inside(tmp_path) as house:
            clock = lambda: int(time.time() * 1000)
            lessons = Lessons(house.store.database, house.store.files, executor, bell, clock)
            yield Scene(house, lessons, bell)


async def test_a_move_to_junk_is_learned_and_one_back_unlearned(scene):
    number = await scene.arrived("pillsale")
    await scene.move(number, Role.JUNK)
    assert "lessons" in scene.house.rung
    assert await scene.lessons.once() == 1
    assert await scene.counts("pillsale") == (0, 1, [(0, 1)])
    await scene.move(number, Role.INBOX)
    await scene.lessons.once()
    assert await scene.counts("pillsale") == (1, 0, [(1, 0)])
    assert await scene.lessons.once() == 0


async def test_moved_there_and_back_before_the_worker_came_is_one_lesson(scene):
    number = await scene.arrived("undecided")
    await scene.move(number, Role.JUNK)
    await scene.move(number, Role.INBOX)
    await scene.move(number, Role.JUNK)
    assert await scene.lessons.once() == 1
    assert await scene.counts("undecided") == (0, 1, [(0, 1)])


async def test_what_is_kept_is_wanted_and_what_is_thrown_away_says_nothing(scene):
    kept, thrown, sorted_out = [await scene.arrived(text) for text in ("keepthis", "throwthis", "sortthis")]
    await scene.move(kept, Role.ARCHIVE)
    await scene.move(thrown, Role.TRASH)
    assert await scene.waiting() == [(bayes.HAM, bayes.NOTHING)]
    await scene.move(sorted_out, Role.JUNK)
    await scene.lessons.once()
    await scene.move(sorted_out, Role.TRASH)
    assert await scene.waiting() == []
    assert (await scene.counts("sortthis"))[2] == [(0, 1)]


async def test_junk_that_is_deleted_for_good_is_learned_first_and_leaves_no_row(scene):
    number = await scene.arrived("gonesoon")
    await scene.move(number, Role.JUNK)
    await scene.delete(number)
    await scene.delete(number)
    assert await scene.waiting() == [(bayes.SPAM, bayes.NOTHING)]
    await scene.lessons.once()
    assert await scene.counts("gonesoon") == (0, 1, [(0, 1)])
    assert await scene.database.read(lambda snapshot: snapshot.all("SELECT * FROM lesson")) == []


async def test_a_learned_message_s_row_goes_with_it(scene):
    number = await scene.arrived("learnedandgone")
    await scene.move(number, Role.JUNK)
    await scene.lessons.once()
    await scene.delete(number)
    await scene.delete(number)
    assert await scene.database.read(lambda snapshot: snapshot.all("SELECT * FROM lesson")) == []


async def test_a_file_that_is_gone_does_not_stop_the_others(scene):
    gone, there = await scene.arrived("filegone"), await scene.arrived("filethere")
    place = files.location(scene.inbox.id, decode(Kind.MESSAGE, gone))
    await asyncio.to_thread(scene.house.store.files.remove, place)
    for number in (gone, there):
        await scene.move(number, Role.JUNK)
    assert await scene.lessons.once() == 2
    assert await scene.waiting() == []
    assert await scene.counts("filegone", "filethere") == (0, 1, [(0, 1)])


async def test_the_worker_finds_what_a_crash_left_is_rung_and_stops(scene):
    left = await scene.arrived("leftover")
    await scene.move(left, Role.JUNK)
    running = asyncio.create_task(scene.lessons.run())

    async def until(expected):
        async with asyncio.timeout(30):
            while (await scene.counts())[1] != expected:
                await asyncio.sleep(0.01)

    await until(1)
    await scene.move(await scene.arrived("rungfor"), Role.JUNK)
    scene.bell.ring("lessons")
    await until(2)
    scene.lessons.stop()
    await asyncio.wait_for(running, 30)

"""The journal: what was promised is found again, and what was refused is not."""

import asyncio
import errno
import os
import struct
import time
from contextlib import contextmanager

import pytest

from mailserver.entities import errors
from mailserver.storage import checkpoints, segments
from mailserver.storage import journal as writing
from mailserver.storage.journal import Journal
from mailserver.storage.segments import Segment
from tests.support.waiting import until

SIZE = 1 << 20
HEAL_SECONDS = 0.2


@pytest.fixture(autouse=True)
def soon_healed(monkeypatch):
    monkeypatch.setattr(writing, "HEAL_SECONDS", HEAL_SECONDS)


class BadDisk:
    """What the disk does to segments: each word of `fails` is an operation that fails with EIO or ENOSPC."""

    def __init__(self):
        self.fails = set()
        self.error = errno.EIO

    def check(self, operation):
        if operation in self.fails:
            raise OSError(self.error, os.strerror(self.error))


class FlakySegment(Segment):
    def __init__(self, path, size, disk):
        self.disk = disk
        disk.check("make")
        super().__init__(path, size)

    def begin(self, generation, first_sequence):
        self.disk.check("begin")
        super().begin(generation, first_sequence)

    def write(self, offset, buffers):
        if "sync" in self.disk.fails:  # the bytes get there, and nobody knows
            super().write(offset, buffers)
        self.disk.check("sync")
        if "half" in self.disk.fails:
            os.pwrite(self._descriptor, b"".join(buffers)[: sum(map(len, buffers)) // 2], offset)
        self.disk.check("half")
        super().write(offset, buffers)

    def cut(self, offset):
        self._is_spoiled = True
        self.disk.check("cut")
        super().cut(offset)


class FlakyJournal(Journal):
    def __init__(self, directory, disk, most=8, size=SIZE):
        super().__init__(directory, size, most)
        self.disk = disk

    def _new_segment(self):
        with self._lock:
            self._serial += 1
            path = self._directory / f"{self._serial:06d}.seg"
        return FlakySegment(path, self._segment_bytes, self.disk)


@contextmanager
def running(journal, applied=0):
    left = journal.open(applied)
    journal.start()
    try:
        yield left
    finally:
        journal.stop()


def found(directory, applied=0):
    """What a start would find, as (sequence, payload)."""
    journal = Journal(directory, SIZE, 8)
    with running(journal, applied) as left:
        return [(each.entry.sequence, each.read()) for each in left]


async def test_what_was_appended_is_found_again_in_order(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        numbers = await asyncio.gather(*(journal.append([b"head", b"%d" % n]) for n in range(300)))
    assert numbers == list(range(1, 301))
    assert found(tmp_path) == [(n + 1, b"head%d" % n) for n in range(300)]


async def test_many_appends_share_few_syncs(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        await asyncio.gather(*(journal.append([b"x" * 100]) for _ in range(500)))
    assert journal.appended == 500
    assert journal.syncs < 50


async def test_taken_records_come_in_order_and_checkpointed_ones_do_not_come_back(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        for n in range(5):
            await journal.append([b"%d" % n])
        taken = journal.take(3, 1 << 20, 1)
        assert [each.read() for each in taken] == [b"0", b"1", b"2"]
        journal.checkpoint(3)
    assert [payload for _, payload in found(tmp_path)] == [b"3", b"4"]


async def test_a_torn_record_and_what_follows_it_do_not_count(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        for n in range(3):
            await journal.append([b"payload %d" % n])
        path = journal._current.path
        place = journal._backlog._waiting[1].entry
    with path.open("r+b") as file:
        file.seek(place.offset + 3)
        file.write(b"\xff")
    assert found(tmp_path) == [(1, b"payload 0")]


@pytest.mark.parametrize("cut", [1, segments.RECORD.size - 1, segments.RECORD.size, segments.RECORD.size + 4])
async def test_a_record_cut_short_at_any_place_does_not_count(tmp_path, cut):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        await journal.append([b"first"])
        await journal.append([b"second"])
        path = journal._current.path
        start = journal._backlog._waiting[1].entry.offset - segments.RECORD.size
    os.truncate(path, start + cut)
    assert found(tmp_path) == [(1, b"first")]


async def test_a_recycled_segment_shows_nothing_of_its_former_life(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        number = 0
        for _ in range(12):  # four segments' worth, freed as it goes
            number = await journal.append([b"a" * 300_000])
            journal.checkpoint(number)
            journal.take(100, 1 << 30, 0)
        await journal.append([b"new"])
        assert len(list(tmp_path.glob("*.seg"))) <= 4
    assert found(tmp_path) == [(number + 1, b"new")]


async def test_a_stale_record_with_the_right_number_but_another_generation_does_not_count(tmp_path):
    path = tmp_path / "000001.seg"
    segment = Segment(path, SIZE)
    segment.begin(7, 10)
    buffers = []
    segment.place(10, [b"former life"], buffers)
    segment.write(segments.HEADER_BYTES, buffers)
    segment.begin(8, 10)
    assert segments.life(path).entries == ()
    segment.close()


async def test_a_failed_sync_refuses_everyone_in_the_batch_and_the_journal_heals(tmp_path):
    disk = BadDisk()
    journal = FlakyJournal(tmp_path, disk)
    with running(journal):
        await journal.append([b"before"])
        disk.fails = {"sync", "begin"}
        results = await asyncio.gather(*(journal.append([b"refused"]) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [errors.StoreUnavailable] * 5
        assert journal.is_broken
        disk.fails = set()
        await until(lambda: not journal.is_broken)
        assert await journal.append([b"after"]) == 2
    assert found(tmp_path) == [(1, b"before"), (2, b"after")]


async def test_refused_records_that_reached_the_disk_are_not_found_even_if_the_segment_could_not_be_cut(tmp_path):
    disk = BadDisk()
    journal = FlakyJournal(tmp_path, disk)
    with running(journal):
        await journal.append([b"before"])
        disk.fails = {"sync", "cut"}
        refused = await asyncio.gather(*(journal.append([b"refused"]) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, errors.Temporary) for each in refused)
        disk.fails = set()
        await until(lambda: not journal.is_broken)
        await journal.append([b"after"])
    assert found(tmp_path) == [(1, b"before"), (2, b"after")]


async def test_a_spoiled_segment_is_never_used_again(tmp_path):
    disk = BadDisk()
    journal = FlakyJournal(tmp_path, disk)
    with running(journal):
        disk.fails = {"half", "cut"}
        spoiled = journal._current.path
        with pytest.raises(errors.StoreUnavailable):
            await journal.append([b"x" * 1000])
        disk.fails = set()
        await until(lambda: not journal.is_broken)
        number = await journal.append([b"y"])
        journal.checkpoint(number)
        assert not spoiled.exists()
        assert spoiled not in [segment.path for segment in journal._spare]


async def test_a_full_disk_says_so_and_leaves_no_litter(tmp_path):
    disk = BadDisk()
    disk.error = errno.ENOSPC
    journal = FlakyJournal(tmp_path, disk)
    with running(journal):
        await until(lambda: journal._spare)
        count = len(list(tmp_path.glob("*.seg")))
        disk.fails = {"half", "begin", "make"}
        with pytest.raises(errors.StoreFull):
            await journal.append([b"x"])
        await asyncio.sleep(3 * HEAL_SECONDS)
        assert journal.is_broken
        with pytest.raises(errors.Temporary):
            await journal.append([b"x"])
        assert len(list(tmp_path.glob("*.seg"))) <= count
        disk.fails = set()
        await until(lambda: not journal.is_broken)
        assert await journal.append([b"y"]) == 1


async def test_a_segment_that_cannot_be_filled_is_taken_away_again(tmp_path):
    class NoRoom(Segment):
        def _fill(self):
            os.pwrite(self._descriptor, bytes(1000), 0)
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        NoRoom(tmp_path / "000001.seg", SIZE)
    assert list(tmp_path.iterdir()) == []


async def test_a_journal_whose_stage_stands_still_refuses_and_goes_on_later(tmp_path):
    journal = Journal(tmp_path, SIZE, 2)
    with running(journal):
        results = [await asyncio.gather(journal.append([b"z" * 400_000]), return_exceptions=True) for _ in range(8)]
        accepted = [one for (one,) in results if isinstance(one, int)]
        assert isinstance(results[-1][0], errors.Temporary)
        assert 4 <= len(accepted) <= 6  # two segments, and a third where the spare was there in time
        journal.take(100, 1 << 30, 0)
        journal.checkpoint(accepted[-1])
        await until(lambda: not journal.is_broken)
        assert await journal.append([b"again"]) == accepted[-1] + 1


async def test_a_record_larger_than_a_segment_is_refused(tmp_path):
    journal = Journal(tmp_path, SIZE, 4)
    with running(journal):
        with pytest.raises(errors.TooLarge):
            await journal.append([b"x" * SIZE])
        assert await journal.append([b"x" * (SIZE - 5000)]) == 1


async def test_payloads_beyond_what_memory_holds_are_read_back(tmp_path, monkeypatch):
    journal = Journal(tmp_path, SIZE, 16)
    monkeypatch.setattr("mailserver.storage.backlog.HELD_BYTES", 1000)
    with running(journal):
        for n in range(4):
            await journal.append([b"%d" % n * 600])
        taken = journal.take(10, 1 << 20, 1)
        assert [each.payload is None for each in taken] == [False, True, True, True]
        assert [each.read() for each in taken] == [b"%d" % n * 600 for n in range(4)]


async def test_starts_without_mail_use_the_same_files_and_never_give_a_number_out_twice(tmp_path):
    for _ in range(5):
        found(tmp_path)
    assert len(list(tmp_path.glob("*.seg"))) <= 3
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal, applied=500):
        assert await journal.append([b"x"]) == 501
    assert found(tmp_path, 500) == [(501, b"x")]


async def test_a_lost_or_torn_checkpoint_only_means_that_more_is_looked_at(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        for n in range(3):
            await journal.append([b"%d" % n])
        journal.checkpoint(2)
    (tmp_path / "checkpoint").write_bytes(struct.pack("<QI", 99, 1))
    assert checkpoints.read(tmp_path) == 0
    assert [number for number, _ in found(tmp_path)] == [1, 2, 3]


async def test_a_clock_set_back_does_not_bring_old_records_above_new_ones(tmp_path, monkeypatch):
    found(tmp_path)
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        await journal.append([b"a"])
    assert found(tmp_path) == [(1, b"a")]


async def test_after_a_stop_nothing_is_taken(tmp_path):
    journal = Journal(tmp_path, SIZE, 8)
    with running(journal):
        pass
    with pytest.raises(errors.StoreUnavailable):
        await journal.append([b"x"])

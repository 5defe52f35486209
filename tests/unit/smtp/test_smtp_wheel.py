"""The timer that all connections of a listener share."""

import asyncio
from itertools import pairwise

from mailserver.smtp.wheel import Wheel
from tests.support.waiting import until


class Waiting:
    def __init__(self, due_at, again=False):
        self.due = due_at
        self.again = again
        self.expired_at = []

    def due_at(self, now):
        return self.due

    def expire(self, now):
        self.expired_at.append(now)
        self.due = now + 0.05
        return self.again


async def test_what_waits_too_long_expires_once_and_not_early():
    wheel = Wheel(0.01)
    now = asyncio.get_running_loop().time()
    short, long = Waiting(now + 0.05), Waiting(now + 3_600)
    wheel.watch(short)
    wheel.watch(long)
    await until(lambda: short.expired_at)
    await asyncio.sleep(0.1)
    assert len(short.expired_at) == 1
    assert short.expired_at[0] >= now + 0.05
    assert not long.expired_at
    wheel.close()


async def test_what_moved_meanwhile_is_looked_at_again_later():
    wheel = Wheel(0.01)
    now = asyncio.get_running_loop().time()
    waiting = Waiting(now + 0.03)
    wheel.watch(waiting)
    waiting.due = now + 0.1
    await until(lambda: waiting.expired_at)
    assert waiting.expired_at[0] >= now + 0.1
    wheel.close()


async def test_what_is_forgotten_never_expires_and_an_empty_wheel_stands_still():
    wheel = Wheel(0.01)
    waiting = Waiting(asyncio.get_running_loop().time() + 0.02)
    wheel.watch(waiting)
    wheel.forget(waiting)
    wheel.forget(waiting)
    await until(lambda: wheel._handle is None)
    await asyncio.sleep(0.05)
    assert not waiting.expired_at
    wheel.watch(waiting)
    await until(lambda: waiting.expired_at)


async def test_what_asks_to_be_watched_on_is_watched_on():
    wheel = Wheel(0.01)
    waiting = Waiting(asyncio.get_running_loop().time(), again=True)
    wheel.watch(waiting)
    await until(lambda: len(waiting.expired_at) > 3)
    assert all(after - before >= 0.05 for before, after in pairwise(waiting.expired_at))
    wheel.close()


async def test_a_due_time_that_comes_nearer_is_seen_within_the_horizon():
    wheel = Wheel(0.01, horizon_seconds=0.05)
    now = asyncio.get_running_loop().time()
    waiting = Waiting(now + 3_600)
    wheel.watch(waiting)
    waiting.due = now
    await until(lambda: waiting.expired_at)
    wheel.close()

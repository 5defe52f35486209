"""The sweeper keeps every promise, and its table is what the documentation says."""

import re
from pathlib import Path

from mailserver.services.retention import Promise, Retention
from tests.support.inside import inside

DAY_MS = 86_400_000


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self):
        return self.now


def promise(what, done, every=60, fails=False):
    async def expire():
        done.append(what)
        if fails:
            raise OSError("the disk is full")
        return len(done)

    return Promise(what, 1000, every, expire)


async def test_each_promise_is_kept_at_its_own_pace():
    done, clock = [], Clock()
    retention = Retention([promise("often", done), promise("rarely", done, 600)], clock)
    for clock.now in (0, 30, 60, 120, 600):
        await retention.sweep()
    assert done.count("often") == 4
    assert done.count("rarely") == 2


async def test_one_that_fails_is_tried_again_and_keeps_nobody_from_theirs():
    done, clock = [], Clock()
    retention = Retention([promise("broken", done, 600, fails=True), promise("whole", done, 600)], clock)
    assert await retention.sweep() == {"whole": 2}
    clock.now = 60
    assert await retention.sweep() == {}
    assert done == ["broken", "whole", "broken"]


async def test_the_documentation_has_the_table(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "retention.md").read_text()
    found = re.findall(r"^\| ([^|]+?) \| (\d+) (days?|minutes) \|", text, re.MULTILINE)
    rows = {what: int(number) * (60_000 if unit == "minutes" else DAY_MS) for what, number, unit in found}
    async with inside(tmp_path) as house:
        told = {each.what: each.kept_ms for each in house.services.retention.promises}
        assert rows == told
        assert await house.services.retention.sweep() == {}

"""Signing keys change without a message that nobody can check."""

import pytest

from mailserver.entities import errors
from mailserver.entities.tenant import KeyStage
from mailserver.services.accounts import rotation
from mailserver.services.accounts.rotation import Rotation
from tests.support.inside import inside
from tests.support.zone import FAILS, FakeResolver

HOUR = 3_600_000
DAY = 24 * HOUR


class Clock:
    def __init__(self) -> None:
        self.now = 1_780_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


def rotation_of(house, resolver, clock):
    return Rotation(house.store.database, house.assembled.keystore, None, resolver, clock)


def stages(shown):
    return {one.key.selector: one.key.stage for one in shown}


def publish(resolver, shown):
    resolver.texts = {one.name: [one.record] for one in shown}


def signing(house):
    return {key.selector for key in house.assembled.keystore.signing_keys("local.test")}


async def test_new_keys_wait_until_dns_has_shown_them_for_an_hour(house):
    resolver, clock = FakeResolver(), Clock()
    keys = rotation_of(house, resolver, clock)
    old = {one.key.selector for one in await keys.show("local.test")}
    shown = await keys.rotate("local.test")
    new = {selector for selector, stage in stages(shown).items() if stage is KeyStage.WAITING}
    assert len(new) == 2
    assert signing(house) == old
    assert all("publish its record" in one.next for one in shown if one.key.selector in new)

    publish(resolver, shown)
    assert await keys.advance() == 0  # an hour is not over
    clock.now += HOUR + 1
    resolver.texts = dict.fromkeys(resolver.texts, FAILS)
    assert await keys.advance() == 0  # DNS says nothing
    publish(resolver, shown)
    assert await keys.advance() == 1
    assert signing(house) == new
    after = stages(await keys.show("local.test"))
    assert {selector for selector, stage in after.items() if stage is KeyStage.RETIRED} == old


async def test_a_record_that_differs_is_not_taken_for_ours(house):
    resolver, clock = FakeResolver(), Clock()
    keys = rotation_of(house, resolver, clock)
    shown = await keys.rotate("local.test")
    publish(resolver, shown)
    resolver.texts = {name: [text[0][:-4] + "AAAA"] for name, text in resolver.texts.items()}
    clock.now += 2 * HOUR
    assert await keys.advance() == 0


async def test_a_record_in_pieces_and_with_blanks_is_ours(house):
    resolver, clock = FakeResolver(), Clock()
    keys = rotation_of(house, resolver, clock)
    shown = await keys.rotate("local.test")
    resolver.texts = {one.name: ["v=spf1 -all", one.record.replace("; ", ";  ")] for one in shown}
    clock.now += 2 * HOUR
    assert await keys.advance() == 1


async def test_rotating_again_shows_how_far_it_is_and_makes_no_more_keys(house):
    keys = rotation_of(house, FakeResolver(), Clock())
    first = await keys.rotate("local.test")
    assert stages(await keys.rotate("local.test")) == stages(first)


async def test_at_once_does_not_wait(house):
    keys = rotation_of(house, FakeResolver(), Clock())
    shown = stages(await keys.rotate("local.test", at_once=True))
    assert sorted(stage.value for stage in shown.values()) == ["active", "active", "retired", "retired"]


async def test_a_retired_key_goes_when_its_signatures_have_expired(house):
    clock = Clock()
    keys = rotation_of(house, FakeResolver(), clock)
    await keys.rotate("local.test", at_once=True)
    files = house.store.directory / "keys" / "local.test" / "retired"
    clock.now += rotation.RETIRED_MS - HOUR
    assert await keys.advance() == 0
    assert len(list(files.iterdir())) == 2
    clock.now += 2 * HOUR
    assert await keys.advance() == 2
    assert list(files.iterdir()) == []
    assert len(await keys.show("local.test")) == 2


async def test_files_that_a_crash_left_behind_are_settled(house):
    clock = Clock()
    keys = rotation_of(house, FakeResolver(), clock)
    before = signing(house)
    shown = await keys.rotate("local.test", at_once=True)
    active = {one.key.selector for one in shown if one.key.active}
    directory = house.store.directory / "keys" / "local.test"
    for selector in active:  # as if the process had died before the files were moved
        (directory / f"{selector}.pem").rename(directory / "waiting" / f"{selector}.pem")
    for selector in before:
        (directory / "retired" / f"{selector}.pem").rename(directory / f"{selector}.pem")
    house.assembled.keystore.reload()
    assert signing(house) == before
    await keys.advance()
    assert signing(house) == active


async def test_a_domain_that_is_not_ours_has_no_keys(house):
    keys = rotation_of(house, FakeResolver(), Clock())
    with pytest.raises(errors.NotFound):
        await keys.rotate("elsewhere.test")

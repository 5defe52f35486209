"""Whom failed logins keep out, and whom not."""

import asyncio

import pytest

from mailserver.entities import errors
from mailserver.services.accounts.throttle import LoginLimits, Throttle
from mailserver.storage import login_addresses
from tests.support.inside import PASSWORD, inside

LIMITS = {
    "login_failures_per_address": 4,
    "login_failures_per_loopback_address": 6,
    "login_failures_per_network": 10,
    "login_failures_per_account": 8,
}
AGENT = "agent@local.test"


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, limits=LIMITS) as opened:
        yield opened


async def fail(access, peer, name=AGENT, times=1, refusal=errors.Unauthenticated):
    for _ in range(times):
        with pytest.raises(refusal):
            await access.password(name, "wrong", peer)


def put_forward(house, seconds):
    """Let the throttle's time pass."""
    throttle = house.services.access._throttle
    for tally in (throttle._addresses, throttle._networks, throttle._accounts, throttle._pairs):
        clock = tally._clock
        tally._clock = lambda clock=clock: clock() + seconds


async def test_an_address_is_banned_and_let_in_again_after_a_quarter_of_an_hour(house):
    access = house.services.access
    await fail(access, "203.0.113.1", times=3)
    assert not access.is_banned("203.0.113.1")
    await fail(access, "203.0.113.1")
    assert access.is_banned("203.0.113.1")
    assert not access.is_banned("203.0.113.2")
    await fail(access, "203.0.113.1", refusal=errors.TooMany)
    assert access.failures("203.0.113.1") == 4
    put_forward(house, 1100)
    assert not access.is_banned("203.0.113.1")
    assert await access.password(AGENT, PASSWORD, "203.0.113.1")


async def test_an_ipv6_64_is_one_address(house):
    access = house.services.access
    for number in range(4):
        await fail(access, f"2001:db8:1:2::{number:x}")
    assert access.is_banned("2001:db8:1:2:ffff::1")
    assert not access.is_banned("2001:db8:1:3::1")
    with pytest.raises(errors.TooMany):
        await access.password(AGENT, PASSWORD, "2001:db8:1:2:aaaa::1")


async def test_a_network_is_banned_but_not_the_neighbour_who_logs_in_there(house):
    access = house.services.access
    await access.password(AGENT, PASSWORD, "203.0.113.200")
    for number in range(10):
        await fail(access, f"203.0.113.{number}", name=f"x{number}@local.test")
    assert access.is_banned("203.0.113.99")
    assert not access.is_banned("203.0.113.200")
    assert not access.is_banned("203.0.114.1")
    with pytest.raises(errors.TooMany):
        await access.password(AGENT, PASSWORD, "203.0.113.99")
    assert await access.password(AGENT, PASSWORD, "203.0.113.200")


async def test_strangers_cannot_lock_an_owner_out_where_he_has_been_before_even_after_a_restart(tmp_path):
    async with inside(tmp_path, limits=LIMITS) as house:
        await house.services.access.password(AGENT, PASSWORD, "198.51.100.7")
    async with inside(tmp_path, limits=LIMITS) as house:
        access = house.services.access
        for number in range(8):
            await fail(access, f"203.0.{number}.1")
        with pytest.raises(errors.TooMany):
            await access.password(AGENT, PASSWORD, "192.0.2.1")
        with pytest.raises(errors.TooMany):
            await access.scram_keys(AGENT, "192.0.2.1")
        assert await access.password(AGENT, PASSWORD, "198.51.100.7")
        assert await access.scram_keys(AGENT, "198.51.100.7")


async def test_a_guesser_behind_the_owner_s_own_address_does_not_lock_him_out_by_trying_others(house):
    access = house.services.access
    await access.password(AGENT, PASSWORD, "198.51.100.7")
    access._throttle._trusted.clear()  # as after a restart
    await fail(access, "198.51.100.7", name="other@local.test", times=4)
    await fail(access, "198.51.100.7", name="other@local.test", refusal=errors.TooMany)
    assert not access.is_banned("198.51.100.7")
    assert await access.password(AGENT, PASSWORD, "198.51.100.7")
    await fail(access, "198.51.100.7", times=4)
    with pytest.raises(errors.TooMany):
        await access.password(AGENT, PASSWORD, "198.51.100.7")


@pytest.mark.parametrize("name", [AGENT, "nobody@local.test", "no address"])
async def test_an_account_has_one_budget_whether_it_exists_or_not(house, name):
    access = house.services.access
    for number in range(8):
        await fail(access, f"203.0.{number}.1", name=name)
    await fail(access, "192.0.2.1", name=name, refusal=errors.TooMany)
    await fail(access, "192.0.2.1", name="third@local.test")


async def test_scram_failures_count_like_wrong_passwords(house):
    access = house.services.access
    for _ in range(4):
        await access.scram_failed(AGENT, "203.0.113.1")
    assert access.is_banned("203.0.113.1")
    with pytest.raises(errors.TooMany):
        await access.scram_login(AGENT, "203.0.113.1")


async def test_many_logins_at_once_get_no_more_tries(house):
    access = house.services.access
    await fail(access, "203.0.113.1")
    tries = [access.password(AGENT, "wrong", "203.0.113.1") for _ in range(30)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(type(result) is errors.Unauthenticated for result in results) == 3
    assert sum(type(result) is errors.TooMany for result in results) == 27
    assert not access._throttle._under_way


async def test_many_good_logins_at_once_are_no_attack(house):
    results = await asyncio.gather(
        *(house.services.access.password(AGENT, PASSWORD, "203.0.113.1") for _ in range(30)), return_exceptions=True
    )
    assert not [result for result in results if isinstance(result, Exception)]


async def test_another_password_forgets_where_the_old_one_was_used(house):
    access, inbox = house.services.access, house.account.inbox
    await access.password(AGENT, PASSWORD, "198.51.100.7")
    assert await house.rows("SELECT address FROM login_address") == [("198.51.100.7",)]
    await access.set_password(inbox.id, "quite another one", "app")
    assert len(await house.rows("SELECT address FROM login_address")) == 1
    await access.set_password(inbox.id, "quite another one")
    assert await house.rows("SELECT address FROM login_address") == []


async def test_what_is_remembered_of_an_inbox_is_bounded_and_forgotten_after_a_month(house):
    day, inbox_id = 86_400_000, house.account.inbox.id
    write = house.store.database.write
    for number in range(login_addresses.MOST + 5):
        await write(login_addresses.note, inbox_id, f"192.0.2.{number}", "192.0.2.0/24", 100 * day + number)
    rows = await house.rows("SELECT address FROM login_address")
    assert len(rows) == login_addresses.MOST
    assert ("192.0.2.0",) not in rows
    await write(login_addresses.note, inbox_id, "198.51.100.1", "198.51.100.0/24", 131 * day)
    assert await house.rows("SELECT address FROM login_address") == [("198.51.100.1",)]
    read = house.store.database.read
    assert await read(login_addresses.used_at, inbox_id, "198.51.100.1", 160 * day) == 131 * day
    assert await read(login_addresses.used_at, inbox_id, "198.51.100.1", 162 * day) is None


def test_loopback_has_a_limit_of_its_own_and_no_network():
    throttle = Throttle(LoginLimits(per_address=1, per_loopback_address=3, per_network=1, per_account=0), Time())
    for number in range(2):
        throttle.failed("x", "127.0.0.1", is_known=False)
        assert not throttle.is_banned("127.0.0.1"), number
    assert throttle.failed("x", "127.0.0.1", is_known=False)
    assert throttle.is_banned("127.0.0.1")
    assert not throttle.is_banned("127.0.0.2")
    assert not throttle.is_banned("::1")


def test_no_limit_is_none():
    throttle = Throttle(LoginLimits(0, 0, 0, 0), Time())
    for _ in range(1000):
        assert not throttle.failed("x", "203.0.113.1", is_known=False)
    assert not throttle.is_banned("203.0.113.1")
    assert not throttle.refuses("x", "203.0.113.1", is_known=False)

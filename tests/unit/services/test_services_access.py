"""Who is asking: tokens, passwords, and how little a wrong one tells."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from mailserver.entities import errors
from mailserver.entities.access import Scope
from mailserver.services.accounts import access as access_service
from mailserver.services.accounts import secrets
from tests.support.inside import PASSWORD, inside


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def token(house, **more):
    inbox = house.account.inbox
    return await house.services.access.create_token(inbox.tenant_id, "agent", "x", inbox_id=inbox.id, **more)


async def test_a_token_is_its_tenant_inbox_and_scopes(house):
    made, text = await token(house, scopes=frozenset({Scope.EMAIL_READ}))
    caller = await house.services.access.token(text)
    assert (caller.tenant_id, caller.inbox_id) == (house.account.tenant.id, house.account.inbox.id)
    assert caller.scopes == {Scope.EMAIL_READ}
    with pytest.raises(errors.Forbidden, match="email:send"):
        caller.require(Scope.EMAIL_SEND)
    assert text.startswith(made.prefix)
    everything = await house.rows("SELECT * FROM token")
    assert not any(text in str(row) for row in everything)


@pytest.mark.parametrize("text", ["", "gent_", "gent_x", "ag_x", "Bearer", "x" * 10_000, "gent_\ud800", "gent_\0"])
async def test_what_is_no_token_is_refused(house, text):
    with pytest.raises(errors.Unauthenticated):
        await house.services.access.token(text)


async def test_an_expired_token_is_refused_even_where_it_was_just_used(house, monkeypatch):
    monkeypatch.setattr(access_service, "CACHE_SECONDS", 60.0)
    _, text = await token(house, expires_at=int(time.time() * 1000) + 1_500)
    await house.services.access.token(text)
    await asyncio.sleep(1.6)
    with pytest.raises(errors.Unauthenticated):
        await house.services.access.token(text)


async def test_a_revoked_token_is_refused_within_a_second(house):
    assert access_service.CACHE_SECONDS <= 1
    made, text = await token(house)
    await house.services.access.token(text)
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM token WHERE id = ?", (made.id,)))
    revoked_at = time.monotonic()
    while True:
        try:
            await house.services.access.token(text)
        except errors.Unauthenticated:
            break
        assert time.monotonic() - revoked_at < access_service.CACHE_SECONDS * 20
        await asyncio.sleep(0.02)


async def test_a_full_disk_keeps_no_token_from_reading(house, monkeypatch):
    _, text = await token(house)

    async def full(*_):
        raise errors.StoreFull

    monkeypatch.setattr(house.store.database, "write", full)
    assert (await house.services.access.token(text)).inbox_id == house.account.inbox.id


async def test_the_right_password_and_the_inbox_s_own_token_log_in(house):
    access = house.services.access
    assert (await access.password("Agent@LOCAL.test", PASSWORD, "::1")).inbox_id == house.account.inbox.id
    _, text = await token(house, scopes=frozenset({Scope.EMAIL_READ}))
    caller = await access.password("agent@local.test", text, "::1")
    assert caller.scopes == {Scope.EMAIL_READ}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("agent@local.test", "wrong"), ("nobody@local.test", PASSWORD), ("agent@local.test", ""), ("", PASSWORD),
        ("not an address", PASSWORD), ("agent@local.test", "x" * 5000), ("agent@local.test", "gent_wrong"),
        ("agent@local.test", "p\ud800"), ("agent@local.test", "API"), ("agent@local.test", "SESSION"),
        ("second@local.test", "TOKEN"), ("nobody@local.test", "TOKEN"), ("paused@local.test", "PAUSED"),
        ("paused@local.test", PASSWORD), ("second@local.test", PASSWORD),
    ],
)  # fmt: skip
async def test_whatever_is_wrong_is_the_same_refusal(house, name, secret):
    await house.services.inboxes.add("second@local.test")
    paused = await house.services.inboxes.add("paused@local.test")
    _, paused_token = await house.services.access.create_token(paused.tenant_id, "agent", "x", inbox_id=paused.id)
    await house.services.access.set_password(paused.id, PASSWORD)
    await house.store.database.write(
        lambda tx: tx.execute("UPDATE inbox SET status = 'paused' WHERE id = ?", (paused.id,))
    )
    words = {
        "API": house.account.api_key, "SESSION": house.account.session_token, "TOKEN": house.account.agent_token,
        "PAUSED": paused_token,
    }  # fmt: skip
    with pytest.raises(errors.Unauthenticated) as caught:
        await house.services.access.password(name, words.get(secret, secret), "::1")
    assert str(caught.value) == str(errors.Unauthenticated())


class CountingHasher:
    """Counts the slow comparisons, which are what a login's time is made of."""

    def __init__(self, hasher):
        self.hasher = hasher
        self.compared = 0

    def verify(self, stored, secret):
        self.compared += 1
        return self.hasher.verify(stored, secret)


@pytest.mark.parametrize("name", ["agent@local.test", "nobody@local.test", "", "no address"])
@pytest.mark.parametrize("secret", ["wrong password", "gent_wrong", ""])
async def test_every_wrong_login_costs_one_slow_comparison(house, name, secret):
    hasher = house.services.access._hasher
    counting = hasher._hasher = CountingHasher(hasher._hasher)
    with pytest.raises(errors.Unauthenticated):
        await house.services.access.password(name, secret, "::1")
    assert counting.compared == 1


async def test_an_address_that_fails_too_often_is_kept_out_and_others_are_not(house):
    access = house.services.access
    for _ in range(20):
        with pytest.raises(errors.Unauthenticated):
            await access.password("agent@local.test", "wrong", "203.0.113.1")
    with pytest.raises(errors.TooMany):
        await access.password("agent@local.test", PASSWORD, "203.0.113.1")
    assert await access.password("agent@local.test", PASSWORD, "203.0.113.2")


async def test_scram_keys_of_an_unknown_name_look_real_and_stay_the_same(house):
    access = house.services.access
    real = await access.scram_keys("agent@local.test", "::1")
    invented = await access.scram_keys("nobody@local.test", "::1")
    assert invented == await access.scram_keys("NOBODY@local.test", "::1")
    assert invented != await access.scram_keys("nobody2@local.test", "::1")
    assert len(invented.salt) == len(real.salt)
    assert invented.iterations == real.iterations
    assert len(invented.stored_key) == len(real.stored_key)
    with pytest.raises(errors.Unauthenticated):
        await access.scram_login("nobody@local.test", "::1")


@pytest.mark.parametrize("password", ["short", "x" * 1025])
async def test_a_password_has_a_length(house, password):
    with pytest.raises(errors.Invalid):
        await house.services.access.set_password(house.account.inbox.id, password)


async def test_bootstrap_again_sets_the_password_that_a_killed_run_did_not(house):
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM password"))
    await house.services.bootstrap.run("local.test", "agent@local.test", "another password")
    caller = await house.services.access.password("agent@local.test", "another password", "192.0.2.1")
    assert caller.inbox_id == house.account.inbox.id
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM password"))
    await house.services.bootstrap.run("local.test", "agent@local.test", PASSWORD)


async def test_bootstrap_again_changes_nothing_and_tells_no_token(house):
    before = await house.rows("SELECT * FROM token UNION ALL SELECT *, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM password")
    again = await house.services.bootstrap.run("LOCAL.test", "agent@local.test", "another password")
    assert (again.inbox.id, again.agent_token, again.api_key) == (house.account.inbox.id, None, None)
    tokens_and_passwords = "SELECT * FROM token UNION ALL SELECT *, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM password"
    assert await house.rows(tokens_and_passwords) == before
    other = await house.services.bootstrap.run("other.test", "a@other.test", PASSWORD, house.account.tenant.id)
    assert other.tenant.id == house.account.tenant.id
    with pytest.raises(errors.NotFound):
        await house.services.bootstrap.run("third.test", "a@third.test", PASSWORD, 12345)
    with pytest.raises(errors.Invalid):
        await house.services.bootstrap.run("third.test", "a@other.test", PASSWORD)


@pytest.mark.parametrize("text", ["with a \b control", "\u0627 and latin a", "\ud800 half a pair"])
async def test_a_password_that_sasl_cannot_carry_is_refused(house, text):
    with pytest.raises(errors.Invalid, match="control characters"):
        await house.services.access.set_password(house.account.inbox.id, text)


async def test_a_password_of_nobody_costs_what_one_of_somebody_does():
    with ThreadPoolExecutor(1) as executor:
        hasher = secrets.PasswordHasher(executor)
        stored, _ = await hasher.hash("a good password")
        assert await hasher.verify("a good password", []) is None
    assert argon2.extract_parameters(secrets._NOBODYS) == argon2.extract_parameters(stored)

"""Secrets that the server has to read again lie sealed in the database."""

import time

import pytest

from mailserver.mail import totp
from mailserver.services.accounts.seal import FILE, Seal, SealBroken
from tests.support.inside import PASSWORD
from tests.support.served import served

EMAIL = "agent@local.test"
KEY = "sk-very-secret"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def begin_login(site):
    return (await site.auth("login", email=EMAIL, password=PASSWORD)).json


async def with_factor(site):
    """A second factor that is switched on: its secret and the recovery codes."""
    token = (await begin_login(site))["access_token"]
    secret = (await site.auth("mfa/setup", token)).json["secret"]
    assert secret not in str(await site.house.rows("SELECT totp_secret, totp_waiting FROM member"))
    code = totp.code(secret, int(time.time()) // 30 - 1)
    return secret, (await site.auth("mfa/confirm", token, code=code)).json["recovery_codes"]


async def passes(site, code):
    challenge = (await begin_login(site))["session"]
    return (await site.auth("mfa", email=EMAIL, session=challenge, code=code)).status == 200


async def test_the_database_does_not_tell_the_secret_of_a_second_factor(site):
    secret, _ = await with_factor(site)
    ((kept,),) = await site.house.rows("SELECT totp_secret FROM member WHERE totp_secret IS NOT NULL")
    assert kept.startswith("sealed:")
    assert secret not in kept
    assert await passes(site, totp.code(secret, int(time.time()) // 30))


async def test_what_an_older_version_kept_in_the_clear_is_sealed_at_the_start_and_still_good(site):
    secret, _ = await with_factor(site)
    house = site.house

    def older(tx):
        tx.execute("UPDATE member SET totp_secret = ? WHERE totp_secret IS NOT NULL", (secret,))
        (inbox_id,) = tx.one("SELECT id FROM inbox LIMIT 1", ())
        tx.execute("INSERT INTO enrichment_key VALUES (?, ?)", (inbox_id, KEY))
        return inbox_id

    inbox_id = await house.store.database.write(older)
    for _ in range(2):
        await house.assembled.begin()
    kept = await house.rows(
        "SELECT totp_secret FROM member WHERE totp_secret IS NOT NULL UNION ALL SELECT api_key FROM enrichment_key"
    )
    assert all(text.startswith("sealed:") for (text,) in kept)
    assert not any(secret in text or KEY in text for (text,) in kept)
    assert await passes(site, totp.code(secret, int(time.time()) // 30))
    seal = Seal(house.store.directory / "keys")
    assert seal.open_text(kept[1][0], inbox_id) == KEY


async def test_where_the_key_is_lost_a_recovery_code_still_lets_one_in(site):
    secret, recovery = await with_factor(site)
    (site.house.store.directory / "keys" / FILE).write_bytes(b"x" * 32)
    await site.house.assembled.begin()
    assert not await passes(site, totp.code(secret, int(time.time()) // 30))
    assert await passes(site, recovery[0])


def test_a_sealed_text_is_good_for_its_row_alone(tmp_path):
    seal = Seal(tmp_path)
    sealed = seal.close_text(KEY, 1)
    assert seal.open_text(sealed, 1) == KEY
    assert seal.open_text(KEY, 1) == KEY
    with pytest.raises(SealBroken):
        seal.open_text(sealed, 2)

"""People log in, stay in, and get out."""

import asyncio
import re
import time

import pytest

from mailserver.mail import totp
from tests.support.inside import PASSWORD
from tests.support.served import served

EMAIL = "agent@local.test"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def login(site, email=EMAIL, password=PASSWORD):
    answer = await site.auth("login", email=email, password=password)
    assert answer.status == 200, answer.content
    return answer.json


async def works(site, token):
    return (await site.call("GET", "/auth/mfa/status/", token)).status == 200


async def forget_cache(site):
    site.house.services.access._cache.clear()


async def test_a_login_reaches_everything_and_ends(site):
    opened = await login(site)
    assert set(opened) == {"access_token", "refresh_token"}
    assert (await site.call("GET", "/v1/users/", opened["access_token"])).status == 200
    assert (await site.auth("logout", opened["access_token"])).status == 204
    await forget_cache(site)
    assert not await works(site, opened["access_token"])
    assert (await site.auth("refresh", refresh_token=opened["refresh_token"])).status == 401
    stored = str(
        await site.house.rows("SELECT * FROM session UNION ALL SELECT hash, prefix, label, 1,1,1,1,1 FROM token")
    )
    assert opened["refresh_token"] not in stored


async def test_unknown_people_and_wrong_passwords_are_the_same(site):
    answers = [
        await site.auth("login", email=email, password=password)
        for email, password in ((EMAIL, "wrong password"), ("nobody@local.test", PASSWORD), ("no address", PASSWORD))
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    took = {EMAIL: [], "nobody@local.test": []}
    for _ in range(8):
        for email, found in took.items():
            started = time.process_time()  # the answer's own work, whatever else the machine does
            await site.auth("login", email=email, password="another wrong one")
            found.append(time.process_time() - started)
    known, unknown = (sorted(found)[len(found) // 2] for found in took.values())
    assert 0.5 < known / unknown < 2


async def test_too_many_failures_keep_strangers_out(tmp_path):
    async with served(tmp_path, limits={"login_failures_per_loopback_address": 5}) as site:
        statuses = [(await site.auth("login", email="x@local.test", password="wrong")).status for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        answer = await site.auth("login", email="y@local.test", password="wrong")
        assert answer.status == 429
        assert "Retry-After" in answer.headers


async def test_a_refresh_token_changes_and_one_that_comes_again_later_ends_the_login(site):
    opened = await login(site)
    first = (await site.auth("refresh", refresh_token=opened["refresh_token"])).json
    assert await works(site, first["access_token"])
    lost = await site.auth("refresh", refresh_token=opened["refresh_token"])
    assert lost.status == 200  # the answer to the first may not have arrived
    await site.house.store.database.write(lambda tx: tx.execute("UPDATE session SET rotated_at = 1"))
    assert (await site.auth("refresh", refresh_token=opened["refresh_token"])).status == 401
    await forget_cache(site)
    assert not await works(site, first["access_token"])
    assert (await site.auth("refresh", refresh_token=lost.json["refresh_token"])).status == 401


async def test_two_refreshes_at_once_end_nothing(site):
    opened = await login(site)
    answers = await asyncio.gather(*(site.auth("refresh", refresh_token=opened["refresh_token"]) for _ in range(2)))
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_second_factor_is_asked_for_and_its_codes_are_good_once(site):
    token = (await login(site))["access_token"]
    secret = (await site.auth("mfa/setup", token)).json["secret"]
    assert (await site.auth("mfa/confirm", token, code="000000")).status == 400
    code = totp.code(secret, int(time.time()) // 30)
    recovery = (await site.auth("mfa/confirm", token, code=code)).json["recovery_codes"]
    assert (await site.call("GET", "/auth/mfa/status/", token)).json == {"enabled": True, "preferred": "totp"}
    waiting = await login(site)
    assert waiting["challenge"] == "mfa"
    assert "access_token" not in waiting
    challenge = waiting["session"]
    # The code that confirmed it was used, so it opens nothing.
    assert (await site.auth("mfa", email=EMAIL, session=challenge, code=code)).status == 401
    following = totp.code(secret, int(time.time()) // 30 + 1)
    assert (await site.auth("mfa", email="b@other.test", session=challenge, code=following)).status == 401
    assert "access_token" in (await site.auth("mfa", email=EMAIL, session=challenge, code=following)).json
    assert (await site.auth("mfa", email=EMAIL, session=challenge, code=following)).status == 401
    another = (await login(site))["session"]
    assert (await site.auth("mfa", email=EMAIL, session=another, code=recovery[0])).status == 200
    third = (await login(site))["session"]
    assert (await site.auth("mfa", email=EMAIL, session=third, code=recovery[0])).status == 401
    for _ in range(5):
        await site.auth("mfa", email=EMAIL, session=third, code="123123")
    assert (await site.auth("mfa", email=EMAIL, session=third, code=recovery[1])).status == 401
    assert (await site.auth("mfa/disable", token, password="wrong", code=recovery[2])).status == 400
    assert (await site.auth("mfa/disable", token, password=PASSWORD, code=recovery[2])).status == 204
    assert "access_token" in await login(site)


@pytest.mark.parametrize(
    ("at", "digits"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_digits_are_those_of_the_standard(at, digits):
    """RFC 6238 appendix B, the last six digits."""
    secret = totp.write_secret(b"12345678901234567890")
    assert totp.code(secret, at // 30) == digits
    assert totp.matching_step(secret, digits, at, 0) == at // 30
    assert totp.matching_step(secret, digits, at + 60, 0) is None
    assert totp.matching_step(secret, digits, at, at // 30) is None


async def test_a_changed_password_ends_every_other_login(site):
    mine, other = await login(site), await login(site)
    assert (
        await site.auth("change-password", mine["access_token"], old_password="wrong", new_password="new passw")
    ).status == 400
    answer = await site.auth(
        "change-password", mine["access_token"], old_password=PASSWORD, new_password="new password"
    )
    assert answer.status == 204
    await forget_cache(site)
    assert await works(site, mine["access_token"])
    assert not await works(site, other["access_token"])
    assert not await works(site, site.tokens["a session"])
    assert (await site.auth("refresh", refresh_token=other["refresh_token"])).status == 401
    assert (await site.auth("refresh", refresh_token=mine["refresh_token"])).status == 200


async def test_a_lost_password_is_set_again_by_mail(site):
    opened = await login(site)
    known = await site.auth("forgot-password", email=EMAIL)
    unknown = await site.auth("forgot-password", email="nobody@local.test")
    assert (known.status, known.content) == (unknown.status, unknown.content)
    (job,) = await site.house.services.queue.page()
    assert job.deliveries[0].recipient == EMAIL
    path = site.house.store.directory / "mail" / job.message.location
    code = re.search(rb"The code is (\d{6})", path.read_bytes()).group(1).decode()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(2):
        answer = await site.auth("forgot-password/confirm", email=EMAIL, code=wrong, new_password="a new password")
        assert answer.status == 400
    answer = await site.auth("forgot-password/confirm", email=EMAIL, code=code, new_password="a new password")
    assert answer.status == 200
    assert (
        await site.auth("forgot-password/confirm", email=EMAIL, code=code, new_password="another one")
    ).status == 400
    await forget_cache(site)
    assert not await works(site, opened["access_token"])
    await login(site, password="a new password")


async def test_a_mailed_code_dies_after_five_tries(site):
    await site.auth("forgot-password", email=EMAIL)
    (job,) = await site.house.services.queue.page()
    path = site.house.store.directory / "mail" / job.message.location
    code = re.search(rb"The code is (\d{6})", path.read_bytes()).group(1).decode()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        await site.auth("forgot-password/confirm", email=EMAIL, code=wrong, new_password="a new password")
    answer = await site.auth("forgot-password/confirm", email=EMAIL, code=code, new_password="a new password")
    assert answer.status == 400


async def test_members_work_and_do_not_administer(site):
    owner = site.tokens["a session"]
    made = await site.call(
        "POST", "/v1/users/", owner, json={"email": "m@person.test", "password": "their password", "role": "member"}
    )
    assert made.status == 201
    again = await site.call("POST", "/v1/users/", owner, json={"email": "M@person.test", "password": "their password"})
    assert again.status == 409
    token = (await login(site, "m@person.test", "their password"))["access_token"]
    assert (await site.call("GET", "/v1/messages/?inbox_id=second@local.test", token)).status == 200
    for method, path in (("GET", "/v1/users/"), ("GET", "/v1/audit/"), ("DELETE", "/v1/inboxes/second@local.test/")):
        assert (await site.call(method, path, token)).status == 403
    paused = await site.call("PATCH", "/v1/inboxes/second@local.test/", token, json={"status": "paused"})
    assert paused.status == 403
    granted = await site.call("POST", "/v1/tokens/", token, json={"inbox_id": "second@local.test", "scopes": ["admin"]})
    assert granted.status == 403
    user_id = made.json["user_id"]
    promoted = await site.call("PATCH", f"/v1/users/{user_id}/", owner, json={"role": "owner"})
    assert promoted.json["role"] == "owner"
    await forget_cache(site)
    assert not await works(site, token)
    assert (await site.call("DELETE", f"/v1/users/{user_id}/", owner)).status == 204
    (me,) = (await site.call("GET", "/v1/users/", owner)).json["results"]
    assert (await site.call("DELETE", f"/v1/users/{me['user_id']}/", owner)).status == 409
    kinds = {row["type"] for row in (await site.call("GET", "/v1/audit/", owner)).json["results"]}
    assert {"user.created", "user.changed", "user.removed"} <= kinds

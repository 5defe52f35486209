"""When certificates are asked for, and what becomes of it where the authority, DNS or the process fails."""

import asyncio
import sys
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.certificates import attempts, keys, leaf, pairs
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Source
from mailserver.entities import errors
from tests.support.acme_authority import PREFIX, FakeAuthority, Killed
from tests.support.certified import DAYS, HOST, HOURS, Desk
from tests.support.zone import FAILS


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


async def test_the_first_certificate_has_the_key_that_was_there_and_is_served_at_once(desk):
    own = leaf.read((desk.directory / "self-signed.pem").read_bytes())
    before = desk.certificates.der
    await desk.keeper.round()
    state = await desk.state()
    assert (state.source, state.names, state.last_error) == ("acme", (HOST,), "")
    assert desk.certificates.der != before
    assert desk.certificates.shown[0].leaf.public_key == own.public_key
    assert desk.authority.ordered() == [{"identifiers": [{"type": "dns", "value": HOST}]}]
    asked = len(desk.authority.seen)
    await desk.passed(HOURS)
    assert len(desk.authority.seen) <= asked + 2  # the window alone, for which there is none yet


async def test_it_is_renewed_in_the_authoritys_window_and_says_what_it_replaces(desk):
    now = desk.at / 1000
    desk.authority.window = (now + 3 * 86_400, now + 5 * 86_400)
    await desk.keeper.round()
    state = await desk.state()
    assert abs(state.renew_at - desk.at - 4 * DAYS) < 1000  # the middle of it, by the fake chance
    old = desk.certificates.shown[0].leaf
    windows = [path for path in desk.authority.asked if path.startswith("/info/")]
    assert windows == [f"/info/{old.renewal_id}"]
    await desk.passed(HOURS)
    assert len([path for path in desk.authority.asked if path.startswith("/info/")]) == 1  # Retry-After: six hours
    await desk.passed(5 * HOURS + 1000)
    assert len([path for path in desk.authority.asked if path.startswith("/info/")]) == 2
    await desk.passed(3 * DAYS)
    assert desk.certificates.shown[0].leaf == old
    desk.authority.window = (desk.at / 1000 - 86_400, desk.at / 1000 - 3600)  # it wants it back at once
    await desk.passed(7 * HOURS)
    assert desk.authority.ordered()[-1]["replaces"] == old.renewal_id
    assert desk.certificates.shown[0].leaf.public_key == old.public_key
    assert desk.certificates.shown[0].leaf != old


@pytest.mark.parametrize("has_windows", [True, False])
async def test_without_a_window_it_is_renewed_at_two_thirds_of_its_life(tmp_path, has_windows):
    desk = Desk(tmp_path, has_windows=has_windows)
    await desk.keeper.round()
    old = desk.certificates.shown[0].leaf
    await desk.passed(59 * DAYS)
    assert desk.certificates.shown[0].leaf == old
    await desk.passed(2 * DAYS)
    assert desk.certificates.shown[0].leaf != old
    assert ("replaces" in desk.authority.ordered()[-1]) is has_windows


async def test_a_predecessor_that_the_authority_does_not_know_does_not_stand_in_the_way(desk):
    await desk.keeper.round()
    desk.authority.refusals = [("/order", 409, {"type": f"{PREFIX}alreadyReplaced", "detail": "no"}, {})]
    await desk.passed(61 * DAYS)
    assert not (await desk.state()).last_error
    assert ["replaces" in payload for payload in desk.authority.ordered()] == [False, True, False]


async def test_an_authority_that_is_down_is_asked_ever_less_often_over_restarts_too(desk):
    desk.authority.is_down = True
    waits = []
    for _ in range(9):
        await desk.keeper.round()
        state = await desk.state()
        assert state.last_error == "Cannot connect to ca.test: Connection refused"
        waits.append(state.next_attempt_at - desk.at)
        asked = len(desk.authority.seen)
        desk.again()
        await desk.passed(waits[-1] - 2000)
        assert len(desk.authority.seen) == asked
        desk.at += 2001
    assert waits[:3] == [990_000, 1_980_000, 3_960_000]
    assert waits == sorted(waits)
    assert waits[-1] == 47_520_000
    desk.authority.is_down = False
    await desk.keeper.round()
    assert (await desk.state()).source == "acme"
    assert attempts.load(desk.pairs.place(HOST)).failures == 0


async def test_an_authority_that_is_down_is_not_asked_for_one_certificate_after_the_other(desk):
    desk.domains = [f"d{number}.test" for number in range(40)]
    desk.resolver.hosts |= {f"mta-sts.{domain}": ["192.0.2.1"] for domain in desk.domains}
    desk.authority.is_down = True
    assert await desk.keeper.round() >= 890
    assert len(desk.authority.seen) == 1
    assert await desk.passed(901_000) >= 80  # the host's own is waited for longer, the first domain's turn comes
    assert len(desk.authority.seen) == 2
    desk.authority.is_down = False
    await desk.passed(HOURS)
    assert len(desk.authority.orders) == 41


async def test_a_refused_name_does_not_stand_in_the_way_of_the_others(desk):
    desk.domains = ["a.test", "b.test"]
    desk.resolver.hosts |= {f"mta-sts.{domain}": ["192.0.2.1"] for domain in desk.domains}
    honest = desk.authority.answer
    desk.authority.answer = lambda token: None if "a.test" in token else honest(token)
    await desk.keeper.round()
    assert (await desk.state("@a.test")).last_error
    assert (await desk.state("@b.test")).source == "acme"


async def test_an_expired_certificate_is_asked_for_again_and_again_with_time_between(desk):
    desk.authority.window = (desk.at / 1000 + 86_400, desk.at / 1000 + 2 * 86_400)
    await desk.keeper.round()
    desk.authority.is_down = True
    assert await desk.passed(100 * DAYS) >= 600
    assert (await desk.state()).last_error
    desk.authority.is_down = False
    await desk.passed(HOURS)
    assert (await desk.state()).not_after_at > desk.at


@pytest.mark.parametrize(("header", "hours"), [({"retry-after": "345600"}, 96), ({}, 3)])
async def test_a_rate_limit_is_kept_to_the_time_that_it_names(desk, header, hours):
    desk.authority.refusals = [("/order", 429, {"type": f"{PREFIX}rateLimited", "detail": "too many"}, header)]
    await desk.keeper.round()
    state = await desk.state()
    assert state.next_attempt_at - desk.at == hours * HOURS
    assert state.last_error == "too many (rateLimited)"
    await desk.passed(hours * HOURS - 1)
    assert len(desk.authority.ordered()) == 1
    await desk.passed(1)
    assert (await desk.state()).source == "acme"


async def test_nonces_are_refused_often_and_not_for_ever(desk):
    desk.authority.refused_nonces = 5
    await desk.keeper.round()
    assert (await desk.state()).source == "acme"
    desk.authority.refused_nonces = 1000
    await desk.passed(61 * DAYS)
    assert "nonces" in (await desk.state()).last_error
    assert 1000 - desk.authority.refused_nonces < 10


async def test_a_refused_proof_says_why_and_is_begun_anew(desk):
    desk.authority.answer = lambda _token: None
    await desk.keeper.round()
    state = await desk.state()
    assert state.last_error == f"{HOST} did not answer (connection)"
    assert state.source == "self-signed"
    desk.authority.answer = lambda token: desk.tokens.answer(token)
    await desk.passed(2 * HOURS)
    assert (await desk.state()).source == "acme"
    assert len(desk.authority.orders) == 2


async def test_terms_that_nobody_agreed_to_are_named(tmp_path):
    desk = Desk(tmp_path)
    desk.registration = replace(desk.registration, terms_agreed=False)
    desk.again()
    await desk.keeper.round()
    assert "https://ca.test/terms and set acme.terms_agreed" in (await desk.state()).last_error
    assert not desk.authority.accounts


async def test_an_account_that_the_authority_has_forgotten_is_made_again(desk):
    await desk.keeper.round()
    no = {"type": f"{PREFIX}accountDoesNotExist", "detail": "who?"}
    desk.authority.refusals = [("/order", 400, no, {})]
    await desk.passed(61 * DAYS)
    assert "who?" in (await desk.state()).last_error
    await desk.passed(1 * HOURS)
    assert not (await desk.state()).last_error
    assert desk.authority.asked.count("/account") == 2


async def test_a_certificate_that_is_not_ours_is_not_kept(desk):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    honest = desk.authority.issue
    for issue, complaint in (
        (lambda csr, names: honest(csr, names, other), "for another key"),
        (lambda csr, _: honest(csr, ["elsewhere.test"]), f"without {HOST}"),
        (lambda *_: b"<html>", "no certificate that can be read"),
    ):
        desk.authority.issue = issue
        await desk.keeper.round()
        assert complaint in (await desk.state()).last_error
        assert desk.certificates.shown[0].source is Source.SELF
        desk.at += 13 * HOURS
    desk.authority.issue = honest
    await desk.keeper.round()
    assert (await desk.state()).source == "acme"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"newNonce": 3}', b'{"status": []}', b"\xff\xfe"])
@pytest.mark.parametrize("path", ["/dir", "/order", "/authz", "/info"])
async def test_nonsense_of_the_authority_is_a_failure_like_any_other(desk, body, path):
    honest = desk.authority._come

    def nonsense(url, signed):
        answer = honest(url, signed)
        if path in url:
            answer.body = body
        return answer

    desk.authority._come = nonsense
    desk.authority.window = (desk.at / 1000, desk.at / 1000 + 60)
    await desk.keeper.round()
    state = await desk.state()
    assert state.source == ("acme" if path == "/info" else "self-signed")
    assert bool(state.last_error) is (path != "/info")


async def test_a_process_that_is_killed_at_any_request_loses_nothing_and_does_not_hammer(tmp_path):
    for number in range(30):
        desk = Desk(tmp_path / str(number))
        desk.authority.killed_at = number
        try:
            await desk.keeper.round()
        except Killed:
            pass
        else:
            if number > 10:
                return  # that was behind its last request
            raise AssertionError
        desk.authority.killed_at = -1
        desk.again()
        asked = len(desk.authority.seen)
        await desk.passed(60_000)
        ordered = [path for path in desk.authority.asked[asked:] if not path.startswith(("/info/", "/dir"))]
        assert not ordered  # the time after a failure is kept to
        await desk.passed(HOURS)
        assert (await desk.state()).source == "acme"
        assert len(desk.authority.orders) <= 2
        if any(path.startswith("/order/0") for path in desk.authority.asked):
            assert len(desk.authority.orders) == 1  # what was begun was gone on with
        keys.read(desk.certificates.shown[0].key.read_bytes())
    raise AssertionError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that nobody could close any more
def test_a_process_that_is_killed_at_any_line_leaves_the_old_pair_or_the_new_one(tmp_path):
    authority = FakeAuthority(None, time.time)
    made = []
    for name in ("old.test", "new.test"):
        key = keys.make()
        chain = authority._certificate(_request(key, name), [name])
        made.append((chain, key))
    ends = set()
    for number in range(1, 200):
        place = Pairs(tmp_path / str(number))
        place.save(HOST, *made[0])
        left = [number]

        def trace(frame, event, _argument, left=left):
            if frame.f_code.co_filename not in (pairs.__file__, keys.__file__):
                return None
            if event == "line":
                left[0] -= 1
                if not left[0]:
                    raise Killed
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            place.save(HOST, *made[1])
        except Killed:
            pass
        finally:
            sys.settrace(before)
        found = Pairs(tmp_path / str(number)).newest(HOST)
        assert (found.chain.read_bytes(), found.key.read_bytes()) in made
        ends.add(found.leaf.names)
        Pairs(tmp_path / str(number)).save(HOST, *made[1])
        assert Pairs(tmp_path / str(number)).newest(HOST).leaf.names == ("new.test",)
        if left[0] > 0:
            break
    else:
        raise AssertionError
    assert ends == {("old.test",), ("new.test",)}


def _request(key, name):
    from mailserver.certificates.acme import jws, signing_request

    return jws.base64url(signing_request.make(keys.read(key), [name]))


async def test_names_are_asked_for_where_dns_leads_here_and_the_others_are_named(desk):
    desk.domains = ["local.test", "far.test", "silent.test"]
    hosts = {
        HOST: ["192.0.2.1", "2001:db8::1"], "mta-sts.local.test": ["192.0.2.1"],
        "autoconfig.local.test": ["2001:db8::1", "192.0.2.1"], "autodiscover.local.test": ["192.0.2.1", "192.0.2.2"],
        "mta-sts.silent.test": FAILS, "autoconfig.silent.test": FAILS, "autodiscover.silent.test": FAILS,
    }  # fmt: skip
    desk.resolver.hosts = hosts
    await desk.keeper.round()
    state = await desk.state("@local.test")
    assert state.names == ("mta-sts.local.test", "autoconfig.local.test")
    assert [(one.name, "192.0.2.2" in one.reason) for one in state.left_out] == [("autodiscover.local.test", True)]
    for domain, reason in (("far.test", "no address"), ("silent.test", "no answer")):
        state = await desk.state(f"@{domain}")
        assert (state.source, state.next_attempt_at) == ("", None)
        assert len(state.left_out) == 3
        assert all(reason in one.reason for one in state.left_out)
    # A name that comes is added at once; one that DNS says nothing of for a while stays.
    hosts |= {"autodiscover.local.test": ["192.0.2.1"], "mta-sts.local.test": FAILS}
    await desk.passed(HOURS)
    assert set((await desk.state("@local.test")).names) == {
        "mta-sts.local.test", "autoconfig.local.test", "autodiscover.local.test",
    }  # fmt: skip
    orders = len(desk.authority.orders)
    hosts |= {name: [] for name in list(hosts)[1:]}
    await desk.passed(HOURS)
    assert len(desk.authority.orders) == orders  # a name that goes is left out of the next one


async def test_the_operators_files_go_before_the_authority(desk):
    await desk.keeper.round()
    certificate = desk.directory / "own.pem"
    key = keys.make()
    names = [HOST, "mta-sts.local.test"]
    certificate.write_bytes(desk.authority._certificate(_request(key, HOST), names) + key)
    desk.operator = certificate
    desk.domains = ["local.test"]
    desk.resolver.hosts |= {f"{label}.local.test": ["192.0.2.1"] for label in ("mta-sts", "autoconfig")}
    desk.again()
    await desk.passed(61 * DAYS)
    assert [one["identifiers"] for one in desk.authority.ordered()[1:]] == [
        [{"type": "dns", "value": "autoconfig.local.test"}]
    ]
    assert (await desk.state()).source == "operator"


async def test_a_crash_between_the_new_pair_and_the_note_of_it_is_forgotten(desk):
    await desk.keeper.round()
    place = desk.pairs.place(HOST)
    attempts.save(place, replace(attempts.load(place), failures=1, last_error="x", not_before_at=desk.at + HOURS))
    desk.again()
    await desk.keeper.round()
    state = await desk.state()
    assert (state.last_error, state.next_attempt_at) == ("", state.renew_at)


async def test_renewing_by_hand_does_what_is_due_and_more_only_by_force(desk):
    await desk.keeper.round()
    (state,) = await desk.running(lambda: desk.wishes.renew(None))
    assert len(desk.authority.orders) == 1
    desk.again()
    (forced,) = await desk.running(lambda: desk.wishes.renew(HOST, force=True))
    assert len(desk.authority.orders) == 2
    assert forced.not_after_at >= state.not_after_at
    desk.again()
    with pytest.raises(errors.Temporary):
        await desk.wishes.renew(None)
    with pytest.raises(errors.NotFound):
        await desk.running(lambda: desk.wishes.renew("nowhere.test"))


async def test_stopping_does_not_wait_for_the_authority(desk):
    waiting = asyncio.Event()

    async def for_ever(*_given, **_bounds):
        waiting.set()
        await asyncio.Event().wait()

    desk.authority.get = for_ever
    task = asyncio.ensure_future(desk.keeper.run())
    async with asyncio.timeout(30):
        await waiting.wait()
        desk.keeper.stop()
        await task


def test_the_name_of_a_certificate_leads_out_of_no_directory(tmp_path):
    for name in ("", "..", "../x", "a/b", "." + "a", "a" * 300, "a\0"):
        with pytest.raises(ValueError):
            Pairs(tmp_path).place(name)


async def test_a_disk_that_fails_and_a_key_that_is_damaged_do_not_end_the_server(tmp_path, monkeypatch):
    desk = Desk(tmp_path)
    tried = []

    def full(place, attempt):
        tried.append(place)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "save", full)
        task = asyncio.ensure_future(desk.keeper.run())
        async with asyncio.timeout(30):
            while not tried:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not task.done()
        desk.keeper.stop()
        await task
    desk.again()
    desk.pairs.keep_next_key(HOST, b"this is no key")
    task = asyncio.ensure_future(desk.keeper.run())
    await asyncio.sleep(0.2)
    assert not task.done()
    desk.keeper.stop()
    await task

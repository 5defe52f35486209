"""Keys that change because they are old: of certificates, beside their TLSA records, and of the account."""

import json

import pytest

from mailserver.certificates import keys
from mailserver.certificates.acme import jws
from mailserver.entities import errors
from mailserver.entities.health import Status
from mailserver.mail import tlsa
from mailserver.services.accounts import records
from mailserver.services.accounts.domain_checks import DomainChecks
from mailserver.services.accounts.records import Proof
from mailserver.services.health.domain_records import DomainRecords
from tests.support.acme_authority import PREFIX
from tests.support.axe import Axe
from tests.support.certified import DAYS, DOMAIN, HOST, HOURS, WHERE, Desk, killed, served
from tests.support.zone import FAILS, FakeResolver


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def axe():
    found = Axe()
    yield found
    found.put_away()


def publish(desk, *found):
    desk.resolver.tlsas[WHERE] = [(one.usage, one.selector, one.matching, one.data) for one in found]


async def test_a_new_key_waits_for_its_tlsa_record(desk):
    await desk.keeper.round()
    old = served(desk)
    present = tlsa.of_key(old.public_key)
    publish(desk, present)
    answer = await desk.running(lambda: desk.wishes.rekey(HOST))
    assert answer.publish == answer.state.next_tlsa
    assert answer.state.next_tlsa.startswith(f"{WHERE}. IN TLSA 3 1 1 ")
    following = tlsa.of_key(desk.certificates.next_key)
    assert answer.state.next_tlsa.endswith(following.data.hex().upper())
    assert (answer.remove, answer.state.next_key_at) == ((), None)
    desk.again()
    assert tlsa.of_key(desk.certificates.next_key) == following  # DNS is told of it from the first moment on
    await desk.passed(3 * HOURS)
    assert served(desk) == old
    publish(desk, present, following)
    await desk.passed(HOURS)
    assert (await desk.state()).next_key_at == desk.at + 2 * HOURS
    await desk.passed(HOURS)
    again = await desk.running(lambda: desk.wishes.rekey(HOST))
    assert again.publish == answer.publish
    assert served(desk) == old  # caches may still know the old records alone
    desk.again()
    await desk.passed(HOURS)
    assert tlsa.of_key(served(desk).public_key) == following
    assert (await desk.state()).next_tlsa == ""
    assert desk.certificates.next_key is None
    assert [one.serial for one in (await desk.state()).earlier] == [old.serial]


async def test_a_new_key_waits_for_two_times_to_live_of_the_old_records(desk):
    await desk.keeper.round()
    old = served(desk)
    present = tlsa.of_key(old.public_key)
    publish(desk, present)
    desk.resolver.tlsa_ttl_seconds = 86_400
    await desk.running(lambda: desk.wishes.rekey(HOST))
    publish(desk, present, tlsa.of_key(desk.certificates.next_key))
    desk.resolver.tlsa_ttl_seconds = 300
    desk.again()
    await desk.passed(HOURS)
    await desk.passed(47 * HOURS)
    assert served(desk) == old
    desk.resolver.tlsas[WHERE] = FAILS  # where DNS gives no answer it waits
    await desk.passed(2 * HOURS)
    assert served(desk) == old
    publish(desk, present, tlsa.of_key(desk.certificates.next_key))
    await desk.passed(HOURS)
    assert served(desk).public_key != old.public_key


async def test_a_record_that_goes_again_is_waited_for_anew(desk):
    await desk.keeper.round()
    old = served(desk)
    present = tlsa.of_key(old.public_key)
    publish(desk, present)
    await desk.running(lambda: desk.wishes.rekey(HOST))
    following = tlsa.of_key(desk.certificates.next_key)
    desk.again()
    for there in ((present, following), (present,), (present, following)):
        publish(desk, *there)
        await desk.passed(HOURS)
    await desk.passed(HOURS)
    assert served(desk) == old
    await desk.passed(HOURS)
    assert tlsa.of_key(served(desk).public_key) == following


@pytest.mark.parametrize("anchor", [None, tlsa.Tlsa(2, 1, 1, b"a" * 32), tlsa.Tlsa(3, 1, 1, b"short")])
async def test_a_new_key_is_used_at_once_where_no_record_names_a_key(desk, anchor):
    await desk.keeper.round()
    old = served(desk)
    publish(desk, *([anchor] if anchor else []))
    answer = await desk.running(lambda: desk.wishes.rekey(HOST))
    assert served(desk).public_key != old.public_key
    assert answer.publish.endswith(tlsa.text(tlsa.of_key(served(desk).public_key)))
    assert answer.remove == (f"{WHERE}. IN TLSA {tlsa.text(tlsa.of_key(old.public_key))}",)


async def test_the_operator_may_insist_and_a_forced_renewal_does_not(desk):
    await desk.keeper.round()
    old = served(desk)
    publish(desk, tlsa.of_key(old.public_key))
    await desk.running(lambda: desk.wishes.rekey(HOST))
    following = desk.certificates.next_key
    desk.again()
    await desk.running(lambda: desk.wishes.renew(HOST, force=True))
    assert served(desk).public_key == old.public_key
    assert served(desk) != old
    desk.again()
    answer = await desk.running(lambda: desk.wishes.rekey(HOST, at_once=True))
    assert served(desk).public_key == following
    assert len(answer.remove) == 1


async def test_a_key_that_is_not_wanted_any_more_is_forgotten(desk):
    await desk.keeper.round()
    publish(desk, tlsa.of_key(served(desk).public_key))
    first = await desk.running(lambda: desk.wishes.rekey(HOST))
    desk.again()
    answer = await desk.running(lambda: desk.wishes.rekey(HOST, cancel=True))
    assert (answer.publish, answer.state.next_tlsa, desk.certificates.next_key) == ("", "", None)
    desk.again()
    assert (await desk.running(lambda: desk.wishes.rekey(HOST))).publish != first.publish


async def test_the_certificate_of_a_domain_changes_its_key_at_once_and_no_record_is_spoken_of(desk):
    desk.domains = ["local.test"]
    desk.resolver.hosts["mta-sts.local.test"] = ["192.0.2.1"]
    await desk.keeper.round()
    publish(desk, tlsa.of_key(served(desk).public_key))
    before = desk.pairs.newest(DOMAIN).leaf
    answer = await desk.running(lambda: desk.wishes.rekey(DOMAIN))
    assert desk.pairs.newest(DOMAIN).leaf.public_key != before.public_key
    assert (answer.publish, answer.remove) == ("", ())


async def test_a_refusal_leaves_the_key_ready_and_the_old_one_served(desk):
    await desk.keeper.round()
    old = served(desk)
    desk.authority.refusals = [("/order", 400, {"type": f"{PREFIX}rejectedIdentifier", "detail": "not you"}, {})]
    answer = await desk.running(lambda: desk.wishes.rekey(HOST))
    assert answer.state.last_error == "not you (rejectedIdentifier)"
    assert (served(desk), answer.remove) == (old, ())
    ready = desk.certificates.next_key
    desk.again()
    await desk.passed(HOURS)
    assert served(desk).public_key == ready


async def test_what_cannot_have_another_key_says_why(desk):
    with pytest.raises(errors.Temporary):
        await desk.wishes.rekey(HOST)
    desk.authority.is_down = True
    with pytest.raises(errors.Conflict, match="has not given a certificate"):
        await desk.running(lambda: desk.wishes.rekey(HOST))
    desk.again()
    with pytest.raises(errors.NotFound):
        await desk.running(lambda: desk.wishes.rekey("../nowhere.test"))


async def test_a_change_of_keys_that_is_killed_at_any_step_ends_with_one_of_the_two(tmp_path, axe):
    for step in (*range(1, 6), *range(6, 100, 4)):  # those of an order are all gone through elsewhere
        desk = Desk(tmp_path / str(step))
        await desk.keeper.round()
        old = served(desk)
        publish(desk, tlsa.of_key(old.public_key))
        desk.again()
        has_fallen = await killed(desk, axe, step, lambda desk=desk: desk.wishes.rekey(HOST, at_once=True))
        assert keys.public(desk.certificates.shown[0].key.read_bytes()) == served(desk).public_key
        ready, is_old = desk.certificates.next_key, served(desk).public_key == old.public_key
        await desk.passed(25 * HOURS)  # that it was asked for at once died with whoever asked
        if is_old:
            assert served(desk).public_key == old.public_key
            assert desk.certificates.next_key == ready
        await desk.running(lambda desk=desk, is_old=is_old: desk.wishes.rekey(HOST, at_once=is_old))
        if is_old:
            assert served(desk).public_key == ready or ready is None
        if not has_fallen:
            assert not is_old
            return
    raise AssertionError


def dns_findings(desk, *there):
    """What doctor says of the host's TLSA records, with such records published."""
    resolver = FakeResolver(tlsa={WHERE: [(one.usage, one.selector, one.matching, one.data) for one in there]})
    proof = Proof(desk.certificates.der, desk.certificates.next_key)
    wanted = [one for one in records._of_host(HOST, proof) if one.type == "TLSA"]
    return DomainRecords(DomainChecks(resolver), resolver).look("local.test", wanted)


async def test_doctor_takes_both_records_for_right_and_wants_the_served_key_among_them(desk):
    await desk.keeper.round()
    present = tlsa.of_key(served(desk).public_key)
    publish(desk, present)
    await desk.running(lambda: desk.wishes.rekey(HOST))
    following = tlsa.of_key(desk.certificates.next_key)
    other = tlsa.Tlsa(3, 1, 1, b"x" * 32)

    async def statuses(*there):
        return [one.status for one in await dns_findings(desk, *there)]

    assert await statuses(present, following) == [Status.OK, Status.OK]
    assert await statuses(present, following, other) == [Status.OK, Status.OK]
    assert await statuses(present) == [Status.OK, Status.WARNING]
    assert await statuses(following) == [Status.FAILED, Status.OK]
    assert await statuses(other) == [Status.FAILED, Status.WARNING]
    (_, beside) = await dns_findings(desk, present)
    assert beside.fix.startswith("Publish beside the present one: ")


def account_file(desk):
    (found,) = desk.directory.glob("account-*.json")
    return json.loads(found.read_text())


def public(pem):
    return jws.public(keys.read(pem.encode()))


async def test_the_account_gets_another_key_and_goes_on_with_it(desk):
    await desk.keeper.round()
    before = account_file(desk)
    url = await desk.running(lambda: desk.wishes.change_account_key())
    after = account_file(desk)
    assert url == before["url"] == after["url"]
    assert desk.authority.accounts == [public(after["key"])]
    assert before["key"] not in json.dumps(after)
    assert "next_key" not in after
    desk.again()
    await desk.passed(61 * DAYS)
    assert not (await desk.state()).last_error
    assert len(desk.authority.accounts) == 1


async def test_an_account_whose_key_is_changed_and_killed_at_any_step_is_not_lost(tmp_path, axe):
    changed = set()
    for step in range(1, 60):
        desk = Desk(tmp_path / str(step))
        await desk.keeper.round()
        before = account_file(desk)
        desk.again()
        has_fallen = await killed(desk, axe, step, lambda desk=desk: desk.wishes.change_account_key())
        kept = account_file(desk)
        theirs = desk.authority.accounts[0]
        assert theirs in [public(one) for one in (kept["key"], kept.get("next_key")) if one]
        changed.add((theirs != public(before["key"]), "next_key" in kept))
        await desk.passed(61 * DAYS)  # the next certificate comes by the same account
        assert not (await desk.state()).last_error
        assert served(desk).not_before_at // 1000 >= desk.at // 1000
        if not has_fallen:
            break
        desk.again()
        await desk.running(lambda desk=desk: desk.wishes.change_account_key())
        assert len(desk.authority.accounts) == 1
        assert desk.authority.accounts != [public(before["key"])]
        assert set(account_file(desk)) == {"key", "url", "identities"}
    else:
        raise AssertionError
    assert changed == {(False, False), (False, True), (True, True), (True, False)}


async def test_an_answer_that_does_not_come_leaves_both_keys_until_the_authority_says_which(desk):
    await desk.keeper.round()
    before = account_file(desk)
    desk.authority.is_down = True
    with pytest.raises(errors.Unreachable, match="Both keys are kept"):
        await desk.running(lambda: desk.wishes.change_account_key())
    assert set(account_file(desk)) == {"key", "url", "identities", "next_key"}
    ready = account_file(desk)["next_key"]
    desk.authority.is_down = False
    desk.authority.refusals = [("/key", 500, {"type": f"{PREFIX}serverInternal", "detail": "oh"}, {})]
    desk.again()
    with pytest.raises(errors.Unreachable, match="oh"):
        await desk.running(lambda: desk.wishes.change_account_key())
    assert account_file(desk)["next_key"] == ready
    desk.again()
    await desk.passed(61 * DAYS)
    assert account_file(desk)["key"] == before["key"]
    await desk.running(lambda: desk.wishes.change_account_key())
    assert account_file(desk)["key"] == ready


async def test_a_change_of_the_accounts_key_that_is_refused_changes_nothing(desk):
    with pytest.raises(errors.Temporary):
        await desk.wishes.change_account_key()
    desk.authority.is_down = True
    with pytest.raises(errors.Conflict, match="no account"):
        await desk.running(lambda: desk.wishes.change_account_key())
    desk.authority.is_down = False
    desk.again()
    await desk.passed(HOURS)
    before = account_file(desk)
    desk.authority.refusals = [("/key", 409, {"type": f"{PREFIX}conflict", "detail": "in use"}, {})]
    with pytest.raises(errors.RefusedOutside, match="The key is the old one"):
        await desk.running(lambda: desk.wishes.change_account_key())
    assert account_file(desk) == before

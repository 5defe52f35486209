"""Certificates that are revoked: what is served then, what is kept of it, and what a crash leaves."""

import asyncio

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mailserver.certificates import keys
from mailserver.certificates.acme.revocation import Reason
from mailserver.entities import errors
from mailserver.mail import tlsa
from mailserver.services.certification import enrolment
from tests.support.acme_authority import PREFIX
from tests.support.axe import Axe
from tests.support.certified import DAYS, DOMAIN, HOST, HOURS, WHERE, Desk, killed, served

LEAKED = Reason.KEY_COMPROMISE


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def axe():
    found = Axe()
    yield found
    found.put_away()


def revoked(desk):
    """What the authority has revoked: reason and signer, by serial number."""
    return {f"{one.serial_number:x}": (reason, by) for one, reason, by in desk.authority.revoked}


def plain(serial):
    return serial.lstrip("0")


def line(public_key):
    return f"{WHERE}. IN TLSA {tlsa.text(tlsa.of_key(public_key))}"


def private_keys(directory):
    """The public halves of every private key that lies anywhere below a directory."""
    found = set()
    for path in directory.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        text = text.replace("\\n", "\n")
        for part in text.split("-----BEGIN PRIVATE KEY-----")[1:]:
            pem = f"-----BEGIN PRIVATE KEY-----{part.partition('-----END')[0]}-----END PRIVATE KEY-----\n"
            key = serialization.load_pem_private_key(pem.encode(), None)
            found.add(keys.public(keys.write(key)))
    return found


async def test_what_is_revoked_has_a_successor_with_the_same_key_before_the_authority_is_asked(desk):
    await desk.keeper.round()
    old = served(desk)
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    assert (answer.is_done, answer.error, answer.serials) == (True, "", (old.serial,))
    assert revoked(desk) == {plain(old.serial): (4, "account")}
    assert served(desk).serial != old.serial
    assert served(desk).public_key == old.public_key
    assert (answer.changed.publish, answer.changed.remove) == ("", ())
    paths = desk.authority.asked
    assert paths.index("/revoke") > paths.index("/cert/1")
    assert (answer.changed.state.revoked_for, answer.changed.state.earlier) == ("", ())


async def test_the_same_again_revokes_nothing_more_unless_the_serial_number_says_so(desk):
    await desk.keeper.round()
    old = served(desk)
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.UNSPECIFIED))
    following = served(desk)
    desk.again()
    for serial in (None, old.serial, old.serial.upper()):
        again = await desk.running(lambda serial=serial: desk.wishes.revoke(HOST, serial, Reason.UNSPECIFIED))
        assert (again.is_done, again.serials) == (True, (old.serial,))
        desk.again()
    assert served(desk) == following
    assert revoked(desk) == {plain(old.serial): (None, "account")}
    by_name = ":".join(following.serial[at : at + 2] for at in range(0, len(following.serial), 2))
    await desk.running(lambda: desk.wishes.revoke(HOST, by_name.upper(), Reason.UNSPECIFIED))
    assert set(revoked(desk)) == {plain(old.serial), plain(following.serial)}
    desk.again()
    third = served(desk)
    await desk.passed(2 * HOURS)
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.UNSPECIFIED))
    assert plain(third.serial) in revoked(desk)


async def test_what_has_leaked_within_the_hour_of_another_revocation_is_revoked_all_the_same(desk):
    await desk.keeper.round()
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    second = served(desk)
    desk.again()
    await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert revoked(desk)[plain(second.serial)] == (1, "account")
    desk.again()
    await desk.running(lambda: desk.wishes.rekey(HOST))  # not by a revocation: that is another matter
    fourth = served(desk)
    desk.again()
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    assert revoked(desk)[plain(fourth.serial)] == (4, "account")


async def test_one_that_the_authority_has_revoked_already_is_a_success(desk):
    await desk.keeper.round()
    old = served(desk)
    certificate = x509.load_pem_x509_certificate(desk.certificates.shown[0].chain.read_bytes())
    desk.authority.revoked.append((certificate, None, "somebody"))
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.UNSPECIFIED))
    assert answer.is_done
    assert served(desk) != old


async def test_a_leaked_key_and_everything_that_has_it_is_gone_from_the_disk(desk):
    await desk.keeper.round()
    first = served(desk)
    await desk.running(lambda: desk.wishes.renew(HOST, force=True))
    second = served(desk)
    assert second.public_key == first.public_key
    publish = tlsa.of_key(first.public_key)
    desk.resolver.tlsas[WHERE] = [(publish.usage, publish.selector, publish.matching, publish.data)]
    desk.again()
    await desk.running(lambda: desk.wishes.rekey(HOST))
    beside = desk.certificates.next_key  # whoever has read the one may have read the other
    desk.again()
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert answer.is_done
    assert set(answer.serials) == {first.serial, second.serial}
    assert set(revoked(desk)) == {plain(first.serial), plain(second.serial)}
    assert {reason for reason, _ in revoked(desk).values()} == {1}
    fresh = served(desk).public_key
    assert fresh not in (first.public_key, beside)
    assert (answer.changed.publish, answer.changed.remove) == (line(fresh), (line(first.public_key),))
    assert not private_keys(desk.directory) & {first.public_key, beside}
    desk.again()
    assert served(desk).public_key == fresh
    assert [*desk.directory.glob("self-signed.*")] == []
    await desk.passed(61 * DAYS)
    assert served(desk).public_key == fresh


async def test_an_earlier_certificate_is_revoked_and_what_is_served_stays(desk):
    await desk.keeper.round()
    old = served(desk)
    await desk.running(lambda: desk.wishes.rekey(HOST))
    following = served(desk)
    assert following.public_key != old.public_key
    desk.again()
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, old.serial, LEAKED))
    assert answer.is_done
    assert served(desk) == following
    assert set(revoked(desk)) == {plain(old.serial)}
    assert old.public_key not in private_keys(desk.directory)
    desk.again()
    # That was another one: without a serial number it is what is served that is meant.
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    assert plain(following.serial) in revoked(desk)


async def test_an_authority_that_is_down_is_asked_again_after_restarts_until_it_answers(desk):
    await desk.keeper.round()
    old = served(desk)
    desk.authority.is_down = True
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert (answer.is_done, answer.is_refused) == (False, False)
    assert answer.error == "Cannot connect to ca.test: Connection refused"
    assert answer.changed.state.revoked_for == "key-compromise"
    assert (answer.changed.publish, answer.changed.remove) == (line(desk.certificates.next_key), ())
    assert served(desk) == old
    desk.again()
    again = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert (again.serials, again.changed.publish) == (answer.serials, answer.changed.publish)
    desk.again()
    asked = len(desk.authority.seen)
    await desk.passed(60_000)
    assert len(desk.authority.seen) <= asked + 1  # the window
    desk.authority.is_down = False
    await desk.passed(HOURS)
    await desk.passed(HOURS)
    assert line(served(desk).public_key) == answer.changed.publish
    assert revoked(desk) == {plain(old.serial): (1, "account")}
    assert old.public_key not in private_keys(desk.directory)


async def test_what_the_authority_does_not_replace_is_revoked_all_the_same_and_served_until_it_does(desk):
    await desk.keeper.round()
    old = served(desk)
    no = {"type": f"{PREFIX}rateLimited", "detail": "too many"}
    desk.authority.refusals = [("/order", 429, no, {"retry-after": "7200"})]
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert answer.is_done
    assert answer.changed.state.last_error == "too many (rateLimited)"
    assert (served(desk), answer.changed.state.revoked_for) == (old, "key-compromise")
    desk.again()
    assert await desk.passed(HOURS) <= 3600
    assert served(desk) == old
    await desk.passed(HOURS + 1)
    assert served(desk).public_key != old.public_key
    assert old.public_key not in private_keys(desk.directory)


@pytest.mark.parametrize("how", ["deactivated", "forgotten", "another key"])
async def test_without_the_account_the_certificates_own_key_signs(desk, how):
    await desk.keeper.round()
    old = served(desk)
    if how == "deactivated":
        desk.authority.deactivated.add(0)
    elif how == "another key":
        desk.authority.accounts[0] = {"crv": "P-256", "kty": "EC", **_other()}
    else:
        (desk.directory / "account.json").unlink(missing_ok=True)
        for path in desk.directory.glob("account-*.json"):
            path.unlink()
        desk.again()
        desk.authority.refusals = [("/account", 403, {"type": f"{PREFIX}unauthorized", "detail": "no more"}, {})]
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert answer.is_done
    assert revoked(desk) == {plain(old.serial): (1, "certificate")}
    assert served(desk) == old  # there is nobody to order another one
    assert answer.changed.state.last_error


def _other():
    from mailserver.certificates.acme import jws

    found = jws.public(keys.read(keys.make()))
    return {one: found[one] for one in ("x", "y")}


async def test_a_refusal_for_good_is_said_and_not_asked_again(desk):
    await desk.keeper.round()
    old = served(desk)
    no = {"type": f"{PREFIX}badRevocationReason", "detail": "not that one"}
    desk.authority.refusals = [("/revoke", 400, no, {})]
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert (answer.is_done, answer.is_refused) == (False, True)
    assert answer.error == "not that one (badRevocationReason)"
    assert served(desk).public_key != old.public_key  # the key has leaked, whatever they say
    desk.again()
    await desk.passed(2 * HOURS)
    assert not desk.authority.revoked
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, old.serial, Reason.UNSPECIFIED))
    assert answer.serials == (old.serial,)


async def test_what_nobody_wants_any_more_is_revoked_and_goes(desk):
    desk.domains = ["local.test"]
    desk.resolver.hosts["mta-sts.local.test"] = ["192.0.2.1"]
    await desk.keeper.round()
    old = desk.pairs.newest(DOMAIN).leaf
    desk.domains = []
    desk.again()
    answer = await desk.running(lambda: desk.wishes.revoke(DOMAIN, None, Reason.CESSATION))
    assert (answer.is_done, answer.changed.state) == (True, None)
    assert revoked(desk) == {plain(old.serial): (5, "account")}
    assert [one.name for one in desk.certificates.shown] == [HOST]
    orders = len(desk.authority.orders)
    desk.again()
    await desk.passed(HOURS)
    again = await desk.running(lambda: desk.wishes.revoke(DOMAIN, None, Reason.CESSATION))
    assert again.is_done
    assert len(desk.authority.orders) == orders


async def test_what_cannot_be_revoked_says_why(desk):
    with pytest.raises(errors.Temporary):
        await desk.wishes.revoke(HOST, None, LEAKED)
    desk.authority.is_down = True
    with pytest.raises(errors.NotFound, match="of an authority"):
        await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    desk.authority.is_down = False
    desk.again()
    await desk.passed(HOURS)
    for name, serial in (("nowhere.test", None), ("../tls", None), (HOST, "abc123")):
        desk.again()
        with pytest.raises(errors.NotFound):
            await desk.running(lambda name=name, serial=serial: desk.wishes.revoke(name, serial, LEAKED))
    desk.operator = desk.directory / "own.pem"
    shown = desk.certificates.shown[0]
    desk.operator.write_bytes(shown.chain.read_bytes() + shown.key.read_bytes())
    desk.again()
    for call in (lambda: desk.wishes.revoke(HOST, None, LEAKED), lambda: desk.wishes.rekey(HOST)):
        with pytest.raises(errors.Conflict, match="your own"):
            await desk.running(call)
        desk.again()
    assert not desk.authority.revoked
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, shown.leaf.serial, LEAKED))
    assert answer.is_done  # it lies there still, behind the operator's own
    assert desk.pairs.kept(HOST) == []


async def test_what_cannot_be_replaced_because_dns_leads_elsewhere_goes_on_to_be_named(desk):
    await desk.keeper.round()
    desk.resolver.hosts[HOST] = []
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert (answer.is_done, answer.changed.state.last_error) == (True, "")
    assert answer.changed.state.revoked_for == "key-compromise"
    desk.resolver.hosts[HOST] = ["192.0.2.1"]
    old = served(desk)
    desk.again()
    await desk.passed(HOURS)
    assert served(desk).public_key != old.public_key


async def test_a_revocation_that_is_killed_at_any_step_is_done_after_the_restart_or_was_never_begun(tmp_path, axe):
    for step in range(1, 100):
        desk = Desk(tmp_path / str(step))
        await desk.keeper.round()
        old = served(desk)
        desk.again()
        has_fallen = await killed(desk, axe, step, lambda desk=desk: desk.wishes.revoke(HOST, None, LEAKED))
        assert keys.public(desk.certificates.shown[0].key.read_bytes()) == served(desk).public_key
        was_begun = bool([*desk.directory.glob("acme/*/revoke-*.json")])
        await desk.passed(HOURS)
        assert (plain(old.serial) in revoked(desk)) is was_begun
        assert (served(desk).public_key != old.public_key) is was_begun
        following = served(desk)
        if step % 8 == 0 or not was_begun:  # whoever was told nothing asks again
            desk.at -= HOURS
            await desk.running(lambda desk=desk: desk.wishes.revoke(HOST, None, LEAKED))
            assert (served(desk) == following) is was_begun
        assert [*revoked(desk)] == [plain(old.serial)]
        assert old.public_key not in private_keys(desk.directory)
        assert served(desk).public_key != old.public_key
        if not has_fallen:
            assert step > 25
            return
    raise AssertionError


async def test_a_file_that_is_damaged_keeps_nobody_from_anything(desk):
    await desk.keeper.round()
    (desk.pairs.place(HOST) / "revoke-00.json").write_text("{")
    (desk.pairs.place(HOST) / "revoke-01.json").write_text('{"reason": "because"}')
    desk.again()
    await desk.keeper.round()
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, LEAKED))
    assert answer.is_done


async def test_what_was_revoked_is_forgotten_when_it_has_ended(desk):
    await desk.keeper.round()
    await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    assert len([*desk.pairs.place(HOST).glob("revoke-*")]) == 1
    desk.again()
    await desk.passed(91 * DAYS)
    assert not [*desk.pairs.place(HOST).glob("revoke-*")]
    assert (await desk.state()).not_after_at > desk.at


async def test_an_authority_that_never_answers_is_waited_for_no_longer_than_it_may_take(desk, monkeypatch):
    await desk.keeper.round()
    monkeypatch.setattr(enrolment, "ATTEMPT_SECONDS", 0.2)

    async def for_ever(*_given, **_bounds):
        await asyncio.Event().wait()

    desk.authority.post = for_ever
    answer = await desk.running(lambda: desk.wishes.revoke(HOST, None, Reason.SUPERSEDED))
    assert (answer.is_done, answer.error) == (False, "The authority was not done within 0.2 seconds")


async def test_a_self_signed_key_that_is_taken_away_is_followed_by_another_one(desk):
    old = served(desk).public_key
    (desk.directory / "self-signed.key").unlink()
    desk.certificates.load()
    assert served(desk).public_key != old
    await desk.keeper.round()
    assert old not in private_keys(desk.directory)

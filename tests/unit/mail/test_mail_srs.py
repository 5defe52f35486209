"""Senders of forwarded mail: rewritten, read back, forged, damaged and outdated."""

import random

import pytest

from mailserver.mail import address, srs
from mailserver.mail.address import Address
from mailserver.mail.srs import SrsError, Stored

SECRET = b"a secret of this installation"
DAY = 86_400
NOW = 20_000 * DAY
ALICE = Address("alice", "remote.test")


def rewritten(sender=ALICE, domain="local.test", at=NOW, secret=SECRET):
    return srs.rewrite(secret, sender, domain, at)


def test_a_sender_becomes_an_address_of_ours_and_is_found_again():
    made = rewritten()
    assert made.domain == "local.test"
    assert made.local.startswith("SRS0=")
    assert made.local.endswith("=remote.test=alice")
    assert address.parse(str(made)) == made
    assert srs.read(SECRET, made, NOW) == ALICE


@pytest.mark.parametrize(
    "local", ["a", "bob+tag", "x=y=z", "SRS", "o'neil", "with blank", 'quo"te', "back\\slash", "grün", "a@b", "srs0"]
)
def test_every_local_part_comes_back_as_it_was(local):
    sender = Address(local, "remote.test")
    made = rewritten(sender)
    assert len(address.quote_local(made.local).encode()) <= address.MAX_LOCAL
    assert address.parse(str(made)) == made
    assert srs.read(SECRET, made, NOW) == sender


def test_any_sender_is_either_rewritten_within_the_limits_or_has_to_be_stored():
    chance = random.Random(4)
    fitted = 0
    for _ in range(500):
        local = "".join(chance.choices("abcXYZ019=+-._", k=chance.randint(1, 64))).strip(".") or "x"
        sender = Address(local, "x" * chance.randint(1, 60) + ".test")
        made = rewritten(sender)
        if made is None:
            made = srs.stored(SECRET, 7, "local.test", NOW)
            assert srs.read(SECRET, made, NOW) == Stored(7)
        elif not srs.looks_rewritten(sender):
            fitted += 1
            assert srs.read(SECRET, made, NOW) == sender
        assert len(address.quote_local(made.local)) <= 64
    assert 50 < fitted < 450


@pytest.mark.parametrize("sender", [Address("a" * 60, "remote.test"), Address("a", "x" * 60 + ".test")])
def test_what_does_not_fit_has_to_be_stored(sender):
    assert rewritten(sender) is None


def test_an_address_literal_has_to_be_stored():
    assert rewritten(Address("a", "[192.0.2.1]")) is None


@pytest.mark.parametrize("number", [0, 1, 255, (1 << 63) - 1])
def test_a_stored_number_comes_back(number):
    made = srs.stored(SECRET, number, "local.test", NOW)
    assert address.parse(str(made)) == made
    assert srs.read(SECRET, made, NOW) == Stored(number)
    assert srs.read(SECRET, Address(made.local.upper(), made.domain), NOW) == Stored(number)


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_a_number_of_another_size_is_refused(number):
    with pytest.raises(ValueError, match="63 bits"):
        srs.stored(SECRET, number, "local.test", NOW)


@pytest.mark.parametrize("damage", [str.lower, str.upper, str.title, str.swapcase])
def test_the_case_of_letters_may_be_lost(damage):
    made = rewritten()
    found = srs.read(SECRET, Address(damage(made.local), made.domain), NOW)
    assert found.normal == ALICE.normal


def test_who_was_rewritten_elsewhere_is_named_by_the_first_hop():
    first = srs.rewrite(b"theirs", ALICE, "first.test", NOW)
    second = rewritten(first)
    assert second.local.startswith("SRS1=")
    assert srs.read(SECRET, second, NOW) == first


def test_a_third_hop_adds_no_length_and_leads_to_the_first():
    first = srs.rewrite(b"theirs", Address("al", "a.test"), "b.test", NOW)
    second = srs.rewrite(b"others", first, "c.test", NOW)
    third = rewritten(second)
    assert srs.read(SECRET, third, NOW) == first
    assert len(third.local) == len(second.local)


@pytest.mark.parametrize("separator", ["=", "+", "-"])
def test_others_may_write_another_separator(separator):
    first = Address(f"SRS0{separator}abcd=ef=a.test=al", "b.test")
    second = rewritten(first)
    found = srs.read(SECRET, second, NOW)
    assert found == first


@pytest.mark.parametrize("local", ["SRS1=", "SRS1=x", "SRS1=x=", "SRS1=x=[192.0.2.1]==y"])
def test_a_sender_that_only_looks_rewritten_has_to_be_stored(local):
    assert rewritten(Address(local, "remote.test")) is None


def test_an_address_is_valid_for_21_days():
    made = rewritten()
    for age in (-1, 0, 20, 21):
        assert srs.read(SECRET, made, NOW + age * DAY) == ALICE
    for age in (-2, 22, 100, 1000):
        with pytest.raises(SrsError, match="21 days"):
            srs.read(SECRET, made, NOW + age * DAY)


def test_an_address_of_the_second_hop_runs_out_too():
    made = rewritten(srs.rewrite(b"theirs", ALICE, "f.test", NOW))
    assert srs.read(SECRET, made, NOW + 21 * DAY)
    with pytest.raises(SrsError, match="21 days"):
        srs.read(SECRET, made, NOW + 22 * DAY)


@pytest.mark.parametrize(
    "forged",
    [
        "SRS0=aaaaaaaa=aa=remote.test=alice", "SRS0==aa=remote.test=alice", "SRS0=", "SRS0", "srs0=a", "SRS0=a=b",
        "SRS1=aaaaaaaaaa=f.test==x", "SRS1=aaaaaaaaaa", "SRS1=", "SRS0=aaaaaaaa=aa==1", "SRS2=aaaaaaaa=aa=a=b", "alice",
        "SRS0=ääääääää=aa=remote.test=alice", "SRS0=aaaaaaaa=\ud800=remote.test=alice",
    ],
)  # fmt: skip
def test_nobody_else_makes_an_address(forged):
    with pytest.raises(SrsError):
        srs.read(SECRET, Address(forged, "local.test"), NOW)


def test_no_part_of_an_address_can_be_changed():
    made = rewritten()
    for position in range(5, len(made.local)):
        letter = "b" if made.local[position] != "b" else "c"
        changed = Address(made.local[:position] + letter + made.local[position + 1 :], made.domain)
        with pytest.raises(SrsError):
            srs.read(SECRET, changed, NOW)
    for domain in ("other.test", "remote.test"):
        with pytest.raises(SrsError):
            srs.read(SECRET, Address(made.local, domain), NOW)
    with pytest.raises(SrsError):
        srs.read(b"another secret", made, NOW)

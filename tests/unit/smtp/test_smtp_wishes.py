"""FUTURERELEASE, DELIVERBY and MT-PRIORITY as MAIL has them."""

import pytest

from mailserver.mail.envelope import DeliverBy
from mailserver.smtp import parameters, wishes
from mailserver.smtp.parameters import ParameterMalformed, ParameterUnknown

NOW = 1_795_000_000_000


def mail(text, wished_at=NOW):
    return parameters.mail(text, tls=True, auth=True, wished_at=wished_at)


def test_a_message_is_held_for_a_while():
    assert mail("HOLDFOR=3600").release_at == NOW + 3_600_000
    assert mail("holdfor=0").release_at == NOW
    assert mail("").release_at is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T10:00:00Z", 1_795_255_200_000),
        ("2026-11-21T11:00:00+01:00", 1_795_255_200_000),
        ("2026-11-21T10:00:00.5Z", 1_795_255_200_000),
        ("2001-01-01T00:00:00Z", 978_307_200_000),
    ],
)
def test_a_message_is_held_until_a_time(text, at):
    assert mail(f"HOLDUNTIL={text}").release_at == at


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("BY=120;R", DeliverBy(NOW + 120_000, is_returned=True)),
        ("by=120;rt", DeliverBy(NOW + 120_000, is_returned=True, is_traced=True)),
        ("BY=+5;N", DeliverBy(NOW + 5_000, is_returned=False)),
        ("BY=-5;NT", DeliverBy(NOW - 5_000, is_returned=False, is_traced=True)),
        ("BY=0;N", DeliverBy(NOW, is_returned=False)),
    ],
)
def test_a_message_is_wanted_by_a_time(text, found):
    assert mail(text).deliver_by == found


def test_the_letters_of_by_are_those_that_came():
    assert [mail(f"BY=9;{word}").deliver_by.mode for word in ("R", "RT", "N", "NT")] == ["R", "RT", "N", "NT"]


@pytest.mark.parametrize("number", range(-9, 10))
def test_a_message_has_a_priority(number):
    assert mail(f"MT-PRIORITY={number}").priority == number


@pytest.mark.parametrize(
    "text",
    [
        "HOLDFOR", "HOLDFOR=", "HOLDFOR=-1", "HOLDFOR=1.5", "HOLDFOR=1234567890", "HOLDFOR=٣", "HOLDFOR=1 HOLDFOR=2",
        "HOLDFOR=1 HOLDUNTIL=2026-11-21T10:00:00Z", "HOLDUNTIL", "HOLDUNTIL=2026-11-21", "HOLDUNTIL=tomorrow",
        "HOLDUNTIL=2026-11-21T10:00:00", "HOLDUNTIL=2026-11-21t10:00:00z", "HOLDUNTIL=2026-13-21T10:00:00Z",
        "HOLDUNTIL=2026-11-21T25:00:00Z", "HOLDUNTIL=0000-01-01T00:00:00Z", "HOLDUNTIL=2026-11-21T10:00:00+99:00",
        "BY", "BY=120", "BY=120;", "BY=120;X", "BY=120;T", "BY=0;R", "BY=-1;R", "BY=1234567890;R", "BY=1;RTT",
        "BY=1;R BY=2;R", "MT-PRIORITY", "MT-PRIORITY=10", "MT-PRIORITY=-10", "MT-PRIORITY=+1", "MT-PRIORITY=-0",
        "MT-PRIORITY=1 MT-PRIORITY=2", "MT-PRIORITY=high",
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_read_is_malformed(text):
    with pytest.raises(ParameterMalformed):
        mail(text)


@pytest.mark.parametrize("text", ["HOLDFOR=1", "HOLDUNTIL=2026-11-21T10:00:00Z", "BY=120;R", "MT-PRIORITY=3"])
def test_strangers_have_no_wishes(text):
    with pytest.raises(ParameterUnknown):
        parameters.mail(text, tls=True, auth=False)


def test_the_last_release_is_shown_in_whole_minutes():
    assert wishes.last_release(1_795_255_259.9, 3600) == "2026-11-21T11:00:00Z"
    assert wishes.last_release(1_795_255_260.0, 3600) == "2026-11-21T11:01:00Z"

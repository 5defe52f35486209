import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import address, verp

SECRET = b"0123456789abcdef"


@given(st.integers(0, verp.LARGEST))
def test_a_number_is_read_back_without_regard_to_case(number):
    written = verp.make(SECRET, number, "local.test")
    assert verp.read(SECRET, written) == number
    assert verp.read(SECRET, written.upper()) == number
    assert len(str(address.parse(written)).partition("@")[0]) <= 64


def test_what_was_not_signed_with_the_secret_is_refused():
    written = verp.make(SECRET, 7, "local.test")
    assert verp.read(b"other", written) is None
    assert verp.read(SECRET, written.replace("local.test", "evil.test")) is None
    for at in range(len("b+"), written.index("@")):
        letter = "b" if written[at] == "a" else "a"
        assert verp.read(SECRET, written[:at] + letter + written[at + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "@", "b+@local.test", "bob@local.test", "b+1.2@local.test", "b+" + "é" * 13 + "." + "ü" * 16 + "@x"]
)
def test_other_addresses_have_no_number(text):
    assert verp.read(SECRET, text) is None


def test_a_number_must_fit():
    for number in (-1, 1 << 63):
        with pytest.raises(ValueError):
            verp.make(SECRET, number, "local.test")

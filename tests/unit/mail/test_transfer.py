"""Large base 64, which is decoded in pieces: the same bytes as with patience, whatever stands between them."""

import base64
import random

import pytest

from mailserver.mail import transfer

DATA = random.Random(7).randbytes(4_000_000)
LETTERS = base64.b64encode(DATA)


def lines(width, line_end):
    return line_end.join(LETTERS[start : start + width] for start in range(0, len(LETTERS), width))


@pytest.mark.parametrize(
    "encoded",
    [
        lines(76, b"\r\n"),
        lines(76, b"\n") + b"\n\n",
        lines(75, b"\r\n"),
        lines(76, b" \r\n"),
        LETTERS,
        LETTERS[:4_500_000] + b"\n" + LETTERS[4_500_000:],
    ],
    ids=["usual", "lf", "odd-lines", "spaces", "one-line", "two-lines"],
)
def test_large_base_64_is_read_whole(encoded):
    assert transfer.whole(encoded, 0, len(encoded), "base64") == DATA


@pytest.mark.parametrize("position", [10, 3_000_000, 5_000_000])
@pytest.mark.parametrize("found", [b"!", b"=", b"A", b"\0"])
def test_what_is_broken_in_the_middle_is_read_as_with_patience(position, found):
    encoded = lines(76, b"\r\n")
    encoded = encoded[:position] + found + encoded[position:]
    expected = b"".join(transfer._base64_steps(encoded, 0, len(encoded)))
    assert transfer.whole(encoded, 0, len(encoded), "base64") == expected

"""Where words stand in a text."""

import time

import pytest

from mailserver.mail import highlights


@pytest.mark.parametrize(
    ("text", "phrases", "wanted"),
    [
        ("A kite and Kites", ["kite"], ["A **kite** and Kites"]),
        ("A kite and Kites", ["kite*"], ["A **kite** and **Kites**"]),
        ("red  kite", ["red kite"], ["**red kite**"]),
        ("a@remote.test", ["a@remote.test"], ["**a@remote.test**"]),
        ("nothing here", ["kite"], []),
        ("x", [], []),
        ("x", ["..."], []),
        ("(a.b)", ["a.b"], ["(**a.b**)"]),
    ],
)
def test_pieces(text, phrases, wanted):
    assert highlights.pieces(text, phrases) == wanted


def test_there_are_few_pieces_and_they_are_short():
    found = highlights.pieces("kite " * 10_000, ["kite"])
    assert len(found) == highlights.MOST
    assert all(len(each) < 300 for each in found)


@pytest.mark.parametrize("text", ["a " * 100_000, "a" * 200_000, ("a" * 50 + "!") * 4_000, "!" * 200_000])
def test_hostile_text_takes_no_time(text):
    began = time.process_time()
    highlights.pieces(text, ["a a a b", "a*", "b c d e f g", "a b*"])
    assert time.process_time() - began < 2  # of our own: others may want the processor

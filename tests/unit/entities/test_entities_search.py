"""What people type into a search means what they expect, and nothing that is typed is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities import search
from mailserver.entities.search import MOST_TERMS, SearchQuery, Term
from tests.support import fuzzing

DAYS = {"2026-05-20": 20, "yesterday": 7, "next monday": 9}


def parse(text):
    return search.parse(text, lambda word: DAYS.get(word.lower()))


@pytest.mark.parametrize(
    ("typed", "groups"),
    [
        ("offer", [(Term("offer"),)]),
        ("offer price", [(Term("offer"),), (Term("price"),)]),
        ('"the offer" price', [(Term("the offer"),), (Term("price"),)]),
        ("offer OR price OR cost now", [(Term("offer"), Term("price"), Term("cost")), (Term("now"),)]),
        ("OR offer OR", [(Term("OR"),), (Term("offer"),)]),
        ("from:Alice to:bob@remote.test", [(Term("Alice", "sender"),), (Term("bob@remote.test", "recipients"),)]),
        ('subject:"two words"', [(Term("two words", "subject"),)]),
        ('Subject:"never closed', [(Term("never closed", "subject"),)]),
        ("filename:report.pdf body:sun*", [
            (Term("report.pdf", "attachments"),), (Term("sun", "body", is_beginning=True),),
        ]),
        ("https://remote.test/a", [(Term("https://remote.test/a"),)]),
        ("10:30 re:offer", [(Term("10:30"),), (Term("re:offer"),)]),
        ("has:legs is:odd before:long", [(Term("has:legs"),), (Term("is:odd"),), (Term("before:long"),)]),
        ("- -- ( ) * ! from: :", []),
    ],
)  # fmt: skip
def test_words_are_looked_for_where_they_are_meant(typed, groups):
    assert parse(typed) == SearchQuery(groups=groups)


def test_a_minus_leaves_out():
    found = parse('offer -price -"no thanks" -from:spam@bad.test')
    assert found.groups == [(Term("offer"),)]
    assert found.left_out == [Term("price"), Term("no thanks"), Term("spam@bad.test", "sender")]


def test_what_narrows_is_no_word():
    found = parse('has:attachment is:unread is:starred in:Junk label:vip after:2026-05-20 before:"next monday"')
    assert found == SearchQuery(
        has_attachment=True, unread=True, starred=True, folder="Junk", label="vip", after=20, before=9
    )
    assert found.narrows
    found = parse("-has:attachment -is:unread -is:starred")
    assert (found.has_attachment, found.unread, found.starred) == (False, False, False)
    assert parse("is:read").unread is False
    assert not parse(" * ").narrows


def test_there_is_an_end_to_it():
    found = parse("word " * 10_000)
    assert len(found.groups) == MOST_TERMS
    assert parse("x" * 100_000).groups == [(Term("x" * search.LONGEST),)]


@fuzzing.examples(200)
@given(st.text(st.sampled_from('ab "-:*()\0\ud800ß漢ORfromhasin') | st.characters(), max_size=200))
def test_anything_can_be_typed(typed):
    found = parse(typed)
    for term in [*found.left_out, *(term for group in found.groups for term in group)]:
        assert any(letter.isalnum() for letter in term.words)
        assert "\0" not in term.words

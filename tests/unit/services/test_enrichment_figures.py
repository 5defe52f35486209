"""The figures of docs/enrichment.md, on fewer letters."""

import pytest

from mailserver.services.enrichment import vote
from mailserver.services.enrichment.vote import Votes
from mailserver.storage.neighbours import Neighbour
from tests import enrichment_figures


async def test_confidence_means_what_it_says_on_inboxes_that_it_was_not_fitted_on(tmp_path):
    figures = await enrichment_figures.measure(tmp_path, 50, first_seed=1)
    assert figures.letters == 1000
    assert figures.error < 0.03
    assert figures.precision > 0.65
    assert figures.recall > 0.4
    for count, said, true in figures.bins():
        if count >= 60:
            assert abs(said - true) < 0.15, (count, said, true)


def neighbour(number, words, labels=(), dismissed=()):
    return Neighbour(number, frozenset(words.split()), frozenset(labels), frozenset(dismissed))


FREQUENT = {"a": 2, "b": 2, "c": 1, "d": 1}


def test_the_same_words_are_most_alike_and_no_common_word_is_not_alike_at_all():
    same = vote.likeness(frozenset("ac"), frozenset("ac"), FREQUENT, 10)
    assert same == pytest.approx(1)
    assert vote.likeness(frozenset("ac"), frozenset("bd"), FREQUENT, 10) == 0
    rare = vote.likeness(frozenset("ac"), frozenset("bc"), FREQUENT, 10)
    common = vote.likeness(frozenset("ac"), frozenset("ad"), FREQUENT, 10)
    assert rare > common > 0


def test_more_that_speaks_for_a_label_makes_it_surer():
    assert vote.confidence(Votes(0.9, 0.5, 3)) > vote.confidence(Votes(0.5, 0.5, 3))
    assert vote.confidence(Votes(0.5, 0.9, 3)) > vote.confidence(Votes(0.5, 0.5, 3))
    assert 0 < vote.confidence(Votes(0.0, 0.0, 1)) < 0.5


def test_the_last_word_on_messages_of_a_kind_counts():
    words, total = frozenset("abcd"), 4
    yes, no = neighbour(1, "a b c d", labels=[7]), neighbour(2, "a b c d", dismissed=[7])
    assert vote.ballot(words, [yes], FREQUENT, total)
    assert vote.ballot(words, [yes, no], FREQUENT, total) == {}
    later = neighbour(3, "a b c d", labels=[7])
    assert set(vote.ballot(words, [yes, no, later], FREQUENT, total)) == {7}


def test_with_nothing_learned_nothing_is_suggested():
    assert vote.suggest(frozenset("ab"), [], {}, 0) == {}

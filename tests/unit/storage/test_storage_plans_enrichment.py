"""Suggestions of a page, the line of work and neighbours are found by indexes, however much mail there is."""

import pytest

from mailserver.entities.enrichment import Feature, Switches, WorkKind
from mailserver.mail import occasion
from mailserver.storage import enrichment, neighbours, suggestions, summaries
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans

TABLES = (
    "enrichment", "enrichment_key", "enrichment_request", "label_suggestion", "event_suggestion", "thread_summary",
    "label_example", "message_label", "message", "thread", "s", "m", "e", "k",
)  # fmt: skip


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path) as opened:
        yield opened


def faults(watched):
    scans = [(f"SCAN {name}", f"SCAN {name} USING") for name in TABLES]
    return [(step, sql) for sql, step in watched.steps if any(step == a or step.startswith(b) for a, b in scans)]


@pytest.fixture
def tx(watched):
    return Transaction(watched, watched.database)


def message(tx, number, inbox_id=1):
    tx.execute(
        "INSERT INTO message(id, inbox_id, tenant_id, thread_id, blob, header_hash, size, received_at, updated_at, "
        "created_modseq, modseq) VALUES (?, ?, 1, 1, x'', 0, 1, 1, 1, 1, 1)",
        (number, inbox_id),
    )


def test_a_page_costs_two_questions_whatever_its_length(watched):
    view = Snapshot(watched, watched.database)
    suggestions.of_messages(view, list(range(200)), labels=True, events=True)
    assert len(watched.plans) == 2
    assert faults(watched) == []
    watched.plans.clear()
    suggestions.of_messages(view, list(range(200)), labels=False, events=False)
    suggestions.of_messages(view, [], labels=True, events=True)
    assert watched.plans == []


def test_everything_else_searches_too(watched, tx):
    enrichment.put(tx, 1, 1, Switches(frozenset({Feature.LABEL_SUGGEST})), 1)
    enrichment.put_key(tx, 1, "k")
    watched.plans.clear()
    enrichment.switches(tx, 1)
    enrichment.key(tx, 1)
    enrichment.ask(tx, WorkKind.MESSAGE, 5, 1, 1)
    enrichment.is_waiting(tx, 5, (3, 4))
    work = enrichment.claim(tx, 0, 5, 10, (3,))
    enrichment.settle(tx, work)
    message(tx, 5)
    suggestions.put_labels(tx, 5, 1, {7: 0.9}, 1)
    suggestions.put_event(tx, 5, 1, occasion.made("t", 1, None), 1)
    suggestions.event(tx, 5)
    suggestions.label_state(tx, 5, 7)
    summaries.get(tx, 5)
    summaries.state(tx, 5)
    summaries.members(tx, 5, 3, 40)
    neighbours.add(tx, 1, 5, ("abc", "def"))
    neighbours.nearest(tx, ("abc",), 0, 10)
    neighbours.missing(tx, 1, (), 50)
    neighbours.count(tx, 1)
    enrichment.forget_message(tx, 5)
    enrichment.forget_thread(tx, 5)
    assert [each for each in faults(watched) if "search_example" not in each[1]] == []


def test_work_is_asked_for_once_and_a_line_has_an_end(tx, monkeypatch):
    monkeypatch.setattr(enrichment, "MOST_WAITING", 3)
    assert all(enrichment.ask(tx, WorkKind.MESSAGE, number, 1, 1) for number in (1, 1, 2, 3))
    assert not enrichment.ask(tx, WorkKind.MESSAGE, 4, 1, 1)
    assert enrichment.ask(tx, WorkKind.MESSAGE, 4, 2, 1)


def test_an_answer_stays_when_a_message_is_looked_at_again(tx):
    message(tx, 5)
    suggestions.put_labels(tx, 5, 1, {7: 0.9, 8: 0.8}, 1)
    suggestions.answer_label(tx, 5, 7, suggestions.SuggestionState.DISMISSED, 2)
    suggestions.put_labels(tx, 5, 1, {7: 0.99, 9: 0.7}, 3)
    states = {number: suggestions.label_state(tx, 5, number) for number in (7, 8, 9)}
    assert states == {7: "dismissed", 8: None, 9: "open"}
    suggestions.put_event(tx, 5, 1, occasion.made("one", 1, None), 1)
    suggestions.answer_event(tx, 5, suggestions.SuggestionState.CONFIRMED, 77, 2)
    suggestions.put_event(tx, 5, 1, occasion.made("two", 1, None), 3)
    found, state, event_id = suggestions.event(tx, 5)
    assert (found.title, state, event_id) == ("one", "confirmed", 77)


def test_the_oldest_examples_make_room(tx, monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_EXAMPLES", 10)
    monkeypatch.setattr(neighbours, "KEPT_EXAMPLES", 6)
    for number in range(1, 13):
        message(tx, number)
        neighbours.add(tx, 1, number, ("abc",))
    rows = tx.all("SELECT message_id FROM label_example ORDER BY message_id")
    assert [row[0] for row in rows] == list(range(6, 13))
    assert len(tx.all("SELECT rowid FROM search_example")) == 7


def test_the_same_word_of_two_inboxes_is_never_the_same_hash():
    assert set(neighbours.hashed(1, ["invoice", "due"])).isdisjoint(neighbours.hashed(2, ["invoice", "due"]))

"""Submissions, their reports, and what refers to a blob: every list walks an index, at any size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.entities.quota import Allotment
from mailserver.entities.submission import StoredSubmission
from mailserver.storage import allotments, email_submissions, emails, sieve_scripts
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans
from tests.support.plans import Watched

MANY = 400


def _fill(tx: Transaction) -> None:
    for inbox_id in (1, 2):
        tx.execute(
            "INSERT INTO inbox(id, tenant_id, address, status, modseq, created_at, pod_id) "
            "VALUES (?, 1, ?, 'active', 0, 0, 1)",
            (inbox_id, f"a{inbox_id}@local.test"),
        )
    for number in range(1, MANY + 1):
        inbox_id = 1 + number % 2
        one = StoredSubmission(
            number, 1, inbox_id, number, 1, number, number, {}, number, is_canceled=False, created_at=number
        )
        email_submissions.add(tx, one)
        tx.execute("INSERT INTO submission_report VALUES (?, ?, ?)", (number, MANY + number, inbox_id))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def _faults(watched: Watched) -> list[tuple[str, str]]:
    return [(step, sql) for sql, step in watched.steps if step.startswith("SCAN ") or "TEMP B-TREE FOR ORDER" in step]


def test_submissions_are_listed_newest_first_without_a_sort(watched: Watched) -> None:
    snapshot = Snapshot(watched, watched.database)
    found = email_submissions.of_inbox(snapshot, 1, 50)
    assert [each.id for each in found] == list(range(MANY - 98, MANY + 1, 2))
    assert [each.id for each in email_submissions.get(snapshot, 1, [2, 3, 4])] == [2, 4]
    assert _faults(watched) == []


def test_reports_are_found_by_submission_and_go_with_it(watched: Watched) -> None:
    tx = Transaction(watched, watched.database)
    assert email_submissions.reports(tx, [2, 4]) == {}  # the messages are not there
    email_submissions.note_report(tx, [1, 2, 3], [MANY + 1])
    email_submissions.told(tx, [1, 2, 3])
    email_submissions.forget_message(tx, MANY + 2)
    email_submissions.remove(tx, 1, 4)
    assert email_submissions.trim(tx, 50, 10) == 10
    (left,) = tx.one("SELECT COUNT(*) FROM submission_report")
    assert left == MANY - 11  # the report of 2 was gone already
    watched.plans.pop()  # the count of this test
    assert _faults(watched) == []


def test_what_refers_to_a_blob_and_what_an_inbox_holds_is_found_by_an_index(watched: Watched) -> None:
    snapshot = Snapshot(watched, watched.database)
    assert emails.referring(snapshot, 1, bytes(32), 10) == []
    assert sieve_scripts.content(snapshot, 1, bytes(32)) is None
    assert allotments.full(snapshot, [(1, 1), (2, 1), (3, 1)], Allotment(5, 5)) == frozenset()
    assert _faults(watched) == []

"""Scripts and letters in the store: every question walks an index, and journals of older versions are read."""

import orjson
import pytest

from mailserver.entities.sieve import VacationResponse
from mailserver.storage import auto_letters, records, sieve_scripts, vacations
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.records import Copy, Record
from tests.support import plans


def _fill(tx):
    tx.executemany(
        "INSERT INTO sieve_script VALUES (?, 1, ?, ?, x'00', x'00', 1, ?, 1, 1, 1)",
        [(n, n // 10, f"s{n}", int(n % 10 == 0)) for n in range(1, 400)],
    )
    tx.executemany("INSERT INTO auto_answer VALUES (?, 'h', ?, ?)", [(n % 7, f"a{n}", n) for n in range(400)])
    tx.executemany("INSERT INTO auto_letter VALUES (?, 1, ?, '{}')", [(n, n % 7) for n in range(1, 400)])
    tx.executemany(
        "INSERT INTO vacation_response VALUES (?, 1, 1, NULL, NULL, NULL, NULL, NULL, 1)", [(n,) for n in range(1, 400)]
    )


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def test_every_question_about_scripts_and_letters_walks_an_index(watched):
    snapshot, tx = Snapshot(watched, watched.database), Transaction(watched, watched.database)
    sieve_scripts.of_inbox(snapshot, 3)
    sieve_scripts.get(snapshot, 3, 31)
    sieve_scripts.by_name(snapshot, 3, "s31")
    sieve_scripts.count(snapshot, 3)
    sieve_scripts.content(snapshot, 3, b"\0")
    sieve_scripts.active(snapshot, [1, 2, 3])
    sieve_scripts.is_any_active(snapshot, [1, 2, 3])
    vacations.get(snapshot, 3)
    vacations.enabled(snapshot, [1, 2])
    vacations.claim(tx, 1, "h", "a1", 5, 10)
    vacations.forget(tx, 5, 100)
    auto_letters.waiting(snapshot, 5, 50)
    auto_letters.remove(tx, 5)
    steps = [step for _, found in watched.plans for step in found]
    assert len(steps) > 10
    tables = ("sieve_script", "auto_answer", "auto_letter", "vacation_response")
    assert [step for step in steps if step.startswith(tuple(f"SCAN {table}" for table in tables))] == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_somebody_is_answered_once_until_the_time_is_over(watched):
    tx = Transaction(watched, watched.database)
    assert vacations.claim(tx, 1, "new", "a@b.test", 100, 200)
    assert not vacations.claim(tx, 1, "new", "a@b.test", 150, 250)
    assert vacations.claim(tx, 1, "other", "a@b.test", 150, 250)
    assert vacations.claim(tx, 2, "new", "a@b.test", 150, 250)
    assert vacations.claim(tx, 1, "new", "a@b.test", 200, 300)
    assert vacations.forget(tx, 300, 1_000) > 0


@pytest.mark.parametrize(
    ("response", "at", "answers"),
    [
        (VacationResponse(True), 5, True),
        (VacationResponse(False), 5, False),
        (VacationResponse(True, 5, 6), 5, True),
        (VacationResponse(True, 5, 6), 6, False),
        (VacationResponse(True, 6, None), 5, False),
    ],
)
def test_a_notice_has_its_time(response, at, answers):
    assert response.answers_at(at) is answers


def test_a_journal_of_a_version_without_scripts_is_read():
    kept = Record((Copy(1, 2, 3, "inbox", folder_ids=(4, 5), letter="{}"),), 6, 7, b"x")
    payload = b"".join(records.encode(kept))
    assert records.decode(payload).copies == kept.copies
    length = int.from_bytes(payload[:4], "little")
    head = orjson.loads(payload[4 : 4 + length])
    head["c"] = [row[:-2] for row in head["c"]]
    older = orjson.dumps(head)
    read = records.decode(len(older).to_bytes(4, "little") + older + payload[4 + length :])
    assert read.copies == (Copy(1, 2, 3, "inbox"),)
    assert read.content == b"x"

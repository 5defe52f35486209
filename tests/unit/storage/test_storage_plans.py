"""Every list walks an index in its order: nothing is scanned, nothing is sorted that one range can give."""

import itertools

import pytest

from mailserver.entities import search as searching
from mailserver.entities.listing import Filter
from mailserver.entities.message import Visibility
from mailserver.storage import arrange, claims, deliveries, messages, search, suppressions, threads
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans

TABLES = ("message", "thread", "placement", "delivery", "part", "message_label", "folder_thread", "thread_label")


def _fill(tx):
    rows = [(n, 1, 1, n, b"h", n, 10, n, 0, n % 4, n, n, n) for n in range(1, 400)]
    tx.executemany(
        "INSERT INTO message(id, inbox_id, tenant_id, thread_id, blob, header_hash, size, received_at, flags, "
        "visibility, updated_at, created_modseq, modseq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    tx.execute("INSERT INTO folder VALUES (1,1,0,'Inbox','inbox',1,1,1,1,1,0,0,0,0,0,1,1,1)")


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def snapshot(watched):
    return Snapshot(watched, watched.database)


def faults(watched, *, sorts=False):
    found = []
    for sql, steps in watched.plans:
        for step in steps:
            if any(step.startswith(f"SCAN {name}") for name in (*TABLES, "m", "p", "t", "d", "q", "ml")):
                found.append((step, sql))
            if "TEMP B-TREE" in step and not sorts:
                found.append((step, sql))
    return found


FOLDER = [
    dict(zip(("after", "before", "unread", "starred"), chosen, strict=True))
    for chosen in itertools.product((None, 10), (None, 300), (None, True, False), (None, True))
]


@pytest.mark.parametrize("conditions", FOLDER, ids=lambda each: "-".join(f"{k}={v}" for k, v in each.items() if v))
def test_a_folder_list_walks_its_own_index(watched, conditions):
    messages.in_folder(snapshot(watched), Filter(folder_id=1, **conditions), 0, 50)
    assert faults(watched) == []
    assert "placement" in watched.plans[0][1][0] or " p " in watched.plans[0][1][0]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("cursor", [None, (200, 200)])
@pytest.mark.parametrize("owner", [{"inbox_ids": (1,)}, {"tenant_id": 1}], ids=["inbox", "tenant"])
def test_a_list_of_one_visibility_is_one_range_without_a_sort(watched, owner, cursor, ascending):
    where = Filter(**owner, after=5, ascending=ascending)
    for page in (messages.in_inboxes, threads.page):
        watched.plans.clear()
        page(snapshot(watched), where, cursor, 50)
        assert faults(watched) == [], page
        assert any("SEARCH" in step and "USING" in step and "INDEX" in step for step in watched.plans[0][1])


def test_a_list_of_several_visibilities_takes_a_range_of_each(watched):
    where = Filter(tenant_id=1, visibilities=tuple(Visibility))
    found = messages.in_inboxes(snapshot(watched), where, None, 50)
    assert found == list(range(399, 349, -1))
    assert faults(watched, sorts=True) == []


def test_labels_and_sides_keep_the_range(watched):
    where = Filter(tenant_id=1, labels=("red", "blue"), ours=True, unread=True, starred=True)
    messages.in_inboxes(snapshot(watched), where, None, 50)
    threads.page(snapshot(watched), where, None, 50)
    assert faults(watched) == []


def test_single_lookups_search(watched):
    view = snapshot(watched)
    messages.find(view, 5)
    messages.by_header_hash(view, 1, 5)
    messages.summaries(view, [1, 2, 3])
    messages.count_in_inbox(view, Filter(inbox_ids=(1,), unread=True))
    threads.message_ids(view, 5)
    threads.find(view, 5)
    suppressions.find(view, 1, ["a@b.test"])
    suppressions.page(view, 1, 50)
    assert faults(watched, sorts=True) == []


def test_the_queue_finds_due_mail_by_index(watched):
    view = snapshot(watched)
    claims.next_due_at(view, 5)
    deliveries.of_message(view, 5)
    deliveries.jobs(view, [1, 2])
    deliveries.attempts(view, 5)
    deliveries.counts(view)
    assert faults(watched, sorts=True) == []


def test_removing_one_message_walks_no_table(watched):
    tx = Transaction(watched, watched.database)
    tx.execute("INSERT INTO inbox(id, tenant_id, address, created_at) VALUES (1, 1, 'a@b.test', 1)")
    tx.execute("INSERT INTO thread SELECT id, 1, 1, 1, received_at, id, 1, 0, 0, 1, 1 FROM message WHERE id = 7")
    watched.plans.clear()
    arrange.remove(tx, 7, 1)
    found = [fault for fault in faults(watched, sorts=True) if "INSERT INTO folder_thread" not in fault[1]]
    assert found == []


@pytest.mark.parametrize(
    "typed",
    ['"', "-x", "NEAR(", "a AND", "(((", "*", "x*", "inbox : i1", "subject:x", "^a", "{a b}: c", "'; DROP TABLE", "\0",
     "a" * 5000, "OR", "NOT a", '"open', "a+b", "ß ü 漢字", "💥", "a NEAR/2 b"],
)  # fmt: skip
def test_whatever_is_typed_into_search_is_answered(watched, typed):
    ids, total = search.page(snapshot(watched), 1, searching.parse(typed, no_time), None, 0, 10)
    assert (ids, total) == ([], 0)


def test_search_stays_in_its_inbox_whatever_is_typed(watched):
    tx = Transaction(watched, watched.database)
    for number, inbox in ((4, "i1"), (8, "i2")):
        tx.execute(
            "INSERT INTO search(rowid, inbox, subject, sender, recipients, body, attachments) VALUES (?,?,?,?,?,?,?)",
            (number, inbox, "word", "", "", "", ""),
        )
    for typed in ("word", "word OR inbox : i2", "x OR word", 'word" OR "word', "i2", "i2 OR word"):
        ids, _ = search.page(snapshot(watched), 1, searching.parse(typed, no_time), None, 0, 10)
        assert 8 not in ids, typed
    assert search.page(snapshot(watched), 1, searching.parse("word", no_time), None, 0, 10) == ([4], 1)


@pytest.mark.parametrize("typed", ["word", "has:attachment", "is:unread label:red", "-word", "in:x is:starred"])
def test_no_search_walks_the_table_of_messages(watched, typed):
    search.page(snapshot(watched), 1, searching.parse(typed, no_time), 3 if "in:" in typed else None, 0, 10)
    assert faults(watched) == []
    if typed in ("word", "-word"):
        assert all(steps[0].startswith("SCAN s VIRTUAL TABLE") for _, steps in watched.plans), watched.plans


def no_time(_: str) -> None:
    """Nothing is a time."""

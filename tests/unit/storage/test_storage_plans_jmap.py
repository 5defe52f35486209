"""What JMAP clients ask all the time is read from an index, page by page; what would take for ever is given up."""

import asyncio
import random
import time
from types import SimpleNamespace

import pytest

from mailserver.entities.email_query import NEWEST_FIRST, Condition, Field, Operator, Order, Query
from mailserver.entities.message import Flag
from mailserver.services.syncing import queries
from mailserver.services.syncing.changes import Type, since
from mailserver.services.syncing.queries import Asked
from mailserver.storage import changes, email_query, emails
from mailserver.storage.database import Database, Snapshot, TookTooLong
from mailserver.storage.ingest import search_token
from tests.support import plans

MESSAGES = 600
INBOX, OTHER, LABEL = 1, 2, 9
FLAGS = (0, int(Flag.SEEN), int(Flag.FLAGGED), int(Flag.SEEN | Flag.FLAGGED))
FLAGGED, SEEN = Condition(Field.HAS_KEYWORD, "$flagged"), Condition(Field.NOT_KEYWORD, "$seen")
HERE = Condition(Field.IN_MAILBOX, 1)
OLDEST_FIRST = (Order("receivedAt", is_ascending=True),)
MANY = list(range(2, 200, 3))
PAGE = Asked(0, None, 0, 50, wants_total=False)


def both(*parts):
    return Operator("AND", parts)


def _fill(tx):
    """Three inboxes, the third another tenant's; every ninth message has a label."""
    chance = random.Random(3)
    for number in range(1, MESSAGES + 1):
        inbox = number % 3 + 1
        tx.execute(
            "INSERT INTO message(id, inbox_id, tenant_id, thread_id, blob, header_hash, size, received_at, flags, "
            "has_attachment, updated_at, created_modseq, modseq) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 1, ?, ?)",
            (number, inbox, inbox // 3, number // 6, b"%d" % number, number, chance.randrange(10**6),
             FLAGS[number % 4], number % 2, number, number),
        )  # fmt: skip
        tx.execute(
            "INSERT INTO placement(folder_id, uid, message_id, thread_id, received_at, unread, flagged, "
            "created_modseq, modseq) SELECT ?, id, id, thread_id, received_at, flags & ? = 0, flags & ? != 0, 1, 1 "
            "FROM message WHERE id = ?",
            (inbox, int(Flag.SEEN), int(Flag.FLAGGED), number),
        )
        tx.execute(
            "INSERT INTO message_data(message_id, header_id, subject, people, refs, preview) "
            "VALUES (?, '', ?, ?, '', '')",
            (number, f"Subject {chance.randrange(50)}", '{"to": [["own@local.test", null]]}'),
        )
        tx.execute(
            "INSERT INTO search(rowid, inbox, subject, sender, recipients, body, attachments) "
            "VALUES (?, ?, '', '', 'own local test', 'common', '')",
            (number, search_token(inbox)),
        )
        if number % 9 == 0:
            tx.execute("INSERT INTO message_label SELECT ?, inbox_id, received_at, id FROM message WHERE id = ?",
                       (LABEL, number))  # fmt: skip
    tx.execute(
        "INSERT INTO folder_thread SELECT folder_id, thread_id, COUNT(*), MAX(received_at), MAX(message_id) "
        "FROM placement GROUP BY folder_id, thread_id"
    )
    for folder in (1, 2, 3):
        tx.execute("INSERT INTO folder VALUES (?,?,0,'Inbox','inbox',1,1,1,1,1,200,0,101,0,0,1,1,1)", (folder, folder))
    tx.execute("INSERT INTO label(id, tenant_id, atom, display, created_at) VALUES (?, 0, 'work', 'Work', 1)", (LABEL,))
    tx.execute("INSERT INTO type_state(inbox_id, type, modseq) VALUES (1, 1, 600), (1, 2, 1), (1, 3, 1)")


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def found(watched, query, asked=PAGE):
    watched.plans.clear()
    inbox = SimpleNamespace(id=INBOX, tenant_id=0)
    return queries._find(Snapshot(watched, watched.database), inbox, query, asked, {})


def faults(watched, *, sorts=False):
    """Steps that walk a table, or sort what an index could give in order."""
    return [
        (step, sql)
        for sql, step in watched.steps
        if (step.startswith("SCAN ") and "VIRTUAL TABLE" not in step) or ("TEMP B-TREE" in step and not sorts)
    ]


LISTS = {
    "folder": (Query(HERE), "placement_list"),
    "folder, collapsed": (Query(HERE, collapses=True), "folder_thread_list"),
    "folder, unread": (Query(both(HERE, SEEN)), "placement_list"),
    "folder, unread, collapsed": (Query(both(HERE, SEEN), collapses=True), "placement_list"),
    "folder, flagged": (Query(both(HERE, FLAGGED)), "placement_flagged"),
    "folder, with files": (Query(both(HERE, Condition(Field.HAS_ATTACHMENT, True))), "placement_list"),
    "folder, between": (
        Query(both(HERE, Condition(Field.AFTER, 1000), Condition(Field.BEFORE, 10**5))),
        "received_at>? AND received_at<?",
    ),
    "folder, oldest first": (Query(HERE, OLDEST_FIRST), "placement_list"),
    "everything": (Query(), "message_inbox_all"),
    "everything, collapsed": (Query(collapses=True), "message_inbox_all"),
    "everything, oldest first": (Query(None, OLDEST_FIRST), "message_inbox_all"),
    "everything before": (Query(Condition(Field.BEFORE, 10**5)), "message_inbox_all"),
    "all but some folders": (Query(Condition(Field.IN_OTHER_THAN, (7, 8))), "message_inbox_all"),
    "a label": (Query(Condition(Field.HAS_KEYWORD, "work")), "label_id=? AND inbox_id=?"),
    "a label, collapsed": (Query(Condition(Field.HAS_KEYWORD, "work"), collapses=True), "label_id=? AND inbox_id=?"),
    "a label in a folder": (Query(both(Condition(Field.HAS_KEYWORD, "work"), HERE)), "label_id=? AND inbox_id=?"),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_walks_an_index_in_its_order(watched, name):
    query, index = LISTS[name]
    assert found(watched, query).ids
    assert faults(watched) == []
    assert any(index in step for _, step in watched.steps), watched.steps


@pytest.mark.parametrize("name", LISTS)
def test_a_page_is_a_part_of_the_whole(watched, name):
    """What is read as far as it goes is the same as what is read to the end."""
    query, _ = LISTS[name]
    every = found(watched, query, Asked(0, None, 0, 10_000, wants_total=True))
    assert every.total == len(every.ids)
    for position, limit in ((0, 7), (3, 5), (len(every.ids) - 2, 10), (len(every.ids), 5), (10**12, 5)):
        part = found(watched, query, Asked(position, None, 0, limit, wants_total=False))
        assert part.ids == every.ids[position : position + limit]
    for offset, limit in ((0, 3), (-2, 5), (2, 3), (-1000, 4), (1, 0)):
        anchor = every.ids[len(every.ids) // 2]
        start = max(0, len(every.ids) // 2 + offset)
        part = found(watched, query, Asked(0, anchor, offset, limit, wants_total=False))
        assert (part.position, part.ids) == (start, every.ids[start : start + limit])
    assert found(watched, query, Asked(-3, None, 0, 5, wants_total=False)).ids == every.ids[-3:]


WORDS = {
    "a word": Query(Condition(Field.TEXT, "common")),
    "a word in a folder": Query(both(HERE, Condition(Field.TEXT, "common"))),
    "one's own address": Query(Condition(Field.TO, "own@local.test")),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_are_looked_up_once_and_no_table_is_walked(watched, name):
    assert len(found(watched, WORDS[name], Asked(0, None, 0, 1000, wants_total=True)).ids) == MESSAGES // 3
    assert faults(watched, sorts=True) == []
    assert sum("VIRTUAL TABLE" in step for _, step in watched.steps) == 1


def test_changes_and_objects_are_searched(watched):
    snapshot = Snapshot(watched, watched.database)
    for kind in (Type.EMAIL, Type.MAILBOX, Type.THREAD, Type.IDENTITY, Type.SUBMISSION):
        assert changes.since(snapshot, INBOX, int(kind), 0, 10) is not None
    since(snapshot, INBOX, Type.EMAIL, "500", 10)
    emails.get(snapshot, INBOX, [2, 5, 8])
    emails.placed(snapshot, INBOX, [2, 5, 8])
    emails.of_threads(snapshot, INBOX, [1, 2])
    emails.with_blob(snapshot, INBOX, b"2")
    emails.upload_with(snapshot, INBOX, b"2", 1)
    email_query.touched_threads(snapshot, INBOX, 3, 10)
    assert faults(watched, sorts=True) == []


def test_what_is_asked_by_id_is_not_looked_for_by_time(watched):
    """An index that gives the order of an answer is no reason to walk the whole inbox for some rows of it."""
    snapshot, inbox = Snapshot(watched, watched.database), SimpleNamespace(id=INBOX, tenant_id=0)
    emails.of_threads(snapshot, INBOX, MANY)
    emails.get(snapshot, INBOX, MANY)
    emails.placed(snapshot, INBOX, MANY)
    for query in (Query(), Query(collapses=True), Query(both(HERE, SEEN), collapses=True), WORDS["a word"]):
        queries._among(snapshot, inbox, query, MANY)
    assert [step for _, step in watched.steps if "(inbox_id=" in step] == []
    assert faults(watched, sorts=True) == []


def test_nothing_of_another_inbox_is_found(watched):
    own = {row[0] for row in Snapshot(watched, watched.database).all("SELECT id FROM message WHERE inbox_id = 1")}
    asked = Asked(0, None, 0, 1000, wants_total=True)
    for name, query in {**{name: one for name, (one, _) in LISTS.items()}, **WORDS}.items():
        assert set(found(watched, query, asked).ids) <= own, name
    foreign = Condition(Field.IN_MAILBOX, OTHER)
    for query in (
        Query(foreign), Query(foreign, collapses=True), Query(foreign, OLDEST_FIRST), Query(both(foreign, FLAGGED)),
        Query(both(foreign, Condition(Field.TEXT, "common"))), Query(foreign, (Order("subject", is_ascending=True),)),
    ):  # fmt: skip
        assert found(watched, query, asked).ids == ()


@pytest.mark.parametrize("is_ascending", [True, False])
@pytest.mark.parametrize("name", ["from", "subject"])
def test_names_and_subjects_are_sorted_piece_by_piece_as_in_one_go(watched, monkeypatch, name, is_ascending):
    query = Query(None, (Order(name, is_ascending=is_ascending), *NEWEST_FIRST))
    whole = found(watched, query, Asked(0, None, 0, 1000, wants_total=True)).ids
    monkeypatch.setattr(email_query, "RUN", 7)
    assert found(watched, query, Asked(0, None, 0, 1000, wants_total=True)).ids == whole
    assert len(whole) == MESSAGES // 3


async def test_a_query_that_takes_too_long_is_given_up_and_the_reader_goes_on(watched):
    def for_ever(snapshot):
        with snapshot.within(0.2):
            snapshot.one("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT SUM(x) FROM n")

    database = Database(watched.database, lambda topic: None, readers=1)
    async with database.running():
        began = time.monotonic()
        with pytest.raises(TookTooLong):
            await asyncio.wait_for(database.read(for_ever), 60)
        assert time.monotonic() - began < 30
        assert await database.read(lambda snapshot: snapshot.one("SELECT COUNT(*) FROM message")[0]) == MESSAGES

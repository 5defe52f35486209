"""Whatever is done to mail, in whatever order: counts are right, and change numbers only grow."""

import importlib
import itertools
import pkgutil
import sqlite3

import hypothesis
import pytest
from hypothesis import strategies as st
from playhouse import migrations

from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Flag
from mailserver.mail import message as parsing
from mailserver.mail import threading
from mailserver.storage import arrange, audit, changes, inboxes, ingest, labels, sqlite
from mailserver.storage.database import Transaction
from mailserver.storage.records import Copy
from mailserver.storage.thread_book import NewMessage

TENANT = 1
ROLES = ("inbox", "drafts", "sent", "archive", "junk", "trash")
PEOPLE = ("ann@a.test", "bob@b.test")
DAY = 86_400_000


def database(path):
    made = sqlite.connect(path)
    sqlite.migrate(made)
    made.connect()
    return made


class Mailbox:
    """One inbox on a real database, with what a client could know of it."""

    def __init__(self, made):
        self.tx = Transaction(made.connection(), made)
        self.tx.execute("BEGIN")
        self.ids = IdSource()
        self.clock = itertools.count(1_700_000_000_000, 1000)
        self.inbox_ids = [self.ids.next(), self.ids.next()]
        self.folders = {}
        for number, inbox_id in enumerate(self.inbox_ids):
            folder_ids = tuple(self.ids.next() for _ in ROLES)
            self.folders[inbox_id] = dict(zip(ROLES, folder_ids, strict=True))
            inboxes.add(
                self.tx, Inbox(inbox_id, TENANT, f"{number}@x.test", None, "active", None, 0, 0, 0, 0), folder_ids
            )

    def close(self):
        self.tx.execute("ROLLBACK")

    def new(self, inbox=0, subject="Hello", number=None, replies_to=(), sender="ann@a.test", role="inbox", **more):
        number = self.ids.next() if number is None else number
        raw = f"From: {sender}\r\nTo: {inbox}@x.test\r\nSubject: {subject}\r\nMessage-ID: <{number}@m>\r\n"
        if replies_to:
            raw += f"References: {' '.join(f'<{each}@m>' for each in replies_to)}\r\n"
        raw = f"{raw}\r\nbody\r\n".encode()
        parsed = parsing.parse(raw)
        at = more.pop("at", None) or next(self.clock)
        hashes = threading.reference_hashes(parsed.header_id, parsed.in_reply_to, parsed.references)
        base = threading.base_subject(subject)
        return NewMessage(
            Copy(self.ids.next(), self.inbox_ids[inbox], TENANT, role, **more), parsed, parsed.header_id, b"h" * 32,
            len(raw), at, (hashes[-1], *hashes[:-1]), threading.subject_hash(subject),
            joins_by_subject=bool(base) and base != subject and not replies_to,
        )  # fmt: skip

    def store(self, *messages):
        return ingest.store(self.tx, messages, next(self.clock))

    def messages(self):
        return [row[0] for row in self.tx.all("SELECT id FROM message ORDER BY id")]

    def state(self):
        """Every object with its change number, by kind."""
        found = {}
        for kind, sql in (
            ("inbox", "SELECT id, modseq FROM inbox"),
            ("message", "SELECT id, modseq FROM message"),
            ("thread", "SELECT id, modseq FROM thread"),
            ("folder", "SELECT id, modseq FROM folder"),
            ("placement", "SELECT folder_id || '/' || uid, modseq FROM placement"),
            ("uidnext", "SELECT id, uidnext FROM folder"),
            ("type", "SELECT inbox_id || '/' || type, modseq FROM type_state"),
        ):
            found[kind] = dict(self.tx.all(sql))
        return found

    def contents(self):
        """What a client sees of each object, change numbers aside."""
        return {
            "message": dict(self._seen("SELECT id, flags, visibility FROM message")),
            "thread": dict(
                self._seen("SELECT id, message_count, unread_count, visibility, last_message_id FROM thread")
            ),
            "folder": dict(
                self._seen(
                    "SELECT id, total_messages, unread_messages, total_threads, unread_threads, uidnext FROM folder"
                )
            ),
        }  # fmt: skip

    def _seen(self, sql):
        return [(row[0], row[1:]) for row in self.tx.all(sql)]

    def check(self):
        tx = self.tx
        assert audit.wrong_counters(tx) == 0
        for inbox_id, size, count in tx.all("SELECT id, used_bytes, message_count FROM inbox"):
            assert (size, count) == tx.one(
                "SELECT COALESCE(SUM(size), 0), COUNT(*) FROM message WHERE inbox_id = ?", (inbox_id,)
            )
        for folder_id, size in tx.all("SELECT id, bytes FROM folder"):
            assert (size,) == tx.one(
                "SELECT COALESCE(SUM(m.size), 0) FROM placement p JOIN message m ON m.id = p.message_id "
                "WHERE p.folder_id = ?",
                (folder_id,),
            )
        wrong = tx.all(
            "SELECT t.id FROM thread t WHERE (t.message_count, t.last_received_at, t.visibility) != "
            "(SELECT COUNT(*), MAX(received_at), MIN(visibility) FROM message WHERE thread_id = t.id) "
            "OR t.unread_count != (SELECT COUNT(*) FROM message WHERE thread_id = t.id AND flags & 9 = 0 "
            "AND visibility != 2) OR t.last_message_id != "
            "(SELECT id FROM message WHERE thread_id = t.id ORDER BY received_at DESC, id DESC LIMIT 1)"
        )
        assert not wrong
        assert not tx.all(
            "SELECT folder_id, thread_id, message_count, last_received_at FROM folder_thread EXCEPT "
            "SELECT p.folder_id, m.thread_id, COUNT(*), MAX(m.received_at) FROM placement p "
            "JOIN message m ON m.id = p.message_id GROUP BY p.folder_id, m.thread_id"
        )
        assert not tx.all(
            "SELECT p.uid FROM placement p JOIN message m ON m.id = p.message_id WHERE p.thread_id != m.thread_id "
            "OR p.received_at != m.received_at OR p.unread != (m.flags & 9 = 0) OR p.flagged != (m.flags & 2 != 0)"
        )
        assert not tx.all("SELECT id FROM thread WHERE NOT EXISTS (SELECT 1 FROM message WHERE thread_id = thread.id)")
        assert not tx.all(
            "SELECT f.id FROM folder f WHERE f.highestmodseq < "
            "(SELECT COALESCE(MAX(modseq), 0) FROM placement WHERE folder_id = f.id)"
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    opened = database(tmp_path_factory.mktemp("counts") / "x.db")
    yield opened
    opened.close()


@pytest.fixture
def box(made):
    opened = Mailbox(made)
    yield opened
    opened.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("arrive"),
            st.lists(
                st.tuples(
                    st.integers(0, 1), st.integers(0, 2), st.integers(0, 5), st.booleans(),
                    st.sampled_from(["inbox", "sent", "junk", "trash", "drafts"]), st.sampled_from([0, 1, 2, 8]),
                ),
                min_size=1, max_size=4,
            ),
        ),
        st.tuples(st.just("flag"), st.integers(0, 30), st.sampled_from([1, 2, 4, 9]), st.booleans()),
        st.tuples(st.just("move"), st.integers(0, 30), st.sampled_from(ROLES)),
        st.tuples(st.just("label"), st.integers(0, 30), st.sampled_from(["red", "blue"])),
        st.tuples(st.just("remove"), st.integers(0, 30)),
    ),
    max_size=25,
)  # fmt: skip
_VISIBLE = {"junk": 1, "trash": 2}


def step(box, known, action):
    word, *values = action
    if word == "arrive":
        news = []
        for inbox, subject, parent, is_reply, role, flags in values[0]:
            replies = [known[parent % len(known)]] if known and is_reply else []
            number = box.ids.next()
            known.append(number)
            prefix = "Re: " if is_reply else ""
            news.append(
                box.new(
                    inbox, f"{prefix}subject {subject}", number, replies, PEOPLE[number % 2], role, flags=flags,
                    visibility=_VISIBLE.get(role, 0),
                )
            )  # fmt: skip
        box.store(*news)
        return
    stored = box.messages()
    if not stored:
        return
    message_id = stored[values[0] % len(stored)]
    (inbox_id,) = box.tx.one("SELECT inbox_id FROM message WHERE id = ?", (message_id,))
    if word == "flag":
        on, off = (Flag(values[1]), Flag(0)) if values[2] else (Flag(0), Flag(values[1]))
        arrange.set_flags(box.tx, message_id, on, off, next(box.clock))
    elif word == "move":
        arrange.move(box.tx, message_id, box.folders[inbox_id][values[1]], next(box.clock))
    elif word == "label":
        labels.attach(box.tx, box.ids, TENANT, message_id, [values[1]])
    else:
        arrange.remove(box.tx, message_id, next(box.clock))


@hypothesis.settings(
    max_examples=120, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(steps=_STEPS)
def test_counts_and_change_numbers_hold_whatever_is_done(made, steps):
    box = Mailbox(made)
    known = []
    try:
        for action in steps:
            before, seen = box.state(), box.contents()
            step(box, known, action)
            box.check()
            after, now = box.state(), box.contents()
            for kind in before:
                for key, number in before[kind].items():
                    assert after[kind].get(key, number) >= number, (action, kind, key)
            for kind in now:
                for key, value in now[kind].items():
                    if seen[kind].get(key) != value:
                        assert after[kind][key] > before[kind].get(key, 0), (action, kind, key)
            touched = [
                number
                for kind in ("message", "thread", "folder")
                for key, number in after[kind].items()
                if before[kind].get(key) != number
            ]
            assert_own_numbers(box, touched)
        assert not box.tx.all(
            "SELECT label_id FROM thread_label WHERE message_count != (SELECT COUNT(*) FROM message_label ml "
            "JOIN message m ON m.id = ml.message_id WHERE ml.label_id = thread_label.label_id "
            "AND m.thread_id = thread_label.thread_id)"
        )
    finally:
        box.close()


def assert_own_numbers(box, touched):
    """No two touched objects of an inbox share a change number (two inboxes count for themselves)."""
    for inbox_id in box.inbox_ids:
        numbers = [
            row[0]
            for table in ("message", "thread", "folder")
            for row in box.tx.all(f"SELECT modseq FROM {table} WHERE inbox_id = ?", (inbox_id,))
        ]
        numbers += [row[0] for row in box.tx.all("SELECT modseq FROM tombstone WHERE inbox_id = ?", (inbox_id,))]
        shared = {number for number in numbers if numbers.count(number) > 1}
        assert not shared & set(touched), (inbox_id, shared)
        (top,) = box.tx.one("SELECT modseq FROM inbox WHERE id = ?", (inbox_id,))
        assert max(numbers) <= top


def test_destroyed_objects_leave_tombstones_and_expunged_uids(box):
    (one,) = box.store(box.new())
    arrange.remove(box.tx, one.copy.message_id, 1)
    kinds = [row[0] for row in box.tx.all("SELECT type FROM tombstone ORDER BY modseq")]
    assert kinds == [changes.EMAIL, changes.THREAD]
    assert box.tx.all("SELECT uid FROM expunged") == [(1,)]
    assert box.tx.all("SELECT location FROM removed_file")


def test_a_reply_joins_the_thread_that_it_names(box):
    box.store(box.new(number=1))
    box.store(box.new(number=2, subject="Re: Hello", replies_to=[1], sender="bob@b.test"))
    box.store(box.new(number=3, subject="Aw: Re: Hello", replies_to=[1, 2], sender="ann@a.test"))
    assert threads(box) == [{1, 2, 3}]


def test_a_reply_that_comes_before_what_it_answers_is_joined_by_it(box):
    box.store(box.new(number=2, subject="Re: Hello", replies_to=[1], sender="bob@b.test"))
    box.store(box.new(number=1))
    assert threads(box) == [{1, 2}]


def test_the_same_references_under_another_subject_are_another_thread(box):
    box.store(box.new(number=1), box.new(number=2, subject="Something else", replies_to=[1]))
    assert threads(box) == [{1}, {2}]


def test_threads_that_turn_out_to_be_one_are_never_merged(box):
    box.store(box.new(number=1), box.new(number=2, sender="bob@b.test"))
    box.store(box.new(number=3, subject="Re: Hello", replies_to=[1, 2]))
    assert threads(box) == [{1, 3}, {2}]


def test_a_reply_without_references_joins_the_latest_thread_of_its_subject_and_people(box):
    box.store(box.new(number=1, sender="ann@a.test"))
    box.store(box.new(number=2, subject="Re: Hello", sender="ann@a.test"))
    box.store(box.new(number=3, subject="Re: Hello", sender="stranger@c.test"))
    box.store(box.new(number=4, subject="Hello", sender="ann@a.test"))
    assert threads(box) == [{1, 2}, {3}, {4}]


@pytest.mark.parametrize("together", [True, False])
def test_a_subject_of_long_ago_does_not_count_within_a_batch_or_across(box, together):
    now = next(box.clock)
    news = [box.new(number=1, at=now - 8 * DAY), box.new(number=2, subject="Re: Hello", at=now)]
    if together:
        box.store(*news)
    else:
        for one in news:
            box.store(one)
    assert threads(box) == [{1}, {2}]


def test_messages_without_a_subject_do_not_flow_together(box):
    box.store(box.new(number=1, subject=""), box.new(number=2, subject=""), box.new(number=3, subject="Re:"))
    assert threads(box) == [{1}, {2}, {3}]


def test_two_inboxes_never_share_a_thread(box):
    box.store(box.new(number=1), box.new(inbox=1, number=1))
    assert len(box.tx.all("SELECT id FROM thread")) == 2


def test_a_batch_gives_the_same_threads_as_one_after_the_other(made):
    shapes = [(1, "Hello", []), (2, "Re: Hello", [1]), (3, "Other", []), (4, "Re: Other", [3]), (5, "Re: Hello", [2])]
    found = []
    for together in (True, False):
        box = Mailbox(made)
        news = [box.new(number=n, subject=subject, replies_to=parents) for n, subject, parents in shapes]
        if together:
            box.store(*news)
        else:
            for one in news:
                box.store(one)
        found.append(threads(box))
        box.check()
        box.close()
    assert found[0] == found[1] == [{1, 2, 5}, {3, 4}]


def test_the_same_message_again_changes_nothing(box):
    one = box.new(number=1)
    (first,) = box.store(one)
    before = (box.state(), box.contents())
    (again,) = box.store(one)
    assert first.is_new
    assert not again.is_new
    assert again.thread_id == first.thread_id
    assert (box.state(), box.contents()) == before


def threads(box):
    rows = box.tx.all(
        "SELECT m.thread_id, d.header_id FROM message m JOIN message_data d ON d.message_id = m.id ORDER BY m.id"
    )
    found = {}
    for thread_id, header_id in rows:
        found.setdefault(thread_id, set()).add(int(header_id.strip("<").partition("@")[0]))
    return list(found.values())


def test_the_schema_has_the_columns_of_the_models(made):
    from mailserver.storage import tables
    from mailserver.storage.tables.base import Row

    checked = 0
    for found in pkgutil.iter_modules(tables.__path__):
        module = importlib.import_module(f"{tables.__name__}.{found.name}")
        for model in vars(module).values():
            if isinstance(model, type) and issubclass(model, Row) and model is not Row:
                columns = {row[1]: row for row in made.execute_sql(f"PRAGMA table_info({model._meta.table_name})")}
                assert set(columns) == set(model._meta.columns), model
                for name, field in model._meta.columns.items():
                    assert bool(columns[name][3]) or field.null or field.primary_key, (model, name)
                checked += 1
    there = {row[0] for row in made.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = {name for name in there if not name.startswith(("search", "sqlite", "migration"))}
    assert checked >= len(ours) - 1, sorted(ours)


def test_a_newer_database_is_refused_with_a_sentence(tmp_path):
    made = database(tmp_path / "x.db")
    runner = migrations.Runner(made, directory=str(sqlite.MIGRATIONS))
    applied = max(runner.applied())
    table = next(
        row[0]
        for row in made.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%migration%'")
    )
    columns = [row[1] for row in made.execute_sql(f"PRAGMA table_info({table})")]
    name = next(column for column in columns if "name" in column)
    made.execute_sql(f"UPDATE {table} SET {name} = '9999_future' WHERE {name} = ?", (applied,))
    made.close()
    with pytest.raises(sqlite.DatabaseProblem, match=r"newer version \(it has 9999_future\)"):
        sqlite.migrate(sqlite.connect(tmp_path / "x.db"))


def test_a_locked_database_and_a_file_that_is_none_have_their_sentences(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0)
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite.DatabaseProblem, match="locked by another program"):
        sqlite.migrate(sqlite.connect(tmp_path / "x.db"))
    holder.close()
    (tmp_path / "y.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite.DatabaseProblem, match="not a usable database"):
        sqlite.migrate(sqlite.connect(tmp_path / "y.db"))


def test_migrating_again_applies_nothing(tmp_path):
    made = sqlite.connect(tmp_path / "x.db")
    assert sqlite.migrate(made)
    assert sqlite.migrate(made) == []

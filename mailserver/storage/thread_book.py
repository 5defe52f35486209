"""Which thread each message of a batch belongs to (RFC 8621 3), and the counts of those threads."""

from dataclasses import dataclass, field

import orjson

from mailserver.entities.message import Visibility
from mailserver.mail.message import Parsed
from mailserver.storage.database import Transaction
from mailserver.storage.records import Copy

SUBJECT_WINDOW_MS = 7 * 86_400_000  # how old a thread may be that a reply without references joins by its subject


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A copy to be stored, with what its bytes say. `references` are hashes, its own Message-ID's first."""

    copy: Copy
    parsed: Parsed
    header_id: str
    blob: bytes
    size: int
    received_at: int
    references: tuple[int, ...]
    subject_hash: int
    joins_by_subject: bool


@dataclass(slots=True)
class Thread:
    """A thread that the batch touches, with its counts as they will be written."""

    id: int
    inbox_id: int
    tenant_id: int
    subject_hash: int
    unread: int
    count: int
    visibility: int
    last_received_at: int
    last_message_id: int
    folders: dict[int, list[int]]  # folder id to [added messages, newest received_at, newest message id]
    created_modseq: int = 0
    modseq: int = 0
    people: set[str] = field(default_factory=set)


class ThreadBook:
    """The threads of one batch: those that it finds and those that it makes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._threads: dict[int, Thread] = {}
        self._by_reference: dict[tuple[int, int, int], int] = {}
        self._by_subject: dict[tuple[int, int], int] = {}
        self._references: list[tuple[int, int, int, int]] = []

    def of(self, message: NewMessage) -> Thread:
        """RFC 8621 3: a shared Message-ID and the same base subject; the oldest match, for good."""
        copy = message.copy
        thread_id = self._by_references(message)
        if thread_id is None and message.joins_by_subject:
            thread_id = self._by_subject_of(message)
        if thread_id is not None:
            return self._threads.get(thread_id) or self._load(thread_id)
        thread = Thread(
            copy.message_id, copy.inbox_id, copy.tenant_id, message.subject_hash, 0, 0, int(Visibility.BLOCKED),
            message.received_at, copy.message_id, {},
        )  # fmt: skip
        self._threads[thread.id] = thread
        return thread

    def _by_references(self, message: NewMessage) -> int | None:
        inbox_id, subject_hash = message.copy.inbox_id, message.subject_hash
        candidates = []
        for reference in message.references:
            found = self._by_reference.get((inbox_id, reference, subject_hash))
            if found is not None:
                candidates.append(found)
        marks = ",".join("?" * len(message.references))
        row = self._tx.one(
            "SELECT MIN(thread_id) FROM thread_ref "
            f"WHERE inbox_id = ? AND header_hash IN ({marks}) AND subject_hash = ?",
            (inbox_id, *message.references, subject_hash),
        )
        if row[0] is not None:
            candidates.append(row[0])
        return min(candidates) if candidates else None

    def _by_subject_of(self, message: NewMessage) -> int | None:
        """A reply whose client wrote no references joins the latest thread of its subject and its people."""
        inbox_id = message.copy.inbox_id
        thread_id = self._by_subject.get((inbox_id, message.subject_hash))
        if thread_id is None:
            row = self._tx.one(
                "SELECT id FROM thread WHERE inbox_id = ? AND subject_hash = ? AND last_received_at > ? "
                "ORDER BY last_received_at DESC LIMIT 1",
                (inbox_id, message.subject_hash, message.received_at - SUBJECT_WINDOW_MS),
            )
            if row is None:
                return None
            thread_id = row[0]
        thread = self._threads.get(thread_id) or self._load(thread_id)
        if thread.last_received_at <= message.received_at - SUBJECT_WINDOW_MS:
            return None
        senders = {person.address.lower() for person in message.parsed.sender}
        return thread_id if senders & thread.people else None

    def _load(self, thread_id: int) -> Thread:
        row = self._tx.one(
            "SELECT t.inbox_id, t.tenant_id, t.subject_hash, t.unread_count, t.message_count, t.visibility, "
            "t.last_received_at, t.last_message_id, t.created_modseq, d.people "
            "FROM thread t LEFT JOIN message_data d ON d.message_id = t.last_message_id WHERE t.id = ?",
            (thread_id,),
        )
        folders = self._tx.all("SELECT folder_id FROM folder_thread WHERE thread_id = ?", (thread_id,))
        inbox_id, tenant_id, subject_hash, unread, count, visibility, received_at, message_id, created, people_text = (
            row
        )
        thread = Thread(
            thread_id, inbox_id, tenant_id, subject_hash, unread, count, visibility, received_at, message_id,
            {folder_id: [0, 0, 0] for (folder_id,) in folders}, created,
        )  # fmt: skip
        if people_text:
            people = orjson.loads(people_text)
            thread.people = {pair[0].lower() for kind in ("from", "to", "cc") for pair in people[kind]}
        self._threads[thread_id] = thread
        return thread

    def touch(self, thread: Thread, message: NewMessage, modseq: int, *, counts: bool) -> None:
        """Count a message in its thread, and remember the ids by which later ones will find it."""
        thread.modseq = modseq
        thread.created_modseq = thread.created_modseq or modseq
        thread.count += 1
        thread.unread += int(counts)
        thread.visibility = min(thread.visibility, message.copy.visibility)
        if (message.received_at, message.copy.message_id) >= (thread.last_received_at, thread.last_message_id):
            thread.last_received_at = message.received_at
            thread.last_message_id = message.copy.message_id
        thread.people.update(person.address.lower() for person in (*message.parsed.sender, *message.parsed.to))
        self._by_subject[message.copy.inbox_id, message.subject_hash] = thread.id
        for reference in message.references:
            key = (message.copy.inbox_id, reference, message.subject_hash)
            if self._by_reference.setdefault(key, thread.id) == thread.id:
                self._references.append((*key, thread.id))

    def write(self) -> None:
        """Write the threads that were touched."""
        self._tx.executemany("INSERT INTO thread_ref VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", self._references)
        touched = [thread for thread in self._threads.values() if thread.modseq]
        self._tx.executemany(
            "INSERT INTO thread VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
            "last_received_at = excluded.last_received_at, last_message_id = excluded.last_message_id, "
            "message_count = excluded.message_count, unread_count = excluded.unread_count, "
            "visibility = excluded.visibility, modseq = excluded.modseq",
            [
                (
                    t.id, t.inbox_id, t.tenant_id, t.subject_hash, t.last_received_at, t.last_message_id, t.count,
                    t.unread, t.visibility, t.created_modseq, t.modseq,
                )
                for t in touched
            ],
        )  # fmt: skip
        self._tx.executemany(
            "INSERT INTO folder_thread VALUES (?, ?, ?, ?, ?) ON CONFLICT(folder_id, thread_id) DO UPDATE SET "
            "message_count = folder_thread.message_count + excluded.message_count, "
            "last_message_id = CASE WHEN excluded.last_received_at >= folder_thread.last_received_at "
            "THEN excluded.last_message_id ELSE folder_thread.last_message_id END, "
            "last_received_at = MAX(folder_thread.last_received_at, excluded.last_received_at)",
            [
                (folder_id, thread.id, *place)
                for thread in touched
                for folder_id, place in thread.folders.items()
                if place[0]
            ],
        )

"""Rows of new messages, many at once: message, parts, placement, thread, counts, search index and change numbers.

The rows of a batch are worked out in memory and written with one statement a table, because that is what lets one
writer keep up with a busy port 25. A message whose id is there already is left as it is: replay changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from mailserver.entities.folder import Role
from mailserver.entities.message import Flag, Visibility
from mailserver.mail import searchable
from mailserver.mail.address import Person
from mailserver.mail.message import Parsed
from mailserver.storage.database import Transaction
from mailserver.storage.records import Copy
from mailserver.storage.thread_book import NewMessage, Thread, ThreadBook

INSERT_SEARCH = (
    "INSERT INTO search(rowid, inbox, subject, sender, recipients, body, attachments) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
EMAIL, MAILBOX, THREAD = 1, 2, 3  # types in type_state and tombstone
EMAIL_DELIVERY = 33  # in type_state: changes with every new message, and with nothing else (RFC 8621 1.5)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """Where a copy ended up; `is_new` is False where it was there already."""

    copy: Copy
    thread_id: int
    is_new: bool


@dataclass(slots=True)
class _Inbox:
    modseq: int
    folders: dict[str, "_Folder"]
    used_bytes: int = 0
    count: int = 0
    unread_elsewhere: dict[int, int] = field(default_factory=dict)  # folder id to its threads that became unread


@dataclass(slots=True)
class _Folder:
    id: int
    uidnext: int
    total: int = 0
    unread: int = 0
    threads: int = 0
    unread_threads: int = 0
    bytes: int = 0


def search_token(inbox_id: int) -> str:
    """The word by which a search keeps to one inbox."""
    return f"i{inbox_id:x}"


def people_json(parsed: Parsed, bcc: tuple[str, ...] = ()) -> str:
    """The people of a message, as message_data keeps them: lists of [address, name]."""

    def pairs(people: Iterable[Person]) -> list[tuple[str, str | None]]:
        return [(person.address, person.name) for person in people]

    return orjson.dumps(
        {
            "from": pairs(parsed.sender),
            "to": pairs(parsed.to),
            "cc": pairs(parsed.cc),
            "bcc": [*pairs(parsed.bcc), *((address, None) for address in bcc)],
            "reply_to": pairs(parsed.reply_to),
        }
    ).decode()


def store(tx: Transaction, messages: Sequence[NewMessage], now_ms: int) -> list[StoredMessage]:
    """Insert what is not there yet, in the order given; one answer for each that has a home.

    A copy for an inbox that has been deleted meanwhile has none, and is left out of the answer.
    """
    return _Batch(tx, now_ms).run(messages)


class _Batch:
    """The state of one call of `store`."""

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx = tx
        self._now = now_ms
        self._inboxes: dict[int, _Inbox | None] = {}
        self._threads = ThreadBook(tx)
        self._rows: dict[str, list[tuple[Any, ...]]] = {
            name: [] for name in ("message", "data", "part", "placement", "search", "verdict")
        }

    def run(self, messages: Sequence[NewMessage]) -> list[StoredMessage]:
        known = self._known([message.copy.message_id for message in messages])
        stored = []
        for message in messages:
            thread_id = known.get(message.copy.message_id)
            if thread_id is not None:
                stored.append(StoredMessage(message.copy, thread_id, is_new=False))
                continue
            inbox = self._inbox(message.copy.inbox_id)
            if inbox is None:
                continue
            thread = self._add(message, inbox)
            known[message.copy.message_id] = thread.id
            stored.append(StoredMessage(message.copy, thread.id, is_new=True))
        self._write()
        return stored

    def _known(self, ids: list[int]) -> dict[int, int]:
        known: dict[int, int] = {}
        for start in range(0, len(ids), 500):
            group = ids[start : start + 500]
            marks = ",".join("?" * len(group))
            known.update(self._tx.all(f"SELECT id, thread_id FROM message WHERE id IN ({marks})", group))
        return known

    def _inbox(self, inbox_id: int) -> _Inbox | None:
        if inbox_id not in self._inboxes:
            row = self._tx.one("SELECT modseq FROM inbox WHERE id = ?", (inbox_id,))
            folders = self._tx.all(
                "SELECT role, id, uidnext FROM folder WHERE inbox_id = ? AND role IS NOT NULL", (inbox_id,)
            )
            roles = {role: _Folder(identity, uidnext) for role, identity, uidnext in folders}
            self._inboxes[inbox_id] = _Inbox(row[0], roles) if row else None
        return self._inboxes[inbox_id]

    # -- one message --------------------------------------------------------------------------------------------

    def _add(self, message: NewMessage, inbox: _Inbox) -> Thread:
        copy, parsed = message.copy, message.parsed
        inbox.modseq += 1
        modseq = inbox.modseq
        thread = self._threads.of(message)
        counts = not copy.flags & (Flag.SEEN | Flag.DRAFT) and copy.visibility != Visibility.TRASH
        becomes_unread = counts and not thread.unread
        elsewhere = list(thread.folders) if becomes_unread else []
        for folder in self._folders(copy, inbox):
            elsewhere = [each for each in elsewhere if each != folder.id]
            self._place(message, thread, folder, modseq, becomes_unread=becomes_unread)
        for each in elsewhere:
            inbox.unread_elsewhere[each] = inbox.unread_elsewhere.get(each, 0) + 1
        inbox.modseq += 1
        self._threads.touch(thread, message, inbox.modseq, counts=counts)
        inbox.used_bytes += message.size
        inbox.count += 1
        rows = self._rows
        rows["message"].append(
            (
                copy.message_id, copy.inbox_id, copy.tenant_id, thread.id, message.blob, message.references[0],
                message.size, message.received_at, parsed.date_at, copy.flags, copy.visibility,
                int(parsed.has_attachment), int(copy.is_ours), self._now, modseq, modseq,
            )
        )  # fmt: skip
        structure = parsed.structure_json.decode() if parsed.structure_json else None
        in_reply_to = parsed.in_reply_to
        rows["data"].append(
            (
                copy.message_id, message.header_id, parsed.subject, people_json(parsed, copy.bcc), in_reply_to,
                " ".join(parsed.references), parsed.preview, structure, parsed.error,
            )
        )  # fmt: skip
        for part in parsed.parts:
            rows["part"].append(
                (
                    copy.message_id, part.number, part.hash, part.content_type, part.filename, part.disposition,
                    part.content_id, part.charset, part.encoding, part.offset, part.encoded_length, part.size,
                    int(part.is_attachment),
                )
            )  # fmt: skip
        rows["search"].append(search_row(copy, parsed))
        if copy.verdict is not None:
            rows["verdict"].append((copy.message_id, copy.verdict))
        return thread

    def _folders(self, copy: Copy, inbox: _Inbox) -> list[_Folder]:
        """Where a copy is to lie: in the folders that it names, else in that of its role; in none without a role."""
        named = [self._named(copy.inbox_id, folder_id, inbox) for folder_id in copy.folder_ids]
        found = [folder for folder in named if folder is not None]
        if found or not copy.role:
            return found
        return [inbox.folders.get(copy.role) or inbox.folders[Role.INBOX]]

    def _named(self, inbox_id: int, folder_id: int, inbox: _Inbox) -> _Folder | None:
        """A folder by its id; None where it is gone."""
        known = next((folder for folder in inbox.folders.values() if folder.id == folder_id), None)
        if known is None:
            row = self._tx.one("SELECT uidnext FROM folder WHERE id = ? AND inbox_id = ?", (folder_id, inbox_id))
            if row is None:
                return None
            known = inbox.folders[f"folder {folder_id}"] = _Folder(folder_id, row[0])
        return known

    def _place(
        self, message: NewMessage, thread: Thread, folder: _Folder, modseq: int, *, becomes_unread: bool
    ) -> None:
        copy = message.copy
        unread = int(not copy.flags & (Flag.SEEN | Flag.DRAFT))
        self._rows["placement"].append(
            (
                folder.id, folder.uidnext, copy.message_id, thread.id, message.received_at, unread,
                int(bool(copy.flags & Flag.FLAGGED)), modseq, modseq,
            )
        )  # fmt: skip
        folder.uidnext += 1
        folder.total += 1
        folder.unread += unread
        folder.bytes += message.size
        if folder.id not in thread.folders:
            thread.folders[folder.id] = [0, message.received_at, copy.message_id]
            folder.threads += 1
            folder.unread_threads += int(becomes_unread or thread.unread > 0)
        elif becomes_unread:
            folder.unread_threads += 1
        place = thread.folders[folder.id]
        place[0] += 1
        if (message.received_at, copy.message_id) >= (place[1], place[2]):
            place[1:] = [message.received_at, copy.message_id]

    # -- all of them --------------------------------------------------------------------------------------------

    def _write(self) -> None:
        tx, rows = self._tx, self._rows
        tx.executemany(f"INSERT INTO message VALUES ({_marks(16)})", rows["message"])
        tx.executemany(f"INSERT INTO message_data VALUES ({_marks(9)})", rows["data"])
        tx.executemany(f"INSERT INTO part VALUES ({_marks(13)})", rows["part"])
        tx.executemany(
            "INSERT INTO placement(folder_id, uid, message_id, thread_id, received_at, unread, flagged, "
            f"created_modseq, modseq) VALUES ({_marks(9)})",
            rows["placement"],
        )
        tx.executemany(INSERT_SEARCH, rows["search"])
        tx.executemany("INSERT INTO verdict VALUES (?, ?)", rows["verdict"])
        self._threads.write()
        self._write_folders()

    def _write_folders(self) -> None:
        folders = []
        others = []
        inboxes = []
        states = []
        for inbox_id, inbox in self._inboxes.items():
            if inbox is None or not inbox.count:
                continue
            last_email = inbox.modseq
            for folder in inbox.folders.values():
                if not folder.total:
                    continue
                inbox.modseq += 1
                folders.append(
                    (
                        folder.uidnext, folder.total, folder.unread, folder.threads, folder.unread_threads,
                        folder.bytes, inbox.modseq, inbox.modseq, folder.id,
                    )
                )  # fmt: skip
            for folder_id, count in inbox.unread_elsewhere.items():
                inbox.modseq += 1
                others.append((count, inbox.modseq, inbox.modseq, folder_id))
            inboxes.append((inbox.modseq, inbox.used_bytes, inbox.count, inbox_id))
            states += [(inbox_id, kind, last_email) for kind in (EMAIL, THREAD, EMAIL_DELIVERY)]
            states.append((inbox_id, MAILBOX, inbox.modseq))
        tx = self._tx
        tx.executemany(
            "UPDATE folder SET uidnext = ?, total_messages = total_messages + ?, unread_messages = unread_messages + ?,"
            " total_threads = total_threads + ?, unread_threads = unread_threads + ?, bytes = bytes + ?,"
            " highestmodseq = ?, modseq = ? WHERE id = ?",
            folders,
        )
        tx.executemany(
            "UPDATE folder SET unread_threads = unread_threads + ?, highestmodseq = ?, modseq = ? WHERE id = ?", others
        )
        tx.executemany(
            "UPDATE inbox SET modseq = ?, used_bytes = used_bytes + ?, message_count = message_count + ? WHERE id = ?",
            inboxes,
        )
        tx.executemany(
            "INSERT INTO type_state(inbox_id, type, modseq) VALUES (?, ?, ?) "
            "ON CONFLICT(inbox_id, type) DO UPDATE SET modseq = excluded.modseq",
            states,
        )


def search_row(copy: Copy, parsed: Parsed) -> tuple[Any, ...]:
    """A message as its row of the search index."""

    def words(*groups: tuple[Person, ...]) -> str:
        return " ".join(f"{person.name or ''} {person.address}" for group in groups for person in group)

    texts = (
        parsed.subject,
        words(parsed.sender, parsed.reply_to),
        words(parsed.to, parsed.cc, parsed.bcc),
        parsed.search_text,
        " ".join(parsed.attachment_names),
    )
    return copy.message_id, search_token(copy.inbox_id), *(searchable.indexed(text) for text in texts)


def _marks(count: int) -> str:
    return ", ".join("?" * count)

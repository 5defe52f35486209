"""Flag, move and remove messages, with every count that depends on it, inside one transaction."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mailserver.entities.folder import Role
from mailserver.entities.message import Flag, Visibility
from mailserver.storage import (
    activity,
    bayes,
    changes,
    commitments,
    drafts,
    email_submissions,
    enrichment,
    files,
    labels,
    notes,
    tasks,
    thread_links,
    tickets,
)
from mailserver.storage.database import Transaction

_VISIBILITY = {Role.JUNK.value: Visibility.SPAM, Role.TRASH.value: Visibility.TRASH}


@dataclass(frozen=True, slots=True)
class _Message:
    id: int
    inbox_id: int
    thread_id: int
    flags: int
    size: int
    received_at: int
    created_modseq: int


def set_flags(tx: Transaction, message_id: int, on: Flag, off: Flag, now: int) -> None:
    """Set and clear flags of a message; nothing happens where they stand so already."""
    message = _get(tx, message_id)
    flags = (message.flags | on) & ~off
    if flags == message.flags:
        return
    before = _thread_state(tx, message.thread_id)
    modseq = changes.advance(tx, message.inbox_id)
    tx.execute(
        "UPDATE message SET flags = ?, modseq = ?, updated_at = ? WHERE id = ?", (flags, modseq, now, message_id)
    )
    changes.mark(tx, message.inbox_id, changes.EMAIL, modseq)
    was, unread = _is_unread(message.flags), _is_unread(flags)
    folders = [row[0] for row in tx.all("SELECT folder_id FROM placement WHERE message_id = ?", (message_id,))]
    tx.execute(
        "UPDATE placement SET unread = ?, flagged = ?, modseq = ? WHERE message_id = ?",
        (int(unread), int(bool(flags & Flag.FLAGGED)), modseq, message_id),
    )
    if was != unread:
        for folder_id in folders:
            tx.execute(
                "UPDATE folder SET unread_messages = unread_messages + ? WHERE id = ?",
                (1 if unread else -1, folder_id),
            )
    _settle(tx, message, before, set(folders))


def move(tx: Transaction, message_id: int, folder_id: int, now: int) -> None:
    """Take a message out of the folders that it lies in and put it into one."""
    place(tx, message_id, {folder_id}, now)


def place(tx: Transaction, message_id: int, folder_ids: AbstractSet[int], now: int) -> None:
    """Let a message lie in these folders of its inbox, one at least, and in no others."""
    message = _get(tx, message_id)
    present = {row[0] for row in tx.all("SELECT folder_id FROM placement WHERE message_id = ?", (message_id,))}
    if present == folder_ids:
        return
    marks = ",".join("?" * len(folder_ids))
    roles = dict(
        tx.all(f"SELECT id, role FROM folder WHERE inbox_id = ? AND id IN ({marks})", (message.inbox_id, *folder_ids))
    )
    _teach(tx, message, {roles[folder_id] for folder_id in folder_ids - present}, now)
    before = _thread_state(tx, message.thread_id)
    modseq = changes.advance(tx, message.inbox_id)
    _take_out(tx, message, modseq, present - folder_ids)
    for folder_id in sorted(folder_ids - present):
        _put_in(tx, message, folder_id, modseq)
    visibility = min(int(_VISIBILITY.get(role, Visibility.NORMAL)) for role in roles.values())
    tx.execute(
        "UPDATE message SET visibility = ?, modseq = ?, updated_at = ? WHERE id = ?",
        (visibility, modseq, now, message_id),
    )
    tx.execute("UPDATE placement SET modseq = ? WHERE message_id = ?", (modseq, message_id))
    changes.mark(tx, message.inbox_id, changes.EMAIL, modseq)
    _settle(tx, message, before, present | folder_ids)


def take_out(tx: Transaction, message_id: int, folder_id: int, now: int) -> None:
    """Take a message out of one folder; where that was its only one, it is gone for good."""
    others = {
        row[0]
        for row in tx.all(
            "SELECT folder_id FROM placement WHERE message_id = ? AND folder_id != ?", (message_id, folder_id)
        )
    }
    if others:
        place(tx, message_id, others, now)
    else:
        remove(tx, message_id, now)


def remove(tx: Transaction, message_id: int, now: int) -> None:
    """Delete a message for good. Its file goes later, when the queue does not need it any more."""
    message = _get(tx, message_id)
    before = _thread_state(tx, message.thread_id)
    folders = {row[0] for row in tx.all("SELECT folder_id FROM placement WHERE message_id = ?", (message_id,))}
    _take_out(tx, message, changes.advance(tx, message.inbox_id), folders)
    labels.detach_all(tx, message_id)
    bayes.forget_message(tx, message_id)
    tasks.forget_message(tx, message_id)
    enrichment.forget_message(tx, message_id)
    activity.forget_message(tx, message_id)
    drafts.forget_message(tx, message_id)
    email_submissions.forget_message(tx, message_id)
    for table in ("part", "verdict", "message_data"):
        tx.execute(f"DELETE FROM {table} WHERE message_id = ?", (message_id,))
    tx.execute("DELETE FROM message WHERE id = ?", (message_id,))
    tx.execute(
        "UPDATE inbox SET used_bytes = used_bytes - ?, message_count = message_count - 1 WHERE id = ?",
        (message.size, message.inbox_id),
    )
    changes.bury(tx, message.inbox_id, changes.EMAIL, message_id, message.created_modseq)
    tx.execute(
        "INSERT INTO removed_file VALUES (?, ?) ON CONFLICT DO NOTHING",
        (files.location(message.inbox_id, message_id), now),
    )
    _settle(tx, message, before, folders)


def _teach(tx: Transaction, message: _Message, added: AbstractSet[str | None], now: int) -> None:
    """A move to Junk says what junk is; one out of Junk, or out of the Inbox to be kept, says what is not."""
    rows = tx.all(
        "SELECT f.role FROM placement p JOIN folder f ON f.id = p.folder_id WHERE p.message_id = ?", (message.id,)
    )
    roles = {row[0] for row in rows}
    if Role.JUNK in added:
        bayes.ask(tx, message.id, message.inbox_id, True, now)
    elif added - {Role.TRASH} and (Role.JUNK in roles or (Role.INBOX in roles and added & {Role.ARCHIVE, None})):
        bayes.ask(tx, message.id, message.inbox_id, False, now)


def _get(tx: Transaction, message_id: int) -> _Message:
    row = tx.one(
        "SELECT id, inbox_id, thread_id, flags, size, received_at, created_modseq FROM message WHERE id = ?",
        (message_id,),
    )
    return _Message(*row)


def _is_unread(flags: int) -> bool:
    return not flags & (Flag.SEEN | Flag.DRAFT)


def _take_out(tx: Transaction, message: _Message, modseq: int, folder_ids: AbstractSet[int]) -> None:
    for folder_id, uid, unread in tx.all(
        "SELECT folder_id, uid, unread FROM placement WHERE message_id = ?", (message.id,)
    ):
        if folder_id not in folder_ids:
            continue
        tx.execute("DELETE FROM placement WHERE folder_id = ? AND uid = ?", (folder_id, uid))
        tx.execute("INSERT INTO expunged VALUES (?, ?, ?)", (folder_id, modseq, uid))
        tx.execute(
            "UPDATE folder SET total_messages = total_messages - 1, unread_messages = unread_messages - ?, "
            "bytes = bytes - ? WHERE id = ?",
            (unread, message.size, folder_id),
        )


def _put_in(tx: Transaction, message: _Message, folder_id: int, modseq: int) -> None:
    unread = int(_is_unread(message.flags))
    uid = tx.one(
        "UPDATE folder SET uidnext = uidnext + 1, total_messages = total_messages + 1, "
        "unread_messages = unread_messages + ?, bytes = bytes + ? WHERE id = ? RETURNING uidnext - 1",
        (unread, message.size, folder_id),
    )[0]
    tx.execute(
        "INSERT INTO placement(folder_id, uid, message_id, thread_id, received_at, unread, flagged, created_modseq, "
        "modseq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            folder_id, uid, message.id, message.thread_id, message.received_at, unread,
            int(bool(message.flags & Flag.FLAGGED)), modseq, modseq,
        ),
    )  # fmt: skip


def _thread_state(tx: Transaction, thread_id: int) -> tuple[set[int], bool]:
    """The folders that count a thread, and whether it is unread."""
    folders = {row[0] for row in tx.all("SELECT folder_id FROM folder_thread WHERE thread_id = ?", (thread_id,))}
    row = tx.one("SELECT unread_count FROM thread WHERE id = ?", (thread_id,))
    return folders, bool(row and row[0])


def _settle(tx: Transaction, message: _Message, before: tuple[set[int], bool], touched: set[int]) -> None:
    """Work out the thread's rows again from its messages, and correct the folders by the difference."""
    thread_id = message.thread_id
    tx.execute("DELETE FROM folder_thread WHERE thread_id = ?", (thread_id,))
    tx.execute(
        "INSERT INTO folder_thread SELECT p.folder_id, p.thread_id, COUNT(*), MAX(p.received_at), "
        "(SELECT n.message_id FROM message m JOIN placement n ON n.message_id = m.id WHERE m.thread_id = ? "
        "AND n.folder_id = p.folder_id ORDER BY n.received_at DESC, n.message_id DESC LIMIT 1) "
        "FROM placement p WHERE p.message_id IN (SELECT id FROM message WHERE thread_id = ?) GROUP BY p.folder_id",
        (thread_id, thread_id),
    )
    row = tx.one(
        "SELECT COUNT(*), COALESCE(SUM((flags & ?) = 0 AND visibility != ?), 0), MIN(visibility), MAX(received_at) "
        "FROM message WHERE thread_id = ?",
        (int(Flag.SEEN | Flag.DRAFT), int(Visibility.TRASH), thread_id),
    )
    if row[0]:
        last = tx.one("SELECT id FROM message WHERE thread_id = ? ORDER BY received_at DESC, id DESC", (thread_id,))
        tx.execute(
            "UPDATE thread SET message_count = ?, unread_count = ?, visibility = ?, last_received_at = ?, "
            "last_message_id = ? WHERE id = ?",
            (*row, last[0], thread_id),
        )
        changes.touch_thread(tx, message.inbox_id, thread_id)
    else:
        created = tx.one("SELECT created_modseq FROM thread WHERE id = ?", (thread_id,))
        for table, column in (("thread", "id"), ("thread_ref", "thread_id"), ("thread_label", "thread_id")):
            tx.execute(f"DELETE FROM {table} WHERE {column} = ?", (thread_id,))
        tasks.forget_thread(tx, thread_id)
        commitments.forget_thread(tx, thread_id)
        enrichment.forget_thread(tx, thread_id)
        notes.forget_thread(tx, thread_id)
        tickets.forget_thread(tx, thread_id)
        thread_links.forget_thread(tx, thread_id)
        changes.bury(tx, message.inbox_id, changes.THREAD, thread_id, created[0])
    _correct_folders(tx, message.inbox_id, before, _thread_state(tx, thread_id), touched)


def _correct_folders(
    tx: Transaction,
    inbox_id: int,
    before: tuple[set[int], bool],
    after: tuple[set[int], bool],
    touched: set[int],
) -> None:
    for folder_id in before[0] | after[0] | touched:
        total = int(folder_id in after[0]) - int(folder_id in before[0])
        unread = int(folder_id in after[0] and after[1]) - int(folder_id in before[0] and before[1])
        if total or unread or folder_id in touched:
            tx.execute(
                "UPDATE folder SET total_threads = total_threads + ?, unread_threads = unread_threads + ? WHERE id = ?",
                (total, unread, folder_id),
            )
            changes.touch_folder(tx, inbox_id, folder_id)

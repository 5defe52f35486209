"""Notes on threads, which nobody outside the team ever sees, and threads given to somebody."""

import time
from collections.abc import Sequence
from dataclasses import replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.note import Note
from mailserver.entities.task import NewTask, TaskSource
from mailserver.services.mailbox import resolve
from mailserver.services.team import teammates
from mailserver.services.workspace import reach
from mailserver.services.workspace.tasks import Tasks
from mailserver.storage import inboxes, notes, threads
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_BODY = 20_000
MOST_MENTIONS = 50
KEPT_MS = 90 * 86_400_000
EXPIRED_AT_ONCE = 1000


class Notes:
    """What a team says among itself. A task tells those who are mentioned, and whoever a thread is given to."""

    def __init__(self, database: Database, ids: IdSource, tasks: Tasks) -> None:
        self._database = database
        self._ids = ids
        self._tasks = tasks

    async def of_thread(self, caller: Caller, thread: str, inbox: Inbox | None) -> list[Note]:
        """The notes on a thread, oldest first."""

        def read(snapshot: Snapshot) -> list[Note]:
            thread_id = resolve.thread_id(snapshot, caller, thread, inbox.id if inbox else None)
            return notes.of_thread(snapshot, thread_id, int(time.time() * 1000) - KEPT_MS)

        return await self._database.read(read)

    async def add(self, caller: Caller, thread: str, inbox: Inbox | None, body: str, mentions: list[str]) -> Note:
        """Write a note in the name of the inbox; whoever is mentioned gets a task, the author does not."""
        text = reach.text(body, "body", LONGEST_BODY)
        if len(mentions) > MOST_MENTIONS:
            sentence = f"At most {MOST_MENTIONS}."
            raise errors.Invalid("Too many people are mentioned.", mentions=sentence)

        def write(tx: Transaction) -> Note:
            thread_id = resolve.thread_id(tx, caller, thread, inbox.id if inbox else None)
            owner = inbox_of(tx, thread_id)
            author = acting(tx, caller.user_id, owner)
            mentioned = [each for each in teammates.named(tx, caller, mentions, "mentions") if each.id != author.id]
            return self.put(tx, thread_id, text, caller.user_id, mentioned)

        return await self._database.write(write)

    def put(
        self, tx: Transaction, thread_id: int, text: str, user_id: int | None, mentioned: Sequence[Inbox] = ()
    ) -> Note:
        """Write a note inside a transaction; Conflict where the thread has as many as it may."""
        if notes.count(tx, thread_id) >= notes.MOST:
            raise errors.Conflict(f"A thread has {notes.MOST:,} notes at most.")
        owner = inbox_of(tx, thread_id)
        author = acting(tx, user_id, owner)
        made = Note(
            self._ids.next(), owner.tenant_id, owner.id, thread_id, author.id, user_id, text,
            tuple(each.address for each in mentioned), int(time.time() * 1000),
        )  # fmt: skip
        notes.add(tx, made)
        summary = f"[Mentioned] {_subject(tx, thread_id)}"
        for each in mentioned:
            self._tell(tx, each, NewTask(summary, TaskSource.MENTION, text), thread_id, author)
        self._publish(
            tx, EventType.THREAD_NOTE_ADDED, owner, made.created_at,
            thread_id=identifiers.encode(Kind.THREAD, thread_id),
            note_id=identifiers.encode(Kind.NOTE, made.id),
            mentions=list(made.mentions),
        )  # fmt: skip
        return made

    async def remove(self, caller: Caller, thread: str, note: str, inbox: Inbox | None) -> None:
        """Delete a note of one's own; Forbidden for another's."""

        def write(tx: Transaction) -> None:
            thread_id = resolve.thread_id(tx, caller, thread, inbox.id if inbox else None)
            found = _note(tx, thread_id, note)
            if found.author_user_id != caller.user_id or caller.inbox_id not in (None, found.author_inbox_id):
                raise errors.Forbidden("Only its author deletes a note.")
            notes.remove(tx, found.id)

        await self._database.write(write)

    async def assign(self, caller: Caller, thread: str, inbox: Inbox | None, to: str, note: str | None) -> str:
        """Give a thread to a teammate, who gets a task; the address of the teammate's inbox."""
        text = reach.text(note, "note", LONGEST_BODY) if note and note.strip() else None

        def write(tx: Transaction) -> str:
            thread_id = resolve.thread_id(tx, caller, thread, inbox.id if inbox else None)
            (assignee,) = teammates.named(tx, caller, [to], "to")
            self.give(tx, thread_id, assignee, caller.user_id, text)
            return assignee.address

        return await self._database.write(write)

    def give(
        self, tx: Transaction, thread_id: int, assignee: Inbox, user_id: int | None, note: str | None = None,
        due_at: int | None = None,
    ) -> None:  # fmt: skip
        """Give a thread to a teammate inside a transaction."""
        owner, subject = inbox_of(tx, thread_id), _subject(tx, thread_id)
        task = NewTask(f"[Assigned] {subject}", TaskSource.ASSIGN, note, due_at)
        self._tell(tx, assignee, task, thread_id, acting(tx, user_id, owner))
        self._publish(
            tx, EventType.THREAD_ASSIGNED, assignee, int(time.time() * 1000),
            thread_id=identifiers.encode(Kind.THREAD, thread_id),
            from_inbox_id=identifiers.encode(Kind.INBOX, owner.id),
            subject=subject, note=note,
        )  # fmt: skip

    async def expire(self) -> int:
        """Delete notes that are older than they are kept; how many."""
        before, total = int(time.time() * 1000) - KEPT_MS, 0
        while gone := await self._database.write(notes.expire, before, EXPIRED_AT_ONCE):
            total += gone
        return total

    def _tell(self, tx: Transaction, inbox: Inbox, task: NewTask, thread_id: int, by: Inbox) -> None:
        self._tasks.add(tx, inbox.id, replace(task, thread_id=thread_id, created_by_inbox_id=by.id))

    def _publish(self, tx: Transaction, kind: EventType, inbox: Inbox, at: int, **body: object) -> None:
        tx.publish(Event(self._ids.next(), inbox.tenant_id, inbox.id, kind, at, body))


def inbox_of(snapshot: Snapshot, thread_id: int) -> Inbox:
    """The inbox of a thread that was just found."""
    found = threads.find(snapshot, thread_id)
    inbox = inboxes.get(snapshot, found[1]) if found is not None else None
    if inbox is None:
        raise errors.NotFound("There is no such thread.")
    return inbox


def acting(snapshot: Snapshot, user_id: int | None, owner: Inbox) -> Inbox:
    """In whose name something is done: a person's own inbox where they have one, else the thread's."""
    own = inboxes.first_of_user(snapshot, user_id) if user_id is not None else None
    return own or owner


def _subject(tx: Transaction, thread_id: int) -> str:
    return threads.subject(tx, thread_id) or "(no subject)"


def _note(tx: Transaction, thread_id: int, text: str) -> Note:
    try:
        found = notes.get(tx, identifiers.decode(Kind.NOTE, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.thread_id != thread_id or found.created_at < int(time.time() * 1000) - KEPT_MS:
        raise errors.NotFound("There is no such note.")
    return found

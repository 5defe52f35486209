"""Tasks: made by hand, and by whatever wants a person or an agent to do something."""

import time
from dataclasses import replace

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.calendar import CalendarKind
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.task import NewTask, Task
from mailserver.services.mailbox import resolve
from mailserver.services.workspace import reach
from mailserver.storage import calendars, inboxes, tasks
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_SUMMARY = 500
LONGEST_DESCRIPTION = 20_000


class Tasks:
    """What is to be done."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    def add(self, tx: Transaction, inbox_id: int, new: NewTask) -> Task | None:
        """Make a task inside a transaction that has another purpose; None where the inbox is gone.

        Texts that are too long are cut: nobody is there to be told.
        """
        calendar = calendars.default(tx, inbox_id, CalendarKind.TASKS)
        if calendar is None or inboxes.get(tx, inbox_id) is None:
            return None
        now = int(time.time() * 1000)
        description = new.description[:LONGEST_DESCRIPTION] if new.description else None
        summary = " ".join(new.summary.split())[:LONGEST_SUMMARY] or "Task"
        task = Task(
            self._ids.next(), calendar.tenant_id, inbox_id, calendar.id, summary, description, new.due_at, None,
            new.thread_id, new.message_id, new.share_id, new.source, new.created_by_inbox_id, now, now,
        )  # fmt: skip
        tasks.add(tx, task)
        return task

    async def create(
        self, caller: Caller, inbox: Inbox, new: NewTask, thread: str | None = None, message: str | None = None
    ) -> Task:
        """Make a task; `thread` and `message` are ids of what it is about."""
        checked = replace(
            new,
            summary=reach.text(new.summary, "summary", LONGEST_SUMMARY),
            description=_description(new.description),
            created_by_inbox_id=caller.inbox_id,
        )

        def write(tx: Transaction) -> Task:
            reach.still_open(tx, inbox)
            thread_id = resolve.thread_id(tx, caller, thread, inbox.id) if thread is not None else None
            message_id = resolve.message_id(tx, caller, message, inbox.id) if message is not None else None
            made = self.add(tx, inbox.id, replace(checked, thread_id=thread_id, message_id=message_id))
            if made is None:
                raise errors.NotFound("There is no such inbox.")
            return made

        return await self._database.write(write)

    async def page(
        self, inbox: Inbox, *, is_completed: bool | None, position: int, limit: int
    ) -> tuple[list[Task], int]:
        """Tasks of an inbox, newest first."""
        return await self._database.read(
            tasks.page, inbox.id, is_completed=is_completed, position=position, limit=limit
        )

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> Task:
        """One task."""
        return await self._database.read(_one, caller, text, inbox)

    async def change(self, caller: Caller, text: str, wanted: dict[str, object], inbox: Inbox | None = None) -> Task:
        """Change those of summary, description, due_at and completed that are named."""
        return await self._database.write(_change, caller, text, wanted, inbox)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete a task."""

        def write(tx: Transaction) -> None:
            tasks.remove(tx, _one(tx, caller, text, inbox).id)

        await self._database.write(write)


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> Task:
    return reach.one(snapshot, tasks.get, Kind.TASK, caller, text, inbox.id if inbox else None)


def _change(tx: Transaction, caller: Caller, text: str, wanted: dict[str, object], inbox: Inbox | None) -> Task:
    task, now = _one(tx, caller, text, inbox), int(time.time() * 1000)
    summary, description, due_at = wanted.get("summary"), wanted.get("description"), wanted.get("due_at")
    completed_at = task.completed_at
    if wanted.get("completed") is not None:
        completed_at = (completed_at or now) if wanted["completed"] else None
    changed = replace(
        task,
        summary=reach.text(str(summary), "summary", LONGEST_SUMMARY) if summary is not None else task.summary,
        description=_description(str(description or "")) if "description" in wanted else task.description,
        due_at=(due_at if isinstance(due_at, int) else None) if "due_at" in wanted else task.due_at,
        completed_at=completed_at,
        updated_at=now,
    )
    tasks.change(tx, changed)
    return changed


def _description(text: str | None) -> str | None:
    return reach.text(text, "description", LONGEST_DESCRIPTION) if text and text.strip() else None

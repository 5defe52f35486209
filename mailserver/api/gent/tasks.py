"""Endpoints of the tasks page."""

from datetime import tzinfo

from mailserver.api.gent import moments, present, times
from mailserver.api.gent.schemas import calendars as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.task import NewTask, Task
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services


class TasksPage:
    """What is to be done."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/tasks/", scope=Scope.TASK_WRITE, status=201, repeatable=True)
    async def create_task(self, caller: Caller, body: shapes.CreateTask) -> shapes.TaskShown:
        """Make a task."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        zone = times.zone(inbox.default_timezone)
        new = NewTask(body.summary, description=body.description, due_at=moments.read(body.due_at, zone, "due_at"))
        return _shown(await self._services.tasks.create(caller, inbox, new, body.thread_id, body.message_id), zone)

    @get("/tasks/", scope=Scope.TASK_READ)
    async def list_tasks(self, caller: Caller, query: shapes.ListTasks) -> shapes.TaskList:
        """List tasks, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        found, total = await self._services.tasks.page(
            inbox, is_completed=query.completed, position=query.position, limit=query.limit
        )
        return shapes.TaskList(
            results=[_shown(task, zone) for task in found], total=total, position=query.position, limit=query.limit
        )

    @get("/tasks/{task_id}/", scope=Scope.TASK_READ)
    async def get_task(self, caller: Caller, task_id: str, query: OfInbox) -> shapes.TaskShown:
        """Get a task."""
        task = await self._services.tasks.get(caller, task_id, await self._named(caller, query.inbox_id))
        return _shown(task, await self._zone(caller, task))

    @patch("/tasks/{task_id}/", scope=Scope.TASK_WRITE)
    async def change_task(
        self, caller: Caller, task_id: str, body: shapes.ChangeTask, query: OfInbox
    ) -> shapes.TaskShown:
        """Change a task, or complete it."""
        inbox = await self._named(caller, body.inbox_id or query.inbox_id)
        zone = await self._zone(caller, await self._services.tasks.get(caller, task_id, inbox))
        wanted: dict[str, object] = body.model_dump(include=body.model_fields_set - {"inbox_id"})
        if "due_at" in wanted:
            wanted["due_at"] = moments.read(body.due_at, zone, "due_at")
        return _shown(await self._services.tasks.change(caller, task_id, wanted, inbox), zone)

    @delete("/tasks/{task_id}/", scope=Scope.TASK_WRITE, status=204)
    async def delete_task(self, caller: Caller, task_id: str, query: OfInbox) -> None:
        """Delete a task."""
        await self._services.tasks.remove(caller, task_id, await self._named(caller, query.inbox_id))

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None

    async def _zone(self, caller: Caller, task: Task) -> tzinfo | None:
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, task.inbox_id))
        return times.zone(inbox.default_timezone)


def _shown(task: Task, zone: tzinfo | None) -> shapes.TaskShown:
    maker = task.created_by_inbox_id
    return shapes.TaskShown(
        task_id=identifiers.encode(Kind.TASK, task.id),
        inbox_id=identifiers.encode(Kind.INBOX, task.inbox_id),
        calendar_id=identifiers.encode(Kind.CALENDAR, task.calendar_id),
        summary=task.summary,
        description=task.description,
        due_at=_time(task.due_at, zone),
        completed=task.completed_at is not None,
        completed_at=_time(task.completed_at, zone),
        thread_id=present.thread_id(task.thread_id) if task.thread_id else None,
        message_id=present.message_id(task.message_id) if task.message_id else None,
        share_id=identifiers.encode(Kind.SHARE, task.share_id) if task.share_id else None,
        source=task.source,
        created_by_inbox_id=identifiers.encode(Kind.INBOX, maker) if maker is not None else None,
        created_at=times.write(task.created_at, zone),
    )


def _time(at: int | None, zone: tzinfo | None) -> str | None:
    return times.write(at, zone) if at is not None else None

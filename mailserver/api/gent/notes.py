"""Endpoints of thread notes and assignment."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import team as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.note import Note
from mailserver.http.routing import delete, get, post
from mailserver.services.registry import Services


class NotesPage:
    """What the team says among itself about a thread. No note ever leaves the tenant; each is kept for 90 days."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/threads/{thread_id}/notes/", scope=Scope.EMAIL_READ)
    async def list_notes(self, caller: Caller, thread_id: str, query: OfInbox) -> list[shapes.NoteShown]:
        """List the notes on a thread, oldest first."""
        inbox = await self._named(caller, query.inbox_id)
        return [_shown(each) for each in await self._services.team.notes.of_thread(caller, thread_id, inbox)]

    @post("/messages/threads/{thread_id}/notes/", scope=Scope.EMAIL_WRITE, status=201, repeatable=True)
    async def add_note(self, caller: Caller, thread_id: str, body: shapes.AddNote) -> shapes.NoteShown:
        """Write a note; each teammate that is mentioned gets a task."""
        inbox = await self._named(caller, body.inbox_id)
        return _shown(await self._services.team.notes.add(caller, thread_id, inbox, body.body, body.mentions))

    @delete("/messages/threads/{thread_id}/notes/{note_id}/", scope=Scope.EMAIL_WRITE, status=204)
    async def delete_note(self, caller: Caller, thread_id: str, note_id: str, query: OfInbox) -> None:
        """Delete a note of one's own."""
        await self._services.team.notes.remove(caller, thread_id, note_id, await self._named(caller, query.inbox_id))

    @post("/messages/threads/{thread_id}/assign/", scope=Scope.EMAIL_WRITE, repeatable=True)
    async def assign_thread(self, caller: Caller, thread_id: str, body: shapes.AssignThread) -> shapes.Assigned:
        """Give a thread to a teammate, who gets a task."""
        inbox = await self._named(caller, body.inbox_id)
        address = await self._services.team.notes.assign(caller, thread_id, inbox, body.to, body.note)
        return shapes.Assigned(assigned=True, to=address)

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None


def _shown(note: Note) -> shapes.NoteShown:
    return shapes.NoteShown(
        note_id=identifiers.encode(Kind.NOTE, note.id),
        author_inbox_id=identifiers.encode(Kind.INBOX, note.author_inbox_id),
        body=note.body,
        mentions=list(note.mentions),
        created_at=times.write(note.created_at, None),
    )

"""Endpoints of tickets on threads."""

from datetime import tzinfo

from mailserver.api.gent import moments, present, ticket_reference, times
from mailserver.api.gent.schemas import tickets as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.ticket import Ticket, TicketChange
from mailserver.http.routing import get, patch, post
from mailserver.services.registry import Services

_CLEARED = ("class_label_key", "assignee_inbox_id", "due_at")
_ENDED = {409: "The ticket is closed; it has to be reopened first."}


class TicketsPage:
    """What the team has to do about its threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/ticketing/reference/", public=True)
    async def ticketing_reference(self) -> shapes.TicketReference:
        """Get what a form for tickets is built from."""
        return ticket_reference.reference()

    @get("/messages/threads/", scope=Scope.EMAIL_READ)
    async def list_tickets(self, caller: Caller, query: shapes.ListTickets) -> shapes.TicketList:
        """List the threads that have a ticket, those that changed last first."""
        if not query.ticket:
            sentence = "Required. Set to true; current thread listing is ticket-focused."
            raise errors.Invalid("Only threads with a ticket are listed.", ticket=sentence)
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.team.tickets.page(inbox, query.status, query.position, query.limit)
        return shapes.TicketList(results=[_row(each) for each in found], total=total, limit=query.limit)

    @get("/messages/threads/{thread_id}/ticket/", scope=Scope.EMAIL_READ)
    async def get_ticket(self, caller: Caller, thread_id: str, query: OfInbox) -> shapes.TicketShown:
        """Get the ticket of a thread."""
        inbox = await self._inbox(caller, thread_id, query.inbox_id)
        return shown(await self._services.team.tickets.get(caller, thread_id, inbox), _zone(inbox))

    @post("/messages/threads/{thread_id}/ticket/", scope=Scope.EMAIL_WRITE, repeatable=True)
    async def put_ticket(self, caller: Caller, thread_id: str, body: shapes.PutTicket) -> shapes.TicketShown:
        """Open the ticket of a thread, or change the one that is there."""
        inbox = await self._inbox(caller, thread_id, body.inbox_id)
        wanted = _wanted(body, _zone(inbox))
        made = await self._services.team.tickets.put(caller, thread_id, inbox, wanted, body.assignee_inbox_id)
        return shown(made, _zone(inbox))

    @patch("/messages/threads/{thread_id}/ticket/", scope=Scope.EMAIL_WRITE, answers=_ENDED)
    async def change_ticket(self, caller: Caller, thread_id: str, body: shapes.ChangeTicket) -> shapes.TicketShown:
        """Change fields of a ticket. Resolving and closing have endpoints of their own."""
        inbox = await self._inbox(caller, thread_id, body.inbox_id)
        wanted = _wanted(body, _zone(inbox))
        changed = await self._services.team.tickets.change(caller, thread_id, inbox, wanted, body.assignee_inbox_id)
        return shown(changed, _zone(inbox))

    @post("/messages/threads/{thread_id}/ticket/resolve/", scope=Scope.EMAIL_WRITE, repeatable=True, answers=_ENDED)
    async def resolve_ticket(self, caller: Caller, thread_id: str, body: shapes.EndTicket) -> shapes.TicketShown:
        """Resolve a ticket. An answer from outside opens it again."""
        inbox = await self._inbox(caller, thread_id, body.inbox_id)
        ended = await self._services.team.tickets.resolve(caller, thread_id, inbox, body.resolution_note)
        return shown(ended, _zone(inbox))

    @post("/messages/threads/{thread_id}/ticket/close/", scope=Scope.EMAIL_WRITE, repeatable=True)
    async def close_ticket(self, caller: Caller, thread_id: str, body: shapes.EndTicket) -> shapes.TicketShown:
        """Close a ticket. What comes in its thread afterwards leaves it closed."""
        inbox = await self._inbox(caller, thread_id, body.inbox_id)
        ended = await self._services.team.tickets.close(caller, thread_id, inbox, body.resolution_note)
        return shown(ended, _zone(inbox))

    @post("/messages/threads/{thread_id}/ticket/reopen/", scope=Scope.EMAIL_WRITE, repeatable=True)
    async def reopen_ticket(self, caller: Caller, thread_id: str, body: shapes.ReopenTicket) -> shapes.TicketShown:
        """Take a resolved or closed ticket up again; one that is open stays as it is."""
        inbox = await self._inbox(caller, thread_id, body.inbox_id)
        return shown(await self._services.team.tickets.reopen(caller, thread_id, inbox, body.reason), _zone(inbox))

    async def _inbox(self, caller: Caller, thread_id: str, wanted: str | None) -> Inbox:
        named = await self._services.inboxes.of(caller, wanted) if wanted else None
        return await self._services.team.tickets.inbox_of(caller, thread_id, named)


def shown(ticket: Ticket, zone: tzinfo | None) -> shapes.TicketShown:
    """A ticket with its times in a zone."""
    return shapes.TicketShown(
        thread_id=present.thread_id(ticket.thread_id),
        status=ticket.status,
        priority=ticket.priority,
        class_label_key=ticket.class_label_key,
        assignee_inbox_id=identifiers.encode(Kind.INBOX, ticket.assignee_inbox_id)
        if ticket.assignee_inbox_id is not None
        else None,
        due_at=_time(ticket.due_at, zone),
        reopen_count=ticket.reopen_count,
        opened_at=times.write(ticket.opened_at, zone),
        updated_at=times.write(ticket.updated_at, zone),
        resolved_at=_time(ticket.resolved_at, zone),
        closed_at=_time(ticket.closed_at, zone),
        reopened_at=_time(ticket.reopened_at, zone),
    )


def _row(ticket: Ticket) -> shapes.TicketRow:
    return shapes.TicketRow(
        thread_id=present.thread_id(ticket.thread_id), status=ticket.status, priority=ticket.priority,
        class_label_key=ticket.class_label_key,
    )  # fmt: skip


def _wanted(body: shapes.PutTicket, zone: tzinfo | None) -> TicketChange:
    given = body.model_fields_set
    return TicketChange(
        body.status if isinstance(body, shapes.ChangeTicket) else None, body.priority, body.class_label_key,
        due_at=moments.read(body.due_at, zone, "due_at"),
        clears=frozenset(name for name in _CLEARED if name in given and getattr(body, name) is None),
    )  # fmt: skip


def _zone(inbox: Inbox) -> tzinfo | None:
    return times.zone(inbox.default_timezone)


def _time(at: int | None, zone: tzinfo | None) -> str | None:
    return times.write(at, zone) if at is not None else None

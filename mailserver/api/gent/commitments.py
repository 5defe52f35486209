"""Endpoints of the commitments page."""

from datetime import tzinfo

from mailserver.api.gent import moments, present, times
from mailserver.api.gent.schemas import commitments as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.commitment import Commitment
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import get, patch, post
from mailserver.services.registry import Services
from mailserver.services.workspace.commitments import Promise


class CommitmentsPage:
    """What was promised to contacts, and by them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/commitments/", scope=Scope.CONTEXT_READ)
    async def list_commitments(self, caller: Caller, query: shapes.ListCommitments) -> shapes.CommitmentList:
        """List commitments, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.commitments.page(
            caller, inbox, query.contact_id, query.status, query.position, query.limit
        )
        zone = times.zone(inbox.default_timezone)
        return shapes.CommitmentList(
            results=[_shown(each, zone) for each in found], total=total, position=query.position, limit=query.limit
        )

    @post("/commitments/", scope=Scope.CONTEXT_WRITE, status=201, repeatable=True)
    async def create_commitment(self, caller: Caller, body: shapes.CreateCommitment) -> shapes.CommitmentShown:
        """Keep a promise in mind."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        zone = times.zone(inbox.default_timezone)
        due_at = moments.read(body.due_at, zone, "due_at")
        promise = Promise(body.text, body.owner, body.contact_id, body.contact_address, due_at, body.thread_id)
        return _shown(await self._services.commitments.create(caller, inbox, promise), zone)

    @patch("/commitments/{commitment_id}/", scope=Scope.CONTEXT_WRITE)
    async def change_commitment(
        self, caller: Caller, commitment_id: str, body: shapes.ChangeCommitment
    ) -> shapes.CommitmentShown:
        """Say what became of a commitment."""
        named = await self._services.inboxes.of(caller, body.inbox_id) if body.inbox_id else None
        changed = await self._services.commitments.change(caller, commitment_id, named, body.text, body.status)
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, changed.inbox_id))
        return _shown(changed, times.zone(inbox.default_timezone))


def _shown(one: Commitment, zone: tzinfo | None) -> shapes.CommitmentShown:
    return shapes.CommitmentShown(
        commitment_id=identifiers.encode(Kind.COMMITMENT, one.id),
        inbox_id=identifiers.encode(Kind.INBOX, one.inbox_id),
        contact_id=identifiers.encode(Kind.CONTACT, one.contact_id) if one.contact_id is not None else None,
        contact_address=one.contact_address,
        text=one.text,
        owner=one.owner.value,
        status=one.status.value,
        due_at=times.write(one.due_at, zone) if one.due_at is not None else None,
        thread_id=present.thread_id(one.thread_id) if one.thread_id is not None else None,
        created_at=times.write(one.created_at, zone),
        updated_at=times.write(one.updated_at, zone),
    )

"""Endpoints of the labels page: labels of the team, and what they are on."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import contacts as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, ThreadLabel
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class LabelsPage:
    """Labels of the team. Agents make them and put them on things; people change and delete them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/labels/", scope=Scope.LABELS_READ)
    async def list_labels(self, caller: Caller, query: shapes.ListLabels) -> list[shapes.LabelShown]:
        """List the labels of the team by their keys."""
        return [_shown(each) for each in await self._services.labels.of_tenant(caller, query.type)]

    @post(
        "/labels/", scope=Scope.LABELS_WRITE, status=201, repeatable=True,
        answers={409: "There is a label of this key."},
    )  # fmt: skip
    async def create_label(self, caller: Caller, body: shapes.CreateLabel) -> shapes.LabelShown:
        """Make a label."""
        made = await self._services.labels.create(caller, body.name, body.type, body.key, body.color, body.group)
        return _shown(made)

    @patch("/labels/{label_id}/", scope=Scope.LABELS_WRITE, credentials=PEOPLE)
    async def change_label(self, caller: Caller, label_id: str, body: shapes.ChangeLabel) -> shapes.LabelShown:
        """Change a label; its key stays. Those of tickets are the server's own."""
        given = body.model_fields_set
        changed = await self._services.labels.change(
            caller, label_id, name=body.name, color=(body.color or "") if "color" in given else None,
            group=(body.group or "") if "group" in given else None,
        )  # fmt: skip
        return _shown(changed)

    @delete("/labels/{label_id}/", scope=Scope.LABELS_WRITE, credentials=PEOPLE, status=204)
    async def delete_label(self, caller: Caller, label_id: str) -> None:
        """Delete a label and take it off everything."""
        await self._services.labels.remove(caller, label_id)

    # -- contacts -----------------------------------------------------------------------------------------------

    @post("/context/{label_id}/entities/", scope=Scope.CONTEXT_WRITE, status=201)
    async def put_on_entity(self, caller: Caller, label_id: str, body: shapes.PutEntity) -> shapes.EntityShown:
        """Put a label on a contact."""
        contact_id, at = await self._services.labels.put_on_contact(caller, label_id, body.entity_id)
        return _entity(label_id, contact_id, at)

    @get("/context/{label_id}/entities/", scope=Scope.CONTEXT_READ)
    async def list_entities(self, caller: Caller, label_id: str, query: shapes.ListEntities) -> shapes.EntityList:
        """List the contacts of an inbox that a label is on, oldest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.labels.contacts(caller, label_id, inbox, query.position, query.limit)
        return shapes.EntityList(
            results=[_entity(label_id, contact_id, at) for contact_id, at in found],
            total=total, position=query.position, limit=query.limit,
        )  # fmt: skip

    @delete("/context/{label_id}/entities/{entity_id}/", scope=Scope.CONTEXT_WRITE, status=204)
    async def take_off_entity(self, caller: Caller, label_id: str, entity_id: str) -> None:
        """Take a label off a contact."""
        await self._services.labels.take_off_contact(caller, label_id, entity_id)

    # -- messages and threads -----------------------------------------------------------------------------------

    @post("/messages/{message_id}/labels/", scope=Scope.LABELS_WRITE)
    async def put_on_message(self, caller: Caller, message_id: str, body: shapes.PutLabel) -> shapes.MessageLabels:
        """Put a label on a message, by its id or its key."""
        inbox = await self._named(caller, body.inbox_id)
        found = await self._services.labels.put_on_message(caller, message_id, inbox, body.label_id, body.label_key)
        return shapes.MessageLabels(results=[_shown(each) for each in found])

    @delete("/messages/{message_id}/labels/{label_id}/", scope=Scope.LABELS_WRITE, status=204)
    async def take_off_message(self, caller: Caller, message_id: str, label_id: str, query: OfInbox) -> None:
        """Take a label off a message."""
        inbox = await self._named(caller, query.inbox_id)
        await self._services.labels.take_off_message(caller, message_id, inbox, label_id)

    @get("/messages/threads/{thread_id}/labels/", scope=Scope.EMAIL_READ)
    async def list_thread_labels(self, caller: Caller, thread_id: str, query: OfInbox) -> shapes.ThreadLabels:
        """List the labels on a thread."""
        inbox = await self._named(caller, query.inbox_id)
        found = await self._services.labels.of_thread(caller, thread_id, inbox)
        return shapes.ThreadLabels(results=[_thread_label(each) for each in found])

    @post("/messages/threads/{thread_id}/labels/", scope=Scope.LABELS_WRITE)
    async def put_on_thread(
        self, caller: Caller, thread_id: str, body: shapes.PutThreadLabel
    ) -> shapes.ThreadLabelShown:
        """Put a label on a thread, by its id or its key."""
        inbox = await self._named(caller, body.inbox_id)
        made = await self._services.labels.put_on_thread(
            caller, thread_id, inbox, body.label_id, body.label_key, body.source, body.confidence
        )
        return _thread_label(made)

    @delete("/messages/threads/{thread_id}/labels/{label_id}/", scope=Scope.LABELS_WRITE, status=204)
    async def take_off_thread(self, caller: Caller, thread_id: str, label_id: str, query: OfInbox) -> None:
        """Take a label off a thread and its messages."""
        inbox = await self._named(caller, query.inbox_id)
        await self._services.labels.take_off_thread(caller, thread_id, inbox, label_id)

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None


def _shown(label: Label) -> shapes.LabelShown:
    return shapes.LabelShown(
        label_id=identifiers.encode(Kind.LABEL, label.id), key=label.key, name=label.name, type=label.type.value,
        color=label.color, group=label.group, system=label.is_system, created_at=times.write(label.created_at, None),
    )  # fmt: skip


def _thread_label(found: ThreadLabel) -> shapes.ThreadLabelShown:
    return shapes.ThreadLabelShown(
        label_id=identifiers.encode(Kind.LABEL, found.label.id), label_key=found.label.key,
        label_name=found.label.name, source=found.source.value if found.source else None,
        confidence=found.confidence,
    )  # fmt: skip


def _entity(label_id: str, contact_id: int, at: int) -> shapes.EntityShown:
    return shapes.EntityShown(
        label_id=label_id, entity_type="contact", entity_id=identifiers.encode(Kind.CONTACT, contact_id),
        created_at=times.write(at, None),
    )  # fmt: skip

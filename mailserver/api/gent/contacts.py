"""Endpoints of the contacts page."""

import asyncio
from datetime import tzinfo

from aiohttp import web

from mailserver.api.gent import times
from mailserver.api.gent.schemas import contacts as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.contact import Anniversary, Card, Contact, Labelled
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http import downloads
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services
from mailserver.services.workspace import contacts as books


class ContactsPage:
    """Whom an inbox knows."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/contacts/", scope=Scope.CONTACTS_READ)
    async def list_contacts(self, caller: Caller, query: shapes.ListContacts) -> shapes.ContactList:
        """List contacts, or search for them, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.contacts.page(inbox, query.q, query.position, query.limit)
        zone = times.zone(inbox.default_timezone)
        return shapes.ContactList(
            results=[_row(each, zone) for each in found], total=total, position=query.position, limit=query.limit
        )

    @post("/contacts/", scope=Scope.CONTACTS_WRITE, status=201, repeatable=True)
    async def create_contact(self, caller: Caller, body: shapes.CreateContact) -> shapes.ContactShown:
        """Make a contact."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        card = Card(
            body.full_name, _emails(body.emails), _phones(body.phones), body.notes, _anniversaries(body.anniversaries)
        )
        return _shown(await self._services.contacts.create(inbox, card), times.zone(inbox.default_timezone))

    @post("/contacts/import/", scope=Scope.CONTACTS_WRITE, repeatable=True)
    async def import_contacts(self, caller: Caller, body: shapes.ImportContacts) -> shapes.ImportedShown:
        """Take in an address book: vCards, or a table."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        done = await self._services.contacts.take_in(inbox, body.content, body.format)
        return shapes.ImportedShown(imported=done.imported, skipped=done.skipped)

    @get("/contacts/export/", scope=Scope.CONTACTS_READ, media_type="text/vcard")
    async def export_contacts(
        self, caller: Caller, query: shapes.ExportContacts, request: web.Request
    ) -> web.StreamResponse:
        """Get the whole address book of an inbox: vCards with everything, or a table."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        kind, name = ("text/csv", "contacts.csv") if query.format == "csv" else ("text/vcard", "contacts.vcf")
        return await downloads.stream(request, self._services.contacts.book(inbox, query.format), kind, name)

    @get("/contacts/{contact_id}.vcf", scope=Scope.CONTACTS_READ, media_type="text/vcard")
    async def get_card(self, caller: Caller, contact_id: str, query: OfInbox, request: web.Request) -> web.Response:
        """Get a contact as a vCard."""
        found = await self._services.contacts.get(caller, contact_id, await self._named(caller, query.inbox_id))
        content = await asyncio.to_thread(books.write_card, found)
        return downloads.attachment(request, content, "text/vcard", f"{found.card.full_name}.vcf")

    @get("/contacts/{contact_id}/", scope=Scope.CONTACTS_READ)
    async def get_contact(self, caller: Caller, contact_id: str, query: OfInbox) -> shapes.ContactShown:
        """Get a contact."""
        found = await self._services.contacts.get(caller, contact_id, await self._named(caller, query.inbox_id))
        return _shown(found, await self._zone(caller, found))

    @patch("/contacts/{contact_id}/", scope=Scope.CONTACTS_WRITE)
    async def change_contact(self, caller: Caller, contact_id: str, body: shapes.ChangeContact) -> shapes.ContactShown:
        """Change a contact."""
        inbox = await self._named(caller, body.inbox_id)
        known = await self._services.contacts.get(caller, contact_id, inbox)
        card, given = known.card, body.model_fields_set
        changed = Card(
            body.full_name if body.full_name is not None else card.full_name,
            _emails(body.emails) if body.emails is not None else card.emails,
            _phones(body.phones) if body.phones is not None else card.phones,
            body.notes if "notes" in given else card.notes,
            _anniversaries(body.anniversaries) if body.anniversaries is not None else card.anniversaries,
        )
        found = await self._services.contacts.change(caller, contact_id, changed, inbox)
        return _shown(found, await self._zone(caller, found))

    @delete("/contacts/{contact_id}/", scope=Scope.CONTACTS_WRITE, status=204)
    async def delete_contact(self, caller: Caller, contact_id: str, query: OfInbox) -> None:
        """Delete a contact."""
        await self._services.contacts.remove(caller, contact_id, await self._named(caller, query.inbox_id))

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None

    async def _zone(self, caller: Caller, contact: Contact) -> tzinfo | None:
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, contact.inbox_id))
        return times.zone(inbox.default_timezone)


def _emails(some: list[shapes.EmailShape]) -> tuple[Labelled, ...]:
    return tuple(Labelled(each.address, each.label) for each in some)


def _phones(some: list[shapes.PhoneShape]) -> tuple[Labelled, ...]:
    return tuple(Labelled(each.number, each.label) for each in some)


def _anniversaries(some: list[shapes.AnniversaryShape]) -> tuple[Anniversary, ...]:
    return tuple(Anniversary(each.type, each.date) for each in some)


def _row(contact: Contact, zone: tzinfo | None) -> shapes.ContactRow:
    card = contact.card
    return shapes.ContactRow(
        id=identifiers.encode(Kind.CONTACT, contact.id),
        inbox_id=identifiers.encode(Kind.INBOX, contact.inbox_id),
        full_name=card.full_name,
        emails=[shapes.EmailShown(label=each.label, address=each.value) for each in card.emails],
        phones=[shapes.PhoneShown(label=each.label, number=each.value) for each in card.phones],
        notes=card.notes,
        anniversaries=[shapes.AnniversaryShown(type=each.type, date=each.date) for each in card.anniversaries],
        created_at=times.write(contact.created_at, zone),
        updated_at=times.write(contact.updated_at, zone),
    )


def _shown(contact: Contact, zone: tzinfo | None) -> shapes.ContactShown:
    return shapes.ContactShown(**_row(contact, zone).__dict__, active_sequences=[])

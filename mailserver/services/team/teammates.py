"""Other inboxes of the caller's tenant, by what people call them."""

from collections.abc import Iterable

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.storage import inboxes, members
from mailserver.storage.database import Snapshot


def by_id(snapshot: Snapshot, caller: Caller, text: str) -> Inbox:
    """A teammate's inbox by its id or address; NotFound for another tenant's."""
    found = by_address(snapshot, caller.tenant_id, text) if "@" in text else _by_id(snapshot, text)
    if found is None or found.tenant_id != caller.tenant_id:
        raise errors.NotFound("There is no such inbox.")
    return found


def by_address(snapshot: Snapshot, tenant_id: int, text: str) -> Inbox | None:
    """The inbox of an address, or the first one of the person who logs in with it; None outside the tenant."""
    try:
        normal = addresses.parse(text.strip()).normal
    except addresses.AddressError:
        return None
    found = inboxes.by_address(snapshot, normal)
    if found is None:
        person = members.by_email(snapshot, normal)
        found = inboxes.first_of_user(snapshot, person.id) if person is not None else None
    return found if found is not None and found.tenant_id == tenant_id else None


def named(snapshot: Snapshot, caller: Caller, texts: Iterable[str], field: str) -> list[Inbox]:
    """The inboxes of addresses, each once; Invalid where one is no teammate's, be it unknown or another tenant's."""
    found: dict[int, Inbox] = {}
    for text in texts:
        inbox = by_address(snapshot, caller.tenant_id, text)
        if inbox is None:
            sentence = f"{text[:100]!r} is no address of your team; GET /v1/inboxes/ lists them."
            raise errors.Invalid("Somebody who is named is not of your team.", **{field: sentence})
        found[inbox.id] = inbox
    return list(found.values())


def _by_id(snapshot: Snapshot, text: str) -> Inbox | None:
    try:
        return inboxes.get(snapshot, identifiers.decode(Kind.INBOX, text))
    except identifiers.BadIdentifier:
        return None

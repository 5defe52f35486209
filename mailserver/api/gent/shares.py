"""Endpoints of contact sharing."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import team as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.share import Share
from mailserver.http.routing import get, post
from mailserver.services.registry import Services
from mailserver.services.team.shares import Wish


class SharesPage:
    """Contact cards between inboxes of a tenant: offered, asked for, handed over."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/contacts/shares/", scope=Scope.CONTACTS_READ)
    async def list_shares(self, caller: Caller, query: OfInbox) -> list[shapes.ShareShown]:
        """List what waits for the inbox, oldest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return [_shown(each) for each in await self._services.team.shares.pending(inbox)]

    @post("/contacts/shares/", scope=Scope.CONTACTS_WRITE, status=201, repeatable=True)
    async def create_share(self, caller: Caller, body: shapes.CreateShare) -> shapes.ShareShown:
        """Offer a contact of the inbox to a colleague, or ask a colleague for one."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        wish = Wish(body.type, body.to_inbox_id, body.contact_id, body.contact_address, body.note, tuple(body.labels))
        return _shown(await self._services.team.shares.create(caller, inbox, wish))

    @post(
        "/contacts/shares/{share_id}/accept/", scope=Scope.CONTACTS_WRITE,
        answers={409: "The share was answered already, or the card is not there."},
    )  # fmt: skip
    async def accept_share(self, caller: Caller, share_id: str, query: OfInbox) -> shapes.ShareShown:
        """Say yes: the card is copied into the address book that it is for."""
        return _shown(
            await self._services.team.shares.accept(caller, share_id, await self._named(caller, query.inbox_id))
        )

    @post(
        "/contacts/shares/{share_id}/decline/", scope=Scope.CONTACTS_WRITE,
        answers={409: "The share was answered already."},
    )  # fmt: skip
    async def decline_share(self, caller: Caller, share_id: str, query: OfInbox) -> shapes.ShareShown:
        """Say no: nothing is copied."""
        return _shown(
            await self._services.team.shares.decline(caller, share_id, await self._named(caller, query.inbox_id))
        )

    @post("/contacts/{contact_id}/handoff/", scope=Scope.CONTACTS_WRITE, repeatable=True)
    async def hand_off(self, caller: Caller, contact_id: str, body: shapes.HandOff) -> shapes.HandedOff:
        """Give a contact to another inbox, with the commitments that are open; the card stays here, too."""
        inbox = await self._named(caller, body.inbox_id)
        number = await self._services.team.handoffs.hand_over(caller, contact_id, inbox, body.to_inbox_id, body.note)
        return shapes.HandedOff(contact_id=identifiers.encode(Kind.CONTACT, number))

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None


def _shown(share: Share) -> shapes.ShareShown:
    return shapes.ShareShown(
        share_id=identifiers.encode(Kind.SHARE, share.id),
        type=share.type.value,
        status=share.status.value,
        from_inbox_id=identifiers.encode(Kind.INBOX, share.from_inbox_id),
        to_inbox_id=identifiers.encode(Kind.INBOX, share.to_inbox_id),
        contact_address=share.contact_address,
        parameters=shapes.ShareParameters(note=share.note, labels=list(share.labels) or None),
        created_at=times.write(share.created_at, None),
        resolved_at=times.write(share.resolved_at, None) if share.resolved_at is not None else None,
    )

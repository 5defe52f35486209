"""Endpoint of verdicts: why a message lies where it lies."""

from mailserver.api.gent import present
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.api.gent.schemas.verdicts import VerdictShown
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import get
from mailserver.services.registry import Services


class VerdictsPage:
    """What was found out about messages that came in."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/{message_id}/verdict/", scope=Scope.EMAIL_READ)
    async def get_verdict(self, caller: Caller, message_id: str, query: OfInbox) -> VerdictShown:
        """Get who sent a message and what its score is made of.

        Mail that never came by port 25 has no verdict.
        """
        inbox = await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None
        number, found = await self._services.messages.verdict(caller, message_id, inbox)
        return VerdictShown.model_validate({"message_id": present.message_id(number), **found})

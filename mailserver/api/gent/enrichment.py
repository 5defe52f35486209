"""Endpoints of the enrichment page: what an inbox lets the server find out about its mail, and who is asked."""

from mailserver.api.gent.schemas import enrichment as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.enrichment import Feature, Switches
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import get, put
from mailserver.services.enrichment.switches import Change
from mailserver.services.registry import Services


class EnrichmentPage:
    """Switches of an inbox. Everything is off until somebody switches it on."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/enrichment/", scope=Scope.EMAIL_READ)
    async def get_enrichment(self, caller: Caller, query: OfInbox) -> shapes.EnrichmentShown:
        """Get what an inbox has switched on."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return _shown(inbox, await self._services.enrichment.switches.of(inbox))

    @put("/enrichment/", scope=Scope.ADMIN)
    async def set_enrichment(
        self, caller: Caller, body: shapes.SetEnrichment, query: OfInbox
    ) -> shapes.EnrichmentShown:
        """Switch features on and off, and say who is asked.

        Mail that comes in afterwards is looked at, behind its delivery. With an endpoint of one's own, that one gets
        to see the mail; whenever it does not answer in time, the built-in provider does.
        """
        inbox = await self._services.inboxes.of(caller, body.inbox_id or query.inbox_id)
        chosen = body.features.model_dump(exclude_none=True)
        change = Change(
            {Feature(name): is_on for name, is_on in chosen.items()}, body.provider, body.endpoint, body.model,
            body.api_key.get_secret_value() if body.api_key is not None else None,
        )  # fmt: skip
        return _shown(inbox, await self._services.enrichment.switches.change(caller, inbox, change))


def _shown(inbox: Inbox, switches: Switches) -> shapes.EnrichmentShown:
    return shapes.EnrichmentShown(
        inbox_id=identifiers.encode(Kind.INBOX, inbox.id),
        features=shapes.FeaturesShown(
            thread_summary=Feature.THREAD_SUMMARY in switches.features,
            label_suggest=Feature.LABEL_SUGGEST in switches.features,
            calendar_suggest=Feature.CALENDAR_SUGGEST in switches.features,
        ),
        provider=switches.provider.value if switches.provider else "builtin",
        endpoint=switches.endpoint, model=switches.model, has_api_key=switches.has_key,
    )  # fmt: skip

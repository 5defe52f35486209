"""The endpoint of thread summaries."""

from mailserver.api.gent import present, times
from mailserver.api.gent.schemas import enrichment as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities.access import Caller, Scope
from mailserver.entities.enrichment import ThreadDigest
from mailserver.http.routing import Answered, get
from mailserver.services.registry import Services


class SummariesPage:
    """What threads were about."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get(
        "/messages/threads/{thread_id}/summary/", scope=Scope.EMAIL_READ,
        answers={
            202: "There is no summary yet; one is made now: `status` and `thread_id`.",
            409: "The inbox has summaries switched off: `feature_disabled`.",
        },
    )  # fmt: skip
    async def get_summary(
        self, caller: Caller, thread_id: str, query: OfInbox
    ) -> Answered[shapes.SummaryShown | shapes.SummaryPending]:
        """Get the summary of a thread. `stale` says that messages came since; a new one is made then."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None
        number, found, is_stale = await self._services.enrichment.summaries.get(caller, thread_id, inbox)
        if found is None:
            return Answered(202, shapes.SummaryPending(thread_id=present.thread_id(number)))
        return Answered(200, _shown(found, is_stale=is_stale))


def _shown(kept: ThreadDigest, *, is_stale: bool) -> shapes.SummaryShown:
    digest = kept.digest
    return shapes.SummaryShown(
        summary=digest.summary, decisions=list(digest.decisions),
        action_items=[shapes.ActionItemShown(owner=item.owner, action=item.action) for item in digest.action_items],
        status="resolved" if digest.is_resolved else "open", stale=is_stale,
        updated_at=times.write(kept.updated_at, None),
    )  # fmt: skip

"""Endpoints of the pods page."""

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import pods as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.entities.pod import Pod
from mailserver.http.routing import delete, get, post
from mailserver.services.registry import Services

GONE = {404: "There is no such pod."}


class PodsPage:
    """Pods of the organisation: what is in one is kept apart from the others, and a key of one sees that one alone."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/pods", scope=Scope.ADMIN, permission=Permission.POD_READ)
    async def list_pods(self, caller: Caller, query: shapes.ListPods) -> shapes.PodList:
        """List pods, newest first."""
        asked = f"pods {query.ascending}"
        behind = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.pods.page(
            caller, behind[1] if behind else None, query.limit + 1, ascending=query.ascending
        )
        shown = found[: query.limit]
        token = self._cursors.make(caller, asked, 0, shown[-1].id) if len(found) > query.limit else None
        return shapes.PodList(
            count=len(shown), limit=query.limit, next_page_token=token, pods=[_shown(one) for one in shown]
        )

    @post("/pods", scope=Scope.ADMIN, permission=Permission.POD_CREATE)
    async def create_pod(self, caller: Caller, body: shapes.CreatePod) -> shapes.PodShown:
        """Make a pod. The same `client_id` gives the one that there is."""
        return _shown(await self._services.pods.create(caller, body.name, body.client_id))

    @get("/pods/{pod_id}", scope=Scope.ADMIN, permission=Permission.POD_READ, answers=GONE)
    async def get_pod(self, caller: Caller, pod_id: str) -> shapes.PodShown:
        """Get a pod."""
        return _shown(await self._services.pods.of(caller, pod_id))

    @delete(
        "/pods/{pod_id}", scope=Scope.ADMIN, permission=Permission.POD_DELETE, status=204,
        answers={**GONE, 409: "The pod has inboxes or domains, or is the organisation's own."},
    )  # fmt: skip
    async def delete_pod(self, caller: Caller, pod_id: str) -> None:
        """Delete an empty pod, with its keys, webhooks and lists."""
        await self._services.pods.delete(caller, pod_id)


def _shown(pod: Pod) -> shapes.PodShown:
    return shapes.PodShown(
        pod_id=present.pod_id(pod.id), name=pod.name, updated_at=present.when(pod.updated_at),
        created_at=present.when(pod.created_at), client_id=pod.client_id,
    )  # fmt: skip

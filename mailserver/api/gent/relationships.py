"""Endpoints of the relationships page."""

from datetime import tzinfo

from mailserver.api.gent import times
from mailserver.api.gent.schemas import activity as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import get
from mailserver.services.registry import Services
from mailserver.services.workspace.relationships import Edge, Graph, Node


class RelationshipsPage:
    """Whom inboxes have to do with."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/relationships/", scope=Scope.CONTEXT_READ)
    async def get_graph(self, caller: Caller, query: shapes.AskRelationships) -> shapes.GraphShown:
        """Get the strongest relationships of an inbox."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return _shown(await self._services.relationships.whole(inbox, query.limit), inbox)

    @get("/relationships/{contact_id}/", scope=Scope.CONTEXT_READ)
    async def get_graph_around(self, caller: Caller, contact_id: str, query: OfInbox) -> shapes.GraphShown:
        """Get a contact's relationship with the inbox, and with those who were on the same messages."""
        named = await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None
        owner, graph = await self._services.relationships.around(caller, contact_id, named)
        return _shown(graph, await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, owner)))


def _shown(graph: Graph, inbox: Inbox) -> shapes.GraphShown:
    own = identifiers.encode(Kind.INBOX, inbox.id)
    zone = times.zone(inbox.default_timezone)
    name = inbox.display_name
    centre = shapes.NodeShown(id=own, kind="inbox", contact_id=None, address=inbox.address, name=name)
    nodes = [_node(node) for node in graph.nodes]
    edges = [
        _edge(edge, nodes[edge.source].id if edge.source is not None else own, nodes[edge.target].id, zone)
        for edge in graph.edges
    ]
    return shapes.GraphShown(nodes=[centre, *nodes], edges=edges)


def _node(node: Node) -> shapes.NodeShown:
    contact = identifiers.encode(Kind.CONTACT, node.contact_id) if node.contact_id is not None else None
    return shapes.NodeShown(
        id=contact or node.address, kind="contact" if contact else "address", contact_id=contact,
        address=node.address, name=node.name,
    )  # fmt: skip


def _edge(edge: Edge, source: str, target: str, zone: tzinfo | None) -> shapes.EdgeShown:
    return shapes.EdgeShown(
        source=source, target=target, outbound_strength=edge.outbound_strength,
        inbound_strength=edge.inbound_strength, outbound_count=edge.outbound_count, inbound_count=edge.inbound_count,
        last_contact_at=times.write(edge.last_at, zone),
    )  # fmt: skip

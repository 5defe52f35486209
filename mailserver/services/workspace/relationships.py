"""The graph of an inbox: whom it has to do with, and how much."""

import functools
import time
from dataclasses import dataclass

from mailserver.entities.access import Caller
from mailserver.entities.activity import Relationship
from mailserver.entities.inbox import Inbox
from mailserver.services.workspace import activity as timeline
from mailserver.services.workspace import contacts as contact_names
from mailserver.storage import activity, contacts, relationships
from mailserver.storage.database import Database, Snapshot

MOST_TOGETHER = 100  # others in the graph of one contact
MESSAGES_READ = 500  # newest entries of a contact that say who else was there
HALF_STRENGTH = 5.0  # so many messages of today make a strength of one half


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody: a contact, or an address that no contact has."""

    contact_id: int | None
    address: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """What is between two: indexes of nodes, None for the inbox itself."""

    source: int | None
    target: int
    outbound_strength: float
    inbound_strength: float
    outbound_count: int
    inbound_count: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and the edges between them, the strongest first."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Relationships:
    """Graphs of inboxes, through the caller's eyes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def whole(self, inbox: Inbox, limit: int) -> Graph:
        """The strongest relationships of an inbox."""
        return await self._database.read(_whole, inbox, limit, _now())

    async def around(self, caller: Caller, contact: str, inbox: Inbox | None) -> tuple[int, Graph]:
        """A contact, and those who were on the same messages; the inbox whose contact it is."""
        return await self._database.read(_around, caller, contact, inbox, _now())


def strength(weight: float) -> float:
    """A weight as a number from 0 to 1: one half for HALF_STRENGTH messages of today, and never quite 1."""
    return round(weight / (weight + HALF_STRENGTH), 4)


def _whole(snapshot: Snapshot, inbox: Inbox, limit: int, now: int) -> Graph:
    found = relationships.strongest(snapshot, inbox.id, limit)
    return _graph(snapshot, inbox, found, now)


def _around(snapshot: Snapshot, caller: Caller, contact: str, inbox: Inbox | None, now: int) -> tuple[int, Graph]:
    known = contact_names.one(snapshot, caller, contact, inbox)
    own = {timeline.normal(each.value) for each in known.card.emails}
    normal = functools.cache(timeline.normal)  # the same few people, again and again
    together: dict[str, list[float]] = {}  # address to [weight, messages, last_at]
    (owner,) = snapshot.one("SELECT address FROM inbox WHERE id = ?", (known.inbox_id,))
    for address in sorted(own):
        for at, people in activity.about(snapshot, known.inbox_id, address, MESSAGES_READ):
            for other in {normal(str(each[0])) for each in people} - own - {owner}:
                kept = together.setdefault(other, [0.0, 0.0, 0.0])
                kept[0] += relationships.faded(1.0, now - at)
                kept[1] += 1
                kept[2] = max(kept[2], at)
    closest = sorted(together, key=lambda other: (-together[other][0], other))[:MOST_TOGETHER]
    centre = Node(known.id, min(own, default=""), known.card.full_name)
    nodes = [centre, *(_node(snapshot, known.inbox_id, other) for other in closest)]
    edges = []
    for place, addresses in enumerate([sorted(own), *([other] for other in closest)]):
        if addresses and (found := relationships.of(snapshot, known.inbox_id, addresses)):
            edges.append(_edge(_added(found, now), place))
    for place, other in enumerate(closest, 1):
        weight, number, last_at = together[other]
        shared = strength(weight)
        edges.append(Edge(0, place, shared, shared, int(number), int(number), int(last_at)))
    return known.inbox_id, Graph(tuple(nodes), tuple(edges))


def _graph(snapshot: Snapshot, inbox: Inbox, found: list[Relationship], now: int) -> Graph:
    """Addresses of one contact are one node."""
    nodes: list[Node] = []
    places: dict[int | str, int] = {}
    grouped: list[list[Relationship]] = []
    for one in found:
        node = _node(snapshot, inbox.id, one.address)
        key = node.contact_id or node.address
        if key not in places:
            places[key] = len(nodes)
            nodes.append(node)
            grouped.append([])
        grouped[places[key]].append(one)
    edges = [_edge(_added(some, now), place) for place, some in enumerate(grouped)]
    return Graph(tuple(nodes), tuple(edges))


def _node(snapshot: Snapshot, inbox_id: int, address: str) -> Node:
    number = contacts.by_address(snapshot, inbox_id, address)
    card = contacts.get(snapshot, number) if number is not None else None
    return Node(number if card else None, address, card.card.full_name if card else None)


def _added(some: list[Relationship], now: int) -> Relationship:
    """Several addresses as one, with the weights of now."""
    return Relationship(
        some[0].address,
        sum(relationships.faded(each.outbound, now - each.last_at) for each in some),
        sum(relationships.faded(each.inbound, now - each.last_at) for each in some),
        sum(each.outbound_count for each in some),
        sum(each.inbound_count for each in some),
        max(each.last_at for each in some),
    )


def _edge(one: Relationship, target: int) -> Edge:
    return Edge(
        None, target, strength(one.outbound), strength(one.inbound), one.outbound_count, one.inbound_count,
        one.last_at,
    )  # fmt: skip


def _now() -> int:
    return int(time.time() * 1000)

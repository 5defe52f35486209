"""Reservations and events that a message tells machines of: schema.org in JSON-LD and in microdata."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailserver.mail import hypertext, occasion
from mailserver.mail.address import Person
from mailserver.mail.occasion import Occasion

MOST_BLOCKS = 50
LONGEST_BLOCK = 64 * 1024
MOST_NODES = 500
MOST_DEEP = 20
MOST_ITEMS = 200
_KINDS = frozenset({
    "flightreservation", "trainreservation", "busreservation", "lodgingreservation", "eventreservation",
    "foodestablishmentreservation", "rentalcarreservation", "event", "businessevent", "musicevent", "sportsevent",
    "theaterevent", "educationevent", "socialevent", "festival",
})  # fmt: skip
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_LONGEST_TAG = 600
_MOST_SCRIPTS = 1_000
_TEXT_BUDGET = 256 * 1024  # characters of element texts that are looked at in all: elements may nest
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def read(html: str, local: tzinfo | None) -> Occasion | None:
    """The first reservation or event that has a start and is not cancelled; times without an offset are the reader's.

    Nothing that the data point to is ever fetched.
    """
    source = html[: hypertext.MAX_LENGTH]
    for node in _nodes(source):
        found = _occasion(node, local)
        if found is not None:
            return found
    return None


def _nodes(html: str) -> Iterator[dict[str, Any]]:
    budget = [MOST_NODES]
    for block in _blocks(html):
        try:
            yield from _typed(orjson.loads(block), 0, budget)
        except orjson.JSONDecodeError:
            continue
    if "itemscope" in html or "itemtype" in html:
        tree = hypertext.tree(html)
        if tree is not None:
            yield from _microdata(tree)


def _blocks(html: str) -> Iterator[str]:
    """The contents of the scripts of that type."""
    given = 0
    for number, opened in enumerate(_SCRIPT.finditer(html)):
        start = html.find(">", opened.end(), opened.end() + _LONGEST_TAG)
        if number >= _MOST_SCRIPTS or given >= MOST_BLOCKS:
            return
        if start < 0 or "application/ld+json" not in html[opened.end() : start].lower():
            continue
        block = html[start + 1 : start + 1 + LONGEST_BLOCK]
        end = block.find("</script")
        end = end if end >= 0 else block.lower().find("</script")
        if end >= 0:
            given += 1
            yield block[:end].encode("utf-8", "replace").decode()


def _typed(value: Any, depth: int, budget: list[int]) -> Iterator[dict[str, Any]]:
    """Every object of a kind that is looked for, the outer ones first, and no further into those."""
    budget[0] -= 1
    if depth > MOST_DEEP or budget[0] < 0:
        return
    if isinstance(value, list):
        for each in value[:MOST_ITEMS]:
            yield from _typed(each, depth + 1, budget)
    elif isinstance(value, dict):
        if _kind(value) in _KINDS:
            yield value
            return
        for each in list(value.values())[:MOST_ITEMS]:
            if isinstance(each, list | dict):
                yield from _typed(each, depth + 1, budget)


def _microdata(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    budget, letters = MOST_NODES, _TEXT_BUDGET
    for top in tree.css("[itemscope][itemtype]")[:MOST_BLOCKS]:
        if _last(top.attributes.get("itemtype") or "").lower() not in _KINDS:
            continue
        found: dict[str, Any] = {"@type": _last(top.attributes.get("itemtype") or "")}
        inner: dict[str, dict[str, Any]] = {}
        for node in top.css("[itemprop]")[:MOST_ITEMS]:
            budget -= 1
            if budget < 0 or letters < 0:
                return
            holder = _holder(node, top)
            target = found if holder is None else inner.get(holder, found)
            name = (node.attributes.get("itemprop") or "")[:60]
            if "itemscope" in node.attributes:
                made: dict[str, Any] = {"@type": _last(node.attributes.get("itemtype") or "")}
                inner[str(node.mem_id)] = made
                target.setdefault(name, made)
            else:
                content, read = _content(node)
                letters -= read
                target.setdefault(name, content)
        yield found


def _holder(node: LexborNode, top: LexborNode) -> str | None:
    """The object inside the outer one that a property belongs to."""
    parent = node.parent
    for _ in range(MOST_DEEP):
        if parent is None or parent.mem_id == top.mem_id:
            return None
        if "itemscope" in parent.attributes:
            return str(parent.mem_id)
        parent = parent.parent
    return None


def _content(node: LexborNode) -> tuple[str, int]:
    """What a property says, and how many letters had to be read for it."""
    for name in ("content", "datetime", "href"):
        value = node.attributes.get(name)
        if value:
            return value[:2_000], len(value)
    text = node.text(deep=True) or ""
    return text[:2_000].strip(), len(text) + 100


# -- one object ---------------------------------------------------------------------------------------------------


def _occasion(node: dict[str, Any], local: tzinfo | None) -> Occasion | None:
    if "cancel" in _last(_text(node.get("reservationStatus")) or _text(node.get("eventStatus"))).lower():
        return None
    kind = _kind(node)
    about = _object(node.get("reservationFor"))
    title, start, end, place = _details(kind, node, about)
    start_at = _moment(start, local)
    if start_at is None:
        return None
    number = _text(node.get("reservationNumber") or node.get("reservationId"))
    description = f"Reservation {number}" if number else _text(node.get("description"))
    return occasion.made(title, start_at, _moment(end, local), place, description, _people(node))


def _details(kind: str, node: dict[str, Any], about: dict[str, Any]) -> tuple[str, Any, Any, str]:
    """Title, start, end and place of each kind."""
    name = _text(about.get("name")) or _text(node.get("name"))
    if kind in ("flightreservation", "trainreservation", "busreservation"):
        word = kind.removesuffix("reservation").capitalize()
        carrier = _object(about.get("airline"))
        number = _text(about.get("flightNumber") or about.get("trainNumber") or about.get("busNumber"))
        code = _text(carrier.get("iataCode"))
        number = number if not code or number.startswith(code) else f"{code}{number}"
        here = _object(about.get("departureAirport") or about.get("departureStation") or about.get("departureBusStop"))
        there = _object(about.get("arrivalAirport") or about.get("arrivalStation") or about.get("arrivalBusStop"))
        where = " \u2013 ".join(filter(None, (_spot(here), _spot(there))))
        return f"{word} {number} {where}".strip(), about.get("departureTime"), about.get("arrivalTime"), _place(here)
    if kind == "lodgingreservation":
        start = node.get("checkinTime") or node.get("checkinDate") or about.get("checkinTime")
        end = node.get("checkoutTime") or node.get("checkoutDate") or about.get("checkoutTime")
        return name or "Stay", start, end, _place(about) or name
    if kind == "foodestablishmentreservation":
        start, end = node.get("startTime"), node.get("endTime")
        return f"Table at {name}" if name else "Table", start, end, _place(about) or name
    if kind == "rentalcarreservation":
        where = _place(_object(node.get("pickupLocation")))
        return f"Rental car {name}".strip(), node.get("pickupTime"), node.get("dropoffTime"), where
    event = about or node
    place = _place(_object(event.get("location")))
    start = event.get("startDate") or event.get("startTime")
    return name or "Event", start, event.get("endDate") or event.get("endTime"), place


def _spot(place: dict[str, Any]) -> str:
    return _text(place.get("iataCode")) or _text(place.get("name"))


def _place(place: dict[str, Any]) -> str:
    address = place.get("address")
    if isinstance(address, dict):
        parts = (address.get(each) for each in ("streetAddress", "postalCode", "addressLocality", "addressCountry"))
        address = ", ".join(filter(None, map(_text, parts)))
    return ", ".join(dict.fromkeys(filter(None, (_text(place.get("name")), _text(address)))))


def _people(node: dict[str, Any]) -> tuple[Person, ...]:
    person = _object(node.get("underName"))
    address = occasion.line(_text(person.get("email")).removeprefix("mailto:"), 254)
    name = occasion.line(_text(person.get("name")), 100)
    return (Person(address, name or None),) if "@" in address else ()


def _moment(value: Any, local: tzinfo | None) -> int | None:
    text = _text(value).strip()[:40]
    if _DATE.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=local or UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        return {"name": value}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name")
    return str(value)[:2_000] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _kind(node: dict[str, Any]) -> str:
    return _last(_text(node.get("@type"))).lower()


def _last(text: str) -> str:
    return re.split(r"[/#:]", text.strip())[-1]

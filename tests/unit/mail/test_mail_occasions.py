"""Invitations in calendar parts, and reservations in JSON-LD and microdata."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailserver.mail import invitation, reservations

ZONE = ZoneInfo("Europe/Berlin")
EVENT = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\n"
    "DTSTART:16010101T030000\r\nRRULE:FREQ=SECONDLY;COUNT=99999999\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
    "DTSTART;TZID=W. Europe Standard Time:20261203T150000\r\nDTEND;TZID=W. Europe Standard Time:20261203T163000\r\n"
    "RRULE:FREQ=SECONDLY;INTERVAL=1\r\nSUMMARY:Team stand\r\n up\\, weekly\r\nLOCATION:Room B\r\n"
    'ORGANIZER;CN="Alice A":mailto:alice@x.test\r\nATTENDEE;CN=Bob:MAILTO:bob@y.test\r\nATTENDEE:not-mail\r\n'
    "BEGIN:VALARM\r\nDESCRIPTION:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def when(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def test_an_invitation_is_read_and_its_repetitions_and_zones_are_not_unrolled():
    found = invitation.read(EVENT, UTC)
    assert (found.title, found.location, found.description) == ("Team standup, weekly", "Room B", None)
    assert (when(found.start_at), when(found.end_at)) == ("2026-12-03T14:00", "2026-12-03T15:30")
    assert [(each.address, each.name) for each in found.participants] == [
        ("alice@x.test", "Alice A"), ("bob@y.test", "Bob"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("METHOD:REQUEST", "METHOD:CANCEL"),
        ("METHOD:REQUEST", "METHOD:REPLY"),
        ("SUMMARY:", "STATUS:CANCELLED\r\nSUMMARY:"),
        ("VEVENT", "VTODO"),
        ("20261203T150000", "20261399T990000"),
    ],
)
def test_what_invites_nobody_is_none(old, new):
    assert invitation.read(EVENT.replace(old, new), UTC) is None


@pytest.mark.parametrize(
    ("lines", "start", "minutes"),
    [
        ("DTSTART:20261203T150000\nDURATION:PT45M", "2026-12-03T14:00", 45),
        ("DTSTART:20261203T150000Z", "2026-12-03T15:00", 60),
        ("DTSTART;VALUE=DATE:20261203", "2026-12-02T23:00", 1440),
        ("DTSTART;TZID=/freeassociation.test/Europe/Berlin:20261203T150000", "2026-12-03T14:00", 60),
        ("DTSTART;TZID=Nowhere:20261203T150000\nDTEND:19000101T000000Z", "2026-12-03T14:00", 60),
    ],
)
def test_starts_and_lengths_in_every_form(lines, start, minutes):
    found = invitation.read(f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\n", ZONE)
    assert (when(found.start_at), (found.end_at - found.start_at) // 60_000) == (start, minutes)


def ld(node):
    return f'<html><head><script type="application/ld+json">{json.dumps(node)}</script></head><body>x</body></html>'


FLIGHT = {
    "@context": "http://schema.org",
    "@type": "FlightReservation",
    "reservationNumber": "RXJ34P",
    "reservationFor": {
        "@type": "Flight",
        "flightNumber": "110",
        "airline": {"iataCode": "UA"},
        "departureAirport": {"name": "San Francisco Airport", "iataCode": "SFO"},
        "departureTime": "2027-03-04T20:15:00-08:00",
        "arrivalAirport": {"iataCode": "JFK"},
        "arrivalTime": "2027-03-05T06:30:00-05:00",
    },
}
PLACE = {"name": "Hilton", "address": {"streetAddress": "1 Road", "addressLocality": "Rome"}}
OTHERS = [
    (
        {
            "@type": ["LodgingReservation"],
            "checkinTime": "2027-04-11T16:00",
            "checkoutTime": "2027-04-13T11:00",
            "reservationFor": PLACE,
        },
        "Hilton",
        "2027-04-11T14:00",
        "Hilton, 1 Road, Rome",
    ),
    (
        {
            "@type": "http://schema.org/FoodEstablishmentReservation",
            "startTime": "2027-04-10T20:00:00+02:00",
            "reservationFor": {"name": "Luigi"},
        },
        "Table at Luigi",
        "2027-04-10T18:00",
        "Luigi",
    ),
    (
        {
            "@type": "EventReservation",
            "reservationFor": {
                "@type": "MusicEvent",
                "name": "Concert",
                "startDate": "2027-05-01T20:00:00Z",
                "location": PLACE,
            },
        },
        "Concert",
        "2027-05-01T20:00",
        "Hilton, 1 Road, Rome",
    ),
    (
        {"@type": "Event", "name": "Fair", "startDate": "2027-05-01", "location": "Hall 7"},
        "Fair",
        "2027-04-30T22:00",
        "Hall 7",
    ),
    (
        {
            "@type": "TrainReservation",
            "reservationFor": {
                "trainNumber": "ICE 5",
                "departureTime": "2027-05-01T08:00Z",
                "departureStation": {"name": "Ulm"},
                "arrivalStation": {"name": "Bonn"},
            },
        },
        "Train ICE 5 Ulm \u2013 Bonn",
        "2027-05-01T08:00",
        "Ulm",
    ),
]


def test_a_flight_is_read_from_json_ld_wherever_it_nests():
    for node in (FLIGHT, [FLIGHT], {"@graph": [{"x": 1}, FLIGHT]}):
        found = reservations.read(ld(node), ZONE)
        assert found.title == "Flight UA110 SFO \u2013 JFK"
        assert (when(found.start_at), when(found.end_at)) == ("2027-03-05T04:15", "2027-03-05T11:30")
        assert (found.location, found.description) == ("San Francisco Airport", "Reservation RXJ34P")


@pytest.mark.parametrize(("node", "title", "start", "place"), OTHERS)
def test_stays_tables_events_and_trains_are_read(node, title, start, place):
    found = reservations.read(ld(node), ZONE)
    assert (found.title, when(found.start_at), found.location) == (title, start, place)


def test_microdata_is_read():
    html = (
        '<div itemscope itemtype="http://schema.org/FoodEstablishmentReservation"><div itemprop="reservationFor" '
        'itemscope itemtype="http://schema.org/FoodEstablishment"><meta itemprop="name" content="Wagamama">'
        '<div itemprop="address" itemscope><meta itemprop="streetAddress" content="1 Tavistock"></div></div>'
        '<time itemprop="startTime" datetime="2027-04-10T08:00:00+00:00">ten</time></div>'
    )
    found = reservations.read(html, ZONE)
    assert (found.title, when(found.start_at)) == ("Table at Wagamama", "2027-04-10T08:00")
    assert found.location == "Wagamama, 1 Tavistock"


@pytest.mark.parametrize(
    "node",
    [
        {**FLIGHT, "reservationStatus": "http://schema.org/ReservationCancelled"},
        {"@type": "Flight"},
        {},
        [],
        7,
        "x",
        None,
        {"@type": "Event", "name": "n"},
        {"@type": "Event", "startDate": {"a": []}},
        {"@type": {"a": 1}},
        {"@type": "Event", "startDate": "9999-99-99"},
        {"@type": "FlightReservation", "reservationFor": [[[]]]},
    ],
)
def test_what_is_cancelled_or_has_no_start_is_none(node):
    assert reservations.read(ld(node), ZONE) is None

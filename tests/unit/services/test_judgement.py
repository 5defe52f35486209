"""What is done with mail from strangers, by who sent it and what the lists and the filter say."""

import json
import os

import pytest

from mailserver.entities import errors
from mailserver.entities.message import Visibility
from mailserver.entities.rule import Direction, ListType
from mailserver.mail import address, headers
from mailserver.mail.envelope import Peer
from mailserver.storage import files
from tests.support.inside import enveloped, inside
from tests.support.zone import FAILS, FakeResolver

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SENDER = Peer("192.0.2.7", 40000, "mx.remote.test", esmtp=True)
ZONE = {
    "remote.test": ["v=spf1 ip4:192.0.2.7 -all"],
    "_dmarc.remote.test": ["v=DMARC1; p=reject"],
    "careful.test": ["v=spf1 ip4:192.0.2.9 -all"],
    "_dmarc.careful.test": ["v=DMARC1; p=quarantine"],
    "broken.test": FAILS,
}


def message(author=b"a@remote.test", body=b"Hello, this is about tomorrow.", more=b""):
    return (
        b"From: " + author + b"\r\nTo: agent@local.test\r\nSubject: Tomorrow\r\n" + more
        + b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@remote.test>\r\n\r\n" + body + b"\r\n"
    )  # fmt: skip


def answer(own_id):
    raw = message(more=b"In-Reply-To: <1@remote.test>\r\n")
    return raw.replace(b"Message-ID: <1@remote.test>", b"Message-ID: " + own_id)


def names():
    return FakeResolver(txt=dict(ZONE), hosts={"mx.remote.test": ["192.0.2.7"]})


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, resolver=names()) as opened:
        yield opened


async def receive(house, raw, sender="a@remote.test", to=("agent@local.test",), peer=SENDER):
    envelope = enveloped(to, sender, peer)
    arrival = house.services.reception.begin(envelope)
    for start in range(0, len(raw), 65_536):
        if arrival.add(raw[start : start + 65_536]):
            await arrival.flush()
    await arrival.accept(envelope)
    await house.settled()


async def stored(house):
    """Every message: (folder's role, visibility, labels, verdict)."""
    rows = await house.rows(
        "SELECT f.role, m.visibility, m.id, v.body FROM message m JOIN placement p ON p.message_id = m.id "
        "JOIN folder f ON f.id = p.folder_id LEFT JOIN verdict v ON v.message_id = m.id ORDER BY m.id"
    )
    found = []
    for role, visibility, number, body in rows:
        labels = await house.rows(
            "SELECT l.atom FROM message_label ml JOIN label l ON l.id = ml.label_id WHERE ml.message_id = ?", number
        )
        found.append((role, visibility, [atom for (atom,) in labels], json.loads(body) if body else None))
    return found


async def head_of(house):
    ((inbox_id, message_id),) = await house.rows("SELECT inbox_id, id FROM message")
    raw = house.store.files.read(files.location(inbox_id, message_id))
    return headers.split(raw)[0]


async def test_authenticated_mail_lies_in_the_inbox_with_its_results(house):
    await receive(house, message())
    ((role, visibility, labels, verdict),) = await stored(house)
    assert (role, visibility, labels) == ("inbox", Visibility.NORMAL, [])
    assert verdict["placement"] == "none"
    assert verdict["authentication"]["spf"]["result"] == "pass"
    assert verdict["authentication"]["dmarc"]["result"] == "pass"
    said = (await head_of(house)).first("authentication-results")
    assert said.split(b";")[0].strip() == b"mail.local.test"
    assert b"spf=pass" in said
    assert b"dmarc=pass" in said


async def test_a_forgery_is_refused_where_its_domain_asks_for_that(house):
    with pytest.raises(errors.FailsDmarc):
        await receive(house, message(), sender="x@elsewhere.test")
    assert await stored(house) == []


@pytest.mark.parametrize(("wish", "folder"), [("junk", "junk"), ("accept", "inbox")])
async def test_one_of_our_domains_may_want_forgeries_otherwise(tmp_path, wish, folder):
    wishes = {"dmarc_reject_domains": {"local.test": wish}}
    async with inside(tmp_path, resolver=names(), authentication=wishes) as house:
        await receive(house, message(), sender="x@elsewhere.test")
        ((role, _, labels, verdict),) = await stored(house)
    assert role == folder
    assert labels == ["unauthenticated"]
    assert verdict["authentication"]["dmarc"]["disposition"] == "reject"


async def test_quarantine_is_junk_and_says_why(house):
    await receive(house, message(b"b@careful.test"), sender="b@careful.test")
    ((role, visibility, _, verdict),) = await stored(house)
    assert (role, visibility) == ("junk", Visibility.SPAM)
    assert verdict["why"] == "The DMARC policy of careful.test asks for it."


async def test_mail_that_nothing_vouches_for_is_labelled(house):
    await receive(house, message(b"c@elsewhere.test"), sender="c@elsewhere.test")
    ((role, _, labels, _),) = await stored(house)
    assert (role, labels) == ("inbox", ["unauthenticated"])


async def test_a_failure_of_dns_loses_nothing(house):
    await receive(house, message(b"d@broken.test"), sender="d@broken.test")
    ((role, _, labels, verdict),) = await stored(house)
    assert (role, labels) == ("inbox", ["unauthenticated"])
    assert verdict["authentication"]["spf"]["result"] == "temperror"


async def test_the_test_string_of_junk_is_junk_with_its_reason(house):
    await receive(house, message(body=GTUBE))
    ((role, visibility, _, verdict),) = await stored(house)
    assert (role, visibility) == ("junk", Visibility.SPAM)
    assert verdict["spam"]["reasons"][0]["name"] == "GTUBE"
    assert (await head_of(house)).first("x-spam-status").strip().startswith(b"Yes, score=")


async def test_a_score_may_refuse_where_the_operator_wants_that(tmp_path):
    async with inside(tmp_path, resolver=names(), filter={"reject_score": 15}) as house:
        with pytest.raises(errors.LooksLikeJunk):
            await receive(house, message(body=GTUBE))


async def list_entry(house, list_type, entry, direction=Direction.RECEIVE, inbox=None):
    caller = await house.caller()
    await house.services.rules.add(caller, inbox, direction, list_type, entry)


async def test_a_blocked_sender_s_mail_is_stored_as_blocked(house):
    await list_entry(house, ListType.BLOCK, "remote.test")
    await receive(house, message())
    ((role, visibility, _, verdict),) = await stored(house)
    assert (role, visibility) == ("junk", Visibility.BLOCKED)
    assert (verdict["placement"], verdict["why"]) == ("blocked", "remote.test is on a block list.")
    assert verdict["spam"] is None


async def test_an_allowed_sender_that_proves_itself_is_no_junk(house):
    await list_entry(house, ListType.ALLOW, "remote.test")
    await receive(house, message(body=GTUBE))
    ((role, *_),) = await stored(house)
    assert role == "inbox"


async def test_an_allowed_name_that_is_not_proven_helps_nobody(house):
    await list_entry(house, ListType.ALLOW, "elsewhere.test")
    await receive(house, message(b"c@elsewhere.test", GTUBE), sender="c@elsewhere.test")
    ((role, *_),) = await stored(house)
    assert role == "junk"


async def test_that_somebody_is_proven_does_not_prove_the_author(tmp_path):
    zone = names()
    zone.texts["attacker.test"] = ["v=spf1 ip4:192.0.2.7 -all"]
    async with inside(tmp_path, resolver=zone) as house:
        await list_entry(house, ListType.ALLOW, "friend.test")  # it has no DMARC policy
        await list_entry(house, ListType.ALLOW, "attacker.test")
        await receive(house, message(b"f@friend.test", GTUBE), sender="x@attacker.test")
        ((role, _, labels, verdict),) = await stored(house)
    assert (role, labels, verdict["list"]) == ("junk", [], "allow")


async def test_an_author_without_a_policy_is_proven_by_its_own_domain_or_one_above(tmp_path):
    zone = names()
    zone.texts["friend.test"] = ["v=spf1 ip4:192.0.2.7 -all"]
    async with inside(tmp_path, resolver=zone) as house:
        await list_entry(house, ListType.ALLOW, "friend.test")
        await list_entry(house, ListType.ALLOW, ".friend.test")
        await receive(house, message(b"f@friend.test", GTUBE), sender="x@friend.test")
        await receive(house, message(b"f@news.friend.test", GTUBE), sender="x@friend.test")
        assert [row[0] for row in await stored(house)] == ["inbox", "inbox"]


async def test_a_message_that_a_scanner_could_not_write_down_is_not_taken(house):
    raw = message(body=b"x" * 70 + b"\r\n" + b"filling up the message\r\n" * 130_000)
    envelope = enveloped(["agent@local.test"], "a@remote.test", SENDER)
    arrival = house.services.reception.begin(envelope)
    for start in range(0, len(raw) - 65_536, 65_536):
        if arrival.add(raw[start : start + 65_536]):
            await arrival.flush()
    arrival.add(raw[len(raw) - len(raw) % 65_536 :])
    content = arrival._content
    spool, content.spool = content.spool, os.open("/dev/full", os.O_RDWR)
    with pytest.raises(errors.StoreFull):
        await content.flush()
    os.close(content.spool)
    content.spool = spool
    with pytest.raises(errors.StoreUnavailable):
        await arrival.accept(envelope)
    await house.settled()
    assert await stored(house) == []


async def test_a_message_that_is_put_off_is_counted_when_it_is_taken(tmp_path):
    async with inside(tmp_path, resolver=names(), filter={"greylist_seconds": 1}) as house:
        counted = []
        judge = house.services.reception._judge
        judge._collector = type("Counting", (), {"dmarc": lambda self, *given: counted.append(given[2])})()
        with pytest.raises(errors.Greylisted):
            await receive(house, message(b"c@elsewhere.test"), sender="c@elsewhere.test")
        assert counted == []
        await receive(house, message())
        assert counted == ["none"]


async def test_an_allow_list_does_not_let_a_forgery_in(house):
    await list_entry(house, ListType.ALLOW, "remote.test")
    with pytest.raises(errors.FailsDmarc):
        await receive(house, message(), sender="x@elsewhere.test")


async def test_inboxes_of_one_message_each_have_their_lists(house):
    other = await house.services.inboxes.add("second@local.test", None)
    await list_entry(house, ListType.BLOCK, "a@remote.test", inbox=other)
    await receive(house, message(), to=("agent@local.test", "second@local.test"))
    assert sorted(row[0] for row in await stored(house)) == ["inbox", "junk"]


async def test_answers_ask_the_reply_lists_alone(house):
    await receive(house, message())
    await list_entry(house, ListType.BLOCK, "remote.test")
    await receive(house, answer(b"<2@x>"))
    assert [row[0] for row in await stored(house)] == ["inbox", "inbox"]
    await list_entry(house, ListType.BLOCK, "remote.test", Direction.REPLY)
    await receive(house, answer(b"<3@x>"))
    assert [row[0] for row in await stored(house)] == ["inbox", "inbox", "junk"]


async def test_mail_within_the_house_asks_the_lists_too(house):
    await list_entry(house, ListType.BLOCK, "second@local.test")
    raw = message(b"second@local.test")
    await house.assembled.local.deliver(raw, "second@local.test", "agent@local.test", 77)
    await house.settled()
    ((role, visibility, labels, _),) = await stored(house)
    assert (role, visibility, labels) == ("junk", Visibility.BLOCKED, [])


@pytest.mark.parametrize("size", [100, 3_000_000])
async def test_results_in_our_name_that_a_stranger_wrote_are_taken_out(house, size):
    forged = (
        b"Authentication-Results: mail.local.test; spf=pass; dmarc=pass\r\n"
        b"Authentication-Results: other.test; spf=pass\r\nX-Spam-Status: No, score=-100\r\n"
    )
    raw = message(b"c@elsewhere.test", b"x" * 70 + b"\r\n" + b"filling up the message\r\n" * (size // 24), forged)
    await receive(house, raw, sender="c@elsewhere.test")
    head = await head_of(house)
    ours, theirs = head.all("authentication-results")
    assert ours.strip().startswith(b"mail.local.test;")
    assert b"spf=pass" not in ours
    assert theirs.strip() == b"other.test; spf=pass"
    (status,) = head.all("x-spam-status")
    assert b"-100" not in status
    ((inbox_id, number, kept),) = await house.rows("SELECT inbox_id, id, size FROM message")
    content = house.store.files.read(files.location(inbox_id, number))
    assert len(content) == kept
    assert content.endswith(raw[raw.index(b"\r\n\r\n") :])


async def test_a_login_of_ours_is_never_judged(house):
    inbox = await house.services.inboxes.at("agent@local.test")
    await house.submit(message(b"agent@local.test", GTUBE), inbox)
    await house.settled()
    ((role, _, _, verdict),) = await stored(house)
    assert (role, verdict) == ("sent", None)


async def test_what_lists_forbid_to_send_is_not_sent(house):
    await list_entry(house, ListType.BLOCK, "bad.test", Direction.SEND)
    inbox = await house.services.inboxes.at("agent@local.test")
    caller = await house.caller(inbox)
    with pytest.raises(errors.MessageRefused, match=r"x@bad\.test"):
        await house.services.submission.check_recipient(caller, address.parse("x@bad.test"))
    await house.services.submission.check_recipient(caller, address.parse("x@good.test"))


async def test_switched_off_nothing_is_judged_and_nothing_claimed(tmp_path):
    off = {"authentication": {"verify": False}, "filter": {"enabled": False}}
    async with inside(tmp_path, resolver=names(), **off) as house:
        await receive(house, message(body=GTUBE), sender="x@elsewhere.test")
        ((role, _, labels, _),) = await stored(house)
        assert (role, labels) == ("inbox", [])
        assert (await head_of(house)).count("x-spam-status") == 0

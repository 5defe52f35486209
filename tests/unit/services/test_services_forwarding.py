"""What an inbox passes on: to whom, in which state, from which sender, and what comes back."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from mailserver.entities import errors
from mailserver.entities.delivery import Failed, FailureKind
from mailserver.entities.forward import MOST_FAILURES
from mailserver.entities.rule import Direction, ListType
from mailserver.mail import address, arc, canonical, dkim, dkim_key, headers, srs
from mailserver.mail.envelope import Envelope, Recipient
from mailserver.mail.reply import Reply
from mailserver.queue import assembly as queue_assembly
from mailserver.services import assembly
from mailserver.services.inbound.dns_watch import WatchedDns
from mailserver.services.inbound.spf_check import SpfCheck
from mailserver.services.notify.doorbell import Doorbell
from mailserver.services.outbound import forwards
from mailserver.storage import files, inboxes, records
from tests.support.inside import PASSWORD, PEER, enveloped, inside, settings
from tests.support.remote import Remote
from tests.support.waiting import until
from tests.support.zone import FakeResolver

RAW = (
    b"From: Alice <alice@author.test>\r\nTo: agent@local.test\r\nBcc: hidden@author.test\r\nSubject: Hi\r\n"
    b"Message-ID: <m1@author.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHello, how are you?\r\n"
)
GTUBE = RAW.replace(b"Hello,", b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")
ALICE = "alice@author.test"
TARGET = "me@outside.test"
NAMES = {
    "mx": {name: [(10, f"mx.{name}")] for name in ("outside.test", "author.test", "third.test")},
    "hosts": {f"mx.{name}": ["127.0.0.1"] for name in ("outside.test", "author.test", "third.test")}
    | {"author.test": ["127.0.0.1"]},
    "txt": {
        "author.test": ["v=spf1 ip4:203.0.113.9 -all"], "_dmarc.author.test": ["v=DMARC1; p=none"],
        "local.test": ["v=spf1 ip4:203.0.113.1 -all"],
    },
}  # fmt: skip


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, resolver=FakeResolver(**NAMES)) as opened:
        yield opened


@asynccontextmanager
async def sending(house, directory, port, **queue):
    """The queue of a house, running."""
    bell = Doorbell()
    loaded = settings(directory, queue={"remote_port": port, "retry_seconds": [600], **queue})
    with ThreadPoolExecutor(2) as executor:
        runner = queue_assembly.runner(
            loaded.queue, loaded.hostname, FakeResolver(**NAMES), lambda: (), house.assembled.claims,
            house.assembled.outcomes, house.assembled.local, house.assembled.keystore,
            house.store.secrets["return_path"], house.store.directory / "mail", executor, bell, assembly.now_ms, 5,
        )  # fmt: skip
        task = asyncio.create_task(runner.run())
        ringing = asyncio.create_task(ring(bell))
        try:
            yield runner
        finally:
            ringing.cancel()
            runner.stop()
            await task


async def ring(bell):
    while True:
        await asyncio.sleep(0.05)
        bell.ring("queue")


async def settled(house, seconds=30):
    """Wait until nothing is due any more."""
    async with asyncio.timeout(seconds):
        await house.settled()
        while await house.rows("SELECT 1 FROM delivery WHERE state = 'queued'"):
            await asyncio.sleep(0.02)
            await house.settled()


async def forward(house, target=TARGET, inbox=None, **more):
    return await house.services.forwards.set(inbox or house.account.inbox, target, **more)


async def queued(house):
    """Everything that waits: (source, sender, [recipients])."""
    await house.settled()
    jobs = await house.services.queue.page()
    return [(job.message, job.deliveries[0]) for job in jobs]


async def stored(house, inbox=None):
    inbox = inbox or house.account.inbox
    await house.settled()
    rows = await house.rows("SELECT inbox_id, id FROM message WHERE inbox_id = ? ORDER BY id", inbox.id)
    return [house.store.files.read(files.location(*row)) for row in rows]


# -- what is passed on -----------------------------------------------------------------------------------------------


async def test_a_forwarded_message_is_kept_and_goes_on_from_a_sender_of_ours(house):
    await forward(house)
    await house.receive(RAW, sender=ALICE)
    assert len(await stored(house)) == 1
    ((message, delivery),) = await queued(house)
    assert (delivery.recipient, message.source, message.forwarded_by) == (TARGET, "forward", "agent@local.test")
    sender = address.parse(message.sender)
    assert sender.domain == "local.test"
    assert srs.read(house.store.secrets["return_path"], sender, message.created_at // 1000) == address.parse(ALICE)
    assert (message.domain, message.header_id, message.subject) == ("local.test", "<m1@author.test>", "Hi")
    assert delivery.orcpt == "rfc822;agent@local.test"
    assert await house.rows("SELECT * FROM correspondent") == []


async def test_a_forward_may_keep_no_copy(house):
    await forward(house, keeps_copy=False)
    await house.receive(RAW, sender=ALICE)
    assert await stored(house) == []
    ((message, _),) = await queued(house)
    assert house.store.files.read(message.location).endswith(b"Hello, how are you?\r\n")
    assert await house.rows("SELECT type FROM event WHERE type = 'message.received'") == []


async def test_a_large_message_goes_on_as_well(house):
    for keeps_copy in (True, False):
        await forward(house, keeps_copy=keeps_copy)
        await house.receive(RAW + b"x" * 70 + b"\r\n" + b"more text\r\n" * 200_000, sender=ALICE)
    assert len(await stored(house)) == 1
    for message, _ in await queued(house):
        assert (
            0 <= house.store.files.size(message.location) - message.size < 2000
        )  # room that the spool left for fields


async def test_what_is_switched_off_goes_nowhere(house):
    await forward(house)
    await forward(house, is_enabled=False)
    await house.receive(RAW, sender=ALICE)
    assert (len(await stored(house)), await queued(house)) == (1, [])


async def test_a_null_sender_stays_one(house):
    await forward(house)
    await house.receive(RAW, sender=None)
    ((message, _),) = await queued(house)
    assert message.sender == ""


async def test_a_sender_that_is_too_long_is_kept_under_a_number(house):
    await forward(house)
    sender = f"{'a' * 60}@author.test"
    for _ in range(2):
        await house.receive(RAW, sender=sender)
    (first, _), (second, _) = await queued(house)
    assert first.sender == second.sender
    assert len(first.sender.partition("@")[0]) <= 64
    found = await house.services.routing.find(address.parse(first.sender))
    assert found.back.sender == address.parse(sender)
    await house.store.database.write(lambda tx: tx.execute("UPDATE rewritten_sender SET used_at = 1"))
    assert await house.services.forward_upkeep.forget() == 1
    house.services.routing.forget()
    with pytest.raises(errors.UnknownRecipient):
        await house.services.routing.find(address.parse(first.sender))


async def test_junk_and_blocked_mail_goes_nowhere_and_is_kept(house):
    await forward(house, keeps_copy=False)
    await house.receive(GTUBE, sender=ALICE)
    assert (len(await stored(house)), await queued(house)) == (1, [])
    caller = await house.caller()
    await house.services.rules.add(caller, house.account.inbox, Direction.RECEIVE, ListType.BLOCK, ALICE)
    await house.receive(RAW, sender=ALICE)
    assert (len(await stored(house)), await queued(house)) == (2, [])


async def test_an_inbox_that_may_not_write_to_an_address_does_not_forward_there(house):
    await forward(house)
    await house.services.rules.add(
        await house.caller(), house.account.inbox, Direction.SEND, ListType.BLOCK, "outside.test"
    )
    await house.receive(RAW, sender=ALICE)
    assert (len(await stored(house)), await queued(house)) == (1, [])
    with pytest.raises(errors.Invalid, match="may not write"):
        await forward(house)


async def test_a_suppressed_target_is_tried_all_the_same(house):
    await forward(house)
    await house.store.database.write(
        lambda tx: tx.execute(
            "INSERT INTO suppression VALUES (1, ?, ?, ?, 'HARD_BOUNCE', 'x', NULL, 1)",
            (house.account.inbox.tenant_id, house.account.inbox.id, TARGET),
        )
    )
    await house.receive(RAW, sender=ALICE)
    assert len(await queued(house)) == 1


async def test_a_doubtful_sender_gets_no_bounce_and_the_copy_is_kept(house):
    await forward(house, keeps_copy=False)
    elsewhere = "spoofed@local.test"  # whose SPF names another address
    await house.receive(RAW.replace(b"alice@author.test", b"x@nowhere.test"), sender=elsewhere)
    ((_, delivery),) = await queued(house)
    assert delivery.notify == "NEVER"
    assert len(await stored(house)) == 1


async def test_automatic_mail_is_kept_because_nobody_hears_of_its_failure(house):
    await forward(house, keeps_copy=False)
    await house.receive(b"Auto-Submitted: auto-generated\r\n" + RAW, sender=ALICE)
    assert (len(await stored(house)), len(await queued(house))) == (1, 1)


async def test_no_more_goes_on_in_an_hour_than_is_allowed(tmp_path):
    async with inside(tmp_path, resolver=FakeResolver(**NAMES), limits={"forwarded_per_hour": 2}) as house:
        await forward(house, keeps_copy=False)
        for _ in range(4):
            await house.receive(RAW, sender=ALICE)
        assert (len(await stored(house)), len(await queued(house))) == (2, 2)


async def test_the_parameters_of_the_envelope_go_with_it(house):
    await forward(house)
    recipient = Recipient(address.parse("Agent+x@local.test"), "SUCCESS,FAILURE", "rfc822;first@else.test")
    envelope = Envelope(PEER, address.parse(ALICE), (recipient,), "8BITMIME", require_tls=True, ret="HDRS", envid="E1")
    arrival = house.services.reception.begin(envelope)
    arrival.add(RAW.replace(b"Hello", "Grüße".encode()))
    await arrival.accept(envelope)
    ((message, delivery),) = await queued(house)
    assert (delivery.notify, delivery.orcpt) == ("SUCCESS,FAILURE", "rfc822;first@else.test")
    assert (message.ret, message.envid, message.require_tls, message.eight_bit) == ("HDRS", "E1", True, True)


@pytest.mark.parametrize(("octets", "goes_on"), [(RAW, True), (RAW + b"bare\nlines\r\n", False)])
async def test_binary_mail_is_kept_and_what_only_calls_itself_so_goes_on(house, octets, goes_on):
    await forward(house, keeps_copy=False)
    envelope = enveloped(["agent@local.test"], ALICE, body="BINARYMIME")
    arrival = house.services.reception.begin(envelope)
    arrival.add(octets)
    await arrival.accept(envelope)
    assert (len(await stored(house)), len(await queued(house))) == ((0, 1) if goes_on else (1, 0))


# -- several -----------------------------------------------------------------------------------------------------------


async def test_an_alias_may_have_several_targets_and_its_inbox_none(house):
    inbox = house.account.inbox
    await house.services.inboxes.add_alias(inbox, "team@local.test")
    for target in ("a@outside.test", "b@outside.test", "c@third.test"):
        await forward(house, target, alias="Team@local.test", keeps_copy=False)
    await house.receive(RAW, to=["team+x@local.test"], sender=ALICE)
    assert await stored(house) == []
    rows = await queued(house)
    assert sorted(delivery.recipient for _, delivery in rows) == ["a@outside.test", "b@outside.test", "c@third.test"]
    assert len({message.id for message, _ in rows}) == 1
    assert {message.forwarded_by for message, _ in rows} == {"team@local.test"}
    await house.receive(RAW, to=["agent@local.test"], sender=ALICE)
    assert (len(await stored(house)), len(await queued(house))) == (1, 3)
    await house.receive(RAW, to=["team@local.test", "agent@local.test"], sender=ALICE)
    assert (len(await stored(house)), len(await queued(house))) == (2, 6)


async def test_two_inboxes_that_forward_to_one_address_send_it_once(house):
    second = await house.services.inboxes.add("second@local.test")
    await forward(house)
    await forward(house, TARGET.upper(), inbox=second)
    await house.receive(RAW, to=["agent@local.test", "second@local.test"], sender=ALICE)
    assert (len(await stored(house)), len(await stored(house, second)), len(await queued(house))) == (1, 1, 1)


async def test_inboxes_of_other_domains_forward_by_themselves(house, tmp_path):
    other = await house.services.bootstrap.run("other.test", "b@other.test", PASSWORD)
    await forward(house)
    await forward(house, "you@third.test", inbox=other.inbox, keeps_copy=False)
    await house.receive(RAW, to=["agent@local.test", "b@other.test"], sender=ALICE)
    assert (len(await stored(house)), len(await stored(house, other.inbox))) == (1, 0)
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: len(remote.messages) == 2)
    by_target = {message.recipients[0].split(">")[0].split("<")[1]: message for message in remote.messages}
    assert "@local.test>" in by_target[TARGET].mail
    assert "@other.test>" in by_target["you@third.test"].mail
    assert b"d=other.test" in by_target["you@third.test"].content
    assert b"other.test" not in by_target[TARGET].content
    assert re.findall(rb"Delivered-To: (\S+)", by_target["you@third.test"].content) == [b"b@other.test"]
    assert re.findall(rb"Delivered-To: (\S+)", by_target[TARGET].content) == [b"agent@local.test"]
    assert b"agent@local.test" not in by_target["you@third.test"].content.replace(b"\r\nTo: agent@local.test", b"")
    assert (len(await stored(house)), len(await stored(house, other.inbox))) == (1, 0)
    assert await queued(house) == []


# -- on the wire -----------------------------------------------------------------------------------------------------


def keys_of(house, domain="local.test"):
    key = house.assembled.keystore.signing_keys(domain)[0]
    return {f"{key.selector}._domainkey.{domain}": (dkim.record(dkim_key.public_text(key.private)).encode(),)}


async def test_the_message_arrives_as_it_was_with_a_seal_and_no_signature(house, tmp_path):
    await forward(house)
    await house.receive(RAW, sender=ALICE)
    await house.settled()
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
    (message,) = remote.messages
    assert message.content.endswith(RAW)  # Bcc included: it is not our user who wrote it
    assert b"\r\nDKIM-Signature:" not in message.content
    assert b"X-Spam-Status" not in message.content
    assert b"Return-Path" not in message.content
    end, start = dkim.border(message.content)
    fields = canonical.fields(message.content[:end])
    inspection = arc.Inspection(fields)
    result = inspection.judge(keys_of(house), canonical.digests((message.content[start:],), inspection.wanted))
    assert (result.status, result.reason) == (arc.Status.PASS, "")
    (sealed,) = result.sealed
    assert (sealed.domain, sealed.results.authserv_id) == ("local.test", "mail.local.test")
    assert {claim.method: claim.result for claim in sealed.results.claims}["dmarc"] == "pass"
    (path,) = re.findall(r"MAIL FROM:<([^>]*)>", message.mail)
    sender = address.parse(path)
    found = await spf_of(sender)
    assert found == "pass"


async def spf_of(sender):
    """SPF as the target checks it, with our machine at 203.0.113.1."""
    with ThreadPoolExecutor(1) as executor:
        check = SpfCheck(WatchedDns(FakeResolver(**NAMES)), executor, "mx.outside.test", lambda: 0.0)
        return str((await check.check("203.0.113.1", "mail.local.test", sender)).status)


async def test_a_large_message_is_sealed_in_pieces(house, tmp_path):
    await forward(house)
    raw = RAW + b"some  text \t of many lines\r\n" * 60_000
    await house.receive(raw, sender=ALICE)
    await house.settled()
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
    content = remote.messages[0].content
    end, start = dkim.border(content)
    inspection = arc.Inspection(canonical.fields(content[:end]))
    result = inspection.judge(keys_of(house), canonical.digests((content[start:],), inspection.wanted))
    assert (result.status, result.reason) == (arc.Status.PASS, "")


async def test_without_verification_nothing_is_sealed(tmp_path):
    async with inside(tmp_path, resolver=FakeResolver(**NAMES), authentication={"verify": False}) as house:
        await forward(house)
        forged = b"Authentication-Results: mail.local.test; dmarc=pass\r\n" + RAW
        await house.receive(forged, sender=ALICE)
        await house.settled()
        async with Remote() as remote, sending(house, tmp_path, remote.port):
            await until(lambda: remote.messages)
    assert b"ARC-Seal" not in remote.messages[0].content
    assert b"DKIM-Signature" not in remote.messages[0].content


async def test_mail_of_our_own_user_is_signed_as_its_own(house, tmp_path):
    second = await house.services.inboxes.add("second@local.test")
    await forward(house, inbox=second)
    raw = RAW.replace(b"Alice <alice@author.test>", b"agent@local.test").replace(b"Bcc: hidden@author.test\r\n", b"")
    await house.submit(raw, house.account.inbox, to=["second@local.test"])
    await house.settled()
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
        assert len(await stored(house, second)) == 1
    (message,) = remote.messages
    keys = keys_of(house)
    verified = [each.status.value for each in dkim.verify(message.content, lambda name: keys.get(name, (None,))[0])]
    assert "pass" in verified
    assert b"ARC-Seal" not in message.content
    assert "MAIL FROM:<SRS0=" in message.mail
    (copy,) = await stored(house, second)
    assert copy.count(b"Return-Path:") == 1


# -- coming back -----------------------------------------------------------------------------------------------------


BOUNCE = (
    b"From: mailer-daemon@outside.test\r\nTo: %s\r\nSubject: Undeliverable\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.outside.test\r\n\r\n"
    b"Final-Recipient: rfc822; me@outside.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n"
    b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m1@author.test>\r\n\r\n--b--\r\n"
)


async def srs_address(house):
    await forward(house)
    await house.receive(RAW, sender=ALICE)
    ((message, delivery),) = await queued(house)
    return message, delivery


async def test_a_bounce_goes_back_to_who_had_written(house, tmp_path):
    async with Remote() as remote:
        message, _ = await srs_address(house)
        async with sending(house, tmp_path, remote.port):
            await until(lambda: len(remote.messages) == 1)
            await house.receive(BOUNCE % message.sender.encode(), to=[message.sender], sender=None)
            await until(lambda: len(remote.messages) == 2)
    back = remote.messages[1]
    assert back.mail.startswith("MAIL FROM:<>")
    assert back.recipients[0].startswith(f"RCPT TO:<{ALICE}>")
    assert back.content.endswith(BOUNCE % message.sender.encode())
    assert b"DKIM-Signature" not in back.content
    assert b"ARC-Seal" not in back.content
    assert len(await stored(house)) == 1
    rows = await house.rows("SELECT state FROM delivery WHERE recipient = ?", TARGET)
    assert rows == [("failed",)]
    assert await house.rows("SELECT * FROM suppression") == []
    assert (await house.rows("SELECT failures FROM forward")) == [(1,)]


async def test_our_own_report_of_a_failure_goes_back_too(house, tmp_path):
    async with Remote() as remote:
        remote.answers("RCPT TO:<me@", "550 5.1.1 nobody here", always=True)
        await forward(house)
        await house.receive(RAW, sender=ALICE)
        await house.settled()
        async with sending(house, tmp_path, remote.port):
            await until(lambda: remote.messages)
            await settled(house)
    (back,) = remote.messages
    assert back.mail.startswith("MAIL FROM:<>")
    assert back.recipients[0].startswith(f"RCPT TO:<{ALICE}>")
    assert b"Original-Recipient: rfc822;agent@local.test" in back.content
    assert await house.rows("SELECT type FROM event WHERE type = 'message.bounced'") == []


async def test_what_is_no_bounce_does_not_pass_by_an_address_of_a_forward(house):
    message, _ = await srs_address(house)
    with pytest.raises(errors.UnknownRecipient):
        await house.receive(RAW, to=[message.sender], sender="spammer@author.test")
    with pytest.raises(errors.UnknownRecipient):
        await house.receive(RAW, to=["agent@local.test", message.sender], sender="spammer@author.test")
    assert len(await queued(house)) == 1


async def test_junk_that_calls_itself_a_bounce_is_refused(house):
    message, _ = await srs_address(house)
    with pytest.raises(errors.LooksLikeJunk):
        await house.receive(GTUBE, to=[message.sender], sender=None)
    assert len(await queued(house)) == 1


async def test_forged_and_outdated_addresses_are_unknown(house):
    message, _ = await srs_address(house)
    await house.store.database.write(lambda tx: inboxes.set_catch_all(tx, "local.test", house.account.inbox.id))
    local, _, domain = message.sender.partition("@")
    forged = [
        f"{local[:5]}{'b' if local[5] != 'b' else 'c'}{local[6:]}@{domain}",
        local.replace("alice", "bob") + "@local.test",
        f"{local.replace('author', 'victim')}@{domain}", "SRS0=aaaaaaaa=aa=victim.test=x@local.test",
        f"{local}@mail.local.test",
    ]  # fmt: skip
    old = srs.rewrite(house.store.secrets["return_path"], address.parse(ALICE), "local.test", 1_000_000_000)
    for text in [*forged, str(old)]:
        with pytest.raises((errors.UnknownRecipient, errors.RelayDenied)):
            await house.services.routing.find(address.parse(text))
    for text in (message.sender, message.sender.lower(), message.sender.upper()):
        assert (await house.services.routing.find(address.parse(text))).back.sender.normal == ALICE


# -- loops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["agent@local.test", "AGENT+x@local.test", "postmaster@local.test", "also@local.test"]
)
async def test_nobody_forwards_to_itself(house, target):
    await house.services.inboxes.add_alias(house.account.inbox, "also@local.test")
    if target.startswith("postmaster"):
        await house.store.database.write(lambda tx: inboxes.set_catch_all(tx, "local.test", house.account.inbox.id))
    with pytest.raises(errors.Invalid, match="come back"):
        await forward(house, target)


async def test_nobody_closes_a_circle(house):
    second = await house.services.inboxes.add("second@local.test")
    third = await house.services.inboxes.add("third@local.test")
    await forward(house, "second@local.test")
    await forward(house, "third@local.test", inbox=second)
    with pytest.raises(errors.Invalid, match="come back"):
        await forward(house, "agent@local.test", inbox=third)
    await forward(house, "agent@local.test", inbox=third, is_enabled=False)


async def circle(house):
    """Two inboxes that forward to each other, though nobody can set that."""
    second = await house.services.inboxes.add("second@local.test")
    await forward(house, "second@local.test")
    await forward(house, TARGET, inbox=second)
    await house.store.database.write(
        lambda tx: tx.execute(
            "UPDATE forward SET target = 'agent@local.test', target_normal = target WHERE inbox_id = ?", (second.id,)
        )
    )
    house.services.routing.forget()
    return second


@pytest.mark.parametrize("to", [["agent@local.test"], ["agent@local.test", "third@local.test"]])
async def test_a_circle_inside_ends_with_one_copy_each(house, tmp_path, to):
    await house.services.inboxes.add("third@local.test")
    second = await circle(house)
    await house.receive(RAW, to=to, sender=ALICE)
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)  # the report of the loop
        await settled(house)
    assert (len(await stored(house)), len(await stored(house, second))) == (1, 1)
    assert b"5.4.6" in remote.messages[0].content
    assert len(remote.messages) == 1


@pytest.mark.parametrize("to", [["agent@local.test"], ["agent@local.test", "third@local.test"], ["also@local.test"]])
async def test_what_a_foreign_server_sends_back_is_refused(house, tmp_path, to):
    await house.services.inboxes.add("third@local.test")
    await house.services.inboxes.add_alias(house.account.inbox, "also@local.test")
    await forward(house)
    await house.receive(RAW, to=to, sender=ALICE)
    await house.settled()
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
    returned = b"Received: from x by mx.outside.test; x\r\n" + remote.messages[0].content
    for back in to[:1], ["agent@local.test"]:
        with pytest.raises(errors.MessageLoop):
            await house.receive(returned, to=back, sender="x@outside.test")


async def test_a_chain_of_inboxes_inside_passes_on_and_seals_once(house, tmp_path):
    second = await house.services.inboxes.add("second@local.test")
    await forward(house, "second@local.test")
    await forward(house, TARGET, inbox=second)
    await house.receive(RAW, sender=ALICE)
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
    content = remote.messages[0].content
    assert content.count(b"ARC-Seal:") == 1
    assert content.count(b"Delivered-To:") == 2
    sender = address.parse(re.findall(r"MAIL FROM:<([^>]*)>", remote.messages[0].mail)[0])
    assert srs.read(house.store.secrets["return_path"], sender, assembly.now_ms() // 1000) == address.parse(ALICE)


async def test_a_repetition_after_a_crash_passes_on_once(house):
    second = await house.services.inboxes.add("second@local.test")
    await forward(house, "second@local.test")
    await forward(house, TARGET, inbox=second)
    await house.receive(RAW, sender=ALICE)
    ((message, delivery),) = await queued(house)
    path = house.store.files.path(message.location)
    for _ in range(2):
        await house.assembled.local.deliver(path, message.sender, delivery.recipient, delivery.id)
    assert len(await stored(house, second)) == 1
    assert [one.recipient for _, one in await queued(house)] == ["second@local.test", TARGET]


# -- failing -------------------------------------------------------------------------------------------------------


async def fail(house, reply=None, kind=FailureKind.REFUSED):
    """One more message that the target refuses."""
    await house.receive(RAW, sender=ALICE)
    await house.settled()
    for job in await house.services.queue.page():
        outcome = Failed(assembly.now_ms(), kind, reply or Reply(550, "5.1.1", "nobody here\x1b"), "mx.outside.test")
        await house.store.database.write(house.assembled.outcomes.record, job.message, job.deliveries[0], outcome)


async def test_a_target_that_refuses_again_and_again_is_switched_off_and_its_owner_told(house):
    await forward(house, keeps_copy=False)
    for _ in range(MOST_FAILURES):
        assert (await house.services.forwards.get(house.account.inbox)).is_enabled
        await fail(house)
    stopped = await house.services.forwards.get(house.account.inbox)
    assert (stopped.is_enabled, stopped.failures) == (False, MOST_FAILURES)
    assert stopped.stopped_at
    assert await house.rows("SELECT * FROM suppression") == []
    assert await house.services.forward_upkeep.tell() == 1
    assert await house.services.forward_upkeep.tell() == 0
    (notice,) = await stored(house)
    head, start = headers.split(notice)
    assert head.text("subject") == f"Mail is no longer forwarded to {TARGET}"
    assert head.text("auto-submitted") == "auto-generated"
    assert b"550 5.1.1 nobody here" in notice[start:]
    await house.receive(RAW, sender=ALICE)
    assert (len(await stored(house)), await queued(house)) == (2, [])
    again = await forward(house)
    assert (again.is_enabled, again.failures, again.stopped_at) == (True, 0, None)


async def test_a_delivery_begins_the_count_anew(house, tmp_path):
    await forward(house)
    for _ in range(MOST_FAILURES - 1):
        await fail(house)
    await house.receive(RAW, sender=ALICE)
    await house.settled()
    async with Remote() as remote, sending(house, tmp_path, remote.port):
        await until(lambda: remote.messages)
        await settled(house)
    await fail(house)
    shown = await house.services.forwards.get(house.account.inbox)
    assert (shown.is_enabled, shown.failures) == (True, 1)


@pytest.mark.parametrize(
    ("reply", "kind", "counts"),
    [
        (Reply(550, "5.1.1", "x"), FailureKind.REFUSED, True),
        (Reply(550, "", "x"), FailureKind.REFUSED, True),
        (Reply(550, "5.2.1", "x"), FailureKind.REFUSED, True),
        (Reply(556, "5.1.10", "x"), FailureKind.NO_ROUTE, True),
        (Reply(554, "5.4.6", "x"), FailureKind.NO_ROUTE, True),
        (Reply(550, "5.7.1", "x"), FailureKind.POLICY, False),
        (Reply(550, "5.6.7", "x"), FailureKind.UNSUPPORTED, False),
        (Reply(552, "5.2.2", "x"), FailureKind.REFUSED, False),
        (Reply(552, "5.3.4", "x"), FailureKind.REFUSED, False),
        (Reply(550, "5.1.8", "x"), FailureKind.REFUSED, False),
        (Reply(550, "5.4.7", "x"), FailureKind.EXPIRED, False),
    ],
)
def test_which_failures_say_that_a_target_is_gone(reply, kind, counts):
    assert forwards.is_target_at_fault(Failed(1, kind, reply)) is counts


# -- setting ---------------------------------------------------------------------------------------------------------


async def test_targets_are_changed_removed_and_listed(house):
    inbox = house.account.inbox
    assert await house.services.forwards.get(inbox) is None
    await forward(house, "A@outside.test")
    await forward(house, "b@outside.test", keeps_copy=False)
    await forward(house, "B@outside.test")
    ((where, one),) = await house.services.forwards.all()
    assert (where, one.target, one.keeps_copy) == ("agent@local.test", "B@outside.test", False)
    assert await house.services.forwards.remove(inbox, "b@OUTSIDE.test")
    assert not await house.services.forwards.remove(inbox, "b@outside.test")
    assert await house.services.forwards.all() == []


@pytest.mark.parametrize("target", ["", "x", "a@b@c", "a b@c.test", "x" * 70 + "@remote.test", "a@remote.test\r\nX: y"])
async def test_what_is_no_address_is_no_target(house, target):
    with pytest.raises(errors.Invalid):
        await forward(house, target)


async def test_the_number_of_targets_and_of_changes_has_a_bound(house):
    await house.services.inboxes.add_alias(house.account.inbox, "team@local.test")
    for number in range(10):
        await forward(house, f"t{number}@outside.test", alias="team@local.test")
    with pytest.raises(errors.Invalid, match="at most 10"):
        await forward(house, "t10@outside.test", alias="team@local.test")
    with pytest.raises(errors.NotFound):
        await forward(house, TARGET, alias="nobody@local.test")
    for _ in range(8):  # twelve were tried above
        await forward(house)
    with pytest.raises(errors.TooMany):
        await forward(house)


async def test_a_record_of_an_older_version_is_read(house):
    await forward(house)
    await house.receive(RAW, sender=ALICE)
    ((message, delivery),) = await queued(house)
    written = b"".join(records.encode(records.Record((), 1, 1, b"x", None, message, (delivery,))))
    older = re.sub(rb',"forwarded_by":"[^"]*"', b"", written)
    length = int.from_bytes(written[:4], "little") - (len(written) - len(older))
    read = records.decode(length.to_bytes(4, "little") + older[4:])
    assert read.queued.forwarded_by is None

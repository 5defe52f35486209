"""What becomes of a recipient, and of a message that arrives."""

import asyncio
import os

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail import address, headers, verp
from mailserver.storage import files, inboxes
from tests.support.inside import PEER, enveloped, inside
from tests.support.waiting import until

RAW = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: Hi\r\nMessage-ID: <m1@remote.test>\r\n\r\nHello.\r\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def route(house, text):
    found = await house.services.routing.find(address.parse(text))
    return [destination.inbox_id for destination in found.destinations]


async def pause(house, inbox):
    await house.store.database.write(
        lambda tx: tx.execute("UPDATE inbox SET status = 'paused' WHERE id = ?", (inbox.id,))
    )
    house.services.routing.forget()


@pytest.mark.parametrize(
    "text",
    ["agent@local.test", "AGENT@LOCAL.TEST", "Agent+tag@local.test", "agent+a+b@local.test", "other@local.test",
     "other+tag@local.test", "postmaster@local.test", "PostMaster@local.test", "abuse@local.test", "Abuse+x@local.test",
     "postmaster+x@local.test", "postmaster@mail.local.test", '"agent"@local.test'],
)  # fmt: skip
async def test_an_address_of_ours_leads_to_its_inbox(house, text):
    await house.services.inboxes.add_alias(house.account.inbox, "other@local.test")
    assert await route(house, text) == [house.account.inbox.id]


@pytest.mark.parametrize("text", ["nobody@local.test", "agen@local.test", "agent.x@local.test", "+agent@local.test"])
async def test_an_unknown_address_is_unknown(house, text):
    with pytest.raises(errors.UnknownRecipient):
        await route(house, text)


@pytest.mark.parametrize(
    "text",
    ["a@remote.test", "agent@sub.local.test", "agent@xlocal.test", "agent@[127.0.0.1]", "someone@mail.local.test",
     "agent%local.test@remote.test", '"agent@local.test"@remote.test'],
)  # fmt: skip
async def test_mail_for_others_is_not_relayed(house, text):
    with pytest.raises(errors.RelayDenied):
        await route(house, text)


async def test_lists_catch_alls_and_paused_inboxes(house):
    second = await house.services.inboxes.add("second@local.test")

    def arrange(tx):
        tx.execute(
            "INSERT INTO distribution_list VALUES (5, ?, 'team@local.test', 'Team', NULL, 1)", (second.tenant_id,)
        )
        for number, inbox in enumerate((house.account.inbox, second)):
            tx.execute("INSERT INTO list_member VALUES (5, ?, ?, 1)", (inbox.id, number))
        inboxes.set_catch_all(tx, "local.test", second.id)

    await house.store.database.write(arrange)
    assert sorted(await route(house, "team+x@local.test")) == sorted([house.account.inbox.id, second.id])
    assert await route(house, "whatever@local.test") == [second.id]
    assert await route(house, "postmaster@local.test") == [house.account.inbox.id]
    await pause(house, second)
    with pytest.raises(errors.RecipientBusy):
        await route(house, "second@local.test")
    text = await house.receive(RAW, to=["team@local.test"])
    await house.settled()
    assert await house.rows("SELECT id, inbox_id FROM message") == [
        (identifiers.decode(Kind.MESSAGE, text), house.account.inbox.id)
    ]


async def test_a_return_path_of_ours_leads_to_its_delivery_and_to_no_inbox(house):
    await house.services.inboxes.add("b@local.test")
    secret = house.store.secrets["return_path"]
    text = verp.make(secret, 77, "local.test")
    for written in (text, text.upper()):
        found = await house.services.routing.find(address.parse(written))
        assert (found.delivery_id, found.destinations) == (77, ())
    forged = text.replace(".", ".a", 1)[: len(text)]
    found = await house.services.routing.find(address.parse(forged.split("@")[0][:-1] + "@local.test"))
    assert found.delivery_id is None


async def test_a_new_account_is_found_at_once_and_a_refusal_is_not_kept(house):
    with pytest.raises(errors.UnknownRecipient):
        await route(house, "new@local.test")
    made = await house.services.inboxes.add("new@local.test")
    assert await route(house, "new@local.test") == [made.id]


async def test_a_message_for_several_addresses_of_one_inbox_comes_once_and_for_two_inboxes_is_one_file(house):
    second = await house.services.inboxes.add("second@local.test")
    to = ["agent@local.test", "agent+x@local.test", "postmaster@local.test", "second@local.test"]
    await house.receive(RAW, to=to)
    await house.settled()
    rows = await house.rows("SELECT inbox_id, id FROM message ORDER BY inbox_id")
    assert [row[0] for row in rows] == [house.account.inbox.id, second.id]
    paths = [house.store.files.path(files.location(*row)) for row in rows]
    assert paths[0].samefile(paths[1])
    assert b"second@" not in paths[0].read_bytes()  # one recipient's copy does not name the others


@pytest.mark.parametrize("hops", [50, 51])
async def test_a_message_with_too_many_hops_loops(house, hops):
    raw = b"Received: from a by b; x\r\n" * hops + RAW
    if hops > 50:
        with pytest.raises(errors.MessageLoop):
            await house.receive(raw)
    else:
        await house.receive(raw)


@pytest.mark.parametrize("seen", [b"agent@local.test", b"<AGENT@local.test>"])
async def test_a_message_that_was_delivered_here_already_loops(house, seen):
    with pytest.raises(errors.MessageLoop):
        await house.receive(b"Delivered-To: " + seen + b"\r\n" + RAW)
    await house.receive(b"Delivered-To: someone@else.test\r\n" + RAW)


@pytest.mark.parametrize("size", [100, 70_000, 1_048_576 - 200, 1_048_576, 1_048_577, 5_000_000, 20_000_000])
async def test_what_is_stored_is_what_came_behind_our_trace(house, size):
    raw = RAW + os.urandom(size // 2).hex().encode() + b"\r\n"
    text = await house.receive(raw)
    await house.settled()
    ((inbox_id, message_id, kept),) = await house.rows("SELECT inbox_id, id, size FROM message")
    assert identifiers.encode(Kind.MESSAGE, message_id) == text
    stored = await asyncio.to_thread(house.store.files.read, files.location(inbox_id, message_id))
    assert len(stored) == kept
    assert stored.endswith(raw)
    fields, _ = headers.split(stored[: -len(raw)] + b"\r\n")
    assert [name.decode() for name, _ in fields.fields] == [
        "Return-Path", "Delivered-To", "Authentication-Results", "X-Spam-Status", "Received",
    ]  # fmt: skip
    assert fields.first("return-path").strip() == b"<a@remote.test>"
    assert fields.first("delivered-to").strip() == b"agent@local.test"
    assert PEER.address.encode() in fields.first("received")
    assert house.assembled.services.reception._acceptance.memory == 0
    assert (await house.services.integrity.verify(deep=True))["ok"]


async def test_a_connection_that_breaks_off_while_its_message_is_written_harms_no_other(house):
    """Cancelled in the middle of flushes, again and again, beside messages that must stay whole."""
    before = len(os.listdir("/proc/self/fd"))

    async def broken():
        envelope = enveloped(["agent@local.test"], "a@remote.test")
        arrival = house.services.reception.begin(envelope)
        try:
            while True:
                if arrival.add(b"X" * 600_000):
                    await arrival.flush()
        finally:
            arrival.discard()

    async def whole(number):
        letter = b"%d" % (number % 10)
        await house.receive(RAW.replace(b"<m1", b"<m%d" % number) + letter * 3_000_000 + b"\r\n")

    for number in range(6):
        tasks = [asyncio.create_task(broken()) for _ in range(4)]
        good = asyncio.create_task(whole(number))
        await asyncio.sleep(0.01 * number)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await good
    await house.settled()
    for inbox_id, message_id in await house.rows("SELECT inbox_id, id FROM message"):
        stored = house.store.files.read(files.location(inbox_id, message_id))
        assert b"X" not in stored.partition(b"Hello.")[2]
    assert len(await house.rows("SELECT id FROM message")) == 6
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)
    assert house.assembled.services.reception._acceptance.memory == 0


async def test_an_inbox_that_goes_between_rcpt_and_data_is_refused(house):
    envelope = enveloped(["gone@local.test"], "a@remote.test")
    made = await house.services.inboxes.add("gone@local.test")
    await house.services.reception.route(envelope.recipients[0].address)
    await house.store.database.write(lambda tx: tx.execute("DELETE FROM inbox WHERE id = ?", (made.id,)))
    house.services.routing.forget()
    arrival = house.services.reception.begin(envelope)
    arrival.add(RAW)
    with pytest.raises(errors.UnknownRecipient):
        await arrival.accept(envelope)


async def test_a_disk_that_is_full_while_spooling_refuses_and_keeps_nothing(house, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(type(house.store.files), "adopt_whole", full)
        with pytest.raises(errors.StoreFull):
            await house.receive(RAW + b"x" * 2_000_000 + b"\r\n")
    await house.receive(RAW)
    await house.settled()
    assert len(await house.rows("SELECT id FROM message")) == 1
    assert len(list(house.store.files.places())) == 1

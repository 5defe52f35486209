"""How much inboxes and tenants hold, and Trash and Junk that are emptied."""

import time

import pytest

from mailserver.entities import errors
from mailserver.entities.folder import Role
from mailserver.entities.quota import Wishes
from mailserver.mail import address
from mailserver.services.mailbox.emptying import Emptying
from mailserver.storage import arrange, folders
from tests.support.inside import inside

DAY_MS = 86_400_000
OWN = address.parse("agent@local.test")
LETTER = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: %d\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, limits={"inbox_messages": 2}) as opened:
        yield opened


async def receive(house, number):
    await house.receive(LETTER % (number, number))
    await house.settled()


async def is_full(house, text="agent@local.test"):
    house.services.routing.forget()
    try:
        await house.services.routing.find(address.parse(text))
    except errors.RecipientBusy:
        return True
    return False


async def test_an_inbox_is_held_to_what_is_set_for_it_before_the_default(house):
    allotments = house.services.allotments
    inbox = await house.services.inboxes.at("agent@local.test")
    await receive(house, 1)
    assert not await is_full(house)
    await receive(house, 2)
    assert await is_full(house)
    standing = await allotments.set_inbox(inbox, Wishes(most_messages=3))
    assert (standing.holding.messages, standing.holding.allotment.most_messages) == (2, 3)
    assert not await is_full(house)
    await allotments.set_inbox(inbox, Wishes(most_bytes=10))
    assert await is_full(house)
    with pytest.raises(errors.InboxFull, match="quota"):
        await allotments.refuse_full(inbox)
    await allotments.set_inbox(inbox, Wishes(most_bytes=0, most_messages=0))
    await allotments.refuse_full(inbox)
    standing = await allotments.set_inbox(inbox, Wishes(most_bytes=-1, most_messages=-1))
    assert standing.wishes == Wishes()
    assert await house.rows("SELECT COUNT(*) FROM inbox_allotment") == [(0,)]
    assert await is_full(house)
    for wrong in (Wishes(most_bytes=-2), Wishes(most_messages=1 << 61), Wishes(trash_days=40_000)):
        with pytest.raises(errors.Invalid):
            await allotments.set_inbox(inbox, wrong)


async def test_the_inboxes_of_a_tenant_are_full_together(house):
    services = house.services
    inbox = await services.inboxes.at("agent@local.test")
    other = await services.inboxes.add("other@local.test")
    await receive(house, 1)
    holding = await services.allotments.set_tenant(inbox.tenant_id, None, 1)
    assert (holding.messages, holding.is_full) == (1, True)
    assert await is_full(house)
    assert await is_full(house, other.address)  # it holds nothing
    ((tenant, listed),) = [row for row in await services.allotments.tenants() if row[0].id == inbox.tenant_id]
    assert (tenant.id, listed) == (inbox.tenant_id, holding)
    await services.allotments.set_tenant(inbox.tenant_id, None, 0)
    assert not await is_full(house, other.address)
    with pytest.raises(errors.NotFound, match="tenant list"):
        await services.allotments.set_tenant(7, 1, 1)


async def _lie(house, role, number):
    """A message that has lain in a folder for 40 days."""
    await receive(house, number)
    inbox = await house.services.inboxes.at("agent@local.test")
    ((message_id,),) = await house.rows("SELECT MAX(id) FROM message")
    then = int(time.time() * 1000) - 40 * DAY_MS

    def write(tx):
        folder_id = next(each.id for each in folders.of_inbox(tx, inbox.id) if each.role is role)
        arrange.move(tx, message_id, folder_id, then)
        tx.execute("UPDATE message SET received_at = ? WHERE id = ?", (then, message_id))
        tx.execute("UPDATE placement SET received_at = ? WHERE message_id = ?", (then, message_id))

    await house.store.database.write(write)
    return message_id


async def _there(house):
    return {row[0] for row in await house.rows("SELECT id FROM message")}


async def test_trash_and_junk_are_emptied_of_what_nobody_touched(house):
    inbox = await house.services.inboxes.at("agent@local.test")
    await house.services.allotments.set_inbox(inbox, Wishes(most_messages=0))
    kept, trash, junk = (
        await _lie(house, Role.INBOX, 1),
        await _lie(house, Role.TRASH, 2),
        await _lie(house, Role.JUNK, 3),
    )
    assert await Emptying(house.store.database, {Role.TRASH: 0, Role.JUNK: 0}).sweep() == 0
    assert await Emptying(house.store.database, {Role.TRASH: 41, Role.JUNK: 41}).sweep() == 0
    assert await Emptying(house.store.database, {Role.TRASH: 0, Role.JUNK: 39}).sweep() == 1
    assert await _there(house) == {kept, trash}
    await house.store.database.write(
        lambda tx: tx.execute("UPDATE message SET updated_at = ?", (int(time.time() * 1000),))
    )
    assert await Emptying(house.store.database, {Role.TRASH: 39, Role.JUNK: 39}).sweep() == 0  # somebody has touched it
    assert await _there(house) == {kept, trash}
    del junk


async def test_what_is_set_for_an_inbox_goes_before_the_default_and_other_folders_keep_what_lies_in_them(house):
    inbox = await house.services.inboxes.at("agent@local.test")
    await house.services.allotments.set_inbox(inbox, Wishes(most_messages=0, trash_days=0))
    message = await _lie(house, Role.TRASH, 1)
    emptying = Emptying(house.store.database, {Role.TRASH: 1, Role.JUNK: 1})
    assert await emptying.sweep() == 0  # kept for ever
    every = {each.role: each.id for each in await house.store.database.read(folders.of_inbox, inbox.id)}
    then = int(time.time() * 1000) - 40 * DAY_MS
    await house.store.database.write(arrange.place, message, {every[Role.TRASH], every[Role.INBOX]}, then)
    await house.services.allotments.set_inbox(inbox, Wishes(trash_days=30))
    await house.store.database.write(
        lambda tx: tx.execute("UPDATE placement SET received_at = ? WHERE message_id = ?", (then, message))
    )
    assert await emptying.sweep() == 1
    assert await house.rows("SELECT folder_id FROM placement WHERE message_id = ?", message) == [(every[Role.INBOX],)]
    assert await emptying.sweep() == 0


async def test_the_sweep_walks_an_index(house):
    plan = await house.rows(
        "EXPLAIN QUERY PLAN SELECT p.message_id FROM folder f CROSS JOIN placement p ON p.folder_id = f.id "
        "WHERE f.role = 'trash' AND f.role IN ('trash', 'junk') AND p.received_at < 5"
    )
    text = " ".join(row[3] for row in plan)
    assert "folder_passing" in text
    assert "placement_list" in text
    assert "SCAN" not in text

"""Drafts: messages in Drafts that change, are sent once, and go at their time."""

import asyncio
import time
from dataclasses import replace

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.draft import DraftState
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind
from mailserver.mail.address import Person
from mailserver.services.mailbox.messages import Update
from mailserver.services.outbound.draft_clock import DraftClock
from mailserver.services.outbound.drafts import DraftChange, Origin
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.storage import drafts, folders
from tests.support.inside import inside

BOB = Person("bob@remote.test", "Bob")
LETTER = Outgoing(to=(BOB,), bcc=(Person("boss@remote.test"),), subject="Plan", text="One.", labels=("later",))


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


def text(draft):
    return identifiers.encode(Kind.DRAFT, draft.id)


def soon():
    return int(time.time() * 1000) + 60_000


async def made(house, outgoing=LETTER, **origin):
    inbox = house.account.inbox
    return await house.services.drafts.create(await house.caller(inbox), inbox, outgoing, Origin(**origin))


async def counts(house):
    """Messages that are drafts, those that were sent, and deliveries."""
    return [
        (await house.rows(sql))[0][0]
        for sql in (
            "SELECT COUNT(*) FROM message WHERE flags & 8",
            "SELECT COUNT(*) FROM message WHERE is_ours = 1 AND NOT flags & 8",
            "SELECT COUNT(*) FROM delivery",
        )
    ]


class Ahead:
    """A clock that stands where it is put."""

    def __init__(self):
        self.now = int(time.time() * 1000)

    def __call__(self):
        return self.now


async def test_a_draft_is_a_message_in_drafts_that_is_neither_unread_nor_sent(house):
    draft, summary = await made(house)
    assert summary.folder_roles == ("drafts",)
    assert summary.labels == ("later",)
    assert await counts(house) == [1, 0, 0]
    (folder,) = await house.rows("SELECT total_messages, unread_messages FROM folder WHERE role = 'drafts'")
    assert folder == (1, 0)
    raw = await house.services.messages.raw(summary)
    assert b"boss@remote.test" not in raw
    assert [person.address for person in summary.bcc] == ["boss@remote.test"]
    assert not await house.rows("SELECT 1 FROM event WHERE type LIKE 'message.%'")
    assert draft.state is DraftState.OPEN


async def test_a_change_puts_another_message_in_its_place(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    draft, first = await made(house)
    changed, second = await house.services.drafts.change(caller, inbox, text(draft), DraftChange(text="Two."))
    assert changed.id == draft.id
    assert second.id != first.id
    assert await counts(house) == [1, 0, 0]
    assert (await house.services.messages.body(second)).text.strip() == "Two."
    assert second.bcc == first.bcc
    with pytest.raises(errors.NotFound):
        await house.services.messages.get(caller, identifiers.encode(Kind.MESSAGE, first.id))


async def test_of_changes_at_the_same_time_one_wins(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    draft, _ = await made(house)
    changes = [
        house.services.drafts.change(caller, inbox, text(draft), DraftChange(subject=f"s{number}"))
        for number in range(8)
    ]
    results = await asyncio.gather(*changes, return_exceptions=True)
    kept = [each[1].subject for each in results if not isinstance(each, Exception)]
    assert all(isinstance(each, tuple | errors.Conflict) for each in results)
    assert kept
    _, now = await house.services.drafts.get(caller, text(draft))
    assert now.subject in kept
    assert await counts(house) == [1, 0, 0]


async def test_a_draft_is_sent_once_whoever_sends_it(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    draft, _ = await made(house)
    results = await asyncio.gather(
        *(house.services.drafts.send(caller, inbox, text(draft), DraftChange()) for _ in range(8)),
        return_exceptions=True,
    )
    sent = [each for each in results if not isinstance(each, Exception)]
    assert len(sent) == 1
    assert all(isinstance(each, errors.NotFound | errors.Conflict) for each in results if isinstance(each, Exception))
    assert await counts(house) == [0, 1, 2]
    labels = await house.rows("SELECT l.display FROM message_label m JOIN label l ON l.id = m.label_id")
    assert labels == [("later",)]


async def test_a_draft_that_nobody_would_get_stays_a_draft(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    draft, _ = await made(house, Outgoing(subject="To nobody", text="x"))
    with pytest.raises(errors.Invalid):
        await house.services.drafts.send(caller, inbox, text(draft), DraftChange())
    await house.store.database.write(
        lambda tx: tx.execute(
            "INSERT INTO suppression(id, tenant_id, inbox_id, address, reason, source, suppressed_at) "
            "VALUES (1, ?, ?, 'bob@remote.test', 'hard_bounce', 'outbound', 1)",
            (inbox.tenant_id, inbox.id),
        )
    )
    other, _ = await made(house, replace(LETTER, bcc=()))
    with pytest.raises(errors.Suppressed):
        await house.services.drafts.send(caller, inbox, text(other), DraftChange())
    assert await counts(house) == [2, 0, 0]


async def test_the_same_client_id_is_the_same_draft_until_it_is_thrown_away(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    draft, _ = await made(house, client_id="one")
    again, _ = await made(house, replace(LETTER, subject="Other"), client_id="one")
    assert again == draft
    _, trash = (await made(house))[0], await house.store.database.read(folders.by_role, inbox.id, Role.TRASH)
    mailbox = identifiers.encode(Kind.FOLDER, trash.id)
    number = identifiers.encode(Kind.MESSAGE, draft.message_id)
    await house.services.messages.update(caller, inbox, number, Update(mailbox_id=mailbox))
    with pytest.raises(errors.NotFound):
        await house.services.drafts.get(caller, text(draft))
    new, _ = await made(house, client_id="one")
    assert new.id != draft.id


async def test_a_scheduled_draft_goes_at_its_time_and_once(house):
    clock = Ahead()
    workers = [DraftClock(house.store.database, house.services.drafts, house.doorbell, clock) for _ in range(3)]
    await made(house, send_at=soon())
    thrown, _ = await made(house, send_at=soon())
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    await house.services.messages.delete(caller, inbox, identifiers.encode(Kind.MESSAGE, thrown.message_id))
    assert [await worker.once() for worker in workers] == [0, 0, 0]
    clock.now += 120_000
    await asyncio.gather(*(worker.once() for worker in workers))
    assert await counts(house) == [1, 1, 2], "what was thrown away is not sent"
    await asyncio.gather(*(worker.once() for worker in workers))
    assert await counts(house) == [1, 1, 2]


async def test_what_is_scheduled_survives_a_restart(tmp_path):
    async with inside(tmp_path) as house:
        draft, _ = await made(house, send_at=soon())
        account = house.account
    async with inside(tmp_path) as house:
        house.account = account
        clock = Ahead()
        worker = DraftClock(house.store.database, house.services.drafts, house.doorbell, clock)
        due_at = await house.store.database.read(drafts.next_due_at, clock.now)
        assert due_at == draft.send_at
        clock.now = draft.send_at
        assert await worker.once() == 1
        assert await counts(house) == [0, 1, 2]


async def test_what_cannot_be_sent_at_its_time_says_why_and_is_not_tried_again(house):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    clock = Ahead()
    worker = DraftClock(house.store.database, house.services.drafts, house.doorbell, clock)
    draft, _ = await made(house, Outgoing(subject="x", text="x"), send_at=soon())
    clock.now += 120_000
    assert await worker.once() == 1
    failed, _ = await house.services.drafts.get(caller, text(draft))
    assert failed.state is DraftState.FAILED
    assert failed.problem == "The message has no recipient."
    assert await worker.once() == 0
    change = DraftChange(to=(BOB,), is_rescheduled=True, send_at=soon())
    again, _ = await house.services.drafts.change(caller, inbox, text(draft), change)
    assert (again.state, again.problem) == (DraftState.SCHEDULED, None)
    assert await worker.once() == 1
    assert await counts(house) == [0, 1, 1]


async def test_the_clock_wakes_by_itself_and_stops(house):
    clock = house.services.draft_clock
    task = asyncio.create_task(clock.run())
    await asyncio.sleep(0.05)
    await made(house, send_at=int(time.time() * 1000) + 1_500)
    async with asyncio.timeout(60):
        while await counts(house) != [0, 1, 2]:
            await asyncio.sleep(0.02)
        clock.stop()
        await task


@pytest.mark.parametrize("away", [-1, 400 * 86_400_000])
async def test_a_time_in_the_past_or_far_away_is_refused(house, away):
    with pytest.raises(errors.Invalid) as refused:
        await made(house, send_at=int(time.time() * 1000) + away)
    assert "send_at" in refused.value.fields
    assert await counts(house) == [0, 0, 0]


async def test_drafts_go_with_their_inbox(house):
    made_draft, _ = await made(house, send_at=soon(), client_id="x")
    inbox = house.account.inbox
    await house.services.agent_inboxes.close(replace(await house.caller(), inbox_id=None), inbox)
    assert not await house.rows("SELECT 1 FROM draft")
    await house.services.inbox_keeping.sweep()
    assert await counts(house) == [0, 0, 0]
    assert made_draft.client_id == "x"

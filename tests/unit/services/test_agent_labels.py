"""System labels and what they stand for say the same, whichever is changed."""

import hypothesis
import pytest
from hypothesis import strategies as st

from mailserver.entities import errors, identifiers, mail_labels
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind
from mailserver.mail.address import Person
from mailserver.services.mailbox.messages import Update
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.workspace.agent_labels import LabelChange
from tests.support.inside import inside

BOB = Person("bob@remote.test")
RAW = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n\r\nx\r\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def received(house, name=b"one"):
    text = await house.receive(RAW % (name, name))
    await house.settled()
    return text


async def change(house, text, add=(), remove=()):
    caller = await house.caller(house.account.inbox)
    return await house.services.agent_labels.change(caller, text, None, LabelChange(tuple(add), tuple(remove)))


async def system(house, text):
    """Its labels, but for that of senders whom nothing can vouch for."""
    summary = await house.services.messages.get(await house.caller(house.account.inbox), text)
    return mail_labels.of_message(summary), sorted(each for each in summary.labels if each != "unauthenticated")


async def test_labels_move_and_mark(house):
    text = await received(house)
    assert await system(house, text) == (["received", "unread"], [])
    await change(house, text, ["spam", "starred", "Big Deal"], ["unread"])
    assert await system(house, text) == (["received", "starred", "spam"], ["Big Deal"])
    rows = await house.rows("SELECT f.role FROM placement p JOIN folder f ON f.id = p.folder_id")
    assert rows == [("junk",)]
    await change(house, text, ["trash"], ["big deal"])
    assert await system(house, text) == (["received", "starred", "trash"], [])
    await change(house, text, ["unread"], ["trash", "starred"])
    assert await system(house, text) == (["received", "unread"], [])
    assert await house.rows("SELECT f.role FROM placement p JOIN folder f ON f.id = p.folder_id") == [("inbox",)]


async def test_a_sent_message_comes_back_to_sent(house):
    inbox = house.account.inbox
    caller = await house.caller(inbox)
    sent = await house.services.sending.send(caller, inbox, Outgoing(to=(BOB,), text="x"))
    text = identifiers.encode(Kind.MESSAGE, sent.message_id)
    for name in ("spam", "trash"):
        await change(house, text, [name])
        assert await system(house, text) == (["sent", name], [])
        await change(house, text, (), [name])
        assert await system(house, text) == (["sent"], [])
    assert await house.rows("SELECT f.role FROM placement p JOIN folder f ON f.id = p.folder_id") == [("sent",)]


async def test_what_the_server_says_of_a_message_is_not_for_others_to_say(house):
    text = await received(house)
    before = await system(house, text)
    for add, remove in (
        (["sent"], []), (["blocked"], []), (["draft"], []), ([], ["received"]), (["Scheduled"], []), ([], []),
        (["x"], ["X"]), ([" "], []), (["a" * 101], []), (["a\nb"], []),
    ):  # fmt: skip
        with pytest.raises(errors.Invalid):
            await change(house, text, add, remove)
    with pytest.raises(errors.Forbidden):
        await change(house, text, ["ticket/status/open"])
    assert await system(house, text) == before
    await change(house, text, ["received"], ["sent", "spam"])
    assert await system(house, text) == before


async def test_several_are_changed_or_none(house):
    texts = [await received(house, name) for name in (b"one", b"two")]
    caller, inbox = await house.caller(house.account.inbox), house.account.inbox
    several = house.services.agent_labels.change_several
    found = await several(caller, [*texts, texts[0], "<nobody@x>"], inbox, LabelChange(("a",)))
    assert len(found) == 2
    sent = await house.services.sending.send(caller, inbox, Outgoing(to=(BOB,), text="x"))
    mixed = [*texts, identifiers.encode(Kind.MESSAGE, sent.message_id)]
    with pytest.raises(errors.Invalid):
        await several(caller, mixed, inbox, LabelChange(("b",), ("received",)))
    assert [await system(house, text) for text in texts] == [(["received", "unread"], ["a"])] * 2


async def test_a_blocked_message_can_be_let_go(house):
    text = await received(house)
    number = identifiers.decode(Kind.MESSAGE, text)
    (junk,) = (await house.rows("SELECT id FROM folder WHERE role = 'junk'"))[0]
    await house.services.messages.update(
        await house.caller(house.account.inbox), house.account.inbox, text,
        Update(mailbox_id=identifiers.encode(Kind.FOLDER, junk)),
    )  # fmt: skip
    await house.store.database.write(lambda tx: tx.execute("UPDATE message SET visibility = 3 WHERE id = ?", (number,)))
    assert await system(house, text) == (["received", "unread", "blocked"], [])
    await change(house, text, (), ["blocked"])
    assert await system(house, text) == (["received", "unread"], [])


LABELS = st.sampled_from(["unread", "starred", "spam", "trash", "mine"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["label", "read", "starred", "move"]), LABELS, st.booleans(), st.sampled_from(list(Role))
    ),
    max_size=12,
)


@hypothesis.given(steps=STEPS)
@hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
async def test_both_faces_always_agree(tmp_path_factory, steps):
    async with inside(tmp_path_factory.mktemp("house")) as house:
        inbox = house.account.inbox
        caller = await house.caller(inbox)
        text = await received(house)
        folders = {each.role: each for each in await house.services.folders.all_of(caller, inbox)}
        unread, starred, place, mine = True, False, Role.INBOX, False
        for how, label, is_on, role in steps:
            if how == "label":
                await change(house, text, [label] if is_on else (), () if is_on else [label])
                unread = is_on if label == "unread" else unread
                starred = is_on if label == "starred" else starred
                mine = is_on if label == "mine" else mine
                named = {"spam": Role.JUNK, "trash": Role.TRASH}.get(label)
                if named is not None:
                    place = named if is_on else Role.INBOX if place is named else place
            elif how == "move":
                mailbox = identifiers.encode(Kind.FOLDER, folders[role].id)
                await house.services.messages.update(caller, inbox, text, Update(mailbox_id=mailbox))
                place = role
            else:
                update = Update(read=is_on) if how == "read" else Update(starred=is_on)
                await house.services.messages.update(caller, inbox, text, update)
                unread, starred = (not is_on, starred) if how == "read" else (unread, is_on)
        summary = await house.services.messages.get(caller, text)
        expected = ["received"] + ["unread"] * unread + ["starred"] * starred
        expected += {Role.JUNK: ["spam"], Role.TRASH: ["trash"]}.get(place, [])
        assert await system(house, text) == (expected, ["mine"] * mine)
        assert summary.folder_roles == (place.value,)
        (folder,) = [each for each in await house.services.folders.all_of(caller, inbox) if each.role is place]
        assert (folder.total_messages, folder.unread_messages) == (1, int(unread))

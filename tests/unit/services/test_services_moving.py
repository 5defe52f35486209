"""Old mail that moves in: once, quietly, where it belongs; and what is written down of it."""

import pytest

from mailserver.entities import errors
from mailserver.entities.folder import Role
from mailserver.entities.message import Flag
from mailserver.entities.moving import Brought, Fate, Place
from mailserver.services.moving import placing
from mailserver.storage import files, moving
from tests.support.inside import inside

AT = 1_500_000_000_123


def letter(number=1, body="x"):
    return f"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: {number}\r\n\r\n{body}\r\n".encode()


def brought(*paths, keywords=("$seen",), at=AT, key="", content=None, role=None):
    places = tuple(Place(tuple(path.split("/")), role) for path in paths or ("Work",))
    return Brought(places, tuple(keywords), at, key, content or letter())


async def kept(house, inbox):
    """Every message by the paths of its folders."""
    leaving = house.services.moving.leaving
    found = {}
    for shelf in await leaving.shelves(inbox):
        for each in await leaving.page(inbox, shelf.folder_id, (-1, -1), 1000):
            found.setdefault("/".join(shelf.place.path), []).append(each)
    return found


async def test_a_message_comes_to_its_folder_with_its_keywords_and_time_and_without_news(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        before = await house.rows("SELECT COUNT(*) FROM event")
        fates = await arriving.store(
            inbox,
            "s",
            [brought("Work/Äpfel", keywords=("$seen", "$flagged", "Later", "no keyword", "ticket/status/open"))],
        )
        assert [each.fate for each in fates] == [Fate.IMPORTED]
        (one,) = (await kept(house, inbox))["Work/Äpfel"]
        assert one.received_at == AT
        assert set(one.keywords) == {"$seen", "$flagged", "later"}
        assert house.store.files.read(one.location) == letter()
        assert await house.rows("SELECT COUNT(*) FROM event") == before
        assert await house.rows("SELECT 1 FROM importing") == []
        assert (await house.services.integrity.verify(deep=True))["ok"]


async def test_the_same_bytes_come_to_a_folder_once_and_to_another_one_too(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        twice = [brought(), brought(), brought("Else"), brought("Third", keywords=()), brought("Third", at=AT + 5)]
        fates = [each.fate for each in await arriving.store(inbox, "s", twice)]
        assert fates == [Fate.IMPORTED, Fate.THERE, Fate.IMPORTED, Fate.IMPORTED, Fate.THERE]
        assert [each.fate for each in await arriving.store(inbox, "s", twice)] == [Fate.THERE] * 5
        found = await kept(house, inbox)
        assert found["Work"] == found["Else"], "one message in two folders"
        assert found["Third"][0].message_id != found["Work"][0].message_id, "its flags are others"
        paths = list(house.store.files.places())
        assert len(paths) == 2
        assert (await house.services.integrity.verify(deep=True))["ok"]


async def test_what_was_deleted_behind_its_import_does_not_come_back(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        other = await house.services.inboxes.add("second@local.test")
        await arriving.store(inbox, "imap", [brought(key="INBOX/1/7")])
        assert await arriving.known(inbox, "imap", ["INBOX/1/6", "INBOX/1/7"]) == ["INBOX/1/7"]
        assert await arriving.known(inbox, "else", ["INBOX/1/7"]) == []
        assert await arriving.known(other, "imap", ["INBOX/1/7"]) == []


async def test_what_is_no_message_is_refused_with_its_reason_and_the_others_are_stored(tmp_path):
    async with inside(tmp_path, limits={"message_bytes": 65_536}) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        fates = await arriving.store(
            inbox, "s",
            [
                brought(content=b"\0\1 no header\n"), brought(), brought(content=letter(2, "y" * 70_000)),
                brought(content=letter(3)),
            ],
        )  # fmt: skip
        assert [each.fate for each in fates] == [Fate.REFUSED, Fate.IMPORTED, Fate.REFUSED, Fate.IMPORTED]
        assert "no message" in fates[0].reason
        assert "message_bytes" in fates[2].reason


async def test_folders_of_a_role_are_those_that_are_there(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        await arriving.store(
            inbox, "s",
            [
                brought("Gesendet", role=Role.SENT), brought("Spam", role=Role.JUNK, content=letter(2)),
                brought("INBOX/Sub", content=letter(3)), brought("inbox", content=letter(4), keywords=("$draft",)),
            ],
        )  # fmt: skip
        found = await kept(house, inbox)
        assert set(found) == {"Sent", "Junk", "Inbox/Sub", "Inbox"}
        assert await house.rows("SELECT visibility, is_ours FROM message ORDER BY id") == [
            (0, 1),
            (1, 0),
            (0, 0),
            (0, 1),
        ]
        assert len(await house.rows("SELECT 1 FROM draft")) == 1


@pytest.mark.parametrize(
    ("given", "made"),
    [("Work", "Work"), ("a\tb", "a_b"), ("\x00", "_"), ("   ", "_"), ("e\u0301", "é"), ("\udc80x", "_x"), ("", "_")],
)
def test_names_that_cannot_be_become_names_that_can(given, made):
    assert placing.fitting(given) == made


def test_long_names_with_one_beginning_stay_two():
    one, other = placing.fitting("ä" * 300 + "1"), placing.fitting("ä" * 300 + "2")
    assert one != other
    assert len(one.encode()) <= 200


async def test_a_path_that_is_too_deep_ends_in_one_name(tmp_path):
    async with inside(tmp_path) as house:
        inbox = house.account.inbox
        await house.services.moving.arriving.store(inbox, "s", [brought("1/2/3/4/5/6/7/8/9/10/11/12")])
        assert len(await kept(house, inbox)) == 1
        assert max(await house.rows("SELECT name FROM folder WHERE name LIKE '10%'")) == ("10/11/12",)


async def test_files_whose_rows_a_crash_kept_away_go_with_the_next_import(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        await arriving.store(inbox, "s", [brought()])
        left = house.store.ids.next()
        await house.store.database.write(moving.begin, inbox.id, [left])
        place = files.location(inbox.id, left)
        house.store.files.write(place, [letter(9)], sync=False)
        assert await arriving.begin(inbox) == 1
        assert house.store.files.size(place) is None
        assert await arriving.begin(inbox) == 0
        assert len(await house.rows("SELECT 1 FROM message")) == 1


async def test_a_full_inbox_takes_nothing_and_says_so(tmp_path):
    async with inside(tmp_path, limits={"inbox_messages": 1}) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        await arriving.store(inbox, "s", [brought()])
        with pytest.raises(errors.InboxFull, match="is full"):
            await arriving.store(inbox, "s", [brought(content=letter(2))])


async def test_flags_are_bits_and_keywords_of_contacts_stay_away(tmp_path):
    async with inside(tmp_path) as house:
        inbox, arriving = house.account.inbox, house.services.moving.arriving
        await house.store.database.write(
            lambda tx: tx.execute(
                "INSERT INTO label(id, tenant_id, atom, display, kind, created_at) "
                "VALUES (5, ?, 'vip', 'vip', 'contact', 1)",
                (inbox.tenant_id,),
            )
        )
        await arriving.store(inbox, "s", [brought(keywords=("$SEEN", "$Answered", "VIP"))])
        assert await house.rows("SELECT flags FROM message") == [(int(Flag.SEEN | Flag.ANSWERED),)]
        assert await house.rows("SELECT 1 FROM message_label") == []

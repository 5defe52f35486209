"""Forms of other programs: what they write is read, and what is written is read back as it was."""

import contextlib
import io
import mailbox as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities.folder import Role
from mailserver.entities.moving import Place
from mailserver.mail import imap_answers, mailbox_names
from mailserver.transfer import bringing, maildir_writing, marks, mbox, mbox_writing, special_use

LETTER = b"From: a@remote.test\r\nSubject: x\r\n\r\nHello\r\n"
OCTETS = st.lists(
    st.sampled_from(
        [b"From ", b">From ", b">>From a", b"\r\n", b"\n", b"\r", b"x", b"\0", b"\xff", b"Status: RO", b":"]
    ),
    max_size=12,
).map(b"".join)
WORDS = st.lists(
    st.sampled_from(["$seen", "$flagged", "$answered", "$draft", "$forwarded", "$junk", "junk", "later"]), unique=True
)


def read(raw, most=1 << 20):
    return list(mbox.entries(io.BytesIO(raw), most))


@given(st.lists(st.tuples(OCTETS, OCTETS, WORDS, st.integers(0, 4_000_000_000_000)), max_size=4))
def test_what_is_written_as_mbox_is_read_back_byte_for_byte(messages):
    written = b"".join(mbox_writing.written(h + b"\n\n" + b, "a@b", at, words) for h, b, words, at in messages)
    found = read(written)
    assert [(e.content, set(e.keywords), e.received_at, e.is_exact) for e in found] == [
        (h + b"\n\n" + b, set(words), at, True) for h, b, words, at in messages
    ]


def test_what_is_written_as_mbox_is_what_another_program_reads(tmp_path):
    (tmp_path / "x").write_bytes(
        mbox_writing.written(
            LETTER.replace(b"Hello", b"From here"), "a@remote.test", 1_700_000_000_000, ["$seen", "$flagged"]
        )
        + mbox_writing.written(LETTER, "", 1_700_000_000_000, [])
    )
    box = standard.mbox(tmp_path / "x")
    first, second = box
    box.close()
    assert set(first.get_flags()) == {"R", "O", "F"}
    assert first.get_from() == "a@remote.test Tue Nov 14 22:13:20 2023"
    assert first.get_payload() == ">From here\n"
    assert second["Subject"] == "x"


def test_an_mbox_of_another_program_is_read():
    raw = (
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011\nFrom: Mail System\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER "
        b"INTERNAL DATA\nX-IMAP: 1 2\n\nkept\n\n"
        b"From a@remote.test Sat Jan  3 01:05:34 1996\nFrom: a@remote.test\nStatus: RO\nX-Status: AF\n"
        b"X-Keywords: Later\nSubject: one\n\n>From me\n\nFrom here it is text\n\n"
        b"From - Mon Nov 20 10:11:12 2023\nX-Mozilla-Status: 0009\nSubject: two\n\nx"
    )
    one, two = read(raw)
    assert one.content == b"From: a@remote.test\nSubject: one\n\nFrom me\n\nFrom here it is text\n"
    assert one.received_at == 820_631_134_000
    assert set(one.keywords) == {"$seen", "$answered", "$flagged", "Later"}
    assert (two.content, set(two.keywords)) == (b"Subject: two\n\nx", {"$seen", marks.DELETED})


def test_a_message_that_is_too_long_is_told_and_the_next_one_read():
    raw = (
        b"From a Sat Jan  3 01:05:34 1996\nA: b\n\n" + b"x" * 5000 + b"\n\nFrom a Sat Jan  3 01:05:34 1996\nA: c\n\ny\n"
    )
    assert read(raw, 1000)[0] == mbox.TooLong(1)
    assert read(raw, 1000)[1].content == b"A: c\n\ny\n"
    assert read(b"no mbox\n") == []
    assert read(b"") == []


@given(st.binary(max_size=300))
def test_no_octets_break_the_reading_of_an_mbox(raw):
    read(b"From a Sat Jan  3 01:05:34 1996\n" + raw, 200)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_names_of_mailboxes_come_back(name):
    assert mailbox_names.decode(mailbox_names.encode(name)) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"&ZeVnLIqe-", "日本語"),
        (b"a&-b", "a&b"),
        (b"a&b", "a&b"),
        (b"\xc3\xa4", "ä"),
        (b"\xe4", "ä"),
    ],
)
def test_names_as_other_programs_write_them(written, name):
    assert mailbox_names.decode(written) == name


def test_answers_of_imap_are_values():
    row = imap_answers.fetched(
        [
            b'7 FETCH (UID 5 FLAGS (\\Seen $Later) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {5}',
            bytearray(b"a(\r\nb"),
            b")",
        ]
    )
    assert row == {
        "UID": b"5", "FLAGS": [b"\\Seen", b"$Later"], "INTERNALDATE": b"17-Jul-1996 02:44:25 -0700",
        "BODY[]": b"a(\r\nb",
    }  # fmt: skip
    assert imap_answers.internal_date("17-Jul-1996 02:44:25 -0700") == 837_596_665_000
    assert imap_answers.internal_date("17-Jul-1996 09:44:25 +0000") == 837_596_665_000
    named = imap_answers.listed([b'(\\HasNoChildren \\Sent) "/" "a \\"b\\\\"'])
    assert (named.name, named.separator, named.attributes) == (b'a "b\\', "/", {"\\hasnochildren", "\\sent"})
    assert imap_answers.listed([b"() NIL {3}", bytearray(b"a)b")]).name == b"a)b"


@pytest.mark.parametrize(
    "pieces", [[b"("], [b")"], [b'"'], [b"{3}"], [b"{3}", b"ab"], [b"(" * 50], [b""], [b"x FETCH y"]]
)
def test_what_is_no_imap_is_said_to_be_none(pieces):
    with pytest.raises(imap_answers.Unreadable):
        imap_answers.fetched(pieces)
    with pytest.raises(imap_answers.Unreadable):
        imap_answers.listed(pieces)


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_no_octets_break_the_reading_of_imap(pieces):
    with contextlib.suppress(imap_answers.Unreadable):
        imap_answers.fetched(pieces)


@pytest.mark.parametrize("text", ["", "x", "32-Foo-1996 02:44:25 -0700", "17-Jul-1996"])
def test_what_is_no_date_is_said_to_be_none(text):
    with pytest.raises(imap_answers.Unreadable):
        imap_answers.internal_date(text)


def test_flags_are_keywords():
    assert marks.of_imap(["\\Seen", "\\Recent", "NonJunk", "$Forwarded", "\\*", "\\Deleted", "Old"]) == (
        "$seen", "$notjunk", "$Forwarded", marks.DELETED, "Old",
    )  # fmt: skip


def test_what_was_marked_as_deleted_goes_to_trash():
    brought = bringing.bring(Place(("Work",)), ["$seen", marks.DELETED], 1, "k", b"A: b\n\nx\n")
    assert brought.places == (special_use.TRASH,)
    assert brought.keywords == ("$seen",)
    assert brought.content == b"A: b\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    ("path", "role"),
    [
        (("INBOX",), Role.INBOX), (("Sent Items",), Role.SENT), (("INBOX", "Trash"), Role.TRASH),
        (("Work", "Sent"), None),
        (("Spam",), Role.JUNK), (("INBOX", "INBOX"), None), (("Archive", "2020"), None),
    ],
)  # fmt: skip
def test_names_mean_roles_at_the_top(path, role):
    assert special_use.by_name(path) is role


@pytest.mark.parametrize(
    ("place", "at"),
    [
        (Place(("Inbox",), Role.INBOX), ""), (Place(("Inbox", "Sub")), ".INBOX.Sub"),
        (Place(("a.b", "ä")), ".a\\2eb.&AOQ-"),
        (Place(("Sent",), Role.SENT), ".Sent"),
    ],
)  # fmt: skip
def test_folders_of_a_maildir_lie_beside_one_another(place, at):
    assert maildir_writing.directory_of(place) == at
    long = maildir_writing.directory_of(Place(("ä" * 90, "ö" * 90, "x" * 200)))
    assert len(long) <= 240

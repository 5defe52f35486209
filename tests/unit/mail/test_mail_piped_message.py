"""Messages that programs pipe in."""

import pytest

from mailserver.mail import piped_message
from mailserver.mail.address import AddressError, Person


@pytest.mark.parametrize(
    ("raw", "ends_at_dot", "content"),
    [
        (b"", True, b"\r\n"),
        (b"hello", True, b"\r\nhello\r\n"),
        (b"\nhello\n", True, b"\r\nhello\r\n"),
        (b"Subject: x\n\nhello\n", True, b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\r\n\r\nhello\r\n", True, b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n", True, b"Subject: x\r\n\r\n"),
        (b"Subject: x\nhello there\n", True, b"Subject: x\r\n\r\nhello there\r\n"),
        (b"From root Sat Nov 21\nSubject: x\n\nhello\n", True, b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n\na\n.\nb\n", True, b"Subject: x\r\n\r\na\r\n"),
        (b"Subject: x\r\n\r\na\r\n.\r\nb\r\n", True, b"Subject: x\r\n\r\na\r\n"),
        (b"Subject: x\n\na\n.\nb\n", False, b"Subject: x\r\n\r\na\r\n.\r\nb\r\n"),
        (b"Subject: x\n folded\n\na\rb\n", True, b"Subject: x\r\n folded\r\n\r\na\r\nb\r\n"),
    ],
)
def test_what_is_piped_in_becomes_a_message(raw, ends_at_dot, content):
    assert piped_message.read(raw, ends_at_dot=ends_at_dot).content == content


def test_recipients_are_those_it_is_resent_to_or_everybody_who_is_named():
    read = piped_message.read(b"To: a@x.test, root\nCc: B <b@x.test>\nBcc: c@x.test\n\n", ends_at_dot=True)
    assert read.recipients() == ["a@x.test", "root", "b@x.test", "c@x.test"]
    resent = piped_message.read(b"To: a@x.test\nResent-To: d@x.test\nResent-Bcc: e@x.test\n\n", ends_at_dot=True)
    assert resent.recipients() == ["d@x.test", "e@x.test"]


def test_the_author_is_one_person_or_a_name():
    def author(value):
        return piped_message.read(b"From: " + value + b"\n\n", ends_at_dot=True).author()

    assert author(b"A <a@x.test>") == (Person("a@x.test", "A"), "A")
    assert author(b"root (Cron Daemon)") == (None, "Cron Daemon")
    assert author(b"a@x.test, b@x.test") == (None, "")
    assert piped_message.read(b"Subject: x\n\n", ends_at_dot=True).author() == (None, "")


def test_another_author_leaves_who_stood_there():
    read = piped_message.read(b"From: root\nSender: root\nSubject: x\n\nhi\n", ends_at_dot=True)
    assert read.sent_by(Person("a@x.test", "Root")).content == (
        b"From: Root <a@x.test>\r\nX-Original-From: root\r\nSubject: x\r\n\r\nhi\r\n"
    )


def test_names_get_a_domain_where_they_have_none():
    read = piped_message.read(b'To: root, "A, B" <a@y.test>\nCc: b@y.test\nReply-To: root\n\n', ends_at_dot=True)
    assert read.qualified("x.test").fields == (
        b'To: root@x.test, "A, B" <a@y.test>\r\n', b"Cc: b@y.test\r\n", b"Reply-To: root\r\n",
    )  # fmt: skip
    assert piped_message.address_of("root", "x.test") == "root@x.test"
    with pytest.raises(AddressError):
        piped_message.address_of("not an address", "x.test")

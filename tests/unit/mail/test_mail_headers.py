import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import headers
from mailserver.mail.address import Person


def people(text):
    return [(person.name, person.address) for person in headers.people(text.encode())]


def test_fields_keep_their_order_their_names_and_their_folds():
    head, body = headers.split(b"Subject: one\r\n two\r\nX-A : b\r\nsubject: three\r\n\r\nbody")
    assert head.fields == ((b"Subject", b" one\r\n two"), (b"X-A", b" b"), (b"subject", b" three"))
    assert head.all("SUBJECT") == [b" one\r\n two", b" three"]
    assert head.text(b"subject") == "one two"
    assert (head.count("x-a"), head.first("missing"), head.text("missing")) == (1, None, "")
    assert body == 47
    assert head.defects == ()


@pytest.mark.parametrize(
    ("raw", "names", "body"),
    [
        (b"A: 1\n\nbody", [b"A"], b"body"),
        (b"A: 1\n\r\nbody", [b"A"], b"body"),
        (b"\r\nbody", [], b"body"),
        (b"\nbody", [], b"body"),
        (b"A: 1\r\n", [b"A"], b""),
        (b"A: 1", [b"A"], b""),
        (b"", [], b""),
        (b"A: 1\r\nno field here\r\nB: 2\r\n\r\nbody", [b"A", b"B"], b"body"),
        (b"From x@y Fri Nov 21\r\nA: 1\r\n\r\nbody", [b"A"], b"body"),
        (b"A: 1\r\nthe body starts at once\r\n", [b"A"], b"the body starts at once\r\n"),
        (b"A: 1\r\n \r\nB: 2\r\n\r\nbody", [b"A", b"B"], b"body"),
    ],
)
def test_the_border_between_header_and_body_is_found(raw, names, body):
    head, start = headers.split(raw)
    assert [name for name, _ in head.fields] == names
    assert raw[start:] == body


def test_limits_are_told_and_the_body_is_still_found():
    head, start = headers.split(b"A: 1\r\n" * 1_200 + b"\r\nbody")
    assert len(head.fields) == 1_000
    assert head.defects
    assert start == 1_200 * 6 + 2
    raw = b"A: " + b"x" * 200_000 + b"\r\n\r\nbody"
    head, start = headers.split(raw)
    assert head.defects
    assert raw[start:] == b"body"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" plain ", "plain"),
        (b" =?utf-8?q?M=C3=BC?= x", "Mü x"),
        (b"=?utf-8?B?w6Q=?=\r\n =?utf-8?B?w7Y=?=", "äö"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        (b"=?iso-8859-1?q?a=E4?= and =?utf-8?q?b?=", "aä and b"),
        (b"=?utf-8?q?a?= =?iso-8859-1?q?=E4?=", "aä"),
        (b"=?no-such?q?=C3=A4?=", "ä"),
        (b"=?utf-8*de?q?a?=", "a"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"a\x00b\x1bc\td", "abc d"),
        (b"=?utf-8?q?broken", "=?utf-8?q?broken"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?utf-7?q?+2AA-?=", "\ufffd"),
    ],
)
def test_values_are_decoded(value, text):
    assert headers.decode(value) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.test", [(None, "a@b.test")]),
        ("<a@b.test>", [(None, "a@b.test")]),
        ("Bob <a@b.test>", [("Bob", "a@b.test")]),
        ('"Doe, J. \\"X\\"" <a@b.test>, c@d.test', [('Doe, J. "X"', "a@b.test"), (None, "c@d.test")]),
        ("a@b.test (Bob (the) Builder)", [("Bob (the) Builder", "a@b.test")]),
        ("Friends: a@b.test, C <c@d.test>; e@f.test", [(None, "a@b.test"), ("C", "c@d.test"), (None, "e@f.test")]),
        ("undisclosed-recipients:;", []),
        ("unlisted-recipients:; (no To-header on input)", []),
        ("<@x.test,@y.test:a@b.test>", [(None, "a@b.test")]),
        ('"john doe"@b.test', [(None, '"john doe"@b.test')]),
        ("a@[IPv6:::1]", [(None, "a@[IPv6:::1]")]),
        ("=?utf-8?q?J=C3=B6?= =?utf-8?q?rg?= <a@b.test>", [("Jörg", "a@b.test")]),
        ("=?utf-8?q?J=C3?= =?utf-8?q?=B6rg?= X <a@b.test>", [("Jörg X", "a@b.test")]),
        ('"=?utf-8?q?J=C3=B6rg?=" <a@b.test>', [("Jörg", "a@b.test")]),
        ("=?utf-8?q?Doe,_J?= <a@b.test>", [("Doe, J", "a@b.test")]),
        ("Jörg <jörg@b.test>", [("Jörg", "jörg@b.test")]),
        ("MAILER-DAEMON", [(None, "MAILER-DAEMON")]),
        ("John Doe a@b.test", [("John Doe", "a@b.test")]),
        ("a@b.test;c@d.test", [(None, "a@b.test"), (None, "c@d.test")]),
        ("", []),
        (",,,", []),
        ('"unclosed <a@b.test>', [("unclosed", "a@b.test")]),
        ("Bob <a@b.test", [("Bob", "a@b.test")]),
        ("a@b.test, ", [(None, "a@b.test")]),
    ],
)
def test_address_lists_are_read(value, expected):
    assert people(value) == expected


def test_an_address_list_has_2000_people_at_most():
    assert len(headers.people(b"a@b.test, " * 5_000)) == 2_000


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
            st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,5})?@[a-z]{1,10}\.test", fullmatch=True),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_lists_that_the_standard_library_writes_are_read_back(pairs):
    text = ", ".join(email.utils.formataddr(pair) for pair in pairs if "=?" not in pair[0])
    expected = [Person(address, " ".join(name.split()) or None) for name, address in pairs if "=?" not in name]
    assert list(headers.people(text.encode())) == expected


HOSTILE = [
    b"a@b.test, ",
    b'"',
    b'"\\',
    b"(",
    b"<",
    b'<"',
    b'<"a\\"@',
    b":",
    b"[",
    b"=?a?q?",
    b"=?utf-8?q?a?= ",
    b"a",
    b"a@",
]
HOSTILE += [b" ", b"a ", b"()", b"\\", b"[a]", b"=", b"\0", b"\r\n ", b"re: ", b"[x] ", b"(fwd)"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_value_takes_long(piece):
    value = piece * (160_000 // len(piece))
    started = time.process_time()
    headers.people(value)
    headers.decode(value)
    headers.message_ids(value)
    headers.date_ms(value)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b" <a@b> <c@d>\r\n\t<e@f>", ("<a@b>", "<c@d>", "<e@f>")),
        (b"<a b@c>", ("<ab@c>",)),
        (b"a@b", ("<a@b>",)),
        (b"Your message of Friday", ()),
        (b"<", ()),
        (b"<[abc]@x>", ("<[abc]@x>",)),
        (b"", ()),
        (None, ()),
    ],
)
def test_message_ids_are_read(value, ids):
    assert headers.message_ids(value) == ids


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Fri, 21 Nov 2025 10:00:00 +0100", "2025-11-21T09:00:00"),
        (b"21 Nov 2025 10:00 GMT", "2025-11-21T10:00:00"),
        (b"Fri, 21 Nov 25 10:00:00 EST", "2025-11-21T15:00:00"),
        (b"Fri, 21 Nov 2025 10:00:60 -0000 (comment)", "2025-11-21T10:00:59"),
        (b"Fri Nov 21 10:00:00 2025", "2025-11-21T10:00:00"),
        (b"31 Feb 2025 10:00:00 +0000", None),
        (b"yesterday", None),
        (b"1 Jan 0000 00:00:00 +0000", None),
        (b"x" * 10_000, None),
        (b"\xff\xfe", None),
        (None, None),
    ],
)
def test_dates_are_read(value, text):
    found = headers.date_ms(value)
    assert (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found / 1000)) if found is not None else None) == text

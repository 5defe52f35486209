"""Each sign on the mail that it is for, and silence on mail like it that is harmless."""

from pathlib import Path

import pytest

from mailserver.mail import sample, spam_signs, spam_status
from tests.support import cost

NOW = 1_795_255_200_000  # 2026-11-21T10:00:00Z
HEAD = {
    "From": "Ann <ann@remote.test>",
    "To": "bob@local.test",
    "Subject": "Lunch on Friday",
    "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
    "Message-ID": "<1@remote.test>",
}
VECTORS = Path(__file__).parents[2] / "vectors"


def message(body="Shall we meet at noon?", kind=None, **fields):
    head = {**HEAD, **{name.replace("_", "-"): value for name, value in fields.items()}}
    if kind:
        head["Content-Type"] = kind
    lines = [f"{name}: {value}" for name, value in head.items() if value is not None]
    return "\r\n".join([*lines, "", body]).encode()


def html(body, **fields):
    return message(f"<html><body>{body}</body></html>", "text/html; charset=utf-8", **fields)


def attached(name, **fields):
    return message(
        f'--b\r\n\r\nsee the file\r\n--b\r\nContent-Type: application/octet-stream; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\nx\r\n--b--\r\n',
        "multipart/mixed; boundary=b",
        **fields,
    )


def signs(raw):
    return {sign.name: sign for sign in spam_signs.of_sample(sample.read(raw), NOW)}


LONG = "word by word and line by line this is what the newsletter has to say to its readers this week. " * 5
CASES = [
    ("MISSING_DATE", message(Date=None), message()),
    ("BAD_DATE", message(Date="soon"), message(Date="21 Nov 26 10:00 GMT")),
    ("FUTURE_DATE", message(Date="Sat, 28 Nov 2026 10:00:00 +0000"), message(Date="Sun, 22 Nov 2026 12:00:00 +0000")),
    ("OLD_DATE", message(Date="Sat, 21 Nov 2020 10:00:00 +0000"), message(Date="Sat, 21 Mar 2026 10:00:00 +0000")),
    ("MISSING_MESSAGE_ID", message(Message_ID=None), message()),
    ("MISSING_FROM", message(From=None), message(From="ann@remote.test")),
    ("SEVERAL_FROM", b"From: a@x.test\r\n" + message(), message()),
    ("MISSING_TO", message(To=None), message(To=None, Cc="bob@local.test")),
    (
        "FROM_NAME_ADDRESS",
        message(From='"service@bank.test" <x17@remote.test>'),
        message(From='"ann@mail.remote.test" <ann@remote.test>'),
    ),
    (
        "REPLY_TO_FREEMAIL",
        message(Reply_To="prince1234@gmail.com"),
        message(From="ann@gmail.com", Reply_To="ann.two@gmail.com"),
    ),
    ("SUBJECT_CAPITALS", message(Subject="YOU HAVE WON A PRIZE"), message(Subject="RE: NATO")),
    (
        "UNDISCLOSED_BULK",
        message(To="undisclosed-recipients:;", Precedence="bulk"),
        message(To="undisclosed-recipients:;"),
    ),
    (
        "INVISIBLE_TEXT",
        html("<p>Buy</p><div style='font-size:0'>" + "decoy words " * 60 + "</div>"),
        html(f"<div style='display:none'>This week: three things that you should read</div><p>{LONG}</p>"),
    ),
    (
        "INVISIBLE_TEXT",
        html("<p>Buy</p><div style='DISPLAY : none'>" + "decoy words " * 60 + "</div>"),
        html(f"<p style='font-size:0.9em;opacity:0.85'>{LONG}</p>"),
    ),
    (
        "LINK_MISMATCH",
        html("Log in at <a href='http://evil.test/x'>https://www.bank.test/login</a>"),
        html("Read <a href='https://news.bank.test/x'>www.bank.test</a> or <a href='http://other.test'>click here</a>"),
    ),
    ("ADDRESS_LINK", message("see http://192.0.2.1/login now"), message("see http://one.test/192.0.2.1")),
    ("ADDRESS_LINK", html("<a href='http://3221225985/x'>see</a>"), html("<a href='http://3com.test/x'>see</a>")),
    ("ADDRESS_LINK", html("<a href='http://[2001:db8::1]/x'>see</a>"), html("<a href='mailto:a@b.test'>see</a>")),
    (
        "MIXED_SCRIPT_LINK",
        html("<a href='http://p\u0430ypal.com/'>see</a>"),
        html("<a href='http://m\u00fcnchen.de/'>see</a> <a href='http://\u043f\u043e\u0447\u0442\u0430.ru/'>see</a>"),
    ),
    ("SHORTENER_ONLY", message("look: https://bit.ly/abc"), message("look: https://bit.ly/abc and https://x.test/")),
    ("EXECUTABLE", attached("setup.exe"), attached("notes.exe.txt")),
    ("DOUBLE_EXTENSION", attached("Invoice.pdf  .exe"), attached("report.v2.pdf")),
    ("PICTURE_ONLY", html("<a href='http://x.test'><img src='http://x.test/1.png'></a>"), html(f"<img src=x>{LONG}")),
    (
        "NEEDLESS_BASE64",
        message("QnV5IG5vdyBhbmQgc2F2ZSBhIGxvdCBvZiBtb25leQ==", "text/plain", Content_Transfer_Encoding="base64"),
        message("R3LDvMOfZSBhdXMgTcO8bmNoZW4sIGJpcyBiYWxk", "text/plain", Content_Transfer_Encoding="base64"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad", "good"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_a_sign_is_found_where_it_is_and_not_where_it_is_not(name, bad, good):
    found = signs(bad)
    assert name in found
    assert found[name].score > 0
    assert found[name].detail.endswith(".")
    assert name not in signs(good)


def test_an_ordinary_message_has_no_sign():
    assert signs(message()) == {}


def test_a_bare_test_message_stays_far_from_junk():
    total = sum(sign.score for sign in signs(b"Subject: hi\r\n\r\nhi\r\n").values())
    assert 0 < total < 2.5
    assert sum(sign.score for sign in signs(b"").values()) < 2.5


def test_newsletters_that_count_clicks_lose_little():
    body = "<a href='https://click.mailer.test/1'>www.shop.test</a>" + LONG
    assert signs(html(body, List_Unsubscribe="<https://shop.test/leave>"))["LINK_MISMATCH"].score <= 0.5


def test_the_test_string_of_spam_filters_is_found():
    (sign,) = spam_signs.gtube(message(spam_signs.GTUBE.decode()))
    assert (sign.name, sign.score) == ("GTUBE", 1000)
    assert spam_signs.gtube(message()) == ()
    assert len(spam_signs.GTUBE) == 68


def test_no_harmless_message_of_the_vectors_is_junk_by_its_signs():
    checked = 0
    for path in sorted((VECTORS / "mime-enmime").rglob("*.*")):
        total = sum(sign.score for sign in signs(path.read_bytes()).values())
        assert total < 5, (path.name, signs(path.read_bytes()))
        checked += 1
    assert checked > 50


HOSTILE = {
    "10,000 nested parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(10_000)
    ),
    "30,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 30_000,
    "50 MB": message() + b"x" * 50_000_000,
    "NULs": message() + b"\0" * 1_000_000,
    "a million words": message() + b" ".join(b"%x" % (i * 7919) for i in range(1_000_000)),
    "deep HTML": html("<div style=display:none>" * 100_000),
    "hidden in hidden": html("<div style=display:none><a href=http://x.test>x" * 1_900 + "word " * 20_000),
    "links without end": html("<a href='http://" + "a" * 120_000 + "'>" + "http://" * 10_000),
    "links of other alphabets": html("".join(f"<a href='http://m\u00fc{i}\u0430.test/'>x</a>" for i in range(5_000))),
    "half a surrogate": html("&#xD800;<a href='http://\u00ed\u00a0\u0080.test'>x"),
    "dense script": message("\u4f60\u597d" * 60_000),
}  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mail_takes_bounded_time_and_gives_bounded_tokens(raw):
    from mailserver.services.filtering import content

    reading = content.examine(raw, NOW)
    assert cost.seconds(content.examine, raw, NOW) < 0.5
    assert len(reading.tokens) <= 1_000
    assert all(len(token) < 200 for token in reading.tokens)


def test_the_field_is_folded_and_adds_up_tests_of_one_name():
    tests = [(f"SOME_LONG_TEST_{i}", i / 10) for i in range(20)] + [("TWICE", 1.0), ("TWICE", 1.5)]
    field = spam_status.header(tests, 22.04, 5.0, is_spam=True)
    lines = field.split(b"\r\n")
    assert lines[0].startswith(b"X-Spam-Status: Yes, score=22.0 required=5.0 tests=TWICE=2.5,")
    assert lines[-1] == b""
    assert all(len(line) <= 78 for line in lines)
    assert all(line.startswith(b"\t") for line in lines[1:-1])
    assert b"".join(line.strip() for line in lines).count(b"SOME_LONG_TEST_") == 20


def test_the_field_cannot_be_broken_by_what_others_call_their_tests():
    field = spam_status.header([("a\r\nBcc: x@y.test", -0.01)], -0.01, 5.0, is_spam=False)
    assert field == b"X-Spam-Status: No, score=0.0 required=5.0 tests=A_BCC_X_Y_TEST=0.0\r\n"
    assert spam_status.header([], 0, 5, is_spam=False) == b"X-Spam-Status: No, score=0.0 required=5.0 tests=none\r\n"

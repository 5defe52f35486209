"""What a forward quotes."""

from mailserver.mail import forward, message

PLAIN = (
    b"From: Alice <alice@remote.test>\r\nTo: bob@local.test\r\nCc: carol@remote.test\r\nSubject: A <b>\r\n"
    b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nOne & two.\r\n"
)
HTML = b"From: a@remote.test\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<p>One &amp; two.</p>\r\n"


def test_a_text_is_quoted_below_what_was_written():
    made = forward.text("Look:", message.parse(PLAIN))
    assert made == (
        "Look:\n\n---------- Forwarded message ---------\nFrom: Alice <alice@remote.test>\n"
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\nSubject: A <b>\nTo: bob@local.test\nCc: carol@remote.test\n\n"
        "One & two.\n"
    )


def test_nothing_written_is_the_original_alone():
    assert forward.text(None, message.parse(PLAIN)).startswith("---------- Forwarded")


def test_no_html_is_made_where_there_was_none():
    assert forward.html("Look:", None, message.parse(PLAIN)) is None


def test_what_stands_in_plain_text_is_never_markup():
    made = forward.html("<script>", None, message.parse(HTML))
    assert "&lt;script&gt;" in made
    assert made.endswith("<p>One &amp; two.</p>\n")
    made = forward.html(None, "<i>Look</i>", message.parse(PLAIN))
    assert made.startswith("<i>Look</i>")
    assert "Subject: A &lt;b&gt;" in made
    assert "One &amp; two." in made


def test_html_alone_is_readable_as_text():
    assert "One & two." in forward.text("Look:", message.parse(HTML))

"""What a message is recognised by."""

from mailserver.mail import hosts, sample, tokens


def of(raw):
    return set(tokens.of(sample.read(raw)))


def text(words):
    return of(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + words.encode())


def test_words_are_small_and_carry_where_they_stand():
    found = of(
        b"From: Ann Lee <Ann@Remote.test>\r\nSubject: Big Offer\r\nReply-To: x@other.test\r\n"
        b"X-Mailer: Evil Mailer 3\r\n"
        b"To: undisclosed-recipients:;\r\n\r\nThe Offer is at http://shop.evil.test/x?y\r\n"
    )
    assert {
        "from:remote.test", "from:ann@remote.test", "name:ann", "name:lee", "subject:big", "subject:offer", "offer",
        "reply:other", "mailer:evil", "mailer:mailer", "url:shop.evil.test", "url:evil.test", "to:undisclosed",
        "has:reply-to",
    } <= found  # fmt: skip
    assert "has:message-id" not in found


def test_long_words_numbers_and_money_are_brought_together():
    found = text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 12345678 $500 100% 17.5 ab")
    assert "long:a3" in found
    assert "00000" in found
    assert "$000" in found
    assert "000%" in found
    assert "ab" not in found


def test_every_language_has_tokens():
    assert {"grüsse", "aus", "münchen"} <= text("Grüße aus München")
    assert {"привет", "мир"} <= text("Привет, мир!")
    assert {"你好", "好世", "世界"} <= text("你好世界")
    assert {"無料", "料で"} <= text("無料です")
    assert {"مرحبا", "بالعالم"} <= text("مرحبا بالعالم")


def test_html_gives_its_words_and_not_its_tags():
    found = of(
        b"Content-Type: text/html\r\n\r\n<html><head><style>p{color:red}</style></head>"
        b"<p class=fancy>Hel<b>lo</b> friend</p><img src=x><a href='https://evil.test/'>here</a>"
    )
    assert {"hello", "friend", "here", "html:only", "images:1", "url:evil.test"} <= found
    assert not {"fancy", "color", "style"} & found


def test_the_same_message_always_has_the_same_tokens():
    raw = b"Subject: a b c\r\n\r\n" + b" ".join(
        b"w" + bytes(97 + i // d % 26 for d in (1, 26, 676)) for i in range(5000)
    )
    once = tokens.of(sample.read(raw))
    assert once == tokens.of(sample.read(raw))
    assert len(once) == tokens.MOST == len(set(once))


def test_hosts_are_read_as_browsers_do():
    assert hosts.of_url("HTTPS://User:pw@WWW.Example.COM.:8080/x") == "www.example.com"
    assert hosts.of_url("http:\\\\evil.test\\x") == "evil.test"
    assert hosts.of_url("//cdn.test/x") == "cdn.test"
    assert hosts.of_url("http://bücher.example/") == "xn--bcher-kva.example"
    assert hosts.of_url("mailto:a@b.test") is None
    assert hosts.of_url("javascript://x.test/%0aalert(1)") is None
    assert hosts.of_url("http://") is None
    assert hosts.site("a.b.shop.co.uk") == "shop.co.uk"
    assert hosts.site("a.b.shop.com") == "shop.com"
    assert hosts.site("192.0.2.1") == "192.0.2.1"

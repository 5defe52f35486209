"""Messages as nobody should write them: generated, the same ones every time."""

import base64
import random
from collections.abc import Iterator

HEAD = b"From: Awkward <awkward@remote.test>\r\nTo: agent@local.test\r\n"
WORDS = (
    "hello",
    "Grüße",
    "Привет",
    "こんにちは",
    "مرحبا",
    "👩‍👩‍👧‍👦",
    "a\u202eb",
    "\u200b",
    "=?utf-8?q?x?=",
    '"',
    "\\",
    "<b>",
)
CHARSETS = (
    "utf-8",
    "utf-7",
    "x-nothing",
    "iso-8859-1",
    "gb2312",
    "utf-16",
    "unicode-1-1-utf-7",
    "cp437",
    "",
    "a" * 300,
)
ENCODINGS = (
    "7bit",
    "8bit",
    "base64",
    "quoted-printable",
    "x-uuencode",
    "binary",
    "x-unknown",
    "",
    "base64; x=y",
    "BASE64",
)


def messages(seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Names and octets, with CRLF."""
    yield from _written()
    chance = random.Random(seed)
    for number in range(150):
        yield f"random {number}", _random(chance, number)


def _written() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one empty line", b"\r\n"
    yield "only a body", b"\r\nbody only\r\n"
    yield "no headers", b"this is no header at all\r\nnor this\r\n"
    yield "only headers", HEAD + b"Subject: only headers\r\n"
    yield "headers and an empty line", HEAD + b"Subject: nothing\r\n\r\n"
    yield "a dot", HEAD + b"\r\n.\r\n..\r\n...x\r\n"
    yield "mbox line", b"From somebody Sat Nov 21 09:00:00 2026\r\n" + HEAD + b"\r\nx\r\n"
    yield "header of 3 MB", HEAD + b"".join(b"X-Long-%d: %s\r\n" % (n, b"x" * 900) for n in range(3300)) + b"\r\nx\r\n"
    yield "one header of 3 MB", HEAD + b"X-Long: " + (b"x" * 900 + b"\r\n ") * 3300 + b"\r\n\r\nx\r\n"
    yield "10,000 headers", HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\nx\r\n"
    yield "1,000 addresses", _header("To", b", ".join(b"Name %d <a%d@remote.test>\r\n " % (n, n) for n in range(1000)))
    yield "5,000 commas", _header("To", b"," * 5000)
    yield "nested comments", _header("To", b"(" * 3000 + b"a@remote.test")
    yield "open quotes", _header("Cc", b'"' * 3001 + b" a@remote.test")
    yield "empty group", _header("To", b"unlisted-recipients:; (no To-header on input)")
    yield "groups in groups", _header("Cc", b"a: b: c: d@remote.test;;;, e@")
    yield "from nobody", b"From: \r\nTo: <>\r\nSubject: x\r\n\r\nx\r\n"
    yield "two from", HEAD + b"From: second@remote.test\r\nSubject: two\r\n\r\nx\r\n"
    yield "twenty subjects", HEAD + b"Subject: again\r\n" * 20 + b"\r\nx\r\n"
    yield "subject of 100 KB", _header("Subject", (b"long " * 100 + b"\r\n ") * 200)
    yield "subject of one word", _header("Subject", b"w" * 60_000)
    yield "subject of encoded words", _header("Subject", b"=?utf-8?b?w7w=?=\r\n " * 3000)
    yield "subject in half a word", _header("Subject", b"=?utf-8?b?w7w=? =?utf-8?q?=C3?= =?utf-8?q?=BC?= =?x?y?z?=")
    yield "8-bit headers", _header("Subject", "Grüße aus Köln".encode("latin-1"))
    yield "utf-8 headers", _header("Subject", "Grüße 👋 aus Köln".encode())
    yield "broken utf-8", _header("Subject", b"\xc3\x28 \xf0\x9f \xed\xa0\x80 \xff")
    yield "control bytes", _header("Subject", b"a\x01\x02\x07\x08\x1b[31mred\x7f")
    yield "message-id <", _header("Message-ID", b"<")
    yield "message-id of 9 KB", _header("Message-ID", b"<" + b"m" * 9000 + b"@remote.test>")
    yield "message-id with a slash", _header("Message-ID", b"<../../etc/%2e%2e/passwd?x#y@remote.test>")
    yield "message-id with blanks", _header("Message-ID", b"<a b c@remote.test> <d@e>")
    yield "two messages of one id, first", _header("Message-ID", b"<same@remote.test>")
    yield "two messages of one id, second", _header("Message-ID", b"<same@remote.test>") + b"other\r\n"
    yield "5,000 references", _header("References", b"".join(b"<%d@remote.test>\r\n " % n for n in range(5000)))
    yield "refers to itself", _header("Message-ID", b"<self@remote.test>\r\nIn-Reply-To: <self@remote.test>")
    for number, date in enumerate((b"yesterday", b"", b"Sat, 32 Nov 2026 25:61:61 +9999", b"1 Jan 1970 00:00 +0",
                                   b"Mon, 1 Jan 0001 00:00:00 +2359", b"31 Dec 9999 23:59:59 -2359", b"1e999",
                                   b"Fri, 1 Jan 99999 00:00:00 +0000", b"1 " * 5000)):  # fmt: skip
        yield f"date {number}", _header("Date", date)
    yield "10,000 nested parts", HEAD + _nested(10_000)
    yield "25 nested parts", HEAD + _nested(25)
    yield "5,000 parts", _multipart(b"b", [b"Content-Type: text/plain\r\n\r\n%d" % n for n in range(5000)])
    yield "nested messages", HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"x\r\n"
    yield "no boundary", HEAD + b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----\r\n"
    yield "boundary nowhere", HEAD + b"Content-Type: multipart/mixed; boundary=nowhere\r\n\r\nx\r\n"
    yield "empty boundary", HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n'
    yield "boundary of 2 KB", HEAD + b"Content-Type: multipart/mixed;\r\n boundary=" + b"b" * 2000 + b"\r\n\r\nx\r\n"
    yield (
        "boundary prefix of another",
        _multipart(b"b", [b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--bb--"]),
    )
    yield (
        "child has the parent's boundary",
        _multipart(b"b", [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--"]),
    )
    yield (
        "1,000 parameters",
        HEAD + b"Content-Type: text/plain" + b"".join(b";\r\n p%d=v" % n for n in range(1000)) + b"\r\n\r\nx\r\n",
    )
    yield "rfc 2231 bomb", HEAD + b"Content-Disposition: attachment" + b"".join(
        b";\r\n filename*%d*=%%C3%%BC" % n for n in range(2000)) + b"\r\n\r\nx\r\n"  # fmt: skip
    yield (
        "rfc 2231 holes",
        HEAD + b"Content-Disposition: attachment; filename*0=a; filename*2=c; filename*99999999=z\r\n\r\nx\r\n",
    )
    for number, name in enumerate((b"../../etc/passwd", b"CON", b"a\\..\\b.exe", b".", b"x" * 5000, b"a\x01\x1b.txt",
                                   "ü\u202egpj.exe".encode(), b"%00.txt", b"=?utf-8?b?4oCu?=")):  # fmt: skip
        yield f"filename {number}", _multipart(b"b", [
            b"Content-Type: a/b\r\nContent-Disposition: attachment; filename=" + b'"%s"\r\n\r\nx' % name])  # fmt: skip
    yield "unclosed html", HEAD + b"Content-Type: text/html\r\n\r\n" + (b"<div><table><td>" * 20 + b"\r\n") * 1000
    yield "html of one attribute", HEAD + b"Content-Type: text/html\r\n\r\n<a " + (b"x='" * 200 + b"\r\n") * 300
    yield (
        "html script",
        HEAD + b"Content-Type: text/html\r\n\r\n<script>alert(1)</script><img src=x onerror=alert(1)>\r\n",
    )
    yield "html comment without end", HEAD + b"Content-Type: text/html\r\n\r\n<!--" + b"-" * 50_000 + b"\r\n"
    yield "entities", HEAD + b"Content-Type: text/html\r\n\r\n" + b"&#x110000;&#0;&#xD800;&bogus;&amp" * 1000 + b"\r\n"
    yield "quoted deeply", HEAD + b"\r\n" + b"".join(b">" * (n % 900) + b" x\r\n" for n in range(5000))
    yield "a line of 60 KB", HEAD + b"\r\n" + b"y" * 60_000 + b"\r\n"
    yield "a line of 70 KB", HEAD + b"\r\n" + b"y" * 70_000 + b"\r\n"
    yield "many blank lines", HEAD + b"\r\n" * 100_000
    yield (
        "binary without nul",
        HEAD + b"Content-Type: application/octet-stream\r\n\r\n" + _octets(random.Random(5), 90_000),
    )
    yield "bare lf", HEAD + b"\r\nbare\nlf\r\n"
    yield "bare cr", HEAD + b"\r\nbare\rcr\r\n"
    yield "nul", HEAD + b"\r\nnul\0\r\n"
    yield "surrogates in base 64", _text(b"base64", b"utf-8", base64.b64encode(b"\xed\xa0\x80\xed\xb0\x80" * 50))
    yield "utf-16 of odd length", _text(b"base64", b"utf-16", base64.b64encode(b"\xff\xfea\0b"))
    yield "utf-7 in full", _text(b"7bit", b"utf-7", b"+2D3eAA- +AAA-")
    yield "not base 64", _text(b"base64", b"utf-8", b"!!!this is not base 64!!!" * 100)
    yield "quoted-printable ends badly", _text(b"quoted-printable", b"utf-8", b"=\r\n=A\r\n=ZZ=3D=")
    yield "uuencode without end", _text(b"x-uuencode", b"utf-8", b"begin 644 a\r\n" + b"M" + b"!" * 70)
    yield (
        "report that is none",
        HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b--\r\n",
    )
    yield "authentication results of ours", _header("Authentication-Results", b"mail.local.test; dkim=pass")
    yield "fts words", _text(b"7bit", b"utf-8", b'NEAR(a b) "open * -x AND OR NOT col:val ^x {a} + \r\n' * 50)


def _header(name: str, value: bytes) -> bytes:
    return HEAD + name.encode() + b": " + value.rstrip() + b"\r\n\r\nx\r\n"


def _text(encoding: bytes, charset: bytes, body: bytes) -> bytes:
    kind = b"Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (charset, encoding)
    return HEAD + b"MIME-Version: 1.0\r\n" + kind + body + b"\r\n"


def _multipart(boundary: bytes, parts: list[bytes]) -> bytes:
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return HEAD + b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n%s--%s--\r\n" % (boundary, body, boundary)


def _nested(depth: int) -> bytes:
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return opened + b"\r\nx\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(depth)))


def _octets(chance: random.Random, size: int) -> bytes:
    found = chance.randbytes(size).translate(None, b"\0\r\n")
    return b"\r\n".join(found[start : start + 900] for start in range(0, len(found), 900)) + b"\r\n"


def _random(chance: random.Random, number: int) -> bytes:
    lines = [b"From: " + _phrase(chance) + b" <r%d@remote.test>" % number]
    for name in chance.sample(
        (b"To", b"Cc", b"Subject", b"Date", b"Reply-To", b"In-Reply-To", b"List-Id", b"Sender"), 4
    ):
        lines.append(name + b": " + _phrase(chance))
    return b"\r\n".join(lines) + b"\r\n" + _entity(chance, 0)


def _entity(chance: random.Random, depth: int) -> bytes:
    if depth < 6 and chance.random() < 0.5:
        boundary = b"=_%d.%d" % (depth, chance.randrange(99))
        kind = chance.choice((b"mixed", b"alternative", b"related", b"digest", b"report", b"signed", b"weird"))
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary, _entity(chance, depth + 1)) for _ in range(chance.randrange(4)))
        last = b"--%s--\r\n" % boundary if chance.random() < 0.8 else b""
        return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n%s%s' % (kind, boundary, body, last)
    kind = chance.choice(
        (b"text/plain", b"text/html", b"text/calendar", b"image/png", b"message/rfc822", b"a/b/c", b"", b"text")
    )
    charset, encoding = chance.choice(CHARSETS).encode(), chance.choice(ENCODINGS).encode()
    content = chance.choice((
        _octets(chance, chance.randrange(2000)), base64.encodebytes(chance.randbytes(500)).replace(b"\n", b"\r\n"),
        b"<p>" + _phrase(chance) + b"\r\n", _phrase(chance) * 20, b"", b"=C3=BC=\r\n=XX\r\n",
    ))  # fmt: skip
    return (
        b"Content-Type: %s; charset=%s; name=%s\r\nContent-Transfer-Encoding: %s\r\nContent-ID: <%s>\r\n\r\n%s\r\n"
        % (kind, charset, _phrase(chance), encoding, _phrase(chance), content)
    )


def _phrase(chance: random.Random) -> bytes:
    word = " ".join(chance.choices(WORDS, k=3))
    return word.encode(chance.choice(("utf-8", "utf-16-le", "latin-1", "utf-7")), "replace").translate(None, b"\0\r\n")

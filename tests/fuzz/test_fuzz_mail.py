"""Every function of mail/ that takes a stranger's bytes, on bytes that nobody would send on purpose."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import (
    answer,
    auto,
    canonical,
    dkim,
    dsn,
    feedback,
    headers,
    hypertext,
    message,
    quoting,
    threading,
    trace,
    transfer,
    verp,
)
from tests.support import fuzzing

FUZZ = fuzzing.examples(60)
VECTORS = Path(__file__).parents[1] / "vectors"
SEEDS = [
    path.read_bytes()
    for folder in ("mime-enmime", "dsn-flufl-bounce")
    for path in sorted((VECTORS / folder).rglob("*.*"))
]
SEEDS = [seed for seed in SEEDS if len(seed) < 20_000]
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"--b",
    b"--b--",
    b"--",
    b": ",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\\",
    b"(",
    b")",
    b"@",
    b"=",
    b"=?utf-8?q?",
    b"=?utf-8?b?",
    b"?=",
    b"%",
    b"*0*=",
    b"\x00",
    b"\xff",
    b"\xc3\xa4",
    b" ",
    b"\t",
    b"a",
    b"From: ",
    b"To: ",
    b"Subject: ",
    b"Date: ",
    b"Message-ID: ",
    b"References: ",
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"text/html",
    b"multipart/report; report-type=delivery-status; boundary=b",
    b"message/delivery-status",
    b"message/feedback-report",
    b"multipart/report; report-type=feedback-report; boundary=b",
    b"Content-Transfer-Encoding: ",
    b"base64",
    b"quoted-printable",
    b"x-uuencode",
    b"begin 644 x",
    b"Final-Recipient: rfc822; ",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=a; s=b; h=from; bh=; b=",
    b"charset=",
    b"utf-16",
    b"iso-2022-jp",
    b"utf-7",
    b"Content-Disposition: attachment; filename",
    b"<div>",
    b"</div>",
    b"<!--",
    b"&#",
]
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=120).map(b"".join)


@st.composite
def damaged(draw):
    """A real message with a few stretches cut, doubled or overwritten."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        width = draw(st.integers(0, 60))
        middle = draw(st.one_of(st.just(raw[at : at + width] * 2), SOUP, st.just(b"")))
        raw = raw[:at] + middle + raw[at + width :]
    return raw


BYTES = st.one_of(SOUP, damaged())


@FUZZ
@given(BYTES)
def test_any_bytes_make_a_message(raw):
    parsed = message.parse(raw)
    assert parsed.error != "The body cannot be read."  # the guard for defects of ours
    assert len(parsed.preview) <= message.PREVIEW
    for part in parsed.parts:
        assert 0 <= part.offset <= part.offset + part.encoded_length <= len(raw)
        assert len(message.part(raw, part.number)) == part.size
    for text in (
        parsed.subject,
        parsed.text,
        parsed.html,
        parsed.preview,
        parsed.search_text,
        *parsed.attachment_names,
    ):
        (text or "").encode("utf-8")  # no half surrogate pair reaches a database
        assert "\0" not in (text or "")
    people = (*parsed.sender, *parsed.to, *parsed.cc, *parsed.bcc, *parsed.reply_to)
    for text in (*(each.text for each in people), *parsed.references, parsed.header_id or ""):
        text.encode("utf-8")
        assert text.isprintable() or not any(ord(letter) < 32 or ord(letter) == 127 for letter in text)
    message.bodies(raw)
    answer.reply(parsed, {"a@local.test"}, to_all=True)
    threading.subject_hash(parsed.subject)
    threading.reference_hashes(parsed.header_id, parsed.in_reply_to, parsed.references)
    auto.reason(parsed.headers)
    trace.hops(parsed.headers)
    trace.delivered_to_addresses(parsed.headers)


@FUZZ
@given(BYTES)
def test_any_bytes_may_be_a_report(raw):
    report = dsn.parse(raw, is_expected=True)
    assert report is None or report.recipients
    feedback.parse(raw)


@FUZZ
@given(BYTES, st.binary(max_size=60))
def test_any_bytes_may_be_signed(raw, record):
    for result in dkim.verify(raw, lambda name: record, 1_760_000_000):
        assert result.status is not dkim.Status.PASS


@FUZZ
@given(SOUP)
def test_any_bytes_may_be_a_header_value(value):
    headers.decode(value).encode("utf-8")
    headers.people(value)
    headers.message_ids(value)
    headers.date_ms(value)
    headers.split(value)


@FUZZ
@given(SOUP, st.sampled_from(["", "base64", "quoted-printable", "x-uuencode", "other"]))
def test_any_bytes_may_be_encoded(raw, encoding):
    assert b"".join(transfer.decode(raw, 0, len(raw), encoding)) == transfer.whole(raw, 0, len(raw), encoding)


@FUZZ
@given(BYTES.map(lambda raw: raw.decode("latin-1")))
def test_any_text_may_be_quoted_or_html(text):
    quoting.extract_text(text)
    quoting.extract_html(text)
    hypertext.to_text(text).encode("utf-8")
    threading.base_subject(text)
    verp.read(b"secret", text)


@FUZZ
@given(SOUP, st.lists(st.integers(1, 9), min_size=1, max_size=9), st.booleans())
def test_a_body_hashes_alike_however_it_is_cut(body, steps, relaxed):
    whole = canonical.BodyHash(relaxed=relaxed)
    whole.update(body)
    pieces = canonical.BodyHash(relaxed=relaxed)
    at = turn = 0
    while at < len(body):
        step = steps[turn % len(steps)]
        pieces.update(body[at : at + step])
        at, turn = at + step, turn + 1
    assert pieces.digest() == whole.digest()


def test_the_seeds_are_there():
    if not SEEDS:
        pytest.fail("tests/vectors has no messages")

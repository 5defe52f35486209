import email
import email.policy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mail import compose, encoding, headers, message
from mailserver.mail.address import AddressError, Person
from mailserver.mail.encoding import InjectionError

PDF = compose.File("Bericht für Jörg.pdf", "application/pdf", b"%PDF" + bytes(range(256)))
PICTURE = compose.File("p.png", "image/png", b"\x89PNG", "inline", "pic@local.test")


def draft(**changes):
    fields = {
        "sender": Person("alice@local.test", "Alice"), "to": (Person("bob@remote.test", "Bob"),), "cc": (), "bcc": (),
        "reply_to": (), "subject": "Hello", "text": "Hello\n", "html": None, "attachments": (), "in_reply_to": None,
        "references": (), "header_id": "<1@local.test>", "date_at": 1_760_000_000_000, "extra_headers": (),
    }  # fmt: skip
    return compose.Draft(**{**fields, **changes})


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def check_form(raw):
    assert raw.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head = raw.partition(b"\r\n\r\n")[0]
    assert not any(line.strip() == b"" for line in head.split(b"\r\n"))


def test_a_plain_message_is_what_one_would_write_by_hand():
    assert compose.compose(draft()) == (
        b"Date: Thu, 09 Oct 2025 08:53:20 +0000\r\nFrom: Alice <alice@local.test>\r\nTo: Bob <bob@remote.test>\r\n"
        b"Subject: Hello\r\nMessage-ID: <1@local.test>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello\r\n"
    )


def test_a_rich_message_nests_mixed_alternative_and_related():
    raw = compose.compose(draft(text="Grüße", html="<img src=cid:pic@local.test>", attachments=(PDF, PICTURE)))
    check_form(raw)
    kinds = [part.get_content_type() for part in read(raw).walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip
    parsed = message.parse(raw)
    assert parsed.error is None
    assert parsed.text == "Grüße\n"
    assert parsed.attachment_names == ("p.png", "Bericht für Jörg.pdf")
    assert message.part(raw, "2") == PDF.content
    assert read(raw).get_payload()[1].get_filename() == "Bericht für Jörg.pdf"


def test_bcc_is_never_written():
    assert b"secret" not in compose.compose(draft(bcc=(Person("secret@remote.test"),)))


@pytest.mark.parametrize(
    "field", ["subject", "sender", "name", "extra", "filename", "type", "id", "cid", "parent", "reference"]
)
@pytest.mark.parametrize("bad", ["\r\nBcc: eve@evil.test", "\nX: y", "\r", "\x00", "\x1b[2J", "\x7f", "\ud800"])
def test_no_value_breaks_out_of_its_field(field, bad):
    changes = {
        "subject": {"subject": f"a{bad}"},
        "sender": {"sender": Person(f"alice@local.test{bad}")},
        "name": {"to": (Person("bob@remote.test", f"Bob{bad}"),)},
        "extra": {"extra_headers": (("X-Custom", f"a{bad}"),)},
        "filename": {"attachments": (compose.File(f"a{bad}", "text/plain", b""),)},
        "type": {"attachments": (compose.File("a", f"text/plain{bad}", b""),)},
        "id": {"header_id": f"<1@local.test{bad}>"},
        "cid": {"html": "", "attachments": (compose.File("a", "image/png", b"", "inline", f"c{bad}"),)},
        "parent": {"in_reply_to": f"<1@x{bad}>"},
        "reference": {"references": (f"<1@x{bad}>",)},
    }[field]
    try:
        raw = compose.compose(draft(**changes))
    except (InjectionError, AddressError):
        return
    check_form(raw)
    assert field in ("type", "parent", "reference")  # what a stranger wrote is left out, not refused
    assert {name.lower() for name, _ in headers.split(raw)[0].fields} <= {
        b"date", b"from", b"to", b"subject", b"message-id", b"mime-version", b"content-type",
        b"content-transfer-encoding",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "X Y", "X:", "X\r\nY", "x" * 65, "Ünicode", "Bcc", "From", "Content-Type", "DKIM-Signature"]
)
def test_custom_headers_have_plain_names_and_not_ours(name):
    with pytest.raises(InjectionError):
        compose.check_header(name, "x")


def test_custom_headers_are_written():
    raw = compose.compose(
        draft(extra_headers=(("X-Campaign", "früh " * 40), ("List-Unsubscribe", "<https://local.test/u>")))
    )
    check_form(raw)
    assert message.parse(raw).headers.text("x-campaign") == ("früh " * 40).strip()
    assert b"List-Unsubscribe: <https://local.test/u>\r\n" in raw


def test_an_address_outside_ascii_alone_needs_smtputf8():
    raw = compose.compose(draft(to=(Person("jörg@remote.test", "Jörg"), Person("a@bücher.test"))))
    assert "jörg@remote.test".encode() in raw
    assert b"a@xn--bcher-kva.test" in raw
    assert compose.compose(draft(to=(Person("a@bücher.test", "Jörg"),))).isascii()


def test_a_forwarded_message_stays_a_message_where_seven_bits_allow():
    plain = b"Subject: inner\r\n\r\ntext\r\n"
    raw = compose.compose(draft(attachments=(compose.File("a.eml", "message/rfc822", plain),)))
    assert message.part(raw, "2") == plain
    assert [part.content_type for part in message.parse(raw).parts] == ["text/plain", "message/rfc822"]
    raw = compose.compose(draft(attachments=(compose.File("a.eml", "message/rfc822", "ö".encode()),)))
    check_form(raw)
    assert message.part(raw, "2") == "ö".encode()


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a" * 5_000, "a\r\nb\rc\nd", ".\n..\nFrom x\n", "ö" * 2_000, "tab\tend \n", "a\x00b\x0c", "= =3D"],
)
def test_text_arrives_as_it_was_but_for_its_line_ends(text):
    raw = compose.compose(draft(text=text))
    check_form(raw)
    expected = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    assert message.parse(raw).text.rstrip("\n") == expected.rstrip("\n")


def test_message_ids_are_made_of_plain_letters():
    assert compose.new_message_id("Bücher.test", "msg-1.a") == "<msg-1.a@xn--bcher-kva.test>"
    for unique in ("", "a b", "a@b", ".a", "a..b", "ä", "a\n"):
        with pytest.raises(ValueError):
            compose.new_message_id("local.test", unique)


def test_long_address_lists_and_references_are_folded():
    raw = compose.compose(
        draft(
            to=tuple(Person(f"user{number}@remote.test", f"User, {number}") for number in range(100)),
            references=tuple(f"<{number}@remote.test>" for number in range(50)),
        )
    )
    check_form(raw)
    parsed = message.parse(raw)
    assert len(parsed.to) == 100
    assert parsed.to[7].name == "User, 7"
    assert len(parsed.references) == 50
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x7f\x85\u2028\u2029"), max_size=120)


def squeezed(text):
    return " ".join(text.split())


@settings(max_examples=150, deadline=None)
@given(subject=NAMES, name=NAMES, filename=NAMES.filter(str.strip), text=NAMES, content=st.binary(max_size=400))
def test_the_standard_library_reads_what_we_compose(subject, name, filename, text, content):
    file = compose.File(filename, "application/octet-stream", content)
    raw = compose.compose(
        draft(subject=subject, to=(Person("bob@remote.test", name or None),), text=text, attachments=(file,))
    )
    check_form(raw)
    found = email.message_from_bytes(raw)
    subject_read = str(email.header.make_header(email.header.decode_header(found["Subject"])))
    assert squeezed(subject_read) == squeezed(subject)
    assert email.utils.parseaddr(found["To"])[1] == "bob@remote.test"
    body, attached = found.get_payload()
    assert body.get_payload(decode=True).decode("utf-8").removesuffix("\r\n") == text
    assert attached.get_payload(decode=True) == content
    parsed = message.parse(raw)
    assert squeezed(parsed.subject) == squeezed(subject)
    assert squeezed(parsed.to[0].name or "") == squeezed(name)


@given(NAMES)
def test_parameters_read_back(value):
    words = encoding.parameter("filename", value)
    raw = b"Content-Disposition: attachment; " + "; ".join(words).encode() + b"\r\n\r\n"
    assert (email.message_from_bytes(raw).get_filename() or "").strip() == value.strip()


@pytest.mark.parametrize("name", ["Subject", "X-A-Name-Of-Some-Length", "X-" + "a" * 55, "X-" + "a" * 62])
def test_no_line_with_an_encoded_word_is_longer_than_76(name):
    written = encoding.text(name, "Größenordnung: Übergrößen für Straßenfußballschuhe und vieles mehr")
    assert max(map(len, written.split(b"\r\n"))) <= 76
    parsed = email.message_from_bytes(written + b"\r\n", policy=email.policy.default)
    assert parsed[name].lstrip() == "Größenordnung: Übergrößen für Straßenfußballschuhe und vieles mehr"

import email
import email.policy
import time
from pathlib import Path

import flufl.bounce
import pytest

from mailserver.mail import dsn, headers, message
from mailserver.mail.dsn import ReportedRecipient

VECTORS = Path(__file__).parents[2] / "vectors" / "dsn-flufl-bounce" / "tests" / "data"
FILES = sorted(VECTORS.glob("*.txt"))
ORIGINAL = b"From: a@local.test\r\nSubject: Hello\r\nMessage-ID: <orig@local.test>\r\n\r\nThe body\r\n"
REFUSED = ReportedRecipient(
    "bob@remote.test",
    "failed",
    "5.1.1",
    "550 5.1.1 No such user",
    "mx.remote.test",
    "rfc822;bob@remote.test",
    1_760_000_100_000,
)


def write(**changes):
    fields = {
        "reporting_mta": "mx.local.test", "to": "a@local.test", "from_": "mailer-daemon@local.test",
        "header_id": "<r1@local.test>", "at": 1_760_000_200_000, "arrival_at": 1_760_000_000_000, "envid": "QQ314159",
        "recipients": (REFUSED,), "original": ORIGINAL, "ret_full": False, "kind": "failed",
    }  # fmt: skip
    return dsn.write(**{**fields, **changes})


def addresses(report):
    return {each.address for each in report.recipients}


def independent(raw):
    temporary, permanent = flufl.bounce.all_failures(email.message_from_bytes(raw))
    return {each.decode("utf-8", "replace").strip("<> ") for each in (temporary | permanent)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bounces_of_many_programs_name_their_recipients(path):
    raw = path.read_bytes()
    expected = independent(raw)
    report = dsn.parse(raw)
    if not expected:
        assert report is None or all(each.action != "failed" for each in report.recipients)
        return
    named = addresses(report) | {(each.original or "").partition(";")[2].strip() for each in report.recipients}
    assert {each.lower() for each in expected} <= {each.lower() for each in named}


def test_most_of_them_name_the_message_that_failed():
    reports = [dsn.parse(path.read_bytes()) for path in FILES if path.stem.startswith("dsn_")]
    assert sum(1 for each in reports if each.original_header_id) >= 12


def test_a_standard_report_is_read_field_by_field():
    report = dsn.parse(write())
    assert report.kind == "dsn"
    assert report.recipients == (
        ReportedRecipient(
            "bob@remote.test", "failed", "5.1.1", "550 5.1.1 No such user", "mx.remote.test", "rfc822;bob@remote.test",
            1_760_000_100_000,
        ),
    )  # fmt: skip
    assert (report.original_envelope_id, report.original_header_id) == ("QQ314159", "<orig@local.test>")
    assert (report.reporting_mta, report.arrival_at) == ("mx.local.test", 1_760_000_000_000)
    assert report.original_headers.text("subject") == "Hello"


def test_a_report_has_the_structure_of_rfc_6522():
    raw = write(ret_full=True)
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert found.get_content_type() == "multipart/report"
    assert found.get_param("report-type") == "delivery-status"
    assert found["Auto-Submitted"] == "auto-replied"
    kinds = [part.get_content_type() for part in found.get_payload()]
    assert kinds == ["text/plain", "message/delivery-status", "message/rfc822"]
    assert message.part(raw, "3") == ORIGINAL
    assert "550 5.1.1 No such user" in found.get_payload()[0].get_content()
    blocks = found.get_payload()[1].get_payload()
    assert [block["Action"] for block in blocks] == [None, "failed"]


def test_without_ret_full_only_the_header_comes_back():
    raw = write()
    assert message.parse(raw).parts[2].content_type == "text/rfc822-headers"
    assert b"The body" not in raw


def test_a_large_original_comes_back_as_its_header():
    raw = write(ret_full=True, original=ORIGINAL + b"x" * 2_000_000)
    assert len(raw) < 10_000


@pytest.mark.parametrize("kind", ["delayed", "delivered", "relayed"])
def test_each_kind_has_its_action_and_never_the_body(kind):
    raw = write(
        kind=kind, ret_full=True, recipients=(ReportedRecipient("b@c.test", "", "", retry_until=1_760_400_000_000),)
    )
    (recipient,) = dsn.parse(raw).recipients
    assert recipient.action == kind
    assert recipient.status[0] == ("4" if kind == "delayed" else "2")
    assert (recipient.retry_until is not None) == (kind == "delayed")
    assert b"The body" not in raw


def test_what_a_remote_server_said_cannot_break_out():
    evil = "550 no\r\n\r\n--x\r\nFrom: eve@evil.test\r\n\x00" + "y" * 5_000
    raw = write(recipients=(ReportedRecipient("b@c.test", "failed", "5.0.0", evil, "mx\r\nX: y"),), envid="a\r\nX: y")
    assert [part.content_type for part in message.parse(raw).parts] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers",
    ]  # fmt: skip
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert not any(line.startswith((b"From: eve", b"X:")) for line in raw.split(b"\r\n"))


@pytest.mark.parametrize("smtputf8", [True, False])
def test_addresses_outside_ascii_are_read_back(smtputf8):
    raw = write(recipients=(ReportedRecipient("jörg@bücher.test", "failed", "5.1.1"),), smtputf8=smtputf8)
    assert raw.isascii() is not smtputf8
    assert addresses(dsn.parse(raw)) == {"jörg@bücher.test"}


def test_a_header_outside_ascii_travels_in_seven_bits():
    raw = write(original="Subject: Grüße\r\nMessage-ID: <o@local.test>\r\n\r\nx".encode())
    assert raw.isascii()
    assert dsn.parse(raw).original_headers.text("subject") == "Grüße"


def test_ordinary_mail_is_no_report():
    assert dsn.parse(b"From: a@b.test\r\nSubject: lunch\r\n\r\n550 5.1.1 <x@y.test>: user unknown\r\n") is None
    assert dsn.parse(b"") is None


def test_what_came_to_a_signed_sender_is_looked_at_more_closely():
    raw = b"From: someone@remote.test\r\nX-Failed-Recipients: x@y.test, z@y.test\r\nSubject: hm\r\n\r\nno\r\n"
    assert addresses(dsn.parse(raw)) == {"x@y.test", "z@y.test"}
    raw = (VECTORS / "qmail_01.txt").read_bytes()
    plain = b"From: x@remote.test\r\nSubject: about your mail\r\n\r\n" + raw[headers.split(raw)[1] :]
    assert dsn.parse(plain) is None
    assert dsn.parse(plain, is_expected=True) is not None


REPORT = (
    b"From: mailer-daemon@x.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
)
HOSTILE = {
    "recipients": REPORT
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822; a@b\r\n\r\n" * 50_000,
    "blank lines": REPORT + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\r\n" * 200_000,
    "lines": b"From: mailer-daemon@x.test\r\n\r\n" + b"<a@b.test>: 550\r\n" * 50_000,
    "one line": b"From: mailer-daemon@x.test\r\n\r\n" + b"<a@b.test> " * 50_000,
    "dashes": b"From: mailer-daemon@x.test\r\n\r\n" + b"-" * 500_000,
    "dashed lines": b"From: mailer-daemon@x.test\r\n\r\n" + b"--- original \r\n" * 50_000,
    "nested": REPORT.replace(b"=b", b"=b") * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_report_takes_long(name):
    started = time.process_time()
    report = dsn.parse(HOSTILE[name])
    assert time.process_time() - started < 3
    assert report is None or len(report.recipients) <= dsn.MAX_RECIPIENTS

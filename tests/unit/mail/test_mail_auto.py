import pytest

from mailserver.mail import auto, headers


def head(text):
    return headers.split(b"Subject: x\r\n" + text.encode() + b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Generated; x=y",
        "Precedence: bulk",
        "Precedence: List",
        "List-Id: <a.b.test>",
        "List-Unsubscribe: <https://x.test>",
        "Return-Path: <>",
        "X-Auto-Response-Suppress: All",
        "Content-Type: multipart/report; report-type=delivery-status",
        "From: MAILER-DAEMON@x.test",
        "From: No Reply <no-reply@x.test>",
        "From: owner-list@x.test",
        "From: list-bounces@x.test",
    ],
)
def test_mail_of_programs_is_recognised(field):
    assert auto.is_automatic(head(field))
    assert auto.reason(head(field)).endswith(".")


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: no",
        "Precedence: first-class",
        "From: Bob <bob@x.test>",
        "From: bouncer@x.test",
        "Return-Path: <bob@x.test>",
        "Content-Type: multipart/mixed; boundary=b",
    ],
)
def test_mail_of_people_is_not(field):
    assert not auto.is_automatic(head(field))

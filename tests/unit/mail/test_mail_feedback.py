from mailserver.mail import feedback

REPORT = (
    b"From: fbl@provider.test\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
    b"--b\r\n\r\nThis is an abuse report.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
    b"Feedback-Type: abuse\r\nUser-Agent: FBL/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <b+1@local.test>\r\n"
    b"Original-Rcpt-To: <bob@provider.test>\r\nOriginal-Rcpt-To: eve@provider.test\r\nSource-IP: 192.0.2.1\r\n"
    b"Arrival-Date: Thu, 09 Oct 2025 08:53:20 +0000\r\nReported-Domain: local.test\r\nOriginal-Envelope-Id: Q1\r\n\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@local.test\r\nTo: bob@provider.test\r\n"
    b"Message-ID: <orig@local.test>\r\n\r\nBuy\r\n--b--\r\n"
)


def test_an_abuse_report_is_read():
    complaint = feedback.parse(REPORT)
    assert complaint.feedback_type == "abuse"
    assert complaint.original_recipients == ("bob@provider.test", "eve@provider.test")
    assert (complaint.original_mail_from, complaint.original_envelope_id) == ("b+1@local.test", "Q1")
    assert (complaint.original_header_id, complaint.arrival_at) == ("<orig@local.test>", 1_760_000_000_000)
    assert (complaint.source_ip, complaint.reported_domains) == ("192.0.2.1", ("local.test",))


def test_a_report_that_names_nobody_falls_back_on_the_copy():
    raw = REPORT.replace(b"Original-Rcpt-To: <bob@provider.test>\r\nOriginal-Rcpt-To: eve@provider.test\r\n", b"")
    assert feedback.parse(raw).original_recipients == ("bob@provider.test",)


def test_other_mail_is_no_complaint():
    assert feedback.parse(b"Subject: x\r\n\r\nFeedback-Type: abuse\r\n") is None
    assert feedback.parse(REPORT.replace(b"message/feedback-report", b"text/plain")) is None
    assert feedback.parse(REPORT.replace(b"report-type=feedback-report", b"report-type=delivery-status")) is None
    assert feedback.parse(b"") is None

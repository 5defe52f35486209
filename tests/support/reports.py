"""Reports as others send them."""

import gzip
import io
import zipfile

from mailserver.mail import compose, dmarc_report, encoding, report_letter, tls_report
from mailserver.mail.dmarc_report import DmarcReport, Published, Row, SenderResult, SignatureResult
from mailserver.mail.report_letter import Letter
from mailserver.mail.tls_report import FailureDetail, PolicyResult, TlsReport

BEGIN, END = 1_795_132_800, 1_795_219_199  # 2026-11-20


def dmarc(domain: str, report_id: str = "r1", organization: str = "Remote", rows: int = 2) -> DmarcReport:
    """A report with `rows` rows, the odd ones of messages that failed."""
    made = tuple(
        Row(
            f"192.0.2.{number % 250}", number + 1, "none" if number % 2 == 0 else "quarantine",
            "pass" if number % 2 == 0 else "fail", "fail", domain, f"bounce{number}.{domain}",
            signatures=(SignatureResult(domain, "s1", "pass" if number % 2 == 0 else "fail"),),
            senders=(SenderResult(f"bounce{number}.{domain}", "mfrom", "softfail"),),
        )
        for number in range(rows)
    )  # fmt: skip
    return DmarcReport(organization, "dmarc@remote.test", report_id, BEGIN, END, Published(domain, "none"), made)


def tls(domain: str, report_id: str = "t1@remote.test") -> TlsReport:
    detail = FailureDetail("certificate-expired", 2, "192.0.2.1", f"mx.{domain}", receiving_ip="192.0.2.2")
    policy = PolicyResult("sts", ("version: STSv1",), domain, (f"mx.{domain}",), 5, 2, (detail,))
    return TlsReport("Remote", "tls@remote.test", report_id, BEGIN, END, (policy,))


def dmarc_letter(domain: str, report_id: str = "r1", **more) -> bytes:
    return letter("dmarc", domain, report_id, gzip.compress(dmarc_report.write(dmarc(domain, report_id, **more))))


def tls_letter(domain: str, report_id: str = "t1@remote.test") -> bytes:
    return letter("tls", domain, report_id, gzip.compress(tls_report.write(tls(domain, report_id))))


def letter(kind: str, domain: str, report_id: str, file: bytes, sender: str = "reports@remote.test") -> bytes:
    """A file in the message that we would send."""
    return report_letter.write(
        Letter(
            kind, domain, "remote.test", report_id, report_id.partition("@")[0], BEGIN, END, "Remote", sender,
            f"postmaster@{domain}", f"<{report_id.partition('@')[0]}@remote.test>", BEGIN, file,
        )
    )  # fmt: skip


def only_file(file: bytes, filename: str, content_type: str, subject: str = "Report domain: local.test") -> bytes:
    """A message that is nothing but the file, as the largest reporters send it."""
    return b"".join([
        b"From: noreply-dmarc@remote.test\r\nTo: postmaster@local.test\r\nDate: Sat, 21 Nov 2026 01:00:00 +0000\r\n",
        b"Message-ID: <only@remote.test>\r\nMIME-Version: 1.0\r\n",
        encoding.text("Subject", subject),
        f'Content-Type: {content_type}; name="{filename}"\r\n'.encode(),
        f'Content-Disposition: attachment; filename="{filename}"\r\n'.encode(),
        b"Content-Transfer-Encoding: base64\r\n\r\n",
        compose.lines_of_base64(file),
    ])  # fmt: skip


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()

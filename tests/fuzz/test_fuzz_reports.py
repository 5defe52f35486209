"""What reports and their destinations are made of, from strangers with too much time."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import dmarc_report, headers, report_file, report_letter, report_uri, tls_report
from tests.support import fuzzing, reports

FUZZ = fuzzing.examples(200)
GOOD = dmarc_report.write(reports.dmarc("local.test", rows=2))
TAGS = [f"<{slash}{name}>".encode() for slash in ("", "/") for name in (
    "feedback", "record", "row", "count", "report_metadata", "policy_published", "domain", "dkim", "spf", "reason",
    "date_range", "begin", "report_id", "auth_results", "x:dkim",
)]  # fmt: skip
PIECES = [*TAGS, b"&lt;", b"&#0;", b"&#x41;", b"&a;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?x ", b"?>",
          b"<!DOCTYPE a [", b"1", b"local.test", b"\xff", b"\0", b" ", b"a='"]  # fmt: skip


@FUZZ
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=60))
def test_any_xml_is_a_report_or_refused(pieces):
    for raw in (b"".join(pieces), GOOD[:600] + b"".join(pieces) + GOOD[600:]):
        try:
            report = dmarc_report.read(raw)
        except dmarc_report.BrokenReport as error:
            assert str(error).endswith(".")  # noqa: PT017  the sentence is what is tested
        else:
            assert dmarc_report.read(dmarc_report.write(report)).total == report.total


@FUZZ
@given(st.integers(0, len(GOOD)), st.binary(max_size=30), st.booleans())
def test_any_damage_to_a_file_is_refused_or_harmless(place, noise, is_zip):
    packed = reports.zipped(**{"a.xml": GOOD}) if is_zip else gzip.compress(GOOD)
    place %= len(packed)
    for raw in (packed[:place] + noise + packed[place:], packed[:place] + noise, noise + packed[place:]):
        try:
            assert len(report_file.unpack(raw)) <= report_file.MOST_BYTES
        except report_file.BrokenFile as error:
            assert str(error).endswith(".")  # noqa: PT017  the sentence is what is tested


def test_a_directory_that_points_before_the_file_is_refused():
    """An octet more within the closing record makes its size too large for the place that it names."""
    packed = reports.zipped(**{"a.xml": GOOD})
    size = packed.rindex(b"PK\x05\x06") + 15
    with pytest.raises(report_file.BrokenFile, match="cannot be read"):
        report_file.unpack(packed[:size] + b"\0" + packed[size:])


NAMES = st.sampled_from([
    "policies", "policy", "summary", "failure-details", "policy-type", "policy-string", "mx-host", "date-range",
    "start-datetime", "end-datetime", "report-id", "organization-name", "failed-session-count", "result-type",
    "total-failure-session-count",
])  # fmt: skip
VALUES = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12) | st.just("2026-11-20T00:00:00Z")
)
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=30
)


@FUZZ
@given(st.dictionaries(NAMES, DOCUMENTS, max_size=6), st.lists(DOCUMENTS, max_size=4))
def test_any_json_is_a_report_or_refused(document, policies):
    whole = {
        "report-id": "x", "date-range": {"start-datetime": "2026-11-20T00:00:00Z"}, "policies": policies, **document,
    }  # fmt: skip
    try:
        report = tls_report.read(json.dumps(whole).encode("utf-8", "surrogatepass"))
    except tls_report.BrokenReport as error:
        assert str(error).endswith(".")  # noqa: PT017  the sentence is what is tested
    else:
        assert tls_report.read(tls_report.write(report)).total == report.total


@FUZZ
@given(st.text(max_size=80), st.binary(max_size=80))
def test_any_record_names_destinations_that_can_be_used(text, octets):
    for record in (text, f"v=DMARC1; rua=mailto:{text}", f"v=DMARC1; rua={text},mailto:a@x.test"):
        for destination in report_uri.of_dmarc(record):
            recipient = str(destination.recipient)
            assert recipient.isascii()
            assert recipient.isprintable()
            assert destination.host
    for destination in report_uri.of_tls((b"v=TLSRPTv1; rua=https://" + octets,)):
        assert destination.is_https
        assert destination.host
    report_uri.consent((octets, b"v=DMARC1;" + octets))


@FUZZ
@given(st.lists(st.sampled_from([
    b"Subject: ", b"Report Domain: ", b"\r\n", b"Content-Type: ", b"multipart/mixed; boundary=b", b"--b\r\n",
    b"a!b!1!2.xml",
    b"name=", b"filename*=utf-8''", b"application/gzip;", b"\r\n\r\n", b"TLS-Report-Domain: ", b"=?utf-8?q?a?=",
]) | st.binary(max_size=10), max_size=30))  # fmt: skip
def test_any_message_has_files_or_none(pieces):
    raw = b"".join(pieces)
    head, _ = headers.split(raw)
    assert report_letter.is_likely(head) in (True, False)
    assert len(report_letter.domain(head)) <= 253
    assert len(list(report_letter.files(raw))) <= report_letter.MOST_FILES

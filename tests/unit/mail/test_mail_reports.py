"""Aggregate reports in and out: what we write, what the world writes, and what means no good."""

import gzip
import io
import json
import re
import time
import zipfile
import zlib
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from mailserver.mail import dmarc_report, headers, report_file, report_letter, report_uri, tls_report, xml_tree
from mailserver.mail.dmarc_report import BrokenReport, Published, Reason, SenderResult, SignatureResult
from mailserver.mail.report_file import BrokenFile
from tests.support import reports

NAMESPACE = "{urn:ietf:params:xml:ns:dmarc-2.0}"


def full():
    """A report with something in every field."""
    plain = reports.dmarc("far.test", rows=3)
    row = replace(
        plain.rows[0],
        reasons=(Reason("local_policy", "a < b & c"), Reason("policy_test_mode")),
        signatures=(SignatureResult("far.test", "s1", "pass"), SignatureResult("x.test", "s2", "fail", "No key.")),
        senders=(SenderResult("far.test", "mfrom", "softfail", "Not a host of theirs."),),
    )
    published = Published("far.test", "reject", "quarantine", "none", "r", "s", "1:d", "n", "treewalk")
    return replace(plain, published=published, rows=(row, *plain.rows[1:]), generator="mailserver 1", version="1.0")


# -- what we write ----------------------------------------------------------------------------------------------------


def test_what_we_write_we_read():
    assert dmarc_report.read(dmarc_report.write(full())) == full()


def test_the_xml_has_the_elements_of_the_schema_in_its_order():
    """Checked by a parser that is not ours, against the tables of RFC 9990 2.1.1."""
    root = ET.fromstring(dmarc_report.write(full()))
    assert root.tag == f"{NAMESPACE}feedback"

    def names(element):
        return [child.tag.removeprefix(NAMESPACE) for child in element]

    def at(path, parent=root):
        return parent.find("/".join(NAMESPACE + step for step in path.split("/")))

    assert names(root) == ["version", "report_metadata", "policy_published", "record", "record", "record"]
    assert at("version").text == "1.0"
    assert names(at("report_metadata")) == ["org_name", "email", "report_id", "date_range", "generator"]
    assert [child.text for child in at("report_metadata/date_range")] == [str(reports.BEGIN), str(reports.END)]
    policy = {child.tag.removeprefix(NAMESPACE): child.text for child in at("policy_published")}
    assert policy == {
        "domain": "far.test", "discovery_method": "treewalk", "p": "reject", "sp": "quarantine", "np": "none",
        "fo": "1:d", "adkim": "r", "aspf": "s", "testing": "n",
    }  # fmt: skip
    record = at("record")
    assert names(record) == ["row", "identifiers", "auth_results"]
    assert names(at("row", record)) == ["source_ip", "count", "policy_evaluated"]
    assert names(at("row/policy_evaluated", record)) == ["disposition", "dkim", "spf", "reason", "reason"]
    assert at("row/policy_evaluated/reason/comment", record).text == "a < b & c"
    assert names(at("identifiers", record)) == ["header_from", "envelope_from"]
    assert names(at("auth_results", record)) == ["dkim", "dkim", "spf"]
    assert names(at("auth_results/dkim", record)) == ["domain", "selector", "result"]
    assert names(at("auth_results/spf", record)) == ["domain", "scope", "result", "human_result"]
    assert at("auth_results/spf/scope", record).text == "mfrom"


def test_nothing_that_a_stranger_said_breaks_the_xml():
    evil = "]]></org_name>\x00\x08\ud800\ufffe<!DOCTYPE x>&lol;"
    signature = SignatureResult("far.test", evil, "fail", evil)
    row = replace(full().rows[0], signatures=(signature,))
    written = dmarc_report.write(replace(full(), organization=evil, rows=(row,)))
    ET.fromstring(written)
    assert "<!DOCTYPE x>" in dmarc_report.read(written).organization


def test_a_tls_report_has_the_fields_of_the_rfc_and_is_read_again():
    report = reports.tls("far.test")
    document = json.loads(tls_report.write(report))
    assert list(document) == ["organization-name", "date-range", "contact-info", "report-id", "policies"]
    assert document["date-range"] == {
        "start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z",
    }  # fmt: skip
    (policy,) = document["policies"]
    assert policy["policy"] == {
        "policy-type": "sts", "policy-string": ["version: STSv1"], "policy-domain": "far.test",
        "mx-host": ["mx.far.test"],
    }  # fmt: skip
    assert policy["summary"] == {"total-successful-session-count": 5, "total-failure-session-count": 2}
    assert policy["failure-details"] == [{
        "result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1",
        "receiving-mx-hostname": "mx.far.test", "receiving-ip": "192.0.2.2", "failed-session-count": 2,
    }]  # fmt: skip
    assert tls_report.read(tls_report.write(report)) == report
    assert (report.total, report.failed, report.domain) == (7, 2, "far.test")


@pytest.mark.parametrize("kind", ["dmarc", "tls"])
def test_a_letter_is_told_by_its_looks_and_gives_its_file_back(kind):
    long = "a-rather-long-name.of-a-department.somewhere.far-away.test"
    raw = reports.letter(kind, long, "r1@remote.test", b"\x1f\x8b file")
    head, _ = headers.split(raw)
    assert report_letter.is_likely(head)
    assert report_letter.domain(head) == long
    assert list(report_letter.files(raw)) == [b"\x1f\x8b file"]
    assert b"filename*" not in raw  # hardly any reader of reports knows RFC 2231
    ending = "xml" if kind == "dmarc" else "json"
    name = f'filename="remote.test!{long}!{reports.BEGIN}!{reports.END}!r1.{ending}.gz"'
    assert name.encode() in raw
    assert head.text("auto-submitted") == "auto-generated"
    unfolded = re.sub(r"\s+", " ", head.text("subject"))
    assert unfolded == f"Report Domain: {long} Submitter: remote.test Report-ID: <r1@remote.test>"
    assert (head.text("tls-required") == "No") is (kind == "tls")
    assert (head.text("tls-report-domain") == long) is (kind == "tls")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()


def test_ordinary_mail_does_not_look_like_a_report():
    for subject, more in (
        ("Quarterly report", b"Content-Type: application/zip; name=q3.zip\r\n"),
        ("Report: domain sales", b"Content-Type: multipart/report; report-type=delivery-status\r\n"),
        ("A ! B", b"Content-Type: text/xml; name=a!b.xml\r\n"),
    ):
        head, _ = headers.split(b"Subject: " + subject.encode() + b"\r\n" + more + b"\r\n")
        assert not report_letter.is_likely(head), subject


# -- what the world writes --------------------------------------------------------------------------------------------

GOOGLE = b"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <version>1.0</version>
  <report_metadata>
    <org_name>google.com</org_name><email>noreply-dmarc-support@google.com</email>
    <extra_contact_info>https://support.google.com/a/answer/2466580</extra_contact_info>
    <report_id>14872346501918234</report_id>
    <date_range><begin>1795132800</begin><end>1795219199</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>local.test</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct><np>none</np>
  </policy_published>
  <record>
    <row><source_ip>2001:db8::5</source_ip><count>3</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>local.test</header_from></identifiers>
    <auth_results>
      <dkim><domain>local.test</domain><result>pass</result><selector>s1</selector></dkim>
      <spf><domain>lists.test</domain><result>none</result></spf>
    </auth_results>
  </record>
</feedback>
"""
MICROSOFT = (
    '\ufeff<?xml version="1.0"?>\r\n'
    '<feedback xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\r\n'
    "<version>1.0</version><report_metadata><org_name>Enterprise Outlook</org_name>"
    "<email>dmarcreport@microsoft.com</email><report_id>0c3a1f2e4b5d</report_id>"
    "<date_range><begin> 1795132800 </begin><end>1795219200</end></date_range></report_metadata>"
    "<policy_published><domain>LOCAL.test</domain><adkim>r</adkim><aspf>r</aspf><p>Reject</p><sp>reject</sp>"
    "<pct>100</pct><fo>1</fo></policy_published>"
    "<record><row><source_ip>192.0.2.7</source_ip><count>1</count><policy_evaluated>"
    "<disposition>None</disposition><dkim>Pass</dkim><spf>pass</spf>"
    "<reason><type>trusted_forwarder</type><comment>arc=pass</comment></reason></policy_evaluated></row>"
    "<identifiers><envelope_to>outlook.test</envelope_to><envelope_from>local.test</envelope_from>"
    "<header_from>local.test</header_from></identifiers>"
    "<auth_results><dkim><domain>local.test</domain><selector>selector1</selector><result>pass</result></dkim>"
    "<spf><domain>local.test</domain><scope>mfrom</scope><result>pass</result></spf></auth_results></record>"
    "</feedback>"
).encode()
YAHOO = b"""

<?xml version="1.0"?><!-- made by a machine -->
<dmarc:feedback xmlns:dmarc="http://dmarc.org/dmarc-xml/0.1" xmlns:v="urn:vendor">
  <dmarc:report_metadata>
    <dmarc:org_name>Yahoo</dmarc:org_name><dmarc:email>dmarchelp@yahooinc.com</dmarc:email>
    <dmarc:report_id>1795222222.123456</dmarc:report_id>
    <dmarc:date_range><dmarc:begin>1795132800</dmarc:begin><dmarc:end>1795219199 </dmarc:end></dmarc:date_range>
    <v:region>eu<v:inner/></v:region>
  </dmarc:report_metadata>
  <dmarc:policy_published><dmarc:domain>local.test</dmarc:domain><dmarc:p>none</dmarc:p></dmarc:policy_published>
  <dmarc:record><dmarc:row><dmarc:source_ip>192.0.2.9</dmarc:source_ip><dmarc:count>2.0</dmarc:count>
    <dmarc:policy_evaluated><dmarc:disposition>none</dmarc:disposition></dmarc:policy_evaluated></dmarc:row>
    <dmarc:identifiers/><dmarc:auth_results><dmarc:spf/></dmarc:auth_results><v:arc>pass</v:arc></dmarc:record>
  <dmarc:record/>
</dmarc:feedback>"""
LATIN = GOOGLE.replace(b'"UTF-8"', b'"windows-1252"').replace(b"google.com</org_name>", b"Soci\xe9t\xe9</org_name>")


@pytest.mark.parametrize(
    ("raw", "organization", "count", "disposition"),
    [
        (GOOGLE, "google.com", 3, "none"),
        (MICROSOFT, "Enterprise Outlook", 1, "none"),
        (YAHOO, "Yahoo", 2, "none"),
        (LATIN, "Société", 3, "none"),
        (GOOGLE.decode().replace('"UTF-8"', '"UTF-16"').encode("utf-16"), "google.com", 3, "none"),
    ],
    ids=["google", "microsoft", "yahoo", "windows-1252", "utf-16"],
)
def test_reports_are_read_as_they_are_in_the_wild(raw, organization, count, disposition):
    report = dmarc_report.read(raw)
    assert (report.organization, report.published.domain) == (organization, "local.test")
    assert report.begin == reports.BEGIN
    assert [(row.count, row.disposition) for row in report.rows] == [(count, disposition)]


def test_what_a_report_says_of_a_row_is_there():
    (row,) = dmarc_report.read(MICROSOFT).rows
    assert (row.dkim, row.spf, row.envelope_to, row.reasons) == (
        "pass", "pass", "outlook.test", (Reason("trusted_forwarder", "arc=pass"),),
    )  # fmt: skip
    assert dmarc_report.read(MICROSOFT).published.p == "reject"
    (row,) = dmarc_report.read(GOOGLE).rows
    assert row.source_ip == "2001:db8::5"
    assert row.signatures == (SignatureResult("local.test", "s1", "pass"),)


def test_an_address_that_is_none_and_control_characters_are_not_passed_on():
    raw = GOOGLE.replace(b"2001:db8::5", b"<b>x</b>").replace(b"google.com<", b"goo\x7f&#x202e;gle&#10;.com<")
    report = dmarc_report.read(raw)
    assert report.rows[0].source_ip == ""
    assert report.organization == "goo gle .com"


def test_a_tls_report_may_have_strings_for_lists_and_for_numbers():
    document = {
        "organization-name": "Google Inc.", "report-id": "2026-11-20T00:00:00Z_local.test",
        "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
        "policies": [
            {"policy": {"policy-type": "no-policy-found", "policy-domain": "local.test", "mx-host": "mx.local.test"},
             "summary": {"total-successful-session-count": "12"}, "failure-details": None, "x": [1]},
            {"policy": {"policy-type": "tlsa", "policy-string": ["3 1 1 00"], "policy-domain": "mx.local.test"},
             "summary": {"total-failure-session-count": 1e30}, "failure-details": [None, {"result-type": 7}]},
        ],
    }  # fmt: skip
    report = tls_report.read(json.dumps(document).encode())
    assert [(each.succeeded, each.failed, each.hosts) for each in report.policies] == [
        (12, 0, ("mx.local.test",)), (0, 0, ()),
    ]  # fmt: skip
    assert report.domain == "local.test"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"{}", b"null", b'{"policies": []}', b"\xff", b"[" * 100_000, b'{"a":' * 20_000,
        b'{"policies": [{}], "report-id": "x", "date-range": {"start-datetime": "soon"}}',
        b'{"policies": [{}], "report-id": "x", "date-range": {"start-datetime": "0001-01-01T00:00:00+14:00"}}',
        json.dumps({"policies": [{}] * 2000, "report-id": "x",
                    "date-range": {"start-datetime": "2026-11-20T00:00:00Z"}}).encode(),
    ],
)  # fmt: skip
def test_json_that_is_no_tls_report_is_refused_with_a_sentence(content):
    with pytest.raises(tls_report.BrokenReport, match=r"\."):
        tls_report.read(content)


# -- what means no good -----------------------------------------------------------------------------------------------

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(b'<!ENTITY lol%d "%s">' % (n, (b"&lol%d;" % (n - 1) if n > 1 else b"&lol;") * 10) for n in range(1, 10))
    + b"]><feedback>&lol9;</feedback>"
)


@pytest.mark.parametrize(
    "raw",
    [
        LAUGHS,
        b'<!DOCTYPE feedback SYSTEM "file:///etc/passwd"><feedback/>',
        GOOGLE.replace(b"<feedback>", b'<!DOCTYPE feedback PUBLIC "-//x" "http://127.0.0.1/"><feedback>'),
        GOOGLE.replace(b"google.com<", b"goo\x00gle<"),
        GOOGLE.replace(b"google.com<", b"goo&unknown;gle<"),
        GOOGLE.replace(b"UTF-8", b"no-such-code"),
        GOOGLE.replace(b"UTF-8", b"shift_jis"),
        GOOGLE.replace(b"google.com<", b"\xff\xfe<"),
        GOOGLE[:-40],
        GOOGLE + GOOGLE,
        GOOGLE.replace(b"feedback>", b"feedbag>"),
        GOOGLE.replace(b"<domain>local.test</domain>", b"", 1),
        GOOGLE.replace(b"<count>3<", b"<count>-3<"),
        GOOGLE.replace(b"1795132800", b"9" * 5000),
        GOOGLE.replace(b"1795132800", b"9" * 15),
        b"<feedback>" * 5000,
        b"",
        b"\x00" * 1000,
        b"<feedback>" + b"<record/>" * 100_001 + b"</feedback>",
    ],
)
def test_xml_that_is_no_report_or_a_trap_is_refused_with_a_sentence(raw):
    started = time.process_time()
    with pytest.raises(BrokenReport, match=r"\."):
        dmarc_report.read(raw)
    assert time.process_time() - started < 2


def test_text_without_an_end_is_cut():
    report = dmarc_report.read(GOOGLE.replace(b"google.com<", b"x" * 5_000_000 + b"<"))
    assert len(report.organization) <= dmarc_report.MAX_SENTENCE
    _, top, _ = xml_tree.read(b"<a>" + b"<b>1</b>" * 5000 + b"</a>", "record", 1)
    assert len(top["b"]) == xml_tree.MOST_ALIKE


def test_ten_megabytes_of_rows_are_read_within_the_time_that_mail_gets():
    raw = dmarc_report.write(reports.dmarc("local.test", rows=12_000))
    started = time.process_time()
    report = dmarc_report.read(raw[: report_file.MOST_BYTES])
    assert len(report.rows) == 12_000
    seconds_for_ten = (time.process_time() - started) * report_file.MOST_BYTES / len(raw)
    assert seconds_for_ten < 10  # five on an idle machine; this one is shared


def packed(content, **more):
    return gzip.compress(content, **more)


def with_password():
    """A zip whose entry says that it is encrypted."""
    made = bytearray(reports.zipped(**{"a.xml": GOOGLE}))
    made[6] |= 1
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


def lying():
    """A zip whose directory says that its file is smaller than it is."""
    made = reports.zipped(**{"a.xml": b"x" * 200_000})
    place = made.index(b"PK\x01\x02") + 24
    return made[:place] + (50).to_bytes(4, "little") + made[place + 4 :]


BOMBS = {
    "gzip bomb": packed(b"\0" * (100 << 20)),
    "zip bomb": reports.zipped(**{"a.xml": b"\0" * (100 << 20)}),
    "more than a hundredfold": packed(b"<a>" * 100_000),
    "cut off": packed(GOOGLE)[:-30],
    "damaged": packed(GOOGLE)[:20] + b"\xff" * 200,
    "wrong checksum": packed(GOOGLE)[:-8] + b"12345678",
    "gzip in gzip": packed(packed(GOOGLE)),
    "gzip in zip": reports.zipped(**{"a.gz": packed(GOOGLE)}),
    "zip in zip": reports.zipped(**{"a.zip": reports.zipped(**{"a.xml": GOOGLE})}),
    "two files": reports.zipped(**{"a.xml": GOOGLE, "b.xml": GOOGLE}),
    "many files": reports.zipped(**{f"{n}.xml": b"x" for n in range(5000)}),
    "no file": reports.zipped(),
    "a password": with_password(),
    "a lie about its size": lying(),
    "cut zip": reports.zipped(**{"a.xml": GOOGLE})[:-30],
    "only the letters": b"PK",
    "eleven megabytes": b"<" * (11 << 20),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_is_a_trap_is_refused_with_a_sentence_and_little_work(name):
    started = time.process_time()
    with pytest.raises(BrokenFile, match=r"\."):
        report_file.unpack(BOMBS[name])
    assert time.process_time() - started < 2


def test_a_bzip_in_a_zip_is_refused():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.xml", GOOGLE)
    with pytest.raises(BrokenFile):
        report_file.unpack(made.getvalue())


def test_files_are_packed_the_same_each_time_and_unpacked_whatever_they_are():
    assert report_file.pack(GOOGLE) == report_file.pack(GOOGLE)
    mac = reports.zipped(**{"a.xml": GOOGLE, "__MACOSX/._a.xml": b"x"})
    for packed_file in (GOOGLE, report_file.pack(GOOGLE), reports.zipped(**{"a.xml": GOOGLE}), mac):
        assert report_file.unpack(packed_file) == GOOGLE
    assert zlib.crc32(GOOGLE) == zlib.crc32(gzip.decompress(report_file.pack(GOOGLE)))


# -- where they go ----------------------------------------------------------------------------------------------------


def uris(found):
    return [(each.uri, each.most_bytes) for each in found]


def test_the_addresses_of_a_dmarc_record_with_their_sizes():
    record = "v=DMARC1; p=none; rua=mailto:a@x.test!10m , mailto:b@y.test?subject=x,https://z.test/,mailto:nobody; fo=1"
    assert uris(report_uri.of_dmarc(record)) == [("mailto:a@x.test", 10 << 20), ("mailto:b@y.test?subject=x", 0)]
    assert [each.host for each in report_uri.of_dmarc(record)] == ["x.test", "y.test"]
    many = "v=DMARC1; rua=" + ",".join(f"mailto:a{n}@x.test" for n in range(50))
    assert len(report_uri.of_dmarc(many)) == report_uri.MOST
    for none in ("v=DMARC1; p=none", "v=DMARC1; rua=", "v=DMARC1; xrua=mailto:a@x.test", "", "rua"):
        assert report_uri.of_dmarc(none) == ()
    evil = (
        "v=DMARC1; rua=mailto:a@x.test%0d%0aBcc:b@y.test,mailto:m%C3%BCller@x.test,mailto:@x.test,mailto:a@[192.0.2.1]"
    )
    assert [each.uri for each in report_uri.of_dmarc(evil) if each.host.endswith("test")] == []


def test_the_destinations_of_a_tlsrpt_record():
    record = b"v=TLSRPTv1; rua=mailto:a@x.test,https://x.test/tls?a=b,http://x.test/,ftp://x.test/,https://"
    assert [each.uri for each in report_uri.of_tls((b"other", record))] == [
        "mailto:a@x.test", "https://x.test/tls?a=b",
    ]  # fmt: skip
    assert report_uri.of_tls((record, record)) == ()  # RFC 8460 3: more than one is none
    assert report_uri.of_tls((b"v=TLSRPTv11; rua=mailto:a@x.test",)) == ()
    assert report_uri.of_tls((b"v=TLSRPTv1;" + b" " * 70_000,)) == ()


def test_consent_is_a_record_of_dmarc_s_version_and_may_name_another_address():
    assert report_uri.consent(()) is None
    assert report_uri.consent((b"v=spf1 -all",)) is None
    assert report_uri.consent((b"v=DMARC1",)) == ()
    (instead,) = report_uri.consent((b"v=DMARC1; rua=mailto:other@x.test",))
    assert instead.uri == "mailto:other@x.test"

"""What the filter makes of bytes that nobody would send on purpose."""

from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities import rule
from mailserver.entities.verdict import Reason, Thresholds, assess
from mailserver.mail import hosts, page, peer_signs, spam_status
from mailserver.services.filtering import content, greylist, rspamd
from tests.support import fuzzing

FUZZ = fuzzing.examples(150)
NOW = 1_795_255_200_000
PIECES = [
    b"\r\n", b"\r\n\r\n", b"--b\r\n", b": ", b"\x00", b"\xff", b"\xe4\xbd\xa0", b" ", b"a", b"From: ", b"To: ",
    b"Date: ", b"Subject: =?utf-8?b?", b"?=", b"Content-Type: text/html\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"<a href='http://", b"</a>", b"<div style='display:none'>", b"xn--",
    b"http://[", b"]", b"www.", b"@", b"<", b">", b"&#xD800;", b"%00", b"\xed\xa0\x80", b"filename=x.pdf.exe;",
]  # fmt: skip


@FUZZ
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=80))
def test_any_bytes_give_signs_tokens_and_domains(pieces):
    reading = content.examine(b"".join(pieces), NOW)
    assert len(reading.tokens) <= 1_000
    for token in reading.tokens:
        token.encode("utf-8", "surrogatepass")
    for domain in reading.domains:
        assert domain.isascii()
    reasons = tuple(Reason(*sign) for sign in reading.signs)
    field = assess(reasons, Thresholds()).header()
    assert field.endswith(b"\r\n")
    assert all(line[:1] in (b"X", b"\t") and len(line) <= 78 for line in field.split(b"\r\n")[:-1])


@FUZZ
@given(st.text(max_size=60))
def test_any_text_is_read_as_host_page_peer_entry_or_name(text):
    host = hosts.of_url(text) or hosts.of_name(text.lower())
    if host is not None:
        assert hosts.site(host)
        assert not hosts.is_address(host) or hosts.site(host) == host
        hosts.mixes_scripts(host)
    page.read(text)
    hosts.shown(text)
    peer_signs.Near().has(text)
    assert isinstance(greylist.network(text), str)
    assert spam_status.name(text).isascii()
    peer_signs.of_helo(text, "mail.local.test", resolves=None)
    try:
        entry, _ = rule.read_entry(text)
    except rule.BadEntry:
        return
    assert rule.read_entry(entry)[0] == entry


NAMES = st.sampled_from(["symbols", "score", "name", "action", "X"])
json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
)


@FUZZ
@given(st.dictionaries(st.sampled_from(["symbols", "score", "action"]), json, max_size=3))
def test_any_answer_of_rspamd_is_read(answer):
    finding = rspamd.read_answer(answer)
    assess(finding.reasons, Thresholds(), finding.floor).header()

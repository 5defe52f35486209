"""What mail programs are told to use, in the three forms that they ask in."""

import plistlib
import re
import subprocess
import time
import xml.etree.ElementTree as ET

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from mailserver.api.clients import apple, mozilla, outlook
from mailserver.api.clients.settings import ClientSettings
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Certificates
from mailserver.dns import DnsResolver
from mailserver.entities.offer import Offer, Protocol, Security
from mailserver.services.accounts import offers, records
from mailserver.services.accounts.domain_checks import DomainChecks
from tests.support import inside
from tests.support.certificates import Authority
from tests.support.fuzzing import examples
from tests.support.served import served
from tests.support.zone import NameServer

HOST = "mail.local.test"
IMAP = Offer(Protocol.IMAP, HOST, 993)
SUBMISSIONS = Offer(Protocol.SUBMISSION, HOST, 465)
SUBMISSION = Offer(Protocol.SUBMISSION, HOST, 587, Security.STARTTLS)
JMAP = Offer(Protocol.JMAP, HOST, 443, url=f"https://{HOST}/.well-known/jmap")
NOW = (SUBMISSIONS, SUBMISSION, JMAP)
THUNDERBIRD = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
OUTER = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
INNER = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with served(tmp_path_factory.mktemp("site"), http={"public_url": f"https://{HOST}"}) as found:
        yield found


def ask(address, schema=outlook.SETTINGS):
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
        f"<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>"
        "</Request></Autodiscover>"
    ).encode()


def protocols(content):
    """What an Autodiscover answer says, by its types."""
    found = ET.fromstring(content).iter(f"{INNER}Protocol")
    rows = [{field.tag.removeprefix(INNER): field.text for field in protocol} for protocol in found]
    return {row["Type"]: row for row in rows}


def error_of(content):
    return ET.fromstring(content).findtext(f"{OUTER}Response/{OUTER}Error/{OUTER}ErrorCode")


def servers(content):
    """(kind, hostname or URL, port, socket) of each server that Thunderbird's file names."""
    root = ET.fromstring(content)
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    (provider,) = root
    found = []
    for one in provider:
        if one.tag.endswith("Server"):
            assert one.findtext("username") == "%EMAILADDRESS%"
            assert one.findtext("authentication") == ("basic" if one.find("url") is not None else "password-cleartext")
            place = one.findtext("hostname") or one.findtext("url")
            found.append((one.tag, one.get("type"), place, one.findtext("port"), one.findtext("socketType")))
    return provider, found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", THUNDERBIRD)
async def test_thunderbird_gets_what_is_served_and_the_same_for_every_address(site, path):
    answer = await site.call("GET", path, headers={"Host": "autoconfig.local.test"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    provider, found = servers(answer.content)
    assert provider.get("id") == provider.findtext("domain") == "local.test"
    assert found == [
        ("incomingServer", "jmap", f"https://{HOST}/.well-known/jmap", None, None),
        ("outgoingServer", "smtp", HOST, "465", "SSL"),
        ("outgoingServer", "smtp", HOST, "587", "STARTTLS"),
    ]
    for query in ("agent@local.test", "nobody@local.test", "AGENT%40Local.Test"):
        same = await site.call("GET", f"{path}?emailaddress={query}", headers={"Host": HOST})
        assert (same.status, same.content) == (200, answer.content), query
    assert (await site.call("GET", path, headers={"Host": "local.test:8443"})).content == answer.content
    for host in (HOST, "autoconfig.nowhere.test", "autoconfig.", "a" * 400):
        assert (await site.call("GET", path, headers={"Host": host})).status == 404
    refused = await site.call("GET", f"{path}?emailaddress=a@nowhere.test", headers={"Host": "autoconfig.local.test"})
    assert refused.status == 404


@pytest.mark.asyncio(loop_scope="module")
async def test_outlook_gets_what_is_served_under_every_spelling(site):
    answers = []
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"):
        answers.append(await site.call("POST", path, data=ask("agent@local.test")))
        assert answers[-1].status == 200
    found = protocols(answers[0].content)
    assert set(found) == {"SMTP"}  # nothing is said of IMAP or POP, which are not served
    assert (found["SMTP"]["Server"], found["SMTP"]["Port"], found["SMTP"]["SSL"]) == (HOST, "465", "on")
    assert found["SMTP"]["LoginName"] == "agent@local.test"
    nobody = await site.call("POST", "/autodiscover/autodiscover.xml", data=ask("nobody@local.test"))
    assert nobody.content == answers[0].content.replace(b"agent@", b"nobody@")
    assert len({answer.content for answer in answers}) == 1
    assert (await site.call("GET", "/autodiscover/autodiscover.xml")).status == 405


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><EMailAddress>&a;</EMailAddress>'


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (ask("a@nowhere.test"), "601"),
        (ask("agent@local.test", MOBILE), "601"),
        (ask("local.test"), "600"),
        (ask("&lt;b&gt;@local.test"), "600"),
        (ask("a" * 600 + "@local.test"), "600"),
        (b"", "600"),
        (b"<", "600"),
        (b"\xff\xfe\x00", "600"),
        (BOMB, "600"),
        (FILE, "600"),
        (b"<a>" * 200, "600"),
        (ask("agent@local.test").replace(b"utf-8", b"no-such-code"), "600"),
    ],
)
async def test_a_request_that_gets_no_settings_is_answered_in_outlooks_words(site, body, code):
    answer = await site.call("POST", "/autodiscover/autodiscover.xml", data=body)
    assert (answer.status, error_of(answer.content)) == (200, code)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_longer_than_any_request_is_not_read(site):
    answer = await site.call("POST", "/autodiscover/autodiscover.xml", data=b" " * 20_000)
    assert answer.status == 413


@pytest.mark.asyncio(loop_scope="module")
async def test_outlooks_newer_question_leads_to_the_older_one(site):
    for path in (
        "/autodiscover/autodiscover.json?Email=agent@local.test&Protocol=AutodiscoverV1",
        "/Autodiscover/Autodiscover.json/v1.0/nobody%40local.test?Protocol=Autodiscoverv1",
    ):
        answer = await site.call("GET", path)
        assert (answer.status, answer.json["Protocol"]) == (200, "AutodiscoverV1")
        assert answer.json["Url"] == "https://autodiscover.local.test/autodiscover/autodiscover.xml"
    for query, status in (
        ("Email=agent@local.test&Protocol=ActiveSync", 400),
        ("Email=agent@local.test", 400),
        ("Email=a@nowhere.test&Protocol=AutodiscoverV1", 404),
        ("Email=%00&Protocol=AutodiscoverV1", 404),
    ):
        answer = await site.call("GET", f"/autodiscover/autodiscover.json?{query}")
        assert answer.status == status
        assert answer.json["ErrorCode"]


@pytest.mark.asyncio(loop_scope="module")
async def test_apples_mail_is_told_that_it_cannot_read_here(site):
    for address, status, error in (
        ("agent@local.test", 404, "not_offered"),
        ("nobody@local.test", 404, "not_offered"),
        ("a@nowhere.test", 404, "not_found"),
        ("%3Cplist%3E", 400, "bad_request"),
        ("", 400, "bad_request"),
    ):
        answer = await site.call("GET", f"/mobileconfig?address={address}")
        assert (answer.status, answer.json["error"]) == (status, error)


@pytest.mark.asyncio(loop_scope="module")
async def test_none_of_it_is_an_endpoint_of_the_apis_nor_moved_by_the_redirect(site):
    paths = (await site.document())["paths"]
    assert not [path for path in paths if "autoconfig" in path or "autodiscover" in path or "mobileconfig" in path]


@pytest.mark.asyncio(loop_scope="module")
async def test_dns_says_the_same(site):
    found = {(one.type, one.name): one for one in await site.house.services.domains.records("local.test")}
    for service, port in (("submissions", 465), ("submission", 587), ("jmap", 443), ("autodiscover", 443)):
        assert found["SRV", f"_{service}._tcp.local.test"].value == f"0 1 {port} {HOST}."
    for label in ("autoconfig", "autodiscover"):
        assert found["CNAME", f"{label}.local.test"].value == f"{HOST}."
    assert not [name for _, name in found if "imap" in name or "pop" in name]


class Ours:
    """Domains that are served, with IMAP among what they offer."""

    offers = (IMAP, *NOW)

    async def serves(self, name):
        return name == "local.test"


async def test_a_profile_for_apples_mail_is_signed_where_imap_is_a_row_more(tmp_path):
    authority = Authority(tmp_path)
    made = authority.leaf(HOST, shows_authority=True)
    key, _, chain = made.pem.partition(b"-----BEGIN CERTIFICATE-----")
    pairs = Pairs(tmp_path / "acme")
    certificates = Certificates(None, None, tmp_path, HOST, pairs)
    certificates.load()
    app = web.Application()
    ClientSettings(Ours(), HOST, certificates.sign).mount(app)
    runner = web.AppRunner(app)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    url = f"http://127.0.0.1:{server._server.sockets[0].getsockname()[1]}/mobileconfig?address=Agent%2Bx@local.test"
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            assert answer.content_type == "application/x-apple-aspen-config"
            plain = await answer.read()
        pairs.save(HOST, b"-----BEGIN CERTIFICATE-----" + chain, key)
        certificates.load()
        async with client.get(url) as answer:
            (tmp_path / "signed").write_bytes(await answer.read())
    await runner.cleanup()
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(tmp_path / "signed")]
    done = subprocess.run([*command, "-CAfile", authority.path, "-purpose", "any"], capture_output=True, check=True)
    assert done.stdout == plain
    profile = plistlib.loads(plain)
    (account,) = profile["PayloadContent"]
    assert (profile["PayloadType"], account["PayloadType"]) == ("Configuration", "com.apple.mail.managed")
    assert (account["IncomingMailServerHostName"], account["IncomingMailServerPortNumber"]) == (HOST, 993)
    assert (account["OutgoingMailServerPortNumber"], account["OutgoingMailServerUseSSL"]) == (465, True)
    assert account["IncomingMailServerUsername"] == account["EmailAddress"] == "Agent+x@local.test"
    assert not [name for name in account if "Password" in name and account[name] is not True]
    for payload in (profile, account):
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", payload["PayloadUUID"])
        assert payload["PayloadIdentifier"].startswith("test.local.mail.")
    assert profile["PayloadUUID"] != account["PayloadUUID"]


def test_imap_would_be_one_row_more_everywhere():
    found = (IMAP, *NOW)
    _, rows = servers(mozilla.write("local.test", found))
    assert rows[0] == ("incomingServer", "imap", HOST, "993", "SSL")
    assert protocols(outlook.write("a@local.test", found))["IMAP"]["Port"] == "993"
    assert apple.write("a@local.test", "local.test", HOST, found)
    made = records.of_domain("local.test", HOST, [], POLICY, records.Proof(), offers=found)
    assert "_imaps._tcp.local.test" in {one.name for one in made}
    assert all(one.is_optional and not one.is_comment for one in made if one.type == "SRV")


POLICY = records.Policy(records.mtasts.Mode.TESTING, (HOST,), 604_800)


def test_what_is_not_listened_on_is_not_offered(tmp_path):
    def kinds(**sections):
        return [one.service for one in offers.of_settings(inside.settings(tmp_path, **sections))]

    assert kinds() == ["submissions", "submission", "jmap"]
    assert kinds(smtp={"submission_listen": ()}) == ["submissions", "jmap"]
    assert kinds(smtp={"submission_listen": (), "submissions_listen": ()}, http={"public_url": "http://x.test"}) == []
    (_, _, web_offer) = offers.of_settings(inside.settings(tmp_path, http={"public_url": "https://x.test:8443/a/"}))
    assert (web_offer.host, web_offer.port, web_offer.url) == ("x.test", 8443, "https://x.test:8443/a/.well-known/jmap")


@given(st.text(max_size=60), st.text(max_size=60))
@examples(60)
def test_whatever_an_address_has_in_it_the_answer_is_one_document(local, domain):
    address = f"{local}@{domain}"
    if address.isprintable():
        (row,) = protocols(outlook.write(address, NOW)).values()
        assert row["LoginName"] == address


WORDS = st.sampled_from(
    [b"<a>", b"</a>", b"<EMailAddress>", b"</EMailAddress>", b"<!DOCTYPE x [", b"]>", b"&amp;", b"&x;", b"a@b.test"]
)


@given(st.one_of(st.binary(max_size=300), st.lists(WORDS, max_size=12).map(b"".join)))
@examples(100)
def test_whatever_is_posted_is_read_or_refused_soon(body):
    began = time.process_time()
    try:
        wish = outlook.read(body)
    except outlook.Unreadable:
        wish = None
    assert wish is None or len(wish.address) <= outlook.LONGEST_TEXT
    assert time.process_time() - began < 1


ZONE = f"""
@ 60 IN SOA . . 1 60 60 60 60
_submissions._tcp.local.test. 60 IN SRV 5 7 465 Mail.Local.Test.
_jmap._tcp.local.test. 60 IN SRV 0 1 8443 {HOST}.
{HOST}. 60 IN CAA 0 issue "ca.test; validationmethods=http-01; accounturi=https://ca.test/acct/1"
free.test. 60 IN CAA 0 issue "ca.test"
other.test. 60 IN CAA 0 issue "ca.test; accounturi=https://ca.test/acct/2"
"""


async def test_what_is_published_of_it_is_looked_up():
    ours = '0 issue "ca.test; accounturi=https://ca.test/acct/1; validationmethods=http-01"'
    wanted = [
        ("SRV", "_submissions._tcp.local.test", f"0 1 465 {HOST}.", "valid"),
        ("SRV", "_jmap._tcp.local.test", f"0 1 443 {HOST}.", "invalid"),
        ("SRV", "_submission._tcp.local.test", f"0 1 587 {HOST}.", "missing"),
        ("CAA", HOST, ours, "valid"),
        ("CAA", "free.test", ours, "valid"),
        ("CAA", "other.test", ours, "invalid"),
    ]
    async with NameServer(".", ZONE) as server:
        checks = DomainChecks(DnsResolver([f"127.0.0.1:{server.port}"]))
        found = await checks.all([records.Record(kind, name, value, "") for kind, name, value, _ in wanted])
    assert [one.status.value for one in found] == [status for *_, status in wanted]

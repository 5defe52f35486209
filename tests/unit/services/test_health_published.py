"""What the doctor says of DNS: all well, and each record broken in turn, named with the line that mends it."""

import dns.rdataset
import dns.zone
import pytest
import pytest_asyncio

from mailserver.dns import DnsResolver
from mailserver.entities.health import Status, worst
from mailserver.services.health import premises
from mailserver.services.health.doctor import Wish
from tests.support.inside import inside
from tests.support.zone import FakeResolver, NameServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADDRESS, DOMAIN, HOST = "1.2.3.25", "local.test", "mail.local.test"  # nothing connects to it
ONLY = ("dns", "spf", "host", "dkim")
BACK = f"25.3.2.1.in-addr.arpa. 0 IN PTR {HOST}."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory):
    """A house whose resolver asks a name server in this process, of which nothing is remembered."""
    async with NameServer(".", "@ 0 IN SOA . . 1 0 0 0 0") as names:
        directory = tmp_path_factory.mktemp("published")
        resolver = DnsResolver([f"127.0.0.1:{names.port}"], 20.0)
        async with inside(directory, resolver=resolver, health={"addresses": [ADDRESS]}) as house:
            snippet = await house.services.health.zones.snippet(DOMAIN)
            lines = [line for line in snippet.splitlines() if " IN " in line and not line.startswith(";")]
            yield house, names, [line.replace(" 3600 IN ", " 0 IN ") for line in lines] + [BACK]


def publish(names, lines):
    text = "\n".join(["@ 0 IN SOA . . 1 0 0 0 0", *lines])
    names.zone = dns.zone.from_text(text, origin=".", check_origin=False, relativize=False)
    for line in lines:  # the name server follows no aliases by itself, and a resolver would
        name, _, _, kind, target = line.split(" ")[:5]
        if kind == "CNAME":
            names.zone.delete_node(name)
            for address in (each.split(" ")[4] for each in lines if each.startswith(target) and " A " in each):
                rows = dns.rdataset.from_text("IN", "A", 0, address)
                names.zone.find_rdataset(name, "A", create=True).update(rows)


async def look(house, *only):
    return await house.services.health.doctor.examine(Wish(only=only or ONLY))


async def test_what_the_zone_says_is_what_the_doctor_wants(place):
    house, names, lines = place
    publish(names, lines)
    found = await look(house)
    assert worst(found) is Status.OK, [each for each in found if each.status is not Status.OK]
    assert {each.check for each in found} >= {
        "dns.mx", "dns.spf", "dns.dkim", "dns.dmarc", "dns.mta-sts", "dns.tls-rpt", "spf", "spf.cost", "host.address",
        "host.ptr", "dkim",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("piece", "check", "status"),
    [
        (f"{HOST}. 0 IN A", "host.address", Status.FAILED),
        (" IN MX ", "dns.mx", Status.FAILED),
        ("v=spf1", "dns.spf", Status.FAILED),
        ("rsa202", "dns.dkim", Status.FAILED),
        ("ed202", "dns.dkim", Status.FAILED),
        ("_dmarc", "dns.dmarc", Status.FAILED),
        ("_mta-sts", "dns.mta-sts", Status.WARNING),
        ("_smtp._tls", "dns.tls-rpt", Status.WARNING),
        (" PTR ", "host.ptr", Status.FAILED),
    ],
)
async def test_a_record_that_is_missing_is_named_with_its_line(place, piece, check, status):
    house, names, lines = place
    missing = [line for line in lines if piece in line]
    assert missing
    publish(names, [line for line in lines if piece not in line])
    found = [each for each in await look(house) if each.check == check and each.status is status]
    assert found
    wanted = missing[0].replace(" 0 IN ", " 3600 IN ")
    assert any(wanted in each.fix or (check == "host.ptr" and ADDRESS in each.fix) for each in found)


@pytest.mark.parametrize(
    ("piece", "instead", "check", "words"),
    [
        (" IN MX ", f"{DOMAIN}. 0 IN MX 10 elsewhere.test.", "dns.mx", "10 elsewhere.test."),
        ("v=spf1", f'{DOMAIN}. 0 IN TXT "v=spf1 -all"', "dns.spf", "v=spf1 -all"),
        ("v=spf1", f'{DOMAIN}. 0 IN TXT "v=spf1 -all"', "spf", f"fail for {ADDRESS}"),
        ("v=spf1", f'{DOMAIN}. 0 IN TXT "v=spf1 mx -all"\n{DOMAIN}. 0 IN TXT "v=spf1 a -all"', "dns.spf", "v=spf1 a"),
        ("v=spf1", f'{DOMAIN}. 0 IN TXT "v=spf1 mx {"exists:a.test " * 10}-all"', "spf.cost", "questions"),
        ("rsa202", 'rsa202611._domainkey.local.test. 0 IN TXT "v=DKIM1; k=rsa; p=AAAA"', "dns.dkim", "p=AAAA"),
        ("_dmarc", f'_dmarc.{DOMAIN}. 0 IN TXT "v=DMARC1; rua=oops"', "dns.dmarc", "rua=oops"),
        (f"{HOST}. 0 IN A", f"{HOST}. 0 IN A 1.2.3.99", "host.address", "1.2.3.99"),
        (" PTR ", "25.3.2.1.in-addr.arpa. 0 IN PTR elsewhere.test.", "host.ptr", "elsewhere.test"),
    ],
)  # fmt: skip
async def test_a_record_that_is_wrong_is_told_with_what_stands_there(place, piece, instead, check, words):
    house, names, lines = place
    key = next(line for line in lines if line.startswith("rsa")).partition(".")[0]
    publish(names, [*(line for line in lines if piece not in line), *instead.replace("rsa202611", key).split("\n")])
    found = [each for each in await look(house) if each.check == check and each.status is Status.FAILED]
    assert any(words in each.detail for each in found), found
    assert all(each.fix and each.why for each in found)


async def test_a_policy_of_none_is_a_beginning(place):
    house, names, lines = place
    publish(names, [line.replace("p=quarantine", "p=none") for line in lines])
    (found,) = await look(house, "dns.dmarc")
    assert found.status is Status.WARNING
    assert "p=none" in found.detail


async def test_a_name_server_that_says_nothing_is_no_missing_record(place):
    house, names, lines = place
    publish(names, lines)
    names.broken = {f"_dmarc.{DOMAIN}": "SERVFAIL"}
    (found,) = await look(house, "dns.dmarc")
    names.broken = {}
    assert found.status is Status.WARNING
    assert "gave no answer" in found.detail


async def test_another_name_than_the_servers_own_is_only_warned_of(tmp_path):
    resolver = FakeResolver(
        hosts={HOST: [ADDRESS], "vps7.provider.test": [ADDRESS]}, pointers={ADDRESS: ["vps7.provider.test"]}
    )
    async with inside(tmp_path, resolver=resolver, health={"addresses": [ADDRESS]}) as house:
        (found,) = await look(house, "host.ptr")
    assert found.status is Status.WARNING
    assert "vps7.provider.test" in found.detail
    assert HOST in found.fix


async def test_what_need_not_be_there_must_be_right_where_it_is(place):
    house, names, lines = place
    service = next(line for line in lines if " SRV " in line)
    publish(names, [line for line in lines if " SRV " not in line])
    assert {each.status for each in await look(house, "dns.srv")} == {Status.SKIPPED}
    wrong = f"{service.partition(' ')[0]} 0 IN SRV 0 1 465 elsewhere.test."
    publish(names, [*(line for line in lines if line != service), wrong])
    (found,) = [each for each in await look(house, "dns.srv") if each.status is not Status.OK]
    assert (found.status, "elsewhere.test" in found.detail) == (Status.WARNING, True)
    assert service.replace(" 0 IN ", " 3600 IN ") in found.fix


@pytest.mark.parametrize(
    ("address", "expected"), [("192.88.99.25", True), ("10.0.0.1", False), ("fec0::25", False), ("fe80::1%eth0", False)]
)
async def test_an_address_that_nobody_outside_reaches_is_not_to_be_published(address, expected):
    assert premises.is_public(address) is expected

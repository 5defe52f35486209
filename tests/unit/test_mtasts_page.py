"""Our own MTA-STS policy, and the records that go with it."""

import pytest

from mailserver.entities.tenant import DkimKey
from mailserver.mail import mtasts, tlsa
from mailserver.mail.mtasts import Mode, Policy
from mailserver.mail.resolver import Tlsa
from mailserver.services.accounts import records
from tests.support.certificates import Authority
from tests.support.served import served

PATH = "/.well-known/mta-sts.txt"
POLICY = Policy(Mode.TESTING, ("mail.local.test",), 604_800)


async def test_each_domain_of_ours_has_its_policy_and_no_other_host_has(tmp_path):
    async with served(tmp_path) as site:
        for host in ("mta-sts.local.test", "MTA-STS.Local.Test:8443", "mta-sts.other.test."):
            answer = await site.call("GET", PATH, headers={"Host": host})
            assert answer.status == 200
            assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
            assert mtasts.parse(answer.content) == POLICY
        for host in ("local.test", "mail.local.test", "mta-sts.nowhere.test", "mta-sts.", "mta-sts." + "a" * 300):
            assert (await site.call("GET", PATH, headers={"Host": host})).status == 404
        assert PATH not in (await site.document())["paths"]


async def test_the_id_that_is_published_is_that_of_the_policy_that_is_served(tmp_path):
    async with served(tmp_path) as site:
        found = {one.name: one.value for one in await site.house.services.domains.records("local.test")}
        body = (await site.call("GET", PATH, headers={"Host": "mta-sts.local.test"})).content
    assert found["_mta-sts.local.test"] == mtasts.record(mtasts.parse(body))


def test_every_record_of_a_domain(tmp_path):
    leaf = Authority(tmp_path).leaf("mail.local.test")
    key = DkimKey("local.test", "rsa202611", "rsa-sha256", "QUJD", active=True)
    found = {
        (one.type, one.name): one
        for one in records.of_domain("local.test", "mail.local.test", [key], POLICY, records.Proof(leaf.der))
    }
    assert set(found) == {
        ("MX", "local.test"), ("TXT", "local.test"), ("TXT", "rsa202611._domainkey.local.test"),
        ("TXT", "_dmarc.local.test"), ("TXT", "_mta-sts.local.test"), ("CNAME", "mta-sts.local.test"),
        ("TXT", "_smtp._tls.local.test"), ("TLSA", "_25._tcp.mail.local.test"), ("TXT", "default._bimi.local.test"),
    }  # fmt: skip
    assert found["TXT", "_dmarc.local.test"].value == "v=DMARC1; p=quarantine; rua=mailto:postmaster@local.test"
    assert found["TXT", "_smtp._tls.local.test"].value == "v=TLSRPTv1; rua=mailto:postmaster@local.test"
    assert found["CNAME", "mta-sts.local.test"].value == "mail.local.test."
    assert [name for (_, name), one in found.items() if one.is_optional] == ["default._bimi.local.test"]
    usage, selector, matching, data = found["TLSA", "_25._tcp.mail.local.test"].value.split()
    ours = Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(data))
    tlsa.verify([ours], [leaf.der], ())


@pytest.mark.parametrize(
    "changed", [Policy(Mode.ENFORCE, POLICY.hosts, 604_800), Policy(Mode.TESTING, ("b.test",), 604_800)]
)
def test_the_id_changes_with_the_policy_and_there_is_no_tlsa_without_a_certificate(changed):
    def value(policy):
        made = records.of_domain("local.test", "mail.local.test", [], policy, records.Proof())
        assert "TLSA" not in {one.type for one in made}
        return next(one.value for one in made if one.name.startswith("_mta-sts."))

    assert value(POLICY) == value(POLICY) != value(changed)
    assert mtasts.policy_id([value(POLICY).encode()])
